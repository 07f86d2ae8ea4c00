// BufferPool: page-aligned host buffers, leased within a byte budget and kept between operations,
// because the first touch of fresh pages costs far more than a copy into warm ones. Thread-safe.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "stage/pinner.h"

namespace tsnap {

class BufferPool {
 public:
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease();
    ByteSpan bytes() const {
      return {data_, size_};
    }  // at least what was asked for is never promised: exactly it
    // The same bytes and the padding to the next 4 KiB, which may be written too (direct I/O).
    ByteSpan padded() const { return {data_, AlignUp(size_, 4096)}; }
    explicit operator bool() const { return data_ != nullptr; }

   private:
    friend class BufferPool;
    BufferPool* pool_ = nullptr;
    std::byte* data_ = nullptr;
    uint64_t size_ = 0;      // asked for
    uint64_t capacity_ = 0;  // held
  };

  // Buffers of standard_bytes, which also serve smaller requests, and larger ones are kept and
  // reused; those that a small budget makes smaller are given back to the system. Larger ones are
  // of few sizes, so that they serve again.
  BufferPool(uint64_t budget_bytes, uint64_t standard_bytes);
  ~BufferPool();  // every lease has been returned
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // Waits until the bytes fit into the budget; a request larger than the whole budget is granted
  // alone. A thread that holds a lease must not wait for another one (deadlock): ask for both in
  // one lease. Threads are served in the order in which they came, so that a large request is not
  // starved by small ones. kNoMemory when the system has none.
  Result<Lease> Acquire(uint64_t bytes);
  // The same in two steps: room within the budget, and memory for it. Rather than wait Reserve
  // gives up with kCancelled when `stop` is set (and Wake called, for those who wait already). Adds
  // to *waited_seconds how long the budget was used up.
  Result<Lease> Reserve(uint64_t bytes, const std::atomic<bool>& stop, double* waited_seconds);
  Status Map(Lease* lease);
  void Wake();
  // What Map and Acquire give from now on, and to the end of the scope, is pinned where the system
  // allows it; it stays pinned while it is kept.
  class Pinning {
   public:
    Pinning() = default;
    Pinning(std::shared_ptr<BufferPool> pool, std::shared_ptr<Pinner> pinner);
    Pinning(Pinning&&) noexcept = default;
    Pinning& operator=(Pinning&& other) noexcept;
    ~Pinning() { End(); }

   private:
    void End() noexcept;
    std::shared_ptr<BufferPool> pool_;
    std::shared_ptr<Pinner> pinner_;
  };
  // Maps standard buffers of so many bytes in all, at most the budget, and touches them. What the
  // system does not give is left out.
  void Prefault(uint64_t bytes);
  // Sizes of large buffers are multiples of that: an eighth of the power of two below.
  static uint64_t SizeStep(uint64_t bytes) {
    return std::max<uint64_t>(4096, std::bit_floor(bytes) / 8);
  }
  uint64_t budget_bytes() const { return budget_bytes_; }
  uint64_t peak_bytes() const;  // most that was ever held, free buffers included

 private:
  template <class Stopped>
  Result<Lease> Grant(uint64_t bytes, Stopped stopped, double* waited_seconds);
  void Return(Lease* lease) noexcept;
  void Unmap(std::byte* data, uint64_t bytes) noexcept;
  void Pin(const Lease& lease);
  uint64_t CapacityToGrant(uint64_t need_bytes) noexcept;     // 0: wait; mutex_ is held
  bool TakeFree(uint64_t need_bytes, Lease* lease) noexcept;  // mutex_ is held
  void DropFree() noexcept;                                   // mutex_ is held

  const uint64_t budget_bytes_;
  const uint64_t standard_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable returned_;
  struct Free {
    std::byte* data;
    uint64_t capacity;
  };
  std::vector<Free> free_;      // guarded by mutex_
  uint64_t held_bytes_ = 0;     // leased and free, guarded by mutex_
  uint64_t leased_bytes_ = 0;   // guarded by mutex_
  uint64_t peak_bytes_ = 0;     // guarded by mutex_
  uint64_t next_ticket_ = 0;    // of the next to come, guarded by mutex_
  uint64_t served_ticket_ = 0;  // whose turn it is, guarded by mutex_
  mutable std::mutex pinning_mutex_;
  std::vector<std::shared_ptr<Pinner>> pinners_;  // of the scopes; guarded by pinning_mutex_
  std::atomic<Pinner::Unpin> unpin_{nullptr};     // null: no buffer was ever pinned
};

}  // namespace tsnap
