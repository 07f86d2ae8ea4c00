// What others do in the folder of a posix store, and limits: pipes and links in it, locks that are held or taken away, folders that come
// and go, sizes that no file has. preload.c is linked in: it makes calls fail.
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "../fault/io_fault.h"
#include "contract.h"

namespace tsnap::contract {

namespace fs = std::filesystem;
using test::IoFault;

namespace {

class Folder {
 public:
  Folder() {
    const char* temporary = std::getenv("TMPDIR");
    path_ = std::string(temporary != nullptr ? temporary : "/tmp") + "/tsnap-fault.XXXXXX";   // io_fault.h looks for that
    cr_assert(mkdtemp(path_.data()) != nullptr);
    fs::create_directory(Root());
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string Root() const { return path_ + "/place"; }
  std::string LockFile() const { return Root() + "/.tsnap-lock"; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  Result<std::unique_ptr<Store>> TryOpen(int direct_io) const {
    Knobs knobs;
    knobs.direct_io = direct_io;
    return OpenStore(Root(), knobs, true);
  }
  std::unique_ptr<Store> Open(double io_timeout_seconds = 300) const {
    Knobs knobs;
    knobs.direct_io = 2;
    knobs.io_timeout_seconds = io_timeout_seconds;
    Result<std::unique_ptr<Store>> store = OpenStore(Root(), knobs, true);
    EXPECT_OK(store);
    return std::move(store).value();
  }

 private:
  std::string path_;
};

// Holds the lock of a lock file as another process would: flock goes by open file.
class HeldLock {
 public:
  explicit HeldLock(const std::string& path) : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    cr_assert(fd_ >= 0 && ::flock(fd_, LOCK_EX | LOCK_NB) == 0);
  }
  ~HeldLock() { Release(); }
  void Release() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

Version VersionOf(Store& store, const std::string& key) {
  Version version;
  GetText(store, key, &version);
  return version;
}

}  // namespace

Test(posix, reading_a_pipe_is_told_and_never_waits_for_a_writer, .timeout = 20) {
  Folder folder;
  const auto store = folder.Open();
  cr_assert_eq(::mkfifo((folder.Root() + "/pipe").c_str(), 0600), 0);
  EXPECT_CODE(store->Get("pipe", 10, nullptr), kCorrupt);
  Bytes out(1);
  EXPECT_CODE(store->ReadAt("pipe", 0, out), kCorrupt);
  EXPECT_CODE(store->PutIf("pipe", AsBytes("x"), {}, false), kExists);
}

Test(posix, overwriting_waits_for_a_lock_no_longer_than_the_io_timeout, .timeout = 20) {
  Folder folder;
  const auto store = folder.Open(0.3);
  PutText(*store, "a", "old");
  const Version version = VersionOf(*store, "a");
  HeldLock held(folder.LockFile());
  const Status status = store->PutIf("a", AsBytes("new"), version, false);
  EXPECT_CODE(status, kTimeout);
  cr_assert(status.message().find(folder.LockFile()) != std::string::npos, "%s", status.message().c_str());
  cr_assert_eq(GetText(*store, "a"), "old");
  held.Release();
  EXPECT_OK(store->PutIf("a", AsBytes("new"), version, false));
  cr_assert_eq(GetText(*store, "a"), "new");
}

// Removing a place takes the lock file away under who waits for it; the next one makes a new file.
Test(posix, a_lock_file_that_was_removed_locks_nobody_in, .timeout = 20) {
  Folder folder;
  const auto store = folder.Open();
  PutText(*store, "a", "old");
  const Version version = VersionOf(*store, "a");
  HeldLock removed(folder.LockFile());
  Status put;
  std::atomic<bool> done{false};
  std::thread waiter([&] {
    put = store->PutIf("a", AsBytes("new"), version, false);
    done = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));   // by now it waits; if it does not yet, the test only proves less
  ::unlink(folder.LockFile().c_str());
  HeldLock next(folder.LockFile());
  removed.Release();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const bool went_on = done;
  next.Release();
  waiter.join();
  cr_assert(!went_on, "it went on while another held the lock");
  EXPECT_OK(put);
}

Test(posix, direct_io_that_is_asked_for_and_fails_is_told_as_what_it_is) {
  Folder folder;
  if (!folder.TryOpen(1).ok()) cr_skip_test("no direct I/O in %s", folder.Root().c_str());
  for (const auto& [spec, code] : {std::pair{"op=pwrite,n=1,errno=EIO", Code::kIo}, {"op=pwrite,n=1,errno=ENOSPC", Code::kNoSpace},
                                   {"op=pwrite,n=1,errno=EINVAL", Code::kUnsupported},
                                   {"op=open,n=1,count=all,errno=EINVAL", Code::kUnsupported}}) {
    IoFault::Arm(spec);
    const Status status = folder.TryOpen(1).status();
    cr_assert(IoFault::Disarm() > 0);
    cr_assert(status.code() == code, "%s: %s", spec, status.ToString().c_str());
    cr_assert(status.message().find(folder.Root()) != std::string::npos, "%s", status.message().c_str());
  }
  EXPECT_OK(folder.TryOpen(1));
  cr_assert(fs::is_empty(folder.Root()));   // probing leaves nothing
}

Test(posix, direct_io_by_file_system_falls_back_to_buffered) {
  Folder folder;
  Result<std::unique_ptr<Store>> store = folder.TryOpen(0);
  EXPECT_OK(store);
  if ((*store)->traits().write_alignment == 1) cr_skip_test("this file system is written buffered anyway");
  IoFault::Arm("op=pwrite,n=1,errno=EINVAL");
  store = folder.TryOpen(0);
  cr_assert(IoFault::Disarm() > 0);
  EXPECT_OK(store);
  cr_assert_eq((*store)->traits().write_alignment, 1u);
  WriteObject(**store, "a", AsBytes("written all the same"), true);
  cr_assert_eq(GetText(**store, "a"), "written all the same");
}

Test(posix, a_link_inside_a_prefix_is_not_followed) {
  Folder folder;
  const auto store = folder.Open();
  fs::create_directories(folder / "outside/deep");
  std::ofstream(folder / "outside/deep/precious") << "precious";
  fs::create_directory_symlink(folder / "outside", folder.Root() + "/link");
  cr_assert(Keys(*store, "link/deep/").empty());
  cr_assert(Parts(*store, "link/deep/").empty());
  EXPECT_OK(store->RemoveAll("link/deep/"));
  cr_assert(fs::exists(folder / "outside/deep/precious"));
}

Test(posix, offsets_and_sizes_that_no_file_has_are_told) {
  Folder folder;
  const auto store = folder.Open();
  WriteObject(*store, "a", Pattern(100, 1));
  Bytes out(10);
  for (const uint64_t offset : {UINT64_MAX - 4, uint64_t{1} << 63, uint64_t{INT64_MAX}}) EXPECT_CODE(store->ReadAt("a", offset, out), kCorrupt);
  EXPECT_CODE(store->Create("b", UINT64_MAX - 10), kInvalid);
  EXPECT_CODE(store->Stat("b"), kNotFound);
}

Test(memory, offsets_and_sizes_that_no_memory_has_are_told) {
  Result<std::unique_ptr<Store>> store = OpenStore("mem://limits", Knobs(), true);
  EXPECT_OK(store);
  const auto writer = MustCreate(**store, "a", UINT64_MAX - 10);   // only a hint
  const Status too_far = writer->WriteAt(UINT64_MAX - 1, Pattern(10, 1));
  cr_assert(too_far.code() == Code::kNoMemory, "%s", too_far.ToString().c_str());
  const Status too_large = writer->Finish(UINT64_MAX, false);
  cr_assert(too_large.code() == Code::kNoMemory, "%s", too_large.ToString().c_str());
  EXPECT_OK(writer->Finish(0, false));
}

// A snapshot is looked for where the user named a file.
Test(posix, a_file_as_the_place_holds_nothing_and_says_why) {
  Folder folder;
  std::ofstream(folder / "file") << "x";
  Result<std::unique_ptr<Store>> store = OpenStore(folder / "file", Knobs(), false);
  EXPECT_OK(store);
  const Status status = StatusOf((*store)->Get("a", 10, nullptr));
  EXPECT_CODE(status, kNotFound);
  cr_assert(status.message().find("is a file, not a folder") != std::string::npos, "%s", status.message().c_str());
}

Test(posix, creating_wins_over_a_folder_that_is_removed_meanwhile, .timeout = 60) {
  Folder folder;
  const auto store = folder.Open();
  std::vector<Status> wrong(3);
  InThreads(3, [&](int i) {
    for (int round = 0; round < 300; ++round) {
      Status status = i == 0 ? store->RemoveAll("folder/") : store->Create("folder/deep/" + std::to_string(i), 0).status();
      if (!status.ok() && status.code() != Code::kExists) wrong[static_cast<size_t>(i)] = std::move(status);
    }
  });
  for (const Status& status : wrong) EXPECT_OK(status);
}

// A full disk: what is free, so that the user need not look.
Test(posix, a_full_disk_is_told_with_what_is_needed_and_what_is_free) {
  Folder folder;
  const auto store = folder.Open();
  IoFault::Arm("op=fallocate,n=1,errno=ENOSPC");
  const Status status = StatusOf(store->Create("a", 123456));
  cr_assert(IoFault::Disarm() > 0);
  EXPECT_CODE(status, kNoSpace);
  cr_assert(status.message().find("123456 bytes") != std::string::npos, "%s", status.message().c_str());
  cr_assert(status.message().find("are free") != std::string::npos, "%s", status.message().c_str());
}

}  // namespace tsnap::contract
