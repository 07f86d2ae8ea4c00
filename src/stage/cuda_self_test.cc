#include "stage/cuda_self_test.h"

#include <algorithm>
#include <vector>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/knobs.h"

namespace tsnap::cuda {
namespace {

// Three axes, the outermost reversed, the units of the innermost apart from each other.
constexpr kernel::Word kCounts[3] = {7, 5, 33};
constexpr int64_t kPlaneUnits = 400, kRowUnits = 70, kStepUnits = 2;
constexpr uint64_t kUnits = uint64_t{kCounts[0]} * kCounts[1] * kCounts[2];
constexpr uint64_t kBoxUnits = kCounts[0] * kPlaneUnits;
constexpr uint64_t kMostUnitBytes = 16;

// Two blocks, the last one short, neither of them aligned.
constexpr uint64_t kChecksumFrom = 1, kChecksumBytes = kBlockBytes + 1003;
constexpr uint64_t kPatternBytes = kBlockBytes + 4096;
constexpr uint64_t kPackedFrom = kPatternBytes, kBackFrom = kPackedFrom + kUnits * kMostUnitBytes,
                   kScratchFrom = AlignUp(kBackFrom + kBoxUnits * kMostUnitBytes, 4096),
                   kRoomBytes = kScratchFrom + 4096;
static_assert(kBoxUnits * kMostUnitBytes <= kPatternBytes && kPackedFrom % kMostUnitBytes == 0);

Bytes Pattern(uint64_t bytes) {
  Bytes pattern(bytes);
  uint32_t state = 1;
  for (std::byte& byte : pattern) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::byte>(state >> 24);
  }
  return pattern;
}

// Device memory and a stream for the trial.
class Trial {
 public:
  explicit Trial(const Driver& driver) : driver_(driver) {}
  ~Trial() {
    if (stream_ != nullptr) driver_.StreamDestroy(stream_);
    if (event_ != nullptr) driver_.EventDestroy(event_);
    if (room_ != 0) driver_.MemFree(room_);
  }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  Status Prepare() {
    TSNAP_TRY(driver_.Check(driver_.MemAlloc(&room_, kRoomBytes), "allocating to try kernels"));
    TSNAP_TRY(driver_.Check(driver_.StreamCreate(&stream_, kStreamNonBlocking),
                            "making a stream to try kernels"));
    return driver_.Check(driver_.EventCreate(&event_, kEventBlockingSync | kEventDisableTiming),
                         "making an event to try kernels");
  }
  Status Put(uint64_t offset, ConstByteSpan bytes) {
    TSNAP_TRY(
        driver_.Check(driver_.MemcpyHtoDAsync(room_ + offset, bytes.data(), bytes.size(), stream_),
                      "copying to try kernels"));
    return Wait();
  }
  Status Get(uint64_t offset, ByteSpan bytes) {
    TSNAP_TRY(
        driver_.Check(driver_.MemcpyDtoHAsync(bytes.data(), room_ + offset, bytes.size(), stream_),
                      "copying to try kernels"));
    return Wait();
  }
  DeviceAddress room() const { return room_; }
  Stream stream() const { return stream_; }

 private:
  Status Wait() {
    TSNAP_TRY(driver_.Check(driver_.EventRecord(event_, stream_), "trying kernels"));
    return driver_.Check(driver_.EventSynchronize(event_), "trying kernels");
  }

  const Driver& driver_;
  DeviceAddress room_ = 0;
  Stream stream_ = nullptr;
  Event event_ = nullptr;
};

Result<bool> ChecksumIsRight(const Kernels& kernels, ConstByteSpan pattern, Trial* trial) {
  TSNAP_TRY(kernels.Checksum(trial->room() + kChecksumFrom, kChecksumBytes,
                             trial->room() + kScratchFrom, trial->stream()));
  uint32_t found[2] = {};
  TSNAP_TRY(trial->Get(kScratchFrom, {reinterpret_cast<std::byte*>(found), sizeof found}));
  Kernels::Finish(kChecksumBytes, found);
  const ConstByteSpan bytes = pattern.subspan(kChecksumFrom, kChecksumBytes);
  return found[0] == Crc32c(bytes.first(kBlockBytes)) &&
         found[1] == Crc32c(bytes.subspan(kBlockBytes));
}

kernel::BoxTask BoxOf(uint64_t unit_bytes, bool packs, DeviceAddress room) {
  const auto unit = static_cast<int64_t>(unit_bytes);
  const long long box[3] = {-kPlaneUnits * unit, kRowUnits * unit, kStepUnits * unit};
  const long long packed[3] = {kCounts[1] * kCounts[2] * unit, kCounts[2] * unit, unit};
  const auto last_plane = static_cast<uint64_t>((kCounts[0] - 1) * kPlaneUnits * unit);
  kernel::BoxTask task;
  task.units = kUnits;
  task.axes = 3;
  std::copy_n(kCounts, 3, task.counts);
  std::copy_n(packs ? box : packed, 3, task.from_strides);
  std::copy_n(packs ? packed : box, 3, task.to_strides);
  task.from = room + (packs ? last_plane : kPackedFrom);
  task.to = room + (packs ? kPackedFrom : kBackFrom + last_plane);
  return task;
}

// Packs units out of the pattern, and unpacks them to where nothing was.
Result<bool> CopiesAreRight(const Kernels& kernels, uint64_t unit_bytes, ConstByteSpan pattern,
                            Trial* trial) {
  Bytes back(kBoxUnits * unit_bytes), wanted_back = back;
  Bytes packed(kUnits * unit_bytes), wanted = packed;
  uint64_t number = 0;
  for (uint64_t plane = kCounts[0]; plane-- > 0;)
    for (uint64_t row = 0; row < kCounts[1]; ++row)
      for (uint64_t step = 0; step < kCounts[2]; ++step, ++number) {
        const uint64_t at =
            (plane * kPlaneUnits + row * kRowUnits + step * kStepUnits) * unit_bytes;
        std::copy_n(pattern.data() + at, unit_bytes, wanted.data() + number * unit_bytes);
        std::copy_n(pattern.data() + at, unit_bytes, wanted_back.data() + at);
      }
  TSNAP_TRY(trial->Put(kBackFrom, back));
  TSNAP_TRY(kernels.Copy(BoxOf(unit_bytes, true, trial->room()), unit_bytes, trial->stream()));
  TSNAP_TRY(kernels.Copy(BoxOf(unit_bytes, false, trial->room()), unit_bytes, trial->stream()));
  TSNAP_TRY(trial->Get(kPackedFrom, packed));
  TSNAP_TRY(trial->Get(kBackFrom, back));
  return packed == wanted && back == wanted_back;
}

}  // namespace

Result<bool> KernelsAreRight(const Driver& driver, const Kernels& kernels) {
  const Bytes pattern = Pattern(kPatternBytes);
  Trial trial(driver);
  TSNAP_TRY(trial.Prepare());
  TSNAP_TRY(trial.Put(0, pattern));
  TSNAP_ASSIGN(bool right, ChecksumIsRight(kernels, pattern, &trial));
  for (uint64_t unit_bytes = 1; right && unit_bytes <= kMostUnitBytes; unit_bytes *= 2) {
    TSNAP_ASSIGN(right, CopiesAreRight(kernels, unit_bytes, pattern, &trial));
  }
  return right;
}

}  // namespace tsnap::cuda
