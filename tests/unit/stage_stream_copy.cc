// StreamCopy against memcpy at every alignment, and nothing beside the destination is touched.
#include <criterion/criterion.h>

#include <algorithm>

#include "base/bytes.h"
#include "seeded.h"
#include "stage/stream_copy.h"

using namespace tsnap;

Test(stage_stream_copy, copies_at_any_alignment_and_touches_nothing_else) {
  test::Seeded random;
  constexpr size_t kMargin = 128, kMost = 3 * kLeastStreamBytes;
  Bytes from(kMost + kMargin), to(kMost + 2 * kMargin);
  for (std::byte& b : from) b = static_cast<std::byte>(random.Int(0, 255));
  for (int i = 0; i < 400; ++i) {
    const auto src = static_cast<size_t>(random.Int(0, 64));
    const auto dst = kMargin + static_cast<size_t>(random.Int(0, 64));
    const auto bytes = static_cast<size_t>(random.Int(0, i < 200 ? 300 : kMost - 64));
    std::fill(to.begin(), to.end(), std::byte{0x5A});
    StreamCopy(to.data() + dst, from.data() + src, bytes);
    const auto begin = to.begin() + static_cast<ptrdiff_t>(dst);
    const auto end = begin + static_cast<ptrdiff_t>(bytes);
    cr_assert(std::equal(begin, end, from.begin() + static_cast<ptrdiff_t>(src)));
    const auto untouched = [](std::byte b) { return b == std::byte{0x5A}; };
    cr_assert(std::all_of(to.begin(), begin, untouched) && std::all_of(end, to.end(), untouched));
  }
}
