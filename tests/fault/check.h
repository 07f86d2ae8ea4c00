// What every fault program needs: checks that say which case they were in, time limits, folders that vanish, cases by name.
// A failed check ends the process with its text; under mpirun that ends the whole job.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include <tsnap.h>

namespace tsnap::test {

// What is being tried just now; printed when a check fails.
inline std::string& Where() {
  static std::string where;
  return where;
}

[[noreturn]] inline void FailCheck(const char* file, int line, const char* condition, const std::string& text) {
  std::fprintf(stderr, "%s:%d: [%s] %s%s%s\n", file, line, Where().c_str(), condition, text.empty() ? "" : ": ", text.c_str());
  std::fflush(nullptr);
  std::_Exit(1);
}

#define CHECK(condition)                                                                          \
  do {                                                                                            \
    if (!(condition)) ::tsnap::test::FailCheck(__FILE__, __LINE__, "check failed: " #condition, {}); \
  } while (false)

#define CHECK_TEXT(condition, text)                                                                 \
  do {                                                                                              \
    if (!(condition)) ::tsnap::test::FailCheck(__FILE__, __LINE__, "check failed: " #condition, text); \
  } while (false)

#define CHECK_OK(call)                                                                                               \
  do {                                                                                                               \
    const int32_t check_code = (call);                                                                               \
    if (check_code != TSNAP_OK)                                                                                      \
      ::tsnap::test::FailCheck(__FILE__, __LINE__, #call,                                                            \
                               std::string(tsnap_status_name(check_code)) + ": " + tsnap_last_error());              \
  } while (false)

inline double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline bool LongMode() {
  const char* text = std::getenv("TSNAP_TEST_LONG");
  return text != nullptr && std::strcmp(text, "0") != 0 && *text != '\0';
}

inline bool Contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// A new folder; in memory where the machine has that and `durable` does not matter, so that thousands of takes are quick.
inline std::string NewFolder(bool in_memory = true) {
  const char* temporary = std::getenv("TMPDIR");
  std::string base = in_memory && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : temporary != nullptr ? temporary : "/tmp";
  base += "/tsnap-fault.XXXXXX";
  CHECK(mkdtemp(base.data()) != nullptr);
  return base;
}

// What takes compress with: TSNAP_TEST_CODEC, the number of a codec.
inline int32_t TestCodec() {
  const char* codec = std::getenv("TSNAP_TEST_CODEC");
  return codec == nullptr ? TSNAP_CODEC_NONE : std::atoi(codec);
}

// What a place of a snapshot is called: with TSNAP_TEST_PLACE=hdf5 it is an HDF5 file.
inline bool PlacesAreFiles() {
  const char* kind = std::getenv("TSNAP_TEST_PLACE");
  return kind != nullptr && std::string(kind) == "hdf5";
}
inline std::string PlaceName(const std::string& name) { return PlacesAreFiles() ? name + ".h5" : name; }

// A folder that goes with its owner.
class Folder {
 public:
  explicit Folder(std::string path) : path_(std::move(path)) {}
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + PlaceName(name); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline void RemoveTree(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

}  // namespace tsnap::test
