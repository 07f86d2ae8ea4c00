#include "format/one_file/committed_file.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "format/native/commit_record.h"
#include "format/one_file/foreign.h"
#include "store/posix/read_ahead.h"

namespace tsnap::one_file {

namespace {

// In a map: HDF5 is to be asked.
constexpr DatasetPlace kUnknownPlace = {.place = {}, .item_bytes = 0, .ndim = 0, .shape = {}};

constexpr uint64_t kMostNamesBytes = uint64_t{1} << 30;

// Not the device, whose number differs between the nodes that mount it.
std::array<uint64_t, 4> FingerprintOf(const struct stat& info) {
  return {info.st_ino, static_cast<uint64_t>(info.st_size),
          static_cast<uint64_t>(info.st_mtim.tv_sec), static_cast<uint64_t>(info.st_mtim.tv_nsec)};
}

Version VersionOf(const struct stat& info) {
  const std::array<uint64_t, 4> numbers = FingerprintOf(info);
  return {fmt::format("{:x}.{:x}.{:x}.{:x}", numbers[0], numbers[1], numbers[2], numbers[3])};
}

StoredArray ArrayOf(const DatasetPlace& place) {
  return {place.item_bytes, static_cast<int>(place.ndim), place.shape};
}

}  // namespace

Result<Version> VersionOfFile(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) return VersionOf(info);
  if (errno == ENOTDIR || errno == ENOENT) return NotFound(fmt::format("there is no {}", path));
  return posix::FailedTo("asking for", path, errno);
}

bool MayBeOurs(const std::string& path) {
  // The attributes of the first dataset are near the beginning of what tsnap writes.
  constexpr uint64_t kSearchedBytes = 1 << 20;
  Result<posix::Descriptor> file = posix::OpenToRead(path);
  if (!file.ok()) return false;
  Bytes bytes(kSearchedBytes);
  uint64_t got = 0;
  if (!posix::ReadAll(file->get(), 0, bytes, path, &got).ok()) return false;
  bytes.resize(got);
  return AsText(bytes).find(kMark) != std::string_view::npos ||
         std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

Result<std::shared_ptr<CommittedFile>> CommittedFile::Open(const std::string& path, const Log& log,
                                                           Version* version) {
  std::shared_ptr<CommittedFile> file(new CommittedFile(path, log));
  TSNAP_ASSIGN(file->file_, posix::OpenToRead(path));
  struct stat info {};
  if (::fstat(file->file_.get(), &info) != 0)
    return posix::FailedTo("asking for the size of", path, errno);
  if (version != nullptr) *version = VersionOf(info);
  file->version_ = FingerprintOf(info);
  return file;
}

// Through the descriptor, so that HDF5 sees the same file whatever has its name by now.
Result<File*> CommittedFile::OpenInside() {
  if (inside_) return inside_.get();
  TSNAP_ASSIGN(const Library* library, LoadLibrary());
  const std::string same = fmt::format("/proc/self/fd/{}", file_.get());
  TSNAP_ASSIGN(inside_, library->Open(::access(same.c_str(), R_OK) == 0 ? same : path_, path_));
  return inside_.get();
}

Status CommittedFile::LookInside() {
  if (looked_) return Status::Ok();
  TSNAP_ASSIGN(File* const inside, OpenInside());
  Result<Bytes> record = inside->ReadWhole(kRecordName, native::kMaxRecordBytes);
  if (record.ok()) {
    record_ = std::move(record).value();
    while (!record_.empty() && (record_.back() == std::byte{' '} || record_.back() == std::byte{0}))
      record_.pop_back();
  } else if (record.status().code() == Code::kNotFound) {
    TSNAP_ASSIGN(ForeignCatalog catalog, CatalogOf(*inside, path_, version_, log_));
    record_ = std::move(catalog.record);
    foreign_index_ = std::move(catalog.index);
    names_ = std::move(catalog.names);
    places_.resize(names_.size());
    is_foreign_ = knows_names_ = true;
  } else {
    return std::move(record).status();
  }
  looked_ = true;
  return Status::Ok();
}

Result<Bytes> CommittedFile::Record(uint64_t max_bytes) {
  std::lock_guard lock(mutex_);
  TSNAP_TRY(LookInside());
  if (record_.empty()) {
    return Corrupt(
        fmt::format("reading {}: it is the file of a take that never ended: no snapshot", path_));
  }
  if (record_.size() > max_bytes)
    return Corrupt(fmt::format("reading {}: its commit record is too long", path_));
  // A stored text must not claim to be what is only made here.
  if (!is_foreign_) {
    const Result<native::CommitRecord> stored = native::DecodeRecord(record_);
    if (stored.ok() && stored->foreign)
      return Corrupt(fmt::format("reading {}: its commit record is none of tsnap's", path_));
  }
  return Bytes(record_);
}

Result<Bytes> CommittedFile::IndexPart(uint64_t number, uint64_t max_bytes) {
  std::optional<Place> place;
  std::string name;
  {
    std::lock_guard lock(mutex_);
    if (index_ && number < index_->size()) place = (*index_)[number];
    if (!place) {
      TSNAP_TRY(LookInside());
      if (is_foreign_) return Bytes(foreign_index_);
      name = fmt::format("{}/{:05}", kIndexGroup, number);
      TSNAP_ASSIGN(File* const inside, OpenInside());
      Result<Bytes> part = inside->ReadWhole(name, max_bytes);
      if (!part.ok()) return Missing(std::move(part).status(), name);
      return part;
    }
  }
  if (place->bytes > max_bytes)
    return Corrupt(fmt::format("reading {}: index part {} is too long", path_, number));
  Bytes bytes(place->bytes);
  TSNAP_TRY(ReadBytes(place->address, bytes, nullptr));
  return bytes;
}

Status CommittedFile::LearnNames() {
  if (knows_names_) return Status::Ok();
  TSNAP_TRY(LookInside());
  if (knows_names_) return Status::Ok();
  TSNAP_ASSIGN(File* const inside, OpenInside());
  const Result<Bytes> text = inside->ReadWhole(kNamesName, kMostNamesBytes);
  if (!text.ok()) return Missing(text.status(), kNamesName);
  std::string_view rest = AsText(*text);
  while (!rest.empty()) {
    const size_t end = rest.find('\0');
    if (end == std::string_view::npos || end == 0)
      return Corrupt(fmt::format("reading {}: its list of datasets is damaged", path_));
    names_.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  places_.resize(std::max(places_.size(), names_.size()));
  knows_names_ = true;
  return Status::Ok();
}

Result<std::string> CommittedFile::NameOf(uint32_t number) {
  std::lock_guard lock(mutex_);
  TSNAP_TRY(LearnNames());
  if (number < names_.size()) return names_[number];
  return Corrupt(fmt::format("reading {}: it has no dataset number {}", path_, number));
}

Result<DatasetPlace> CommittedFile::PlaceOf(uint32_t number) {
  if (number < places_.size() && places_[number]) return *places_[number];
  TSNAP_TRY(LearnNames());
  if (number >= names_.size())
    return Corrupt(fmt::format("reading {}: it has no dataset number {}", path_, number));
  TSNAP_ASSIGN(File* const inside, OpenInside());
  Result<DatasetPlace> place = inside->Locate(names_[number]);
  if (!place.ok()) return Missing(std::move(place).status(), names_[number]);
  places_[number] = *place;
  return place;
}

Status CommittedFile::Missing(Status status, const std::string& name) const {
  if (status.code() != Code::kNotFound) return status;
  return Corrupt(
      fmt::format("reading {}: its dataset {} has been removed or renamed", path_, name));
}

Status CommittedFile::ReadAt(const native::DatasetKey& key, uint64_t offset, ByteSpan out,
                             StoreCounters* counters) {
  DatasetPlace place;
  {
    std::lock_guard lock(mutex_);
    TSNAP_ASSIGN(place, PlaceOf(key.number));
  }
  const auto misfit = [&] {
    return Corrupt(
        fmt::format("reading {} bytes of dataset {} of {}: it is not as large as its catalog says",
                    out.size(), key.number, path_));
  };
  const StoredArray array = ArrayOf(place);
  const Box whole = WholeBox(array.ndim, array.shape);
  const uint64_t box_bytes =
      Volume(key.is_box ? key.box : whole) * static_cast<uint64_t>(array.item_bytes);
  if ((key.is_box && !Fits(array, key.box)) || offset > box_bytes ||
      out.size() > box_bytes - offset)
    return misfit();
  if (place.place.address == kNoAddress) return ReadThroughHdf5(key, place, offset, out, counters);
  if (place.place.bytes < Volume(whole) * static_cast<uint64_t>(array.item_bytes)) return misfit();
  if (!key.is_box) return ReadBytes(place.place.address + offset, out, counters);
  return ReadRuns(array, key.box, place.place.address, offset, out, counters);
}

// Neighbouring short runs are read together with what others have between them: that costs less
// than a call for each.
Status CommittedFile::ReadRuns(const StoredArray& array, const Box& box, uint64_t address,
                               uint64_t offset, ByteSpan out, StoreCounters* counters) {
  constexpr uint64_t kPage = 4096, kMostGap = uint64_t{16} << 10,
                     kMostTogether = uint64_t{256} << 10;
  struct Run {
    uint64_t packed, stored, bytes;
  };
  std::vector<Run> runs;  // not read yet
  Bytes together;
  const auto read = [&]() -> Status {
    if (runs.size() == 1)
      return ReadBytes(address + runs[0].stored,
                       out.subspan(runs[0].packed - offset, runs[0].bytes), counters);
    if (runs.empty()) return Status::Ok();
    const uint64_t begin = runs.front().stored;
    together.resize(runs.back().stored + runs.back().bytes - begin);
    TSNAP_TRY(ReadBytes(address + begin, together, counters));
    for (const Run& run : runs)
      std::copy_n(together.data() + (run.stored - begin), run.bytes,
                  out.data() + (run.packed - offset));
    return Status::Ok();
  };
  TSNAP_TRY(ForEachRun(array, box, offset, out.size(),
                       [&](uint64_t packed, uint64_t stored, uint64_t bytes) {
                         const bool joins = !runs.empty() &&
                                            stored - (runs.back().stored + runs.back().bytes) <=
                                                std::min(kMostGap, std::max(kPage, 4 * bytes)) &&
                                            stored + bytes - runs.front().stored <= kMostTogether;
                         if (!joins) {
                           TSNAP_TRY(read());
                           runs.clear();
                         }
                         runs.push_back({packed, stored, bytes});
                         return Status::Ok();
                       }));
  return read();
}

// Long runs one by one, neighbouring short ones together with what others have between them.
void CommittedFile::WillRead(const native::DatasetKey& key, uint64_t offset, uint64_t bytes) {
  constexpr uint64_t kLongRun = uint64_t{128} << 10, kMostOfOthers = 4;
  DatasetPlace place;
  {
    std::lock_guard lock(mutex_);
    if (key.number >= places_.size() || !places_[key.number]) return;
    place = *places_[key.number];
  }
  if (place.place.address == kNoAddress) return;
  const StoredArray array = ArrayOf(place);
  const Box box = key.is_box ? key.box : WholeBox(array.ndim, array.shape);
  if (!Fits(array, box)) return;
  uint64_t begin = 0, end = 0, wanted = 0;  // of the runs that are not announced yet
  const auto announce = [&] {
    if (wanted > 0 && end - begin <= kMostOfOthers * wanted)
      posix::ReadAhead(file_.get(), place.place.address + begin, end - begin);
    wanted = 0;
  };
  static_cast<void>(
      ForEachRun(array, box, offset, bytes, [&](uint64_t, uint64_t stored, uint64_t run_bytes) {
        if (run_bytes >= kLongRun) announce();
        if (wanted == 0) begin = stored;
        end = stored + run_bytes;
        wanted += run_bytes;
        return Status::Ok();
      }));
  announce();
}

Status CommittedFile::ReadBytes(uint64_t address, ByteSpan out, StoreCounters* counters) {
  uint64_t got = 0;
  if (address <= static_cast<uint64_t>(INT64_MAX) - out.size())
    TSNAP_TRY(posix::ReadAll(file_.get(), address, out, path_, &got));
  if (counters != nullptr) {
    ++counters->read_calls;
    counters->read_bytes += got;
  }
  if (got == out.size()) return Status::Ok();
  return Corrupt(fmt::format("reading {} bytes at {} of {}: the file is truncated", out.size(),
                             address, path_));
}

// Only whole elements can be had: what is wanted may begin or end within one.
Status CommittedFile::ReadThroughHdf5(const native::DatasetKey& key, const DatasetPlace& place,
                                      uint64_t offset, ByteSpan out, StoreCounters* counters) {
  if (out.empty()) return Status::Ok();
  const StoredArray array = ArrayOf(place);
  const auto item_bytes = static_cast<uint64_t>(array.item_bytes);
  const Box box = key.is_box ? key.box : WholeBox(array.ndim, array.shape);
  const uint64_t first = offset / item_bytes;
  const uint64_t count = CeilDiv(offset + out.size(), item_bytes) - first;
  const bool whole_items = offset % item_bytes == 0 && out.size() % item_bytes == 0;
  Bytes items;
  if (!whole_items) items.resize(count * item_bytes);
  ByteSpan to = whole_items ? out : ByteSpan(items);
  std::lock_guard lock(mutex_);
  TSNAP_TRY(LearnNames());
  if (key.number >= names_.size())
    return Corrupt(fmt::format("reading {}: it has no dataset number {}", path_, key.number));
  TSNAP_ASSIGN(File* const inside, OpenInside());
  for (const Box& part : BoxesOfRange(box, first, count)) {
    const uint64_t bytes = Volume(part) * item_bytes;
    TSNAP_TRY(Missing(inside->Read(names_[key.number], part, to.first(bytes)), names_[key.number]));
    to = to.subspan(bytes);
    ++counters->read_calls;
    counters->read_bytes += bytes;
  }
  if (!whole_items)
    std::copy_n(items.begin() + static_cast<ptrdiff_t>(offset - first * item_bytes), out.size(),
                out.begin());
  return Status::Ok();
}

void CommittedFile::CloseInside() {
  std::lock_guard lock(mutex_);
  inside_.reset();
}

Result<FileMap> CommittedFile::Map(std::atomic<uint64_t>* progress) {
  std::lock_guard lock(mutex_);
  TSNAP_TRY(LearnNames());
  FileMap map;
  map.version = version_;
  for (uint32_t number = 0; number < names_.size(); ++number) {
    // Who reads one that cannot be read learns why; the others can be.
    const Result<DatasetPlace> place = PlaceOf(number);
    const Code code = place.status().code();
    if (code == Code::kIo || code == Code::kTimeout || code == Code::kNoMemory)
      return place.status();
    ++*progress;
    map.datasets.push_back(place.ok() ? *place : kUnknownPlace);
  }
  if (is_foreign_) return map;
  TSNAP_ASSIGN(const native::CommitRecord record, native::DecodeRecord(record_));
  TSNAP_ASSIGN(File* const inside, OpenInside());
  for (uint64_t number = 0; number < record.parts.size(); ++number) {
    Place& place = map.index.emplace_back();
    if (record.parts[number].bytes == 0) continue;
    const Result<DatasetPlace> found = inside->Locate(fmt::format("{}/{:05}", kIndexGroup, number));
    if (found.ok()) place = found->place;
    // Not one run of bytes, or none: everyone asks HDF5.
    if (place.address == kNoAddress) {
      map.index.clear();
      break;
    }
  }
  return map;
}

Status CommittedFile::Adopt(FileMap map) {
  if (map.version != version_) {
    return IoError(fmt::format(
        "opening {}: this rank sees another file than rank 0, which opened it first: it is being "
        "replaced, or the file system is slow to tell: try again",
        path_));
  }
  std::lock_guard lock(mutex_);
  places_.assign(map.datasets.size(), std::nullopt);
  for (size_t i = 0; i < places_.size(); ++i)
    if (map.datasets[i].item_bytes != kUnknownPlace.item_bytes) places_[i] = map.datasets[i];
  if (!map.index.empty()) index_ = std::move(map.index);
  return Status::Ok();
}

}  // namespace tsnap::one_file
