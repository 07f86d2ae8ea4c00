// What the api_ programs share: a context of the first so many ranks, checks that all of them got the same, and texts from all.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "api.h"

namespace tsnap::test {

// Cases run on all ranks of the launch; a context may have fewer, and then the others only watch.
class Ranks {
 public:
  // config: other settings than those of most cases; NULL = these.
  explicit Ranks(int count, const tsnap_config* config = nullptr) {
    int world_rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    MPI_Comm_split(MPI_COMM_WORLD, world_rank < count ? 0 : MPI_UNDEFINED, world_rank, &comm_);
    if (!in()) return;
    MPI_Comm_rank(comm_, &rank_);
    MPI_Comm_size(comm_, &size_);
    tsnap_config usual = TSNAP_CONFIG_INIT;
    usual.memory_budget_bytes = 64 << 20;
    usual.collective_timeout_seconds = 60;
    CHECK_OK(tsnap_context_open(comm_, config == nullptr ? &usual : config, &context_));
  }
  ~Ranks() {
    if (in()) {
      CHECK_OK(tsnap_context_close(&context_));
      MPI_Comm_free(&comm_);
    }
    MPI_Barrier(MPI_COMM_WORLD);
  }
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  bool in() const { return comm_ != MPI_COMM_NULL; }
  int rank() const { return rank_; }
  int size() const { return size_; }
  operator tsnap_context*() { return context_; }  // NOLINT
  // Before the others do, or after: the destructor has nothing to close then.
  int32_t Close() { return tsnap_context_close(&context_); }

  // All ranks got this code, and a failure's message of one line.
  void Expect(int32_t code, int32_t expected) const {
    int32_t largest = 0, smallest = 0;
    MPI_Allreduce(&code, &largest, 1, MPI_INT32_T, MPI_MAX, comm_);
    MPI_Allreduce(&code, &smallest, 1, MPI_INT32_T, MPI_MIN, comm_);
    CHECK_TEXT(code == expected && largest == smallest,
               std::string("rank ") + std::to_string(rank_) + " got " + tsnap_status_name(code) + " (" +
                   (code == TSNAP_OK ? "" : tsnap_last_error()) + "), others " + tsnap_status_name(smallest) + " to " +
                   tsnap_status_name(largest) + ", expected " + tsnap_status_name(expected));
    if (code != TSNAP_OK) CHECK(std::strchr(tsnap_last_error(), '\n') == nullptr);
  }
  void ExpectFailure(int32_t code, int32_t expected, const Names& says) const {
    Expect(code, expected);
    for (const std::string& part : says) CHECK_SAYS(part);
  }
  void Wait() const { MPI_Barrier(comm_); }
  uint64_t Sum(uint64_t mine) const {
    uint64_t sum = 0;
    MPI_Allreduce(&mine, &sum, 1, MPI_UINT64_T, MPI_SUM, comm_);
    return sum;
  }
  // The names of all ranks together, sorted.
  Names Together(const Names& mine) const {
    std::string text;
    for (const std::string& name : mine) text += name + '\n';
    const int bytes = static_cast<int>(text.size());
    std::vector<int> counts(static_cast<size_t>(size_)), starts(counts.size());
    MPI_Allgather(&bytes, 1, MPI_INT, counts.data(), 1, MPI_INT, comm_);
    int total = 0;
    for (size_t i = 0; i < counts.size(); ++i) {
      starts[i] = total;
      total += counts[i];
    }
    std::string all(static_cast<size_t>(total), '\0');
    MPI_Allgatherv(text.data(), bytes, MPI_CHAR, all.data(), counts.data(), starts.data(), MPI_CHAR, comm_);
    Names names;
    for (size_t at = 0; at < all.size(); at = all.find('\n', at) + 1) names.push_back(all.substr(at, all.find('\n', at) - at));
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = -1, size_ = 0;
  tsnap_context* context_ = nullptr;
};

// A folder for all ranks of the launch, which rank 0 makes and removes.
class RanksFolder {
 public:
  RanksFolder() {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    char path[256] = {};
    if (rank == 0) std::snprintf(path, sizeof path, "%s", NewFolder().c_str());
    MPI_Bcast(path, sizeof path, MPI_CHAR, 0, MPI_COMM_WORLD);
    path_ = path;
    removes_ = rank == 0;
  }
  ~RanksFolder() {
    MPI_Barrier(MPI_COMM_WORLD);
    if (removes_) RemoveTree(path_);
  }
  RanksFolder(const RanksFolder&) = delete;
  RanksFolder& operator=(const RanksFolder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool removes_ = false;
};

inline int RunCaseOnRanks(int argc, char** argv, const NamedCases& cases) {
  MPI_Init(&argc, &argv);
  const int code = RunCase(argc, argv, cases);
  MPI_Finalize();
  return code;
}

}  // namespace tsnap::test
