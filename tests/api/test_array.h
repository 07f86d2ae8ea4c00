// An array with known values in memory of a chosen layout. Each element's bytes follow from a seed and its place in the whole
// array, so that any rank can check any part; all memory around the elements is checked to be untouched.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <tsnap.h>

#include "check.h"
#ifdef TSNAP_TEST_ON_GPU
#include "home.h"
#endif

namespace tsnap::test {

#ifndef TSNAP_TEST_ON_GPU
// Where the bytes of a test array are: here. In tests/gpu it is elsewhere.
class Home {
 public:
  uint8_t* Address(std::vector<uint8_t>& here) { return here.data(); }
  void Put(std::vector<uint8_t>&) {}
  void Get(std::vector<uint8_t>&) const {}
};
#endif

enum class Layout { kContiguous, kExplicit, kGhosts, kFortran, kReversed, kPermuted, kGapped };
inline constexpr Layout kLayouts[] = {Layout::kContiguous, Layout::kExplicit, Layout::kGhosts, Layout::kFortran,
                                      Layout::kReversed,   Layout::kPermuted, Layout::kGapped};

inline int64_t DtypeBytes(int32_t dtype) {
  static constexpr int64_t kBytes[] = {0, 1, 1, 2, 4, 8, 1, 2, 4, 8, 1, 1, 2, 2, 4, 8, 8, 16};
  return kBytes[dtype];
}

using Shape = std::vector<int64_t>;

inline uint64_t Mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// The bytes of the element at a place of the whole array.
inline void ElementBytes(uint64_t seed, int32_t dtype, int64_t item_bytes, const int64_t* place, int ndim, uint8_t* out) {
  uint64_t key = Mix(seed);
  for (int axis = 0; axis < ndim; ++axis) key = Mix(key ^ (static_cast<uint64_t>(place[axis]) + 0x51ed27f1));
  for (int64_t i = 0; i < item_bytes; ++i) {
    if (i % 8 == 0) key = Mix(key);
    out[i] = static_cast<uint8_t>(key >> (8 * (i % 8)));
  }
  if (dtype == TSNAP_BOOL) out[0] &= 1;
}

class TestArray {
 public:
  TestArray(int32_t dtype, int64_t item_bytes, Shape shape, Layout layout, Shape offset = {})
      : dtype_(dtype), item_bytes_(dtype == TSNAP_OPAQUE ? item_bytes : DtypeBytes(dtype)), shape_(std::move(shape)),
        offset_(std::move(offset)), layout_(layout) {
    offset_.resize(shape_.size());
    Arrange();
    memory_.assign(static_cast<size_t>(memory_bytes_), kUntouched);
    home_.Put(memory_);
  }

  // Equal seeds and places: equal values, in any layout.
  void Fill(uint64_t seed) {
    const std::vector<uint8_t> image = Image(seed);
    std::copy(image.begin(), image.end(), memory_.begin());   // in place: the memory may be registered
    home_.Put(memory_);
  }
  void Clear() {
    std::fill(memory_.begin(), memory_.end(), kUntouched);
    home_.Put(memory_);
  }
  bool Holds(uint64_t seed) const { return Bytes() == Image(seed); }
  bool IsUntouched() const { return Bytes() == std::vector<uint8_t>(memory_.size(), kUntouched); }
  // Every element has these bytes, except where `inside` says so: there they follow from the seed.
  template <class Inside>
  bool HoldsOr(uint64_t seed, const std::vector<uint8_t>& other, Inside inside) const {
    std::vector<uint8_t> image(memory_.size(), kUntouched);
    ForEach([&](const int64_t* place, int64_t at) {
      if (inside(place)) {
        ElementBytes(seed, dtype_, item_bytes_, place, ndim(), &image[static_cast<size_t>(at)]);
      } else {
        std::memcpy(&image[static_cast<size_t>(at)], other.data(), other.size());
      }
    });
    return Bytes() == image;
  }

  tsnap_array Describe() {
    tsnap_array array = TSNAP_ARRAY_INIT;
    array.dtype = dtype_;
    array.ndim = ndim();
    array.item_bytes = dtype_ == TSNAP_OPAQUE ? item_bytes_ : 0;
    for (size_t axis = 0; axis < shape_.size(); ++axis) {
      array.shape[axis] = shape_[axis];
      array.offset[axis] = offset_[axis];
      if (layout_ != Layout::kContiguous) array.strides_bytes[axis] = strides_[axis];
    }
    array.data = home_.Address(memory_) + first_;
    return array;
  }

  int ndim() const { return static_cast<int>(shape_.size()); }
  const Shape& shape() const { return shape_; }
  uint64_t bytes() const {
    uint64_t bytes = static_cast<uint64_t>(item_bytes_);
    for (const int64_t extent : shape_) bytes *= static_cast<uint64_t>(extent);
    return bytes;
  }

 private:
  static constexpr uint8_t kUntouched = 0xa5;

  const std::vector<uint8_t>& Bytes() const {
    home_.Get(memory_);
    return memory_;
  }

  // Axes from the fastest to the slowest get growing strides; ghosts lie around, signs turn axes over.
  void Arrange() {
    const size_t n = shape_.size();
    std::vector<size_t> order(n);
    for (size_t i = 0; i < n; ++i) order[i] = n - 1 - i;
    if (layout_ == Layout::kFortran) {
      for (size_t i = 0; i < n; ++i) order[i] = i;
    }
    if (layout_ == Layout::kPermuted) {
      for (size_t i = 0; i + 1 < n; i += 2) std::swap(order[i], order[i + 1]);
      if (n > 2) std::swap(order[0], order[n - 1]);
    }
    const bool ghosts = layout_ == Layout::kGhosts || layout_ == Layout::kPermuted;
    int64_t stride = item_bytes_ + (layout_ == Layout::kGapped ? 3 : 0);
    strides_.assign(n, 0);
    first_ = ghosts || layout_ == Layout::kReversed ? 1 : 0;   // and not aligned
    for (const size_t axis : order) {
      const bool reversed = layout_ == Layout::kReversed || (layout_ == Layout::kPermuted && axis % 2 == 1);
      const int64_t before = ghosts ? 1 : 0, after = ghosts ? 2 : 0;
      const int64_t start = before + (reversed && shape_[axis] > 0 ? shape_[axis] - 1 : 0);
      first_ += start * stride;
      strides_[axis] = reversed ? -stride : stride;
      stride *= before + std::max<int64_t>(shape_[axis], 1) + after;
    }
    memory_bytes_ = stride + item_bytes_ + 1;
  }

  template <class Visit>
  void ForEach(Visit visit) const {
    for (const int64_t extent : shape_) {
      if (extent == 0) return;
    }
    std::array<int64_t, TSNAP_MAX_DIMS> index{}, place{};
    for (;;) {
      int64_t at = first_;
      for (size_t axis = 0; axis < shape_.size(); ++axis) {
        at += index[axis] * strides_[axis];
        place[axis] = offset_[axis] + index[axis];
      }
      visit(place.data(), at);
      size_t axis = shape_.size();
      while (axis > 0 && ++index[axis - 1] == shape_[axis - 1]) index[--axis] = 0;
      if (axis == 0) return;
    }
  }

  std::vector<uint8_t> Image(uint64_t seed) const {
    std::vector<uint8_t> image(memory_.size(), kUntouched);
    ForEach([&](const int64_t* place, int64_t at) {
      ElementBytes(seed, dtype_, item_bytes_, place, ndim(), &image[static_cast<size_t>(at)]);
    });
    return image;
  }

  int32_t dtype_;
  int64_t item_bytes_;
  Shape shape_, offset_;
  Layout layout_;
  Shape strides_;
  int64_t first_ = 0, memory_bytes_ = 0;
  mutable std::vector<uint8_t> memory_;
  Home home_;
};

}  // namespace tsnap::test
