// What the posix store does when system calls fail, and with what others leave in its folder. preload.c is linked in: it makes the
// calls fail.
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "../fault/io_fault.h"
#include "contract.h"

namespace tsnap::contract {

namespace fs = std::filesystem;
using test::IoFault;

namespace {

class Scene {
 public:
  explicit Scene(int direct_io = 2) {
    const char* temporary = std::getenv("TMPDIR");
    folder_ = std::string(temporary != nullptr ? temporary : "/tmp") + "/tsnap-fault.XXXXXX";   // io_fault.h looks for that
    cr_assert(mkdtemp(folder_.data()) != nullptr);
    Knobs knobs;
    knobs.direct_io = direct_io;
    Result<std::unique_ptr<Store>> store = OpenStore(Root(), knobs, true);
    if (direct_io == 1 && store.status().code() == Code::kUnsupported) cr_skip_test("no direct I/O in %s", folder_.c_str());
    EXPECT_OK(store);
    store_ = std::move(store).value();
  }
  ~Scene() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  Store& store() { return *store_; }
  std::string Root() const { return folder_ + "/place"; }
  std::string operator/(const std::string& name) const { return folder_ + "/" + name; }

  // Files below the root that no user asked for.
  std::vector<std::string> Internal() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(Root())) {
      const std::string name = entry.path().filename();
      if (name.starts_with(".tsnap-") && name != ".tsnap-lock") found.push_back(name);
    }
    return found;
  }

 private:
  std::string folder_;
  std::unique_ptr<Store> store_;
};

// The status of a call while a fault is armed; the fault must have happened.
template <class Call>
Status WithFault(const std::string& spec, Call call) {
  IoFault::Arm(spec);
  Status status = StatusOf(call());
  const int64_t seen = IoFault::Disarm();
  cr_assert(seen > 0, "%s: no such call", spec.c_str());
  return status;
}

void WriteFile(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

// Its text names the file and the cause.
void ExpectText(const Status& status, const std::string& file, const std::string& cause) {
  cr_assert(status.message().find(file) != std::string::npos, "%s", status.message().c_str());
  cr_assert(status.message().find(cause) != std::string::npos, "%s", status.message().c_str());
}

Status WriteWhole(Store& store, const std::string& key, ConstByteSpan content, bool durable) {
  TSNAP_ASSIGN(const std::unique_ptr<StoreWriter> writer, store.Create(key, content.size()));
  const AlignedBytes aligned(content);
  TSNAP_TRY(writer->WriteAt(0, aligned.span()));
  return writer->Finish(content.size(), durable);
}

}  // namespace

Test(posix, a_short_write_or_an_interrupted_one_is_continued) {
  for (const int direct_io : {2, 1}) {
    Scene scene(direct_io);
    const Bytes content = Pattern(40000, 1);
    for (const std::string& spec : {IoFault::Short("pwrite", 1), IoFault::Short("pwrite", 1) + ",count=3", IoFault::Spec("pwrite", 1, "EINTR"),
                                    IoFault::Spec("ftruncate", 1, "EINTR"), IoFault::Spec("fsync", 1, "EINTR")}) {
      EXPECT_OK(WithFault(spec, [&] { return WriteWhole(scene.store(), "a", content, true); }));
      cr_assert(ReadRange(scene.store(), "a", 0, content.size()) == content);
      EXPECT_OK(scene.store().Remove("a"));
    }
    EXPECT_OK(WithFault(IoFault::Short("pwrite", 1), [&] { return scene.store().Put("b", content, true); }));
    cr_assert(ReadRange(scene.store(), "b", 0, content.size()) == content);
  }
}

Test(posix, a_short_read_or_an_interrupted_one_is_continued) {
  Scene scene;
  const Bytes content = Pattern(40001, 2);
  WriteObject(scene.store(), "a", content);
  for (const std::string& spec : {IoFault::Short("pread", 1), IoFault::Short("pread", 1) + ",count=7", IoFault::Spec("pread", 1, "EINTR")}) {
    Bytes out(content.size());
    EXPECT_OK(WithFault(spec, [&] { return scene.store().ReadAt("a", 0, out); }));
    cr_assert(out == content);
    EXPECT_OK(WithFault(spec, [&] { return scene.store().Get("a", 1 << 20, nullptr); }));
  }
}

// The hint may fail in any way; the read that follows tells what is wrong, if anything.
Test(posix, a_hint_that_fails_does_not_fail_the_read) {
  const Bytes content = Pattern(600001, 2);
  for (const std::string& spec : {IoFault::Spec("fadvise", 1, "EINVAL"), IoFault::Forever("fadvise", 1, "EBADF"), IoFault::Spec("fadvise", 3, "EIO"),
                                  IoFault::Spec("open", 1, "EMFILE"), IoFault::Spec("open", 1, "EIO")}) {
    Scene scene;
    WriteObject(scene.store(), "a", content);
    EXPECT_OK(WithFault(spec, [&] {
      scene.store().WillRead("a", 0, content.size());
      return Status::Ok();
    }));
    scene.store().WillRead("a", 0, content.size());
    cr_assert(ReadRange(scene.store(), "a", 0, content.size()) == content);
  }
}

// Neither what was announced nor what is read drags in what lies beside it.
Test(posix, reading_ahead_fetches_what_was_announced_and_nothing_else) {
  Scene scene;
  const uint64_t size = 64 << 20;
  WriteObject(scene.store(), "a", Bytes(size), true);
  const int file = open((scene.Root() + "/a").c_str(), O_RDONLY);
  cr_assert(file >= 0 && posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0);
  void* const mapped = mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
  cr_assert(mapped != MAP_FAILED);
  std::vector<unsigned char> resident(size / 4096);
  const auto cached = [&](uint64_t begin, uint64_t end) {
    cr_assert(mincore(mapped, size, resident.data()) == 0);
    uint64_t bytes = 0;
    for (uint64_t page = begin / 4096; page < end / 4096; ++page) bytes += (resident[page] & 1u) * 4096u;
    return bytes;
  };
  if (cached(0, size) != 0) cr_skip_test("%s keeps its files in memory", scene.Root().c_str());
  const uint64_t block = 256 * 1024, announced = 4 << 20, at = 16 << 20;
  scene.store().WillRead("a", at, announced);
  cr_assert(ReadRange(scene.store(), "a", at, announced) == Bytes(announced));
  for (uint64_t i = 0; i < 3; ++i) cr_assert(ReadRange(scene.store(), "a", (40 << 20) + i * block, block) == Bytes(block));
  // The kernel takes back what it likes when others want memory; what nobody asked for never comes.
  const uint64_t there = cached(at, at + announced), all = cached(0, size);
  cr_assert(there > announced / 2, "%lu of %lu bytes are cached", there, announced);
  cr_assert(all <= announced + 3 * block, "%lu bytes are cached, %lu were asked for", all, announced + 3 * block);
  munmap(mapped, size);
  close(file);
}

// Every call that can fail while an object is written is told, and nothing is left.
Test(posix, a_failed_write_is_reported_and_leaves_nothing) {
  Scene scene;
  const Bytes content = Pattern(40000, 3);
  for (const char* call : {"open", "fallocate", "pwrite", "ftruncate", "fsync", "close"}) {
    for (const auto& [error, code] : {std::pair{"EIO", Code::kIo}, {"ENOSPC", Code::kNoSpace}, {"EDQUOT", Code::kNoSpace}}) {
      const Status status = WithFault(IoFault::Spec(call, 1, error), [&] { return WriteWhole(scene.store(), "folder/a", content, true); });
      cr_assert(status.code() == code, "%s %s: %s", call, error, status.ToString().c_str());
      ExpectText(status, scene.Root() + "/folder/a", ": ");
      EXPECT_CODE(scene.store().Stat("folder/a"), kNotFound);
    }
  }
  EXPECT_OK(WriteWhole(scene.store(), "folder/a", content, true));
}

Test(posix, a_place_that_cannot_reserve_space_is_written_all_the_same) {
  Scene scene;
  const Bytes content = Pattern(40000, 4);
  EXPECT_OK(WithFault(IoFault::Spec("fallocate", 1, "EOPNOTSUPP"), [&] { return WriteWhole(scene.store(), "a", content, true); }));
  cr_assert(ReadRange(scene.store(), "a", 0, content.size()) == content);
}

Test(posix, a_failed_put_leaves_the_old_object_and_no_temporary_file) {
  Scene scene;
  for (const char* call : {"open", "pwrite", "fsync", "close", "rename"}) {
    for (const auto& [error, code] : {std::pair{"EIO", Code::kIo}, {"ENOSPC", Code::kNoSpace}}) {
      PutText(scene.store(), "a", "old");
      const auto put = [&] { return scene.store().Put("a", AsBytes("new"), true); };
      cr_assert(WithFault(IoFault::Spec(call, 1, error), put).code() == code, "%s", call);
      cr_assert_eq(GetText(scene.store(), "a"), "old");
      const auto put_new = [&] { return scene.store().PutIf("b", AsBytes("new"), {}, true); };
      if (std::string(call) != "rename") cr_assert(WithFault(IoFault::Spec(call, 1, error), put_new).code() == code, "%s", call);
      EXPECT_CODE(scene.store().Stat("b"), kNotFound);
      cr_assert(scene.Internal().empty());
    }
  }
}

Test(posix, a_name_that_may_not_be_durable_is_told) {
  Scene scene;
  const auto put_new = [&] { return scene.store().PutIf("a", AsBytes("new"), {}, true); };
  const Status status = WithFault(IoFault::Spec("fsync", 2, "EIO"), put_new);   // the first syncs the bytes, the second the name
  EXPECT_CODE(status, kIo);
  ExpectText(status, "/a", "is there, but its name may not survive");
  cr_assert_eq(GetText(scene.store(), "a"), "new");
  EXPECT_CODE(WithFault(IoFault::Spec("fsync", 1, "EIO"), [&] { return scene.store().SyncFolder(""); }), kIo);
  EXPECT_CODE(WithFault(IoFault::Spec("fsync", 2, "EIO"), [&] { return scene.store().SyncFolder(""); }), kIo);
  EXPECT_OK(WithFault(IoFault::Forever("fsync", 1, "EINVAL"), [&] { return scene.store().SyncFolder(""); }));
}

// Files that are durable were synced after the last byte was written, and their names after they appeared.
Test(posix, only_what_is_durable_is_synced) {
  Scene scene;
  const auto syncs = [&](auto call) {
    IoFault::Arm("op=fsync,n=0");
    EXPECT_OK(call());
    return IoFault::Disarm();
  };
  cr_assert_eq(syncs([&] { return WriteWhole(scene.store(), "a", Pattern(5000, 1), false); }), 0);
  cr_assert_eq(syncs([&] { return WriteWhole(scene.store(), "b", Pattern(5000, 1), true); }), 1);
  cr_assert_eq(syncs([&] { return scene.store().Put("c", AsBytes("c"), false); }), 0);
  cr_assert_eq(syncs([&] { return scene.store().Put("c", AsBytes("c"), true); }), 2);
  cr_assert_eq(syncs([&] { return scene.store().PutIf("d", AsBytes("c"), {}, true); }), 2);
}

Test(posix, where_links_are_unknown_a_new_object_is_still_put_once) {
  Scene scene;
  for (const char* error : {"EPERM", "EOPNOTSUPP", "ENOSYS", "EMLINK"}) {
    const std::string key = std::string("new-") + error;
    const auto put = [&](const std::string& text) { return scene.store().PutIf(key, AsBytes(text), {}, true); };
    EXPECT_OK(WithFault(IoFault::Forever("link", 1, error), [&] { return put("first"); }));
    EXPECT_CODE(WithFault(IoFault::Forever("link", 1, error), [&] { return put("second"); }), kExists);
    cr_assert_eq(GetText(scene.store(), key), "first");
    cr_assert(scene.Internal().empty());
  }
  // Over a version no link is needed.
  PutText(scene.store(), "old", "old");
  Version version;
  GetText(scene.store(), "old", &version);
  IoFault::Arm("op=link,n=1,errno=EPERM");
  EXPECT_OK(scene.store().PutIf("old", AsBytes("new"), version, true));
  cr_assert_eq(IoFault::Disarm(), 0);
  cr_assert_eq(GetText(scene.store(), "old"), "new");
}

Test(posix, an_answer_that_was_lost_is_settled_by_reading_back) {
  Scene scene;
  // The link was made, its answer was not heard, and the second try finds the name taken: by us.
  PutText(scene.store(), "ours", "the record of this take");
  for (const char* error : {"EEXIST", "EIO", "ETIMEDOUT"}) {
    EXPECT_OK(WithFault(IoFault::Spec("link", 1, error), [&] { return scene.store().PutIf("ours", AsBytes("the record of this take"), {}, true); }));
  }
  PutText(scene.store(), "theirs", "the record of that take");
  EXPECT_CODE(scene.store().PutIf("theirs", AsBytes("the record of this take"), {}, true), kExists);
  cr_assert_eq(GetText(scene.store(), "theirs"), "the record of that take");
  // Nothing was done, or it cannot be said.
  const auto put = [&] { return scene.store().PutIf("nobody's", AsBytes("the record of this take"), {}, true); };
  EXPECT_CODE(WithFault(IoFault::Spec("link", 1, "EIO"), put), kIo);
  EXPECT_CODE(scene.store().Stat("nobody's"), kNotFound);
  const Status unknown = WithFault("op=any,n=1,count=all,errno=EIO,path=nobody", put);   // the link fails, and looking does
  EXPECT_CODE(unknown, kIo);
  ExpectText(unknown, "nobody's", "may or may not");
  cr_assert(scene.Internal().empty());
}

Test(posix, an_overwrite_whose_answer_was_lost_is_settled_by_reading_back) {
  Scene scene;
  PutText(scene.store(), "a", "old");
  Version version;
  GetText(scene.store(), "a", &version);
  const auto put = [&](const std::string& text) { return scene.store().PutIf("a", AsBytes(text), version, true); };
  EXPECT_CODE(WithFault(IoFault::Spec("rename", 1, "EIO"), [&] { return put("new"); }), kIo);
  cr_assert_eq(GetText(scene.store(), "a"), "old");
  EXPECT_OK(WithFault(IoFault::Spec("rename", 1, "EIO"), [&] { return put("old"); }));   // it is what should be there
  EXPECT_OK(put("new"));
  cr_assert_eq(GetText(scene.store(), "a"), "new");
}

Test(posix, a_file_in_the_way_of_a_folder_is_told) {
  Scene scene;
  PutText(scene.store(), "a", "a file");
  for (const Status& status : {StatusOf(scene.store().Create("a/b", 0)), scene.store().Put("a/b", AsBytes("x"), false),
                               scene.store().PutIf("a/b/c", AsBytes("x"), {}, true)}) {
    EXPECT_CODE(status, kIo);
    ExpectText(status, scene.Root() + "/a", "Not a directory");
  }
  cr_assert_eq(GetText(scene.store(), "a"), "a file");
  WriteFile(scene / "file", "x");
  EXPECT_CODE(OpenStore(scene / "file", Knobs(), true), kIo);
  EXPECT_CODE(OpenStore(scene / "file/place", Knobs(), true), kIo);
  // And a folder in the way of a file.
  PutText(scene.store(), "folder/b", "x");
  EXPECT_CODE(scene.store().Create("folder", 0), kExists);
  cr_assert(!scene.store().Put("folder", AsBytes("x"), false).ok());
  cr_assert(!scene.store().Remove("folder").ok());
  EXPECT_CODE(scene.store().Get("folder", 100, nullptr), kCorrupt);
  cr_assert_eq(GetText(scene.store(), "folder/b"), "x");
}

Test(posix, links_are_never_followed_when_listing_or_removing) {
  Scene scene;
  fs::create_directories(scene / "outside/deep");
  WriteFile(scene / "outside/deep/precious", "precious");
  PutText(scene.store(), "folder/a", "x");
  fs::create_directory_symlink(scene / "outside", scene.Root() + "/folder/link");
  fs::create_directory_symlink(scene / "outside", scene.Root() + "/link");
  fs::create_directory_symlink("..", scene.Root() + "/folder/up");
  fs::create_symlink("/nowhere", scene.Root() + "/folder/dangling");
  for (const std::string& key : Keys(scene.store(), "")) {
    cr_assert(key.find("precious") == std::string::npos && key.find("up/") == std::string::npos, "%s", key.c_str());
  }
  cr_assert(Keys(scene.store(), "link/").empty());
  cr_assert(Parts(scene.store(), "link/").empty());
  EXPECT_OK(scene.store().RemoveAll("link/"));
  EXPECT_OK(scene.store().RemoveAll("link/deep/"));
  cr_assert(fs::exists(scene / "outside"));
  EXPECT_OK(scene.store().RemoveAll("folder/"));
  cr_assert(!fs::exists(scene.Root() + "/folder"));
  EXPECT_OK(scene.store().Remove("link"));
  cr_assert(!fs::is_symlink(scene.Root() + "/link"));
  cr_assert(fs::exists(scene / "outside/deep/precious"));
}

// The folder that the user names may be a link: /scratch often is.
Test(posix, the_place_itself_may_be_a_link) {
  Scene scene;
  fs::create_directory_symlink(scene.Root(), scene / "short");
  PutText(scene.store(), "folder/a", "x");
  Result<std::unique_ptr<Store>> store = OpenStore(scene / "short", Knobs(), true);
  EXPECT_OK(store);
  cr_assert(Keys(**store, "") == std::vector<std::string>{"folder/a"});
  EXPECT_OK((*store)->SyncFolder(""));
  EXPECT_OK((*store)->RemoveAll(""));
  cr_assert(Keys(scene.store(), "").empty());
  cr_assert(fs::is_symlink(scene / "short"));
}

Test(posix, what_may_not_be_read_or_written_is_told_as_such) {
  if (::geteuid() == 0) {
    // Permissions do not bind root; the codes are those of the calls.
    Scene scene;
    EXPECT_CODE(WithFault(IoFault::Spec("open", 1, "EACCES"), [&] { return WriteWhole(scene.store(), "a", {}, false); }), kAuth);
    EXPECT_CODE(WithFault(IoFault::Spec("mkdir", 1, "EROFS"), [&] { return WriteWhole(scene.store(), "b/a", {}, false); }), kAuth);
    return;
  }
  Scene scene;
  PutText(scene.store(), "folder/a", "x");
  cr_assert_eq(::chmod((scene.Root() + "/folder").c_str(), 0), 0);
  EXPECT_CODE(scene.store().Get("folder/a", 10, nullptr), kAuth);
  EXPECT_CODE(scene.store().Put("folder/a", AsBytes("y"), false), kAuth);
  EXPECT_CODE(scene.store().RemoveAll("folder/"), kAuth);
  cr_assert_eq(::chmod((scene.Root() + "/folder").c_str(), 0700), 0);
}

Test(posix, a_folder_that_cannot_be_listed_or_emptied_is_told) {
  Scene scene;
  PutText(scene.store(), "folder/a", "x");
  const auto visit = [](const Entry&) { return Status::Ok(); };
  EXPECT_CODE(WithFault(IoFault::Spec("open", 1, "EIO"), [&] { return scene.store().List("", visit); }), kIo);
  EXPECT_CODE(WithFault(IoFault::Spec("unlink", 1, "EIO"), [&] { return scene.store().RemoveAll(""); }), kIo);
  EXPECT_CODE(WithFault(IoFault::Spec("unlink", 1, "EIO"), [&] { return scene.store().Remove("folder/a"); }), kIo);
  cr_assert_eq(GetText(scene.store(), "folder/a"), "x");
}

Test(posix, what_a_killed_writer_left_goes_when_it_is_old) {
  Scene scene;
  PutText(scene.store(), "folder/a", "x");
  const std::string left = scene.Root() + "/folder/.tsnap-0123456789abcdef-1", lock = scene.Root() + "/folder/.tsnap-lock";
  WriteFile(left, "half of it");
  WriteFile(lock, "");
  EXPECT_OK(scene.store().RemoveLeftovers("folder/", ::time(nullptr) - 3600, {}));
  cr_assert(fs::exists(left));
  EXPECT_OK(scene.store().RemoveLeftovers("", ::time(nullptr) + 3600, {}));   // directly below only
  cr_assert(fs::exists(left));
  EXPECT_OK(scene.store().RemoveLeftovers("folder/", ::time(nullptr) + 3600, {}));
  cr_assert(!fs::exists(left));
  cr_assert(fs::exists(lock));
  cr_assert_eq(GetText(scene.store(), "folder/a"), "x");
  EXPECT_OK(scene.store().RemoveLeftovers("never/there/", 0, {}));
}

Test(posix, the_place_goes_when_nothing_is_in_it) {
  Scene scene;
  Version seen;
  EXPECT_OK(scene.store().Put("a", AsBytes("one"), false));
  EXPECT_OK(scene.store().Get("a", 10, &seen));
  EXPECT_OK(scene.store().PutIf("a", AsBytes("two"), seen, false));
  EXPECT_OK(scene.store().Get("a", 10, &seen));
  scene.store().RemovePlace();
  EXPECT_OK(scene.store().RemoveIf("a", seen));
  EXPECT_OK(scene.store().Put("b", AsBytes("another"), false));
  scene.store().RemovePlace();
  cr_assert(std::filesystem::exists(scene.store().url() + "/b"));
  EXPECT_OK(scene.store().Remove("b"));
  scene.store().RemovePlace();
  cr_assert(!std::filesystem::exists(scene.store().url()));   // the lock file went with what it guarded
}

Test(posix, opening_without_create_makes_nothing) {
  Scene scene;
  Result<std::unique_ptr<Store>> store = OpenStore(scene / "never/made", Knobs(), false);
  EXPECT_OK(store);
  EXPECT_CODE((*store)->Get("a", 10, nullptr), kNotFound);
  cr_assert(Keys(**store, "").empty());
  EXPECT_OK((*store)->RemoveAll(""));
  EXPECT_OK((*store)->Remove("a"));
  cr_assert(!fs::exists(scene / "never"));
}

// The name may be another's by the time that a writer gives up.
Test(posix, an_abandoned_writer_removes_its_own_file_only) {
  Scene scene;
  const Bytes content = Pattern(1000, 5);
  Result<std::unique_ptr<StoreWriter>> writer = scene.store().Create("folder/a", 1000);
  cr_assert(writer.ok());
  EXPECT_OK(scene.store().Remove("folder/a"));
  EXPECT_OK(WriteWhole(scene.store(), "folder/a", content, true));
  writer.value().reset();
  cr_assert(ReadRange(scene.store(), "folder/a", 0, 1000) == content);
  writer = scene.store().Create("folder/b", 1000);
  cr_assert(writer.ok());
  writer.value().reset();
  EXPECT_CODE(scene.store().Stat("folder/b"), kNotFound);
}

}  // namespace tsnap::contract
