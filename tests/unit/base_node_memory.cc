// NodeMemory: one memory for the processes of a job on a node, found by its address and no other way.
#include <criterion/criterion.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>

#include "base/node_memory.h"

using namespace tsnap;

namespace {

// Runs in another process; its answer is the exit status.
int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  cr_assert_eq(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

void ExpectClosed(const NodeMemory::Address& address) {
  auto opened = NodeMemory::Open(address);
  cr_assert(!opened.ok());
  cr_assert(opened.status().code() == Code::kUnsupported, "%s", opened.status().ToString().c_str());
}

}  // namespace

Test(node_memory, what_one_process_writes_another_reads) {
  auto memory = NodeMemory::Create();
  cr_assert(memory.ok());
  for (std::byte byte : (*memory)->bytes()) cr_assert(byte == std::byte{0});
  const NodeMemory::Address address = (*memory)->address();
  cr_assert_neq(address.process, 0u);
  cr_assert_neq(address.nonce, 0u);
  cr_assert_eq(reinterpret_cast<uintptr_t>((*memory)->bytes().data()) % 64, 0u);
  cr_assert_eq(InChild([&] {
                 auto opened = NodeMemory::Open(address);
                 if (!opened.ok()) return 1;
                 std::memcpy((*opened)->bytes().data(), "hello", 5);
                 (*opened)->bytes().back() = std::byte{7};
                 return 0;
               }),
               0);
  cr_assert_eq(std::memcmp((*memory)->bytes().data(), "hello", 5), 0);
  cr_assert((*memory)->bytes().back() == std::byte{7});
}

Test(node_memory, the_memory_of_another_job_under_the_same_numbers_is_not_opened) {
  auto memory = NodeMemory::Create();
  cr_assert(memory.ok());
  NodeMemory::Address address = (*memory)->address();
  address.nonce ^= 1;
  ExpectClosed(address);
  address.nonce = 0;
  ExpectClosed(address);
}

Test(node_memory, what_is_no_node_memory_is_not_opened) {
  auto memory = NodeMemory::Create();
  cr_assert(memory.ok());
  const NodeMemory::Address address = (*memory)->address();
  ExpectClosed({});
  ExpectClosed({address.process, 0, address.nonce});          // standard input
  ExpectClosed({address.process, 1 << 20, address.nonce});    // no such descriptor
  ExpectClosed({uint64_t{1} << 40, 3, address.nonce});        // no such process
  int ends[2];
  cr_assert_eq(pipe(ends), 0);
  ExpectClosed({address.process, static_cast<uint64_t>(ends[0]), address.nonce});
  // Of the right size and with the right nonce, but it could shrink under who maps it.
  const int other = memfd_create("other", 0);
  cr_assert_eq(ftruncate(other, NodeMemory::kHeaderBytes + NodeMemory::kBytes), 0);
  cr_assert_eq(pwrite(other, &address.nonce, sizeof address.nonce, 0), 8);
  ExpectClosed({address.process, static_cast<uint64_t>(other), address.nonce});
}

Test(node_memory, it_lives_as_long_as_anybody_holds_it) {
  auto memory = NodeMemory::Create();
  cr_assert(memory.ok());
  auto opened = NodeMemory::Open((*memory)->address());
  cr_assert(opened.ok());
  const NodeMemory::Address address = (*memory)->address();
  (*memory)->bytes()[9] = std::byte{9};
  memory = Status::NoMemory();
  cr_assert((*opened)->bytes()[9] == std::byte{9});
  ExpectClosed(address);
}

Test(node_memory, it_cannot_shrink_under_those_who_map_it) {
  auto memory = NodeMemory::Create();
  cr_assert(memory.ok());
  cr_assert_neq(ftruncate(static_cast<int>((*memory)->address().descriptor), 0), 0);
}
