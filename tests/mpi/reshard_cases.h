// Random global arrays, how ranks share them, and how their boxes lie in memory: everything that
// the resharding tests compare follows from a seed, so a program on any number of ranks knows what
// another one stored.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <tsnap.h>

namespace tsnap::test {

// Numbers that are the same on every machine and rank (splitmix64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  // Seeded by several numbers: what is drawn for one purpose does not depend on what was drawn for
  // another.
  template <class... Numbers>
  static Random Of(uint64_t seed, Numbers... numbers) {
    for (const uint64_t number : {static_cast<uint64_t>(numbers)...})
      seed = Random(seed ^ (number + 1)).Next();
    return Random(seed);
  }
  uint64_t Next();
  int64_t Int(int64_t low, int64_t high);  // both included
  bool Chance(int percent) { return Int(1, 100) <= percent; }
  template <class T>
  void Shuffle(std::vector<T>* items) {
    for (size_t i = items->size(); i > 1; --i)
      std::swap((*items)[i - 1],
                (*items)[static_cast<size_t>(Int(0, static_cast<int64_t>(i) - 1))]);
  }

 private:
  uint64_t state_;
};

struct Box {
  std::array<int64_t, TSNAP_MAX_DIMS> offset{}, shape{};
};
using Sharing = std::vector<std::vector<Box>>;  // the boxes of each rank

struct Spec {
  std::string path;
  uint64_t seed = 0;
  int32_t dtype = 0;
  int64_t item_bytes = 0;
  int ndim = 0;
  std::array<int64_t, TSNAP_MAX_DIMS> shape{};
  int32_t coverage = TSNAP_COVER_EXACT;
  std::vector<unsigned char> fill;  // empty = none given
  Sharing taken;                    // how the ranks of the take share it
  Sharing wanted;                   // how those of the restore do
};

enum class Size { kSmall, kLarge };
// An array of random type and shape, shared at random by `takers` ranks when stored and by
// `restorers` when restored.
Spec RandomSpec(uint64_t seed, const std::string& path, Size size, int takers, int restorers);
// As many boxes as elements on one of the two sides: a long index, in many parts.
Spec ManyBoxesSpec(uint64_t seed, const std::string& path, int64_t edge, bool many_when_taken,
                   int takers, int restorers);
std::string Describe(const Spec& spec);

// One box in memory, with ghost layers, gaps and any order of axes, drawn from `random`. `bytes` is
// what the library sees, `expected` what it must be in the end: the values in the box, and what was
// there before everywhere else.
struct Memory {
  std::vector<unsigned char> bytes, expected;
  tsnap_array array = TSNAP_ARRAY_INIT;
  bool Intact() const { return bytes == expected; }
};

// Values are those of `spec` where the take stored any, its fill elsewhere; filled: `bytes` holds
// them already.
Memory MakeMemory(const Spec& spec, const Box& box, bool filled, Random* random);

// Bytes that follow from a seed.
std::vector<unsigned char> RandomBytes(uint64_t seed, size_t count);

}  // namespace tsnap::test
