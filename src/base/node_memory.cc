#include "base/node_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include <fmt/format.h>

namespace tsnap {

namespace {

std::byte* Map(int descriptor, size_t bytes) {
  const int flags = descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, descriptor, 0);
  if (data == MAP_FAILED) return nullptr;
  // A core dump is a stored file. Where the system cannot leave the memory out, it stays in.
  static_cast<void>(madvise(data, bytes, MADV_DONTDUMP));
  return static_cast<std::byte*>(data);
}

// Sealed against shrinking: who maps it never meets SIGBUS.
int MakeDescriptor(size_t bytes) {
  const int descriptor = memfd_create("tsnap", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor < 0) return -1;
  if (ftruncate(descriptor, static_cast<off_t>(bytes)) == 0 &&
      fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
    return descriptor;
  close(descriptor);
  return -1;
}

// Of /proc/<process>/fd, only what looks like ours: a nameless file of this user, of our size, that
// cannot shrink. Opening does not block, whatever is there.
bool IsOurs(int descriptor, size_t bytes) {
  struct stat found = {};
  if (fstat(descriptor, &found) != 0 || !S_ISREG(found.st_mode)) return false;
  const int seals = fcntl(descriptor, F_GET_SEALS);
  return found.st_uid == geteuid() && found.st_nlink == 0 &&
         static_cast<uint64_t>(found.st_size) == bytes && seals >= 0 &&
         (seals & F_SEAL_SHRINK) != 0;
}

Status CannotBeOpened() {
  return Unsupported(
      "opening the memory that another rank of this node shares: it cannot be reached");
}

}  // namespace

NodeMemory::NodeMemory(std::byte* data, size_t mapped_bytes, int descriptor)
    : data_(data), mapped_bytes_(mapped_bytes), descriptor_(descriptor) {}

NodeMemory::~NodeMemory() {
  munmap(data_, mapped_bytes_);
  if (descriptor_ >= 0) close(descriptor_);
}

Result<std::shared_ptr<NodeMemory>> NodeMemory::Create(size_t bytes) {
  const size_t mapped_bytes = kHeaderBytes + bytes;
  uint64_t nonce = 0;
  // Without randomness nobody could tell it from another job's: it stays private.
  const bool shared = getrandom(&nonce, sizeof nonce, GRND_NONBLOCK) == sizeof nonce && nonce != 0;
  const int descriptor = shared ? MakeDescriptor(mapped_bytes) : -1;
  std::byte* data = Map(descriptor, mapped_bytes);
  if (data == nullptr) {
    if (descriptor >= 0) close(descriptor);
    return Status::NoMemory();
  }
  std::shared_ptr<NodeMemory> memory(new NodeMemory(data, mapped_bytes, descriptor));
  if (descriptor >= 0) {
    memory->address_ = {static_cast<uint64_t>(getpid()), static_cast<uint64_t>(descriptor), nonce};
    std::memcpy(data, &nonce, sizeof nonce);
  }
  return memory;
}

Result<std::shared_ptr<NodeMemory>> NodeMemory::Open(const Address& address, size_t bytes) {
  if (address.process == 0 || address.nonce == 0) return CannotBeOpened();
  const size_t mapped_bytes = kHeaderBytes + bytes;
  const std::string path = fmt::format("/proc/{}/fd/{}", address.process, address.descriptor);
  const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return CannotBeOpened();
  if (!IsOurs(descriptor, mapped_bytes)) {
    close(descriptor);
    return CannotBeOpened();
  }
  std::byte* data = Map(descriptor, mapped_bytes);
  if (data == nullptr) {
    close(descriptor);
    return Status::NoMemory();
  }
  std::shared_ptr<NodeMemory> memory(new NodeMemory(data, mapped_bytes, descriptor));
  uint64_t nonce = 0;
  std::memcpy(&nonce, data, sizeof nonce);
  if (nonce != address.nonce) return CannotBeOpened();
  memory->address_ = address;
  return memory;
}

}  // namespace tsnap
