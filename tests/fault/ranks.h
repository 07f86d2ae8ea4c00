// What fault programs under mpirun share: a case by name (MPI starts only once in a process), and "the same on all ranks".
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include <tsnap.h>

#include "check.h"
#include "how.h"

namespace tsnap::test {

inline int WorldRank() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

inline int WorldSize() {
  int size = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

inline int64_t Largest(int64_t mine) {
  int64_t all = 0;
  MPI_Allreduce(&mine, &all, 1, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD);
  return all;
}

// Rank 0's text, on all ranks.
inline std::string Shared(std::string text) {
  int length = static_cast<int>(text.size());
  MPI_Bcast(&length, 1, MPI_INT, 0, MPI_COMM_WORLD);
  text.resize(static_cast<size_t>(length));
  MPI_Bcast(text.data(), length, MPI_CHAR, 0, MPI_COMM_WORLD);
  return text;
}

// The code, after checking that every rank has it, and that each has a text of one line for a failure.
inline int32_t SameOnAll(int32_t code) {
  const int64_t mine = code;
  const int64_t largest = Largest(mine), smallest = -Largest(-mine);
  CHECK_TEXT(largest == smallest, "rank " + std::to_string(WorldRank()) + " got " + tsnap_status_name(code) + " (" +
                                      tsnap_last_error() + "), another one " +
                                      tsnap_status_name(static_cast<int32_t>(mine == largest ? smallest : largest)));
  if (code != TSNAP_OK) {
    const std::string message = tsnap_last_error();
    CHECK(!message.empty());
    CHECK_TEXT(!Contains(message, "\n"), message);
  }
  return code;
}

inline void CheckSame(int32_t code, int32_t expected) {
  SameOnAll(code);
  CHECK_TEXT(code == expected, std::string("got ") + tsnap_status_name(code) + " (" + (code ? tsnap_last_error() : "") +
                                   "), expected " + tsnap_status_name(expected));
}

// A folder that rank 0 makes and removes.
class SharedFolder {
 public:
  explicit SharedFolder(bool in_memory = true) : path_(Shared(WorldRank() == 0 ? NewFolder(in_memory) : std::string())) {}
  ~SharedFolder() {
    MPI_Barrier(MPI_COMM_WORLD);
    if (WorldRank() == 0) RemoveTree(path_);
  }
  SharedFolder(const SharedFolder&) = delete;
  SharedFolder& operator=(const SharedFolder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + PlaceName(name); }

 private:
  std::string path_;
};

// A context of all ranks, closed with them.
class World {
 public:
  explicit World(double collective_timeout_seconds = 60, double io_timeout_seconds = 60, int32_t direct_io = 0,
                 bool tight = false) {
    tsnap_config config = TSNAP_CONFIG_INIT;
    config.collective_timeout_seconds = collective_timeout_seconds;
    config.io_timeout_seconds = io_timeout_seconds;
    config.direct_io = direct_io;
    config.memory_budget_bytes = 64 << 20;
    if (tight) {   // two transfers fill the memory, one moves at a time, and several threads copy
      config.memory_budget_bytes = 512 << 10;
      config.io_concurrency = 1;
      config.staging_threads = 4;
    }
    CHECK_OK(tsnap_context_open(MPI_COMM_WORLD, &config, &context_));
  }
  ~World() {
    if (context_ != nullptr) CHECK_OK(tsnap_context_close(&context_));
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  tsnap_context* get() { return context_; }
  int32_t Close() { return tsnap_context_close(&context_); }

 private:
  tsnap_context* context_ = nullptr;
};

inline tsnap_take_options SmallSlabs(bool overwrite = false) {
  tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
  options.overwrite = overwrite ? TSNAP_ON : TSNAP_OFF;
  options.chunk_bytes = 256 << 10;
  options.slab_bytes = 256 << 10;
  options.codec = TestCodec();
  return options;
}

using Cases = std::map<std::string, void (*)()>;

// At the thread level that the takes want (how.h). A test whose MPI does not grant it is skipped.
inline void StartMpi(int* argc, char*** argv) {
  const int wanted = TheHow() == How::kAsync ? MPI_THREAD_MULTIPLE : MPI_THREAD_FUNNELED;
  int granted = MPI_THREAD_SINGLE;
  if (InBackground()) MPI_Init_thread(argc, argv, wanted, &granted);
  else MPI_Init(argc, argv);
  if (!InBackground() || (granted == MPI_THREAD_MULTIPLE) == (wanted == MPI_THREAD_MULTIPLE)) return;
  if (WorldRank() == 0) std::fprintf(stderr, "this MPI does not give the thread level of TSNAP_TEST_HOW\n");
  MPI_Finalize();
  std::exit(77);
}

inline int RunRanks(int argc, char** argv, const Cases& cases) {
  if (argc < 2 || cases.count(argv[1]) == 0) {
    std::fprintf(stderr, "usage: %s CASE; cases:\n", argv[0]);
    for (const auto& one : cases) std::fprintf(stderr, "  %s\n", one.first.c_str());
    return 2;
  }
  StartMpi(&argc, &argv);
  cases.at(argv[1])();
  MPI_Finalize();
  return 0;
}

}  // namespace tsnap::test
