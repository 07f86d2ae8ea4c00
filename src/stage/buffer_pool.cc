// Buffers from mmap. Capacities are multiples of 4 KiB; those of 2 MiB and more start on 2 MiB and
// ask for huge pages.
#include "stage/buffer_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace tsnap {
namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kHugePageBytes = 2 << 20;

void UnmapPages(std::byte* data, uint64_t bytes) noexcept {
  if (bytes > 0) munmap(data, bytes);
}

std::byte* MapPages(uint64_t bytes) noexcept {
  const bool huge = bytes >= kHugePageBytes;
  const uint64_t mapped_bytes = huge ? bytes + kHugePageBytes : bytes;
  void* mapped =
      mmap(nullptr, mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* data = static_cast<std::byte*>(mapped);
  if (!huge) return data;
  const uint64_t address = reinterpret_cast<uintptr_t>(data);
  const uint64_t before = AlignUp(address, kHugePageBytes) - address;
  UnmapPages(data, before);
  UnmapPages(data + before + bytes, kHugePageBytes - before);
  madvise(data + before, bytes, MADV_HUGEPAGE);  // a wish; without it the buffer is only slower
  return data + before;
}

// All pages at once, where the kernel can (Linux 5.14), which is cheaper than one fault after the
// other; else they come as they are touched.
void Populate(std::byte* data, uint64_t bytes) noexcept {
#ifdef MADV_POPULATE_WRITE
  madvise(data, bytes, MADV_POPULATE_WRITE);
#else
  static_cast<void>(data), static_cast<void>(bytes);
#endif
}

}  // namespace

BufferPool::Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

BufferPool::Lease& BufferPool::Lease::operator=(Lease&& other) noexcept {
  if (this == &other) return *this;
  if (pool_ != nullptr) pool_->Return(this);
  pool_ = std::exchange(other.pool_, nullptr);
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  capacity_ = std::exchange(other.capacity_, 0);
  return *this;
}

BufferPool::Lease::~Lease() {
  if (pool_ != nullptr) pool_->Return(this);
}

BufferPool::BufferPool(uint64_t budget_bytes, uint64_t standard_bytes)
    : budget_bytes_(budget_bytes),
      standard_bytes_(AlignUp(std::max<uint64_t>(standard_bytes, 1), kPageBytes)) {}

BufferPool::~BufferPool() {
  for (const Free& buffer : free_) Unmap(buffer.data, buffer.capacity);
}

// The smallest one that is large enough and not much larger: takes of the same state ask for the
// same sizes again.
bool BufferPool::TakeFree(uint64_t need_bytes, Lease* lease) noexcept {
  const uint64_t most = std::max(standard_bytes_, need_bytes + need_bytes / 4);
  auto best = free_.end();
  for (auto it = free_.begin(); it != free_.end(); ++it) {
    if (it->capacity < need_bytes || it->capacity > most) continue;
    if (best == free_.end() || it->capacity < best->capacity) best = it;
    if (best->capacity == std::max(standard_bytes_, need_bytes)) break;
  }
  if (best == free_.end()) return false;
  lease->data_ = best->data;
  lease->capacity_ = best->capacity;
  held_bytes_ -= best->capacity;
  *best = free_.back();
  free_.pop_back();
  return true;
}

void BufferPool::DropFree() noexcept {
  const Free buffer = free_.back();
  free_.pop_back();
  held_bytes_ -= buffer.capacity;
  Unmap(buffer.data, buffer.capacity);
}

// Makes room by giving free buffers back, then decides: a standard buffer, or one of the few sizes
// of larger ones, where that fits into the budget, else exactly the bytes, else nothing unless no
// lease is out.
uint64_t BufferPool::CapacityToGrant(uint64_t need_bytes) noexcept {
  const auto fits = [&](uint64_t bytes) {
    return bytes <= budget_bytes_ && held_bytes_ <= budget_bytes_ - bytes;
  };
  while (!fits(need_bytes) && !free_.empty()) DropFree();
  const uint64_t usual_bytes = std::max(standard_bytes_, AlignUp(need_bytes, SizeStep(need_bytes)));
  if (fits(usual_bytes)) return usual_bytes;
  return fits(need_bytes) || leased_bytes_ == 0 ? need_bytes : 0;
}

Result<BufferPool::Lease> BufferPool::Acquire(uint64_t bytes) {
  TSNAP_ASSIGN(Lease lease, Grant(
                                bytes, [] { return false; }, nullptr));
  TSNAP_TRY(Map(&lease));
  return lease;
}

Result<BufferPool::Lease> BufferPool::Reserve(uint64_t bytes, const std::atomic<bool>& stop,
                                              double* waited_seconds) {
  return Grant(
      bytes, [&] { return stop.load(); }, waited_seconds);
}

void BufferPool::Wake() {
  { const std::lock_guard lock(mutex_); }  // whoever looks at his reason now waits already
  returned_.notify_all();
}

template <class Stopped>
Result<BufferPool::Lease> BufferPool::Grant(uint64_t bytes, Stopped stopped,
                                            double* waited_seconds) {
  if (bytes > std::numeric_limits<uint64_t>::max() / 2) return Status::NoMemory();
  const uint64_t need_bytes = AlignUp(std::max<uint64_t>(bytes, 1), kPageBytes);
  Lease lease;
  lease.size_ = bytes;

  std::unique_lock lock(mutex_);
  const uint64_t ticket = next_ticket_++;
  bool gave_up = false;
  const auto served = [&] {
    if (ticket != served_ticket_) return false;
    if (!TakeFree(need_bytes, &lease)) lease.capacity_ = CapacityToGrant(need_bytes);
    if (lease.capacity_ == 0) gave_up = stopped();
    return lease.capacity_ != 0 || gave_up;
  };
  if (!served()) {
    const auto begin = std::chrono::steady_clock::now();
    returned_.wait(lock, served);
    if (waited_seconds != nullptr)
      *waited_seconds +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  ++served_ticket_;
  if (gave_up) {
    lock.unlock();
    returned_.notify_all();
    return Status(Code::kCancelled, "waiting for a buffer was given up");
  }
  held_bytes_ += lease.capacity_;
  leased_bytes_ += lease.capacity_;
  peak_bytes_ = std::max(peak_bytes_, held_bytes_);
  lease.pool_ = this;
  lock.unlock();
  returned_.notify_all();  // the next one's turn
  return lease;
}

Status BufferPool::Map(Lease* lease) {
  if (lease->data_ != nullptr) {
    Pin(*lease);
    return Status::Ok();
  }
  lease->data_ = MapPages(lease->capacity_);
  if (lease->data_ == nullptr) {
    const uint64_t bytes = lease->capacity_;
    *lease = {};
    return {Code::kNoMemory,
            fmt::format("mapping a buffer of {} bytes: the system has no memory left; lower the "
                        "memory budget or free memory on this node",
                        bytes)};
  }
  const bool will_be_filled = lease->size_ > lease->capacity_ / 2;
  if (will_be_filled) Populate(lease->data_, lease->capacity_);
  Pin(*lease);
  return Status::Ok();
}

// Pinning takes long, and is nobody else's business: no mutex is held meanwhile.
void BufferPool::Pin(const Lease& lease) {
  std::shared_ptr<Pinner> pinner;
  {
    const std::lock_guard lock(pinning_mutex_);
    if (pinners_.empty()) return;
    pinner = pinners_.back();
  }
  static_cast<void>(pinner->Pin(lease.data_, lease.capacity_));  // without it copies are slower
}

// Pages that are given back while a driver still knows them would be taken for pinned when they are
// mapped again.
void BufferPool::Unmap(std::byte* data, uint64_t bytes) noexcept {
  if (const Pinner::Unpin unpin = unpin_.load(); unpin != nullptr) unpin(data);
  UnmapPages(data, bytes);
}

BufferPool::Pinning::Pinning(std::shared_ptr<BufferPool> pool, std::shared_ptr<Pinner> pinner)
    : pool_(std::move(pool)), pinner_(std::move(pinner)) {
  const std::lock_guard lock(pool_->pinning_mutex_);
  pool_->pinners_.push_back(pinner_);
  pool_->unpin_ = pinner_->unpin();
}

BufferPool::Pinning& BufferPool::Pinning::operator=(Pinning&& other) noexcept {
  if (this == &other) return *this;
  End();
  pool_ = std::move(other.pool_);
  pinner_ = std::move(other.pinner_);
  return *this;
}

void BufferPool::Pinning::End() noexcept {
  const std::shared_ptr<BufferPool> pool = std::move(pool_);
  if (pool == nullptr) return;
  const std::lock_guard lock(pool->pinning_mutex_);
  std::erase(pool->pinners_, pinner_);
}

void BufferPool::Prefault(uint64_t bytes) {
  std::vector<Lease> leases;
  const uint64_t count = std::min(CeilDiv(bytes, standard_bytes_), budget_bytes_ / standard_bytes_);
  while (leases.size() < count) {
    Result<Lease> lease = Acquire(standard_bytes_);
    if (!lease.ok()) return;
    // Where the kernel does not populate, or did not want to.
    for (uint64_t i = 0; i < standard_bytes_; i += kPageBytes)
      const_cast<volatile std::byte&>(lease->bytes()[i]) = std::byte{0};
    leases.push_back(std::move(lease).value());  // held, so that each one is another one
  }
}

void BufferPool::Return(Lease* lease) noexcept {
  std::unique_lock lock(mutex_);
  bool keep = lease->data_ != nullptr && lease->capacity_ >= standard_bytes_ &&
              held_bytes_ <= budget_bytes_;
  if (keep) {
    try {
      free_.push_back({lease->data_, lease->capacity_});
    } catch (...) {  // no memory to remember it by: it goes back to the system
      keep = false;
    }
  }
  if (!keep) {
    if (lease->data_ !=
        nullptr) {  // until it is gone it counts, but others need not wait for the system
      lock.unlock();
      Unmap(lease->data_, lease->capacity_);
      lock.lock();
    }
    held_bytes_ -= lease->capacity_;
  }
  leased_bytes_ -= lease->capacity_;
  lock.unlock();
  returned_.notify_all();
}

uint64_t BufferPool::peak_bytes() const {
  const std::lock_guard lock(mutex_);
  return peak_bytes_;
}

}  // namespace tsnap
