// Every store, and every way it can work, against the contract.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "../objects/strict_objects.h"
#include "contract.h"

namespace tsnap::contract {

namespace {

class PosixPlace final : public Place {
 public:
  explicit PosixPlace(int direct_io) { knobs_.direct_io = direct_io; }
  ~PosixPlace() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  // The place itself is made by the store.
  std::unique_ptr<Store> Open() override {
    if (folder_.empty()) MakeFolder();
    Result<std::unique_ptr<Store>> store = OpenStore(folder_ + "/runs/place", knobs_, true);
    if (knobs_.direct_io == 1 && store.status().code() == Code::kUnsupported) cr_skip_test("no direct I/O in %s", folder_.c_str());
    EXPECT_OK(store);
    cr_assert_eq((*store)->traits().write_alignment, knobs_.direct_io == 1 ? 4096u : 1u);
    cr_assert((*store)->traits().shared_by_ranks);
    return std::move(store).value();
  }

 private:
  void MakeFolder() {
    const char* temporary = std::getenv("TMPDIR");
    folder_ = std::string(temporary != nullptr ? temporary : "/tmp") + "/tsnap-contract.XXXXXX";
    cr_assert(mkdtemp(folder_.data()) != nullptr);
  }

  Knobs knobs_;
  std::string folder_;
};

class MemoryPlace final : public Place {
 public:
  // Each test is a process of its own, and memory is as well.
  std::unique_ptr<Store> Open() override {
    Result<std::unique_ptr<Store>> store = OpenStore("mem://contract", Knobs(), true);
    EXPECT_OK(store);
    cr_assert(!(*store)->traits().shared_by_ranks);
    return std::move(store).value();
  }
};

// The strictest of object stores.
class ObjectPlace final : public Place {
 public:
  std::unique_ptr<Store> Open() override { return test::OpenObjectMemory("contract", test::ObjectRules()); }
};

}  // namespace

#define POSIX_BUFFERED(function, promise)       \
  Test(posix_buffered, promise) {               \
    PosixPlace place(2);                        \
    function(place);                            \
  }
#define POSIX_DIRECT(function, promise)         \
  Test(posix_direct, promise) {                 \
    PosixPlace place(1);                        \
    function(place);                            \
  }
#define MEMORY(function, promise)               \
  Test(memory, promise) {                       \
    MemoryPlace place;                          \
    function(place);                            \
  }
#define OBJECTS(function, promise)              \
  Test(objects, promise) {                      \
    ObjectPlace place;                          \
    function(place);                            \
  }

TSNAP_CONTRACT(POSIX_BUFFERED)
TSNAP_CONTRACT(POSIX_DIRECT)
TSNAP_CONTRACT(MEMORY)
TSNAP_CONTRACT(OBJECTS)

}  // namespace tsnap::contract
