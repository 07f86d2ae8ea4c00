// A read that hangs longer than io_timeout: the caller is told, and the memory that was read into is not freed while a thread may
// still write to it. Once the thread is back it has written into memory that is there.
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <numeric>
#include <string>
#include <vector>

#include <tsnap.hpp>

#include "cases.h"
#include "io_fault.h"

namespace {

constexpr std::size_t kWatchedBytes = (std::size_t{1} << 20) + 24;   // a size that nothing else asks for
std::atomic<void*> watched{nullptr};
std::atomic<int> freed{0};

void* Allocate(std::size_t size) {
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  if (size == kWatchedBytes) watched = memory;
  return memory;
}

void Free(void* memory) {
  if (memory != nullptr && memory == watched) ++freed;
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete(void* memory, std::size_t) noexcept { Free(memory); }

namespace tsnap::test {
namespace {

constexpr int kHangSeconds = 3;

// What a case does with the object, while the transfer of it hangs.
template <typename Read>
void Hangs(const char* path, Read read) {
  const Folder folder(NewFolder());
  const std::string url = folder / PlaceName("snap");
  std::vector<double> values(kWatchedBytes / sizeof(double));
  std::iota(values.begin(), values.end(), 0.0);
  std::vector<std::byte> block(kWatchedBytes, std::byte{3});
  State state;
  state.replicated("values", values);
  state.replicated_bytes("block", block);
  Context::self().take(url, state);
  Config config;
  config.io_timeout = Seconds(1);
  const Snapshot snapshot(url, config);
  const Object object = snapshot[path];
  watched = nullptr;
  freed = 0;
  IoFault::Arm("op=pread,n=1,count=all,sleep=" + std::to_string(kHangSeconds));
  CHECK_THROWS(read(object), Timeout, "");
  CHECK(IoFault::Disarm() > 0);
  CHECK(watched != nullptr && freed == 0);
  sleep(kHangSeconds);
  CHECK(freed == 0);
  (void)read(snapshot["values"].type() == object.type() ? Snapshot(url)["values"] : Snapshot(url)["block"]);
  CHECK(freed == 1);   // that of a read that went well is the caller's
}

void ArrayThatHangs() {
  Hangs("values", [](const Object& object) { return object.read<double>().size(); });
}

void BytesThatHang() {
  Hangs("block", [](const Object& object) { return object.get<std::vector<std::byte>>().size(); });
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunCase(argc, argv,
                 {{"array_that_hangs_is_not_freed", ArrayThatHangs}, {"bytes_that_hang_are_not_freed", BytesThatHang}});
}
