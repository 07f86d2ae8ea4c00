// The pool keeps its budget, whoever asks for what, and nobody waits for ever.
#include <criterion/criterion.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "seeded.h"
#include "stage/buffer_pool.h"

using namespace tsnap;

namespace {

constexpr uint64_t kKiB = 1024, kMiB = 1024 * kKiB;

BufferPool::Lease Take(BufferPool* pool, uint64_t bytes) {
  Result<BufferPool::Lease> lease = pool->Acquire(bytes);
  cr_assert(lease.ok(), "%s", lease.status().message().c_str());
  return std::move(lease).value();
}

}  // namespace

Test(buffer_pool, a_lease_is_what_was_asked_for_aligned_and_padded) {
  BufferPool pool(16 * kMiB, 4 * kMiB);
  for (const uint64_t bytes :
       {uint64_t{0}, uint64_t{1}, uint64_t{4096}, uint64_t{5000}, 4 * kMiB, 4 * kMiB + 1}) {
    BufferPool::Lease lease = Take(&pool, bytes);
    cr_assert(static_cast<bool>(lease));
    cr_assert_eq(lease.bytes().size(), bytes);
    cr_assert_eq(reinterpret_cast<uintptr_t>(lease.bytes().data()) % 4096, 0u);
    cr_assert_eq(lease.padded().size(), (bytes + 4095) / 4096 * 4096);
    if (!lease.padded().empty()) std::memset(lease.padded().data(), 1, lease.padded().size());
    if (bytes == 4 * kMiB)
      cr_assert_eq(reinterpret_cast<uintptr_t>(lease.bytes().data()) % (2 * kMiB), 0u);
  }
}

Test(buffer_pool, standard_buffers_are_reused) {
  BufferPool pool(16 * kMiB, 4 * kMiB);
  std::byte* first = nullptr;
  {
    BufferPool::Lease lease = Take(&pool, 4 * kMiB);
    first = lease.bytes().data();
    first[0] = std::byte{77};
  }
  BufferPool::Lease again = Take(&pool, 100);
  cr_assert_eq(again.bytes().data(), first);
  cr_assert_eq(first[0], std::byte{77});
  cr_assert_eq(pool.peak_bytes(), 4 * kMiB);
}

// Takes with a codec ask for more than a standard buffer, and for the same again in the next take.
Test(buffer_pool, larger_buffers_are_reused_for_their_like) {
  BufferPool pool(64 * kMiB, 4 * kMiB);
  std::byte *large = nullptr, *larger = nullptr;
  {
    BufferPool::Lease a = Take(&pool, 9 * kMiB), b = Take(&pool, 10 * kMiB);
    large = a.bytes().data();
    larger = b.bytes().data();
    large[0] = larger[0] = std::byte{77};
  }
  {
    BufferPool::Lease b = Take(&pool, 10 * kMiB), a = Take(&pool, 9 * kMiB);
    cr_assert_eq(a.bytes().data(), large);
    cr_assert_eq(b.bytes().data(), larger);
    cr_assert_eq(large[0], std::byte{77});
  }
  cr_assert_eq(pool.peak_bytes(), 19 * kMiB);
  BufferPool::Lease small = Take(&pool, 100);  // has a buffer of its own: much would lie idle
  cr_assert_neq(small.bytes().data(), large);
  cr_assert_neq(small.bytes().data(), larger);
  BufferPool::Lease most = Take(&pool, 58 * kMiB);  // and the free ones make room
  cr_assert_leq(pool.peak_bytes(), 64 * kMiB);
}

Test(buffer_pool, free_buffers_make_room_for_large_requests) {
  BufferPool pool(16 * kMiB, 4 * kMiB);
  {
    std::vector<BufferPool::Lease> leases;
    for (int i = 0; i < 4; ++i) leases.push_back(Take(&pool, 4 * kMiB));
  }
  Take(&pool, 14 * kMiB);
  cr_assert_eq(pool.peak_bytes(), 16 * kMiB);
}

Test(buffer_pool, a_request_beyond_the_budget_is_granted_alone, .timeout = 20) {
  BufferPool pool(2 * kMiB, 1 * kMiB);
  BufferPool::Lease small = Take(&pool, 1 * kMiB);
  std::atomic<bool> granted = false;
  std::thread large([&] {
    BufferPool::Lease lease = Take(&pool, 8 * kMiB);
    granted = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  cr_assert(!granted);
  small = BufferPool::Lease();
  large.join();
  cr_assert(granted);
}

Test(buffer_pool, budgets_below_one_standard_buffer_still_hold, .timeout = 20) {
  BufferPool pool(64 * kKiB, 4 * kMiB);
  BufferPool::Lease a = Take(&pool, 32 * kKiB), b = Take(&pool, 32 * kKiB);
  cr_assert_eq(pool.peak_bytes(), 64 * kKiB);
}

Test(buffer_pool, leases_move_and_come_back_once) {
  BufferPool pool(8 * kMiB, 4 * kMiB);
  BufferPool::Lease a = Take(&pool, 4 * kMiB);
  BufferPool::Lease b = std::move(a);
  cr_assert(!a && b);
  a = Take(&pool, 4 * kMiB);
  a = std::move(b);
  cr_assert(a && !b);
  b = Take(&pool, 4 * kMiB);
  cr_assert_eq(pool.peak_bytes(), 8 * kMiB);
}

Test(buffer_pool, what_the_system_lacks_is_no_memory_and_leaves_the_pool_usable, .timeout = 20) {
  BufferPool pool(8 * kMiB, 1 * kMiB);
  cr_assert(pool.Acquire(uint64_t{1} << 60).status().code() == Code::kNoMemory);
  cr_assert(pool.Acquire(~uint64_t{0}).status().code() == Code::kNoMemory);
  Take(&pool, 8 * kMiB);
}

Test(buffer_pool, many_threads_stay_within_the_budget_and_all_finish, .timeout = 60) {
  test::Seeded random;
  constexpr uint64_t kBudget = 4 * kMiB;
  BufferPool pool(kBudget, 256 * kKiB);
  std::atomic<uint64_t> leased = 0, most = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    std::vector<uint64_t> sizes;
    for (int i = 0; i < 200; ++i)
      sizes.push_back(static_cast<uint64_t>(random.Chance(0.1) ? random.Int(1, 4 << 20)
                                                               : random.Int(1, 256 << 10)));
    threads.emplace_back([&pool, &leased, &most, sizes, t] {
      for (const uint64_t size : sizes) {
        BufferPool::Lease lease = Take(&pool, size);
        const uint64_t now = leased += size;
        for (uint64_t seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        std::memset(lease.bytes().data(), t, size);
        cr_assert_eq(lease.bytes()[size - 1], static_cast<std::byte>(t));
        leased -= size;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  cr_assert_leq(most.load(), kBudget, "seed %llu", random.seed());
  cr_assert_leq(pool.peak_bytes(), kBudget, "seed %llu", random.seed());
}
