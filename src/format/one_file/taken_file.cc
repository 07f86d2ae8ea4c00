#include "format/one_file/taken_file.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "format/one_file/box_runs.h"

namespace tsnap::one_file {

namespace {

// Of one dataset, or a box of it.
class PartWriter final : public StoreWriter {
 public:
  PartWriter(std::shared_ptr<TakenFile> file, const DatasetPlace& place, const Box& box)
      : file_(std::move(file)),
        address_(place.place.address),
        array_{place.item_bytes, static_cast<int>(place.ndim), place.shape},
        box_(box),
        bytes_(Volume(box) * static_cast<uint64_t>(place.item_bytes)) {}

  Status WriteAt(uint64_t offset, ConstByteSpan bytes, std::optional<uint32_t>) override {
    if (offset > bytes_ || bytes.size() > bytes_ - offset)
      return Internal(fmt::format("writing {} bytes at {} of {} in {}", bytes.size(), offset,
                                  bytes_, file_->path()));
    return ForEachRun(array_, box_, offset, bytes.size(),
                      [&](uint64_t packed, uint64_t stored, uint64_t run_bytes) {
                        return file_->WriteAt(address_ + stored,
                                              bytes.subspan(packed - offset, run_bytes));
                      });
  }

  void Push(uint64_t offset, uint64_t bytes) override {
    // From its first run to its last; what others have between them is pushed as well.
    uint64_t begin = UINT64_MAX, end = 0;
    if (offset >= bytes_) return;
    static_cast<void>(ForEachRun(array_, box_, offset, 1, [&](uint64_t, uint64_t stored, uint64_t) {
      begin = stored;
      return Status::Ok();
    }));
    const uint64_t last = std::min(bytes_, offset + bytes) - 1;
    static_cast<void>(ForEachRun(array_, box_, last, 1, [&](uint64_t, uint64_t stored, uint64_t) {
      end = stored + 1;
      return Status::Ok();
    }));
    if (begin < end) file_->Push(address_ + begin, end - begin);
  }

  // Others write the rest of the dataset, and the file is synced once, when everything is in it.
  Status Finish(uint64_t size_bytes, bool durable) override {
    static_cast<void>(durable);
    if (size_bytes <= bytes_) return Status::Ok();
    return Internal(fmt::format("finishing {} of {} bytes of a dataset in {}", size_bytes, bytes_,
                                file_->path()));
  }

 private:
  const std::shared_ptr<TakenFile> file_;
  const uint64_t address_;
  const StoredArray array_;
  const Box box_;
  const uint64_t bytes_;
};

}  // namespace

Result<std::shared_ptr<TakenFile>> TakenFile::Open(const std::string& path, FileMap map,
                                                   int direct_io, StoreCounters* counters) {
  std::shared_ptr<TakenFile> file(new TakenFile(path, std::move(map), counters));
  TSNAP_ASSIGN(file->file_, posix::Open(path, O_WRONLY | O_CLOEXEC, "opening"));
  TSNAP_ASSIGN(file->direct_, DirectFile::Open(path, direct_io));
  return file;
}

Result<std::unique_ptr<StoreWriter>> TakenFile::Writer(const native::DatasetKey& key) {
  if (key.number >= map_.datasets.size())
    return Internal(fmt::format("writing {}: there is no dataset {}", path_, key.number));
  const DatasetPlace& place = map_.datasets[key.number];
  const StoredArray array{place.item_bytes, static_cast<int>(place.ndim), place.shape};
  const Box box = key.is_box ? key.box : WholeBox(array.ndim, array.shape);
  if (!Fits(array, box) || (place.place.address == kNoAddress && !IsEmpty(box)))
    return Internal(fmt::format("writing {}: a box does not fit dataset {}", path_, key.number));
  return std::unique_ptr<StoreWriter>(std::make_unique<PartWriter>(shared_from_this(), place, box));
}

Status TakenFile::WriteAt(uint64_t address, ConstByteSpan bytes) {
  const uint64_t head = direct_ ? DirectFile::HeadBytes(address, bytes.size()) : bytes.size();
  TSNAP_TRY(WriteBuffered(address, bytes.first(head)));
  if (head == bytes.size()) return Status::Ok();
  TSNAP_ASSIGN(const uint64_t direct, direct_->WriteBlocks(address + head, bytes.subspan(head)));
  ++counters_->write_calls;
  counters_->written_bytes += direct;
  return WriteBuffered(address + head + direct, bytes.subspan(head + direct));
}

Status TakenFile::WriteBuffered(uint64_t address, ConstByteSpan bytes) {
  if (bytes.empty()) return Status::Ok();
  uint64_t wrote = 0;
  const Status status = posix::WriteAll(file_.get(), address, bytes, 1, path_, &wrote);
  ++counters_->write_calls;
  counters_->written_bytes += wrote;
  TSNAP_TRY(status);
#ifdef SYNC_FILE_RANGE_WRITE
  // The disk starts now, so that the sync at the end waits for little.
  constexpr uint64_t kWorthIt = uint64_t{128} << 10;
  if (bytes.size() >= kWorthIt)
    ::sync_file_range(file_.get(), static_cast<off_t>(address), static_cast<off_t>(bytes.size()),
                      SYNC_FILE_RANGE_WRITE);
#endif
  return Status::Ok();
}

void TakenFile::Push(uint64_t address, uint64_t bytes) {
#ifdef SYNC_FILE_RANGE_WRITE
  ::sync_file_range(
      file_.get(), static_cast<off_t>(address), static_cast<off_t>(bytes),
      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
#else
  static_cast<void>(address), static_cast<void>(bytes);
#endif
}

Status TakenFile::WriteIndexPart(uint64_t number, ConstByteSpan bytes) {
  if (number >= map_.index.size() || map_.index[number].bytes != bytes.size()) {
    return Internal(fmt::format("writing {}: index part {} has {} bytes, which is not its room",
                                path_, number, bytes.size()));
  }
  return WriteAt(map_.index[number].address, bytes);
}

Status TakenFile::WriteRecord(ConstByteSpan text) {
  if (text.size() > map_.record.bytes) {
    return Internal(fmt::format("writing {}: the commit record has {} bytes, there is room for {}",
                                path_, text.size(), map_.record.bytes));
  }
  Bytes padded(map_.record.bytes, std::byte{' '});
  std::copy(text.begin(), text.end(), padded.begin());
  return WriteAt(map_.record.address, padded);
}

Status ReserveBlocks(const std::string& path) {
  TSNAP_ASSIGN(const posix::Descriptor file, posix::Open(path, O_WRONLY | O_CLOEXEC, "opening"));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0)
    return posix::FailedTo("asking for the size of", path, errno);
  int result = 0;
  do {
    result = ::fallocate(file.get(), 0, 0, info.st_size);
  } while (result != 0 && errno == EINTR);
  if (result == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return Status::Ok();
  const int error = errno;
  return posix::FailedTo(fmt::format("reserving {} bytes for", info.st_size).c_str(), path, error);
}

}  // namespace tsnap::one_file
