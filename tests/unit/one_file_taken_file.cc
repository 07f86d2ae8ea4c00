// The bytes of a take's file: long and short runs, at any address and from any memory, by writers that meet within a block.
#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "format/one_file/taken_file.h"
#include "store/posix/direct_io.h"

using namespace tsnap;
using namespace tsnap::one_file;

namespace {

constexpr std::byte kUntouched{0xee};
constexpr uint64_t kKiB = 1024;

std::byte Value(uint64_t at) { return static_cast<std::byte>((at * 2654435761U) >> 13); }

// A file in the working folder, which is on a disk where a build is, with one dataset of bytes.
class Taken {
 public:
  Taken(uint64_t address, uint64_t bytes, int direct_io) : address_(address), bytes_(bytes), size_(address + bytes + 5000) {
    char name[] = "one_file_taken_file.XXXXXX";
    const int fd = mkstemp(name);
    cr_assert(fd >= 0);
    path_ = std::string("./") + name;
    const Bytes background(size_, kUntouched);
    cr_assert(write(fd, background.data(), size_) == static_cast<ssize_t>(size_));
    close(fd);
    FileMap map;
    map.datasets.push_back({{address, bytes}, 1, 1, Index{static_cast<int64_t>(bytes)}});
    Result<std::shared_ptr<TakenFile>> opened = TakenFile::Open(path_, std::move(map), direct_io, &counters);
    cr_assert(opened.ok(), "%s", opened.status().message().c_str());
    file_ = std::move(opened).value();
  }
  ~Taken() { unlink(path_.c_str()); }
  Taken(const Taken&) = delete;
  Taken& operator=(const Taken&) = delete;

  // A part of the dataset, out of memory that begins so many bytes behind a page.
  void Write(uint64_t begin, uint64_t bytes, uint64_t shift) {
    const std::unique_ptr<std::byte, decltype(&std::free)> memory(
        static_cast<std::byte*>(std::aligned_alloc(4096, AlignUp(shift + bytes, 4096))), &std::free);
    for (uint64_t i = 0; i < bytes; ++i) memory.get()[shift + i] = Value(begin + i);
    Result<std::unique_ptr<StoreWriter>> writer = file_->Writer({0, false, {}});
    cr_assert(writer.ok());
    const Status status = (*writer)->WriteAt(begin, {memory.get() + shift, bytes}, {});
    cr_assert(status.ok(), "%s", status.message().c_str());
  }
  void Check() {
    cr_assert(file_->Sync().ok());
    Bytes all(size_ + 1);
    const int fd = open(path_.c_str(), O_RDONLY);
    cr_assert(read(fd, all.data(), all.size()) == static_cast<ssize_t>(size_));
    close(fd);
    for (uint64_t i = 0; i < size_; ++i) {
      const bool inside = i >= address_ && i < address_ + bytes_;
      cr_assert(all[i] == (inside ? Value(i - address_) : kUntouched), "byte %zu of %zu is wrong", static_cast<size_t>(i),
                static_cast<size_t>(size_));
    }
    cr_assert(counters.written_bytes == bytes_);
  }

  StoreCounters counters;

 private:
  const uint64_t address_, bytes_, size_;
  std::string path_;
  std::shared_ptr<TakenFile> file_;
};

}  // namespace

Test(one_file_taken_file, any_address_length_and_memory) {
  for (const int direct_io : {0, 2}) {
    for (const uint64_t address : {uint64_t{0}, uint64_t{4096}, uint64_t{4097}, uint64_t{8191}, uint64_t{2048}}) {
      for (const uint64_t bytes : {uint64_t{1}, 255 * kKiB, 256 * kKiB, 256 * kKiB + 1, 300 * kKiB - 1, 1024 * kKiB, 2500 * kKiB + 77}) {
        for (const uint64_t shift : {0, 16, 2048, 4095}) {
          Taken taken(address, bytes, direct_io);
          taken.Write(0, bytes, shift);
          taken.Check();
        }
      }
    }
  }
}

Test(one_file_taken_file, writers_meet_within_a_block) {
  constexpr uint64_t kPart = 300 * kKiB + 1234, kParts = 8;
  for (int round = 0; round < 10; ++round) {
    Taken taken(4096, kPart * kParts, /*direct_io=*/0);
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < kParts; ++i)
      threads.emplace_back([&taken, i] { taken.Write(i * kPart, kPart, i % 2 == 0 ? 0 : 16); });
    for (std::thread& thread : threads) thread.join();
    taken.Check();
  }
}

// As a fill value is written before the data.
Test(one_file_taken_file, long_runs_over_what_was_just_written) {
  constexpr uint64_t kPart = 512 * kKiB + 100;
  Taken taken(8192, 2 * kPart, /*direct_io=*/0);
  for (uint64_t begin = 0; begin < 2 * kPart; begin += 64) taken.Write(begin, std::min<uint64_t>(64, 2 * kPart - begin), 0);
  taken.counters.written_bytes = 0;
  taken.Write(0, kPart, 1);
  taken.Write(kPart, kPart, 0);
  taken.Check();
}
