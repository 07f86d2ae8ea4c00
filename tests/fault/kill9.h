// What the programs share that kill9.py kills at any moment: "run FOLDER" (under mpirun) writes what it has promised into a log,
// "check FOLDER RANKS gc|leave" tells, without MPI, whether all of that is there.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "how.h"
#include "ranks.h"

namespace tsnap::test {

// One line, by rank 0.
inline void Log(const std::string& folder, const std::string& line) {
  if (WorldRank() != 0) return;
  const int file = open((folder + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  CHECK(file >= 0);
  CHECK(write(file, (line + "\n").data(), line.size() + 1) == static_cast<ssize_t>(line.size() + 1));
  close(file);
}

template <class Run, class Check>
int RunKilled(int argc, char** argv, Run&& run, Check&& check) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "check" && argc == 5) {
    check(argv[2], std::atoi(argv[3]), std::string(argv[4]) == "gc");
    return 0;
  }
  if (mode != "run" || argc != 3) {
    std::fprintf(stderr, "usage: %s run FOLDER | check FOLDER RANKS gc|leave\n", argv[0]);
    return 2;
  }
  int granted = MPI_THREAD_SINGLE;   // less than was asked for will do: then the background is driven
  MPI_Init_thread(&argc, &argv, TheHow() == How::kAsync ? MPI_THREAD_MULTIPLE : MPI_THREAD_FUNNELED, &granted);
  run(argv[2]);
  return 0;
}

}  // namespace tsnap::test
