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
