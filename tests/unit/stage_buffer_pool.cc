// The pool keeps its budget, whoever asks for what, and nobody waits for ever.
#include <criterion/criterion.h>
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <mutex>
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

void SleepShortly() { std::this_thread::sleep_for(std::chrono::milliseconds(50)); }

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

Test(buffer_pool, room_and_memory_come_one_after_the_other, .timeout = 20) {
  BufferPool pool(8 * kMiB, 4 * kMiB);
  const std::atomic<bool> at_once = true;
  double waited_seconds = 0;
  Result<BufferPool::Lease> room = pool.Reserve(3 * kMiB, at_once, &waited_seconds);
  cr_assert(room.ok() && !*room);
  cr_assert_eq(pool.peak_bytes(), 4 * kMiB);   // it counts before it is there
  cr_assert(pool.Map(&*room).ok() && *room);
  cr_assert_eq(room->bytes().size(), 3 * kMiB);
  const std::byte* const data = room->bytes().data();
  cr_assert(pool.Map(&*room).ok());   // once
  cr_assert_eq(room->bytes().data(), data);
  {
    Result<BufferPool::Lease> unused = pool.Reserve(4 * kMiB, at_once, &waited_seconds);
    cr_assert(unused.ok());
    cr_assert(pool.Reserve(1, at_once, &waited_seconds).status().code() == Code::kCancelled);
  }
  Result<BufferPool::Lease> again = pool.Reserve(4 * kMiB, at_once, &waited_seconds);   // what was not mapped is room again
  cr_assert(again.ok());
  cr_assert_eq(waited_seconds, 0);
}

Test(buffer_pool, who_would_wait_gives_up_when_told, .timeout = 20) {
  BufferPool pool(4 * kMiB, 1 * kMiB);
  BufferPool::Lease all = Take(&pool, 4 * kMiB);
  std::atomic<bool> stop = false;
  std::atomic<int> gave_up = 0;
  double waited_seconds[3] = {};
  std::vector<std::thread> threads;
  for (double& seconds : waited_seconds) {
    threads.emplace_back([&] {
      if (pool.Reserve(kMiB, stop, &seconds).status().code() == Code::kCancelled) ++gave_up;
    });
  }
  SleepShortly();
  cr_assert_eq(gave_up.load(), 0);
  pool.Wake();   // for no reason
  SleepShortly();
  cr_assert_eq(gave_up.load(), 0);
  stop = true;
  pool.Wake();
  for (std::thread& thread : threads) thread.join();
  cr_assert_eq(gave_up.load(), 3);
  for (const double seconds : waited_seconds) cr_assert_geq(seconds, 0.05);
  all = BufferPool::Lease();
  Take(&pool, 4 * kMiB);   // nobody left anything behind
}

// One that gives up in the middle of the queue lets those behind it on; what there is room for is had although stop is set.
Test(buffer_pool, who_gives_up_keeps_nobody_else, .timeout = 20) {
  BufferPool pool(4 * kMiB, 1 * kMiB);
  BufferPool::Lease most = Take(&pool, 3 * kMiB);
  std::atomic<bool> stop = false;
  std::atomic<bool> granted = false;
  std::thread large([&] { cr_assert(pool.Reserve(4 * kMiB, stop, nullptr).status().code() == Code::kCancelled); });
  SleepShortly();
  std::thread small([&] {
    BufferPool::Lease lease = Take(&pool, kMiB);   // would fit, and waits for its turn
    granted = true;
  });
  SleepShortly();
  cr_assert(!granted);
  stop = true;
  pool.Wake();
  large.join();
  small.join();
  cr_assert(granted);
  cr_assert(pool.Reserve(kMiB, stop, nullptr).ok());
}

Test(buffer_pool, room_is_given_in_the_order_of_the_asking, .timeout = 60) {
  BufferPool pool(kMiB, kMiB);
  BufferPool::Lease all = Take(&pool, kMiB);
  std::vector<int> order;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      BufferPool::Lease lease = Take(&pool, i % 2 == 0 ? kMiB : 1000);
      const std::lock_guard lock(mutex);
      order.push_back(i);
    });
    SleepShortly();   // asks before the next one does
  }
  all = BufferPool::Lease();
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 8; ++i) cr_assert_eq(order[static_cast<size_t>(i)], i);
}

Test(buffer_pool, prefault_touches_pages_within_the_budget, .timeout = 20) {
  struct Case {
    uint64_t budget, wanted, held;
  };
  for (const Case& one : {Case{16 * kMiB, 0, 0}, Case{16 * kMiB, 1, 4 * kMiB}, Case{16 * kMiB, 9 * kMiB, 12 * kMiB},
                          Case{16 * kMiB, ~uint64_t{0}, 16 * kMiB}, Case{18 * kMiB, 18 * kMiB, 16 * kMiB}, Case{kMiB, kMiB, 0}}) {
    BufferPool pool(one.budget, 4 * kMiB);
    pool.Prefault(one.wanted);
    cr_assert_eq(pool.peak_bytes(), one.held);
    std::vector<BufferPool::Lease> leases;
    for (uint64_t bytes = 0; bytes < one.held; bytes += 4 * kMiB) {
      leases.push_back(Take(&pool, 10));   // the pages that are there already
      std::vector<unsigned char> resident(4 * kMiB / 4096);
      cr_assert_eq(mincore(leases.back().bytes().data(), 4 * kMiB, resident.data()), 0);
      for (const unsigned char page : resident) cr_assert(page & 1);
    }
    cr_assert_eq(pool.peak_bytes(), one.held);
  }
}
