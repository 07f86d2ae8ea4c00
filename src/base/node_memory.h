// NodeMemory: memory that the processes of one job on one node share, zero at first. It has no name
// in any file system, is left out of core dumps and is gone with the last process: secrets may rest
// there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/status.h"

namespace tsnap {

class NodeMemory {
 public:
  static constexpr size_t kHeaderBytes = 64;  // the nonce, and what keeps bytes() aligned
  static constexpr size_t kBytes = (64 << 10) - kHeaderBytes;  // unless another size is asked for

  // How another process of the same user finds it. Numbers, so that ranks can be told by MPI.
  struct Address {
    uint64_t process = 0, descriptor = 0;  // 0, 0: nowhere, it is private
    // Written into the memory as well: the same process number in another namespace, or given to
    // another process meanwhile, must not lead to the memory of another job.
    uint64_t nonce = 0;
  };

  // Memory to share; where the system has none to share, memory of this process only.
  static Result<std::shared_ptr<NodeMemory>> Create(size_t bytes = kBytes);
  // What another process of this node made, of this size; it must still be alive. kUnsupported
  // where the system does not let us (other process namespaces), or where something else is found
  // there: the caller makes his own.
  static Result<std::shared_ptr<NodeMemory>> Open(const Address& address, size_t bytes = kBytes);

  ~NodeMemory();
  NodeMemory(const NodeMemory&) = delete;
  NodeMemory& operator=(const NodeMemory&) = delete;

  // Aligned to 64 bytes; the same memory in every process, at different addresses.
  std::span<std::byte> bytes() const {
    return {data_ + kHeaderBytes, mapped_bytes_ - kHeaderBytes};
  }
  const Address& address() const { return address_; }

 private:
  NodeMemory(std::byte* data, size_t mapped_bytes, int descriptor);

  std::byte* const data_;
  const size_t mapped_bytes_;
  const int descriptor_;  // -1: private
  Address address_;
};

}  // namespace tsnap
