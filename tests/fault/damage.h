// The files of a snapshot, seen from outside: which there are, how old they look, and ways to damage one (undone when it goes).
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "check.h"

namespace tsnap::test {

inline std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  CHECK_TEXT(in.good(), path);
  std::ostringstream text;
  if (in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
  return text.str();
}

inline void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  CHECK_TEXT(out.good(), path);
}

// All files of a place: the record, index parts and slabs, sorted.
inline std::vector<std::string> FilesOf(const std::string& place) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(place)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

inline bool IsRecord(const std::string& path) { return Contains(path, "/tsnap.json"); }
inline bool IsIndex(const std::string& path) { return Contains(path, "/index/"); }
inline bool IsSlab(const std::string& path) { return Contains(path, "/data/"); }

// As if nothing below the folder had been touched for some seconds.
inline void Age(const std::string& path, int64_t seconds) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    const timespec then = {time(nullptr) - seconds, 0};
    const timespec times[2] = {then, then};
    CHECK(utimensat(AT_FDCWD, entry.path().c_str(), times, 0) == 0);
  }
}

// Where the takes of a place keep what is not committed: in the place, or beside the file that it is.
inline std::string FolderOfTakes(const std::string& place) {
  if (!PlacesAreFiles()) return place;
  const size_t slash = place.rfind('/');
  return place.substr(0, slash + 1) + "." + place.substr(slash + 1) + ".tsnap";
}

// Folders of ids at a place. A file that is committed has none.
inline std::set<std::string> IdsAt(const std::string& place) {
  std::set<std::string> ids;
  const std::string folder = FolderOfTakes(place);
  if (!std::filesystem::exists(folder)) return ids;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_directory()) ids.insert(entry.path().filename());
  }
  return ids;
}

class Damage {
 public:
  explicit Damage(std::string path) : path_(std::move(path)), bytes_(ReadFile(path_)) {}
  ~Damage() {
    std::filesystem::remove_all(path_);
    WriteFile(path_, bytes_);
  }
  Damage(const Damage&) = delete;
  Damage& operator=(const Damage&) = delete;
  const std::string& bytes() const { return bytes_; }

  void Flip(size_t at, unsigned char mask) {
    std::string damaged = bytes_;
    damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ mask);
    WriteFile(path_, damaged);
  }
  void Truncate(size_t bytes) { WriteFile(path_, bytes_.substr(0, bytes)); }
  void Extend(const std::string& more) { WriteFile(path_, bytes_ + more); }
  void Replace(const std::string& bytes) { WriteFile(path_, bytes); }
  void Delete() { std::filesystem::remove_all(path_); }
  void BecomeFolder() {
    Delete();
    std::filesystem::create_directory(path_);
  }
  void BecomeDanglingLink() {
    Delete();
    std::filesystem::create_symlink("nowhere", path_);
  }

 private:
  std::string path_;
  std::string bytes_;
};

}  // namespace tsnap::test
