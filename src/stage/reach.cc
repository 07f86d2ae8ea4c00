// Whether the processor reaches an address is the kernel's to say: a copy out of one's own memory
// by process_vm_readv fails where a load would be a crash, a thousand addresses at a time. That
// costs about a microsecond each; of many addresses most are found in the list of the process's
// mappings.
#include "stage/reach.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "stage/cuda_driver.h"
#include "stage/cuda_stager.h"
#include "stage/stager.h"

namespace tsnap {
namespace {

constexpr size_t kMostAtOnce = 1024;  // IOV_MAX
constexpr uintptr_t kPageBytes = 4096;
constexpr size_t kFew = 256;  // the list of mappings costs as much as so many questions
constexpr size_t kNone = std::numeric_limits<size_t>::max();

// The number of the first of the addresses that cannot be read, or kNone. Where the kernel does not
// answer (a sandbox), all can.
size_t FirstUnreadable(std::span<const void* const> addresses) {
  std::array<std::byte, kMostAtOnce> bytes;
  std::array<iovec, kMostAtOnce> there;
  const iovec here = {bytes.data(), addresses.size()};
  for (size_t i = 0; i < addresses.size(); ++i) there[i] = {const_cast<void*>(addresses[i]), 1};
  const ssize_t done = process_vm_readv(getpid(), &here, 1, there.data(), addresses.size(), 0);
  if (done == static_cast<ssize_t>(addresses.size())) return kNone;
  if (done > 0) {
    const auto read = static_cast<size_t>(done);
    const size_t rest = FirstUnreadable(addresses.subspan(read));
    return rest == kNone ? kNone : read + rest;
  }
  return done < 0 && errno == EFAULT ? 0 : kNone;
}

// The parts of the address space that may be read, as they stand at the call.
class ReadableMappings {
 public:
  static ReadableMappings Now() {
    ReadableMappings mappings;
    FILE* file = std::fopen("/proc/self/maps", "re");
    if (file == nullptr) return mappings;
    char line[512];
    bool at_start = true;
    while (std::fgets(line, sizeof line, file) != nullptr) {
      uintptr_t begin = 0, end = 0;
      char access = '-';
      if (at_start && std::sscanf(line, "%lx-%lx %c", &begin, &end, &access) == 3 && access == 'r')
        mappings.Add(begin, end);
      at_start =
          std::char_traits<char>::find(line, std::char_traits<char>::length(line), '\n') != nullptr;
    }
    std::fclose(file);
    return mappings;
  }
  bool Have(const void* address) const {
    const auto at = reinterpret_cast<uintptr_t>(address);
    const auto behind = std::upper_bound(parts_.begin(), parts_.end(), at,
                                         [](uintptr_t a, const Range& b) { return a < b.begin; });
    return behind != parts_.begin() && at < std::prev(behind)->end;
  }

 private:
  struct Range {
    uintptr_t begin, end;
  };
  void Add(uintptr_t begin, uintptr_t end) {
    if (!parts_.empty() && parts_.back().end == begin) {
      parts_.back().end = end;
    } else {
      parts_.push_back({begin, end});
    }
  }

  std::vector<Range> parts_;  // ascending, as the kernel lists them
};

Status Unreadable(const void* address) {
  const std::string why = cuda::FoundDriver() == nullptr
                              ? cuda::WhyNoDriver()
                              : std::string("the CUDA driver does not know that address");
  return Unsupported(
      fmt::format("its memory at {} cannot be read: if it is a GPU's, tsnap cannot reach it, "
                  "because {}; else correct the address",
                  address, why));
}

// Addresses of host memory on their way to the kernel; those that share a page need one question.
class Questions {
 public:
  explicit Questions(size_t* failed) : failed_(failed) {}

  Status Add(const void* address, size_t number) {
    const uintptr_t page = reinterpret_cast<uintptr_t>(address) / kPageBytes;
    if (asked_ > 0 && page == page_) return Status::Ok();
    page_ = page;
    if (++asked_ == kFew) mappings_ = ReadableMappings::Now();
    if (asked_ >= kFew && mappings_.Have(address)) return Status::Ok();
    if (count_ == kMostAtOnce) TSNAP_TRY(Ask());
    addresses_[count_] = address;
    numbers_[count_++] = number;
    return Status::Ok();
  }
  Status Ask() {
    const size_t first = FirstUnreadable({addresses_.data(), count_});
    count_ = 0;
    if (first == kNone) return Status::Ok();
    *failed_ = numbers_[first];
    return Unreadable(addresses_[first]);
  }

 private:
  size_t* failed_;
  std::array<const void*, kMostAtOnce> addresses_;
  std::array<size_t, kMostAtOnce> numbers_;
  size_t count_ = 0;
  size_t asked_ = 0;
  uintptr_t page_ = 0;  // of the last one
  ReadableMappings mappings_;
};

}  // namespace

void LookForDevices() noexcept { cuda::LookForDriver(); }

Status CheckReach(std::span<const void* const> addresses, size_t* failed) {
  Questions questions(failed);
  for (size_t i = 0; i < addresses.size(); ++i) {
    *failed = i;
    TSNAP_ASSIGN(Stager * stager, StagerFor(addresses[i]));
    if (!stager->is_device()) TSNAP_TRY(questions.Add(addresses[i], i));
  }
  return questions.Ask();
}

Status CheckHostValue(const void* address) {
  TSNAP_ASSIGN(const bool is_device, cuda::IsCudaMemory(address));
  if (is_device)
    return Unsupported(fmt::format(
        "its memory at {} is a GPU's: only arrays, numbers and blocks of bytes may lie there; move "
        "it to host memory",
        address));
  return FirstUnreadable({&address, 1}) == kNone ? Status::Ok() : Unreadable(address);
}

}  // namespace tsnap
