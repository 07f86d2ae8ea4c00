// What the bench asks of the system: the process's peak memory, files that are on the disk and not in memory, and a switch for
// pinned memory.
#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "check.h"
#include "gpu.h"

namespace tsnap::test {

class Clock {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

 private:
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// A line of /proc/self/status, in bytes.
inline double OwnMemory(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.compare(0, name.size() + 1, name + ":") == 0) return std::strtod(line.c_str() + name.size() + 1, nullptr) * 1024;
  return -1;
}

// How far the memory of the whole process (VmHWM) rises above what it had when this began.
class MemoryPeak {
 public:
  MemoryPeak() {
    malloc_trim(0);
    std::FILE* file = std::fopen("/proc/self/clear_refs", "w");
    known_ = file != nullptr && std::fputs("5", file) >= 0;
    if (file != nullptr) known_ = std::fclose(file) == 0 && known_;
    begin_ = OwnMemory("VmRSS");
  }
  // Negative: this system does not say.
  double bytes() const {
    const double peak = OwnMemory("VmHWM");
    return known_ && begin_ >= 0 && peak >= 0 ? std::max(0.0, peak - begin_) : -1;
  }

 private:
  bool known_ = false;
  double begin_ = 0;
};

// Written to the disk, and read from there the next time.
inline void Forget(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY);
  CHECK_TEXT(file >= 0 && fsync(file) == 0, path);
  CHECK_TEXT(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0, path);
  close(file);
}
inline void ForgetAllBelow(const std::string& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) Forget(entry.path());
}

// The library beside the program that the driver is used through; to be there before tsnap looks for the driver.
class Pins {
 public:
  Pins() {
    const std::string path = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "libbench_pins.so";
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    CHECK_TEXT(library != nullptr, dlerror());
    refuse_ = reinterpret_cast<void (*)(int)>(dlsym(library, "bench_refuse_pins"));
    CHECK(refuse_ != nullptr);
    CHECK(dlsym(library, "cuInit") == reinterpret_cast<void*>(TheCuda().Init));   // the driver behind it is that of the process
    setenv("TSNAP_CUDA_LIBRARY", path.c_str(), 1);
  }
  void Refuse(bool refuse) const { refuse_(refuse ? 1 : 0); }

 private:
  void (*refuse_)(int) = nullptr;
};

}  // namespace tsnap::test
