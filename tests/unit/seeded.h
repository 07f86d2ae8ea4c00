// Random cases for property tests: the seed is printed, and TSNAP_TEST_SEED repeats a run.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace tsnap::test {

class Seeded {
 public:
  Seeded() : seed_(ChooseSeed()), engine_(seed_) {
    std::fprintf(stderr, "seed: TSNAP_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed_));
  }
  unsigned long long seed() const { return seed_; }
  // From low to high, both included.
  int64_t Int(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }
  bool Chance(double probability) { return std::bernoulli_distribution(probability)(engine_); }
  std::mt19937_64& engine() { return engine_; }

 private:
  static uint64_t ChooseSeed() {
    const char* text = std::getenv("TSNAP_TEST_SEED");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
  }
  uint64_t seed_;
  std::mt19937_64 engine_;
};

}  // namespace tsnap::test
