// Partition: the same answer everywhere, an even one, and a fast one.
#include <criterion/criterion.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/knobs.h"
#include "plan/partition.h"
#include "seeded.h"

using namespace tsnap;

namespace {

// The definition, word by word: longest first (ties: lower number), each to the least loaded (ties:
// lower rank).
std::vector<int> PartitionByHand(std::vector<uint64_t> loads, const std::vector<uint64_t>& sizes) {
  std::vector<size_t> order(sizes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return sizes[a] > sizes[b]; });
  std::vector<int> ranks(sizes.size());
  for (const size_t piece : order) {
    const auto least = std::min_element(loads.begin(), loads.end());
    ranks[piece] = static_cast<int>(least - loads.begin());
    *least += sizes[piece];
  }
  return ranks;
}

}  // namespace

Test(plan_partition, follows_its_definition_on_random_cases) {
  test::Seeded random;
  for (int round = 0; round < 300; ++round) {
    std::vector<uint64_t> loads(static_cast<size_t>(random.Int(1, 20))),
        sizes(static_cast<size_t>(random.Int(0, 60)));
    const int64_t most = random.Chance(0.5) ? 5 : 1000;  // few values: many ties
    for (auto& load : loads) load = static_cast<uint64_t>(random.Int(0, most));
    for (auto& size : sizes) size = static_cast<uint64_t>(random.Int(0, most));
    cr_assert(Partition(loads, sizes) == PartitionByHand(loads, sizes), "round %d", round);
  }
}

Test(plan_partition, fifty_equal_arrays_on_four_ranks_are_even) {
  const std::vector<uint64_t> sizes(50, 8 << 20);
  std::vector<uint64_t> written(4, 0);
  const std::vector<int> ranks = Partition(written, sizes);
  for (size_t piece = 0; piece < sizes.size(); ++piece)
    written[static_cast<size_t>(ranks[piece])] += sizes[piece];
  const double mean = static_cast<double>(50 * sizes[0]) / 4;
  cr_assert_leq(static_cast<double>(*std::max_element(written.begin(), written.end())), 1.1 * mean);
}

Test(plan_partition, a_loaded_rank_gets_nothing_until_the_others_have_caught_up) {
  const std::vector<uint64_t> loads = {100, 0, 0}, sizes(20, 10);
  for (const int rank : Partition(loads, sizes)) cr_assert_neq(rank, 0);
}

Test(plan_partition, huge_loads_do_not_wrap_around) {
  const std::vector<uint64_t> loads = {UINT64_MAX - 1, UINT64_MAX - 1, 0}, sizes = {10, 10};
  for (const int rank : Partition(loads, sizes)) cr_assert_eq(rank, 2);
}

Test(plan_partition, chunks_are_even_within_their_limits) {
  const uint64_t mib = 1 << 20;
  cr_assert_eq(ReplicatedChunkBytes(0, 4, 64 * mib), mib);
  cr_assert_eq(ReplicatedChunkBytes(64 * mib, 4, 64 * mib), mib);
  cr_assert_eq(ReplicatedChunkBytes(1024 * mib, 4, 64 * mib), 16 * mib);
  cr_assert_eq(ReplicatedChunkBytes(1024 * mib, 4, 8 * mib), 8 * mib);
  cr_assert_eq(ReplicatedChunkBytes(UINT64_MAX, 1, 64 * mib), 64 * mib);
  cr_assert_eq(ReplicatedChunkBytes(1024 * mib, 4, kBlockBytes), kBlockBytes);
  cr_assert_eq(ReplicatedChunkBytes(1001 * mib, 3, 64 * mib) % kBlockBytes, 0u);
}
