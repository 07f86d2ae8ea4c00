#include "base/node_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include <fmt/format.h>

namespace tsnap {

namespace {

std::byte* Map(int descriptor) {
  const int flags = descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  void* data = mmap(nullptr, NodeMemory::kBytes, PROT_READ | PROT_WRITE, flags, descriptor, 0);
  return data == MAP_FAILED ? nullptr : static_cast<std::byte*>(data);
}

int MakeDescriptor() {
  const int descriptor = memfd_create("tsnap", MFD_CLOEXEC);
  if (descriptor < 0) return -1;
  if (ftruncate(descriptor, NodeMemory::kBytes) == 0) return descriptor;
  close(descriptor);
  return -1;
}

}  // namespace

NodeMemory::NodeMemory(std::byte* data, int descriptor) : data_(data), descriptor_(descriptor) {}

NodeMemory::~NodeMemory() {
  munmap(data_, kBytes);
  if (descriptor_ >= 0) close(descriptor_);
}

Result<std::shared_ptr<NodeMemory>> NodeMemory::Create() {
  const int descriptor = MakeDescriptor();
  std::byte* data = Map(descriptor);
  if (data == nullptr) {
    if (descriptor >= 0) close(descriptor);
    return Status::NoMemory();
  }
  std::shared_ptr<NodeMemory> memory(new NodeMemory(data, descriptor));
  if (descriptor >= 0) {
    memory->address_ = {static_cast<uint64_t>(getpid()), static_cast<uint64_t>(descriptor)};
  }
  return memory;
}

Result<std::shared_ptr<NodeMemory>> NodeMemory::Open(const Address& address) {
  const std::string path = fmt::format("/proc/{}/fd/{}", address.process, address.descriptor);
  const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
  struct stat found = {};
  // Another process namespace may have other processes under the same numbers: it must be ours.
  if (descriptor < 0 || fstat(descriptor, &found) != 0 || found.st_uid != geteuid() ||
      found.st_nlink != 0 || static_cast<uint64_t>(found.st_size) != kBytes) {
    if (descriptor >= 0) close(descriptor);
    return Status(Code::kUnsupported,
                  "the memory that another rank of this node offers cannot be opened");
  }
  std::byte* data = Map(descriptor);
  if (data == nullptr) {
    close(descriptor);
    return Status::NoMemory();
  }
  return std::shared_ptr<NodeMemory>(new NodeMemory(data, descriptor));
}

}  // namespace tsnap
