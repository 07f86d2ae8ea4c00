// Keys of the native format, and fresh snapshot ids. Knows no store: a key is text with "/" between
// its parts.
#include "format/native/names.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>

#include "base/bytes.h"
#include "base/checksum.h"

namespace tsnap::native {
namespace {

constexpr size_t kIdDigits = 32;
constexpr uint32_t kWritersPerFolder = 256;

bool FillFromSystem(ByteSpan out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = getrandom(out.data() + done, out.size() - done, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += static_cast<size_t>(got);
  }
  return true;
}

// For systems that refuse getrandom (old kernels, strict sandboxes): what differs between any two
// takes.
void FillFromCircumstances(ByteSpan out) {
  static std::atomic<uint64_t> calls{0};
  const std::array<uint64_t, 5> facts = {
      static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()),
      static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()),
      static_cast<uint64_t>(getpid()), reinterpret_cast<uint64_t>(&out), calls.fetch_add(1)};
  const Hash128 hash = HashContent(std::as_bytes(std::span(facts)));
  const std::array<uint64_t, 2> words = {hash.low, hash.high};
  std::memcpy(out.data(), words.data(), std::min(out.size(), sizeof(words)));
}

}  // namespace

std::string MarkerKey(const std::string& id) { return id + "/taking"; }

std::string CopiedFolder(const std::string& id) { return id + "/copied"; }

std::string IndexKey(const std::string& id, uint64_t part) {
  return fmt::format("{}/index/{:05}", id, part);
}

std::string SlabNames::Folder(uint32_t writer) const {
  const std::string number = fmt::format("{}", writer / kWritersPerFolder);
  if (!hashed) return fmt::format("{}/data/{}", id, number);
  return fmt::format("{}/data/{:04x}", id, Hash64(number) & 0xffff);
}

std::string SlabNames::Key(uint32_t writer, uint32_t slab) const {
  return fmt::format("{}/{}.{}", Folder(writer), writer, slab);
}

std::string SlabNames::Key(const Extent& extent) const {
  if (!datasets) return Key(extent.writer, extent.slab);
  return DatasetKeyText(id, {extent.writer, extent.slab == kBox, extent.box});
}

uint64_t SlabNames::Begin(const Extent& extent) const {
  return datasets && extent.slab == kBox ? 0 : extent.offset;
}

bool SlabNames::Together(const Extent& a, const Extent& b) const {
  return a.writer == b.writer && a.slab == b.slab &&
         !(datasets && a.slab == kBox && a.box != b.box);
}

std::string DatasetKeyText(const std::string& id, const DatasetKey& key) {
  std::string text = fmt::format("{}/data/{}", id, key.number);
  if (!key.is_box) return text;
  const auto list = [&](char before, const Index& values) {
    for (int i = 0; i < key.box.ndim; ++i)
      fmt::format_to(std::back_inserter(text), "{}{}", i == 0 ? before : ',',
                     values[static_cast<size_t>(i)]);
  };
  list('/', key.box.offset);
  list(':', key.box.shape);
  return text;
}

namespace {

// "4,0": the numbers, at most kMaxDims of them; false for anything else.
bool ParseIndex(std::string_view text, Index* out, int* count) {
  *count = 0;
  while (*count < kMaxDims) {
    int64_t& value = (*out)[static_cast<size_t>((*count)++)];
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || value < 0) return false;
    if (rest == end) return true;
    if (*rest != ',') return false;
    text.remove_prefix(static_cast<size_t>(rest - text.data()) + 1);
  }
  return false;
}

}  // namespace

Result<DatasetKey> ParseDatasetKey(std::string_view key) {
  constexpr std::string_view kData = "/data/";
  const auto unknown = [&] { return NotFound(fmt::format("{}: there is no such key", key)); };
  const size_t begin = key.find(kData);
  if (begin == std::string_view::npos) return unknown();
  std::string_view rest = key.substr(begin + kData.size());
  DatasetKey out;
  const size_t slash = rest.find('/');
  const std::string_view number = rest.substr(0, slash);
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), out.number);
  if (error != std::errc() || end != number.data() + number.size()) return unknown();
  if (slash == std::string_view::npos) return out;
  rest.remove_prefix(slash + 1);
  const size_t colon = rest.find(':');
  int ndim = 0;
  out.is_box = true;
  if (colon == std::string_view::npos ||
      !ParseIndex(rest.substr(0, colon), &out.box.offset, &out.box.ndim) ||
      !ParseIndex(rest.substr(colon + 1), &out.box.shape, &ndim) || ndim != out.box.ndim)
    return unknown();
  return out;
}

std::string NewId() {
  std::array<std::byte, kIdDigits / 2> random{};
  if (!FillFromSystem(random)) FillFromCircumstances(random);
  std::string id;
  id.reserve(kIdDigits);
  for (const std::byte byte : random)
    fmt::format_to(std::back_inserter(id), "{:02x}", std::to_integer<unsigned>(byte));
  return id;
}

IdWords WordsOfId(const std::string& id) noexcept {
  IdWords words;
  std::from_chars(id.data(), id.data() + kIdDigits / 2, words.high, 16);
  std::from_chars(id.data() + kIdDigits / 2, id.data() + kIdDigits, words.low, 16);
  return words;
}

void WriteId(const IdWords& words, std::string* id) noexcept {
  constexpr char kDigits[] = "0123456789abcdef";
  for (size_t i = 0; i < kIdDigits; ++i) {
    const uint64_t word = i < kIdDigits / 2 ? words.high : words.low;
    (*id)[i] = kDigits[word >> (4 * (kIdDigits / 2 - 1 - i % (kIdDigits / 2))) & 15];
  }
}

bool IsId(const std::string& text) {
  return text.size() == kIdDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace tsnap::native
