// The host stager against a naive walk, element by element, over random shapes, strides, orders and
// ranges.
#include <criterion/criterion.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include "seeded.h"
#include "stage/host.h"

using namespace tsnap;

namespace {

// Memory with random layout, its bytes numbered so that a misplaced one shows.
struct Case {
  Bytes storage;
  Mapping mapping;
};

void RandomLayout(test::Seeded* random, ArrayView* view, Bytes* storage) {
  const auto ndim = static_cast<size_t>(view->ndim);
  AxisOrder memory_order = RowMajor();
  if (random->Chance(0.7))
    std::shuffle(memory_order.begin(), memory_order.begin() + view->ndim, random->engine());
  const bool padded = random->Chance(0.5), reversed = random->Chance(0.3);
  int64_t stride = view->item_bytes + (padded && random->Chance(0.3) ? random->Int(1, 9) : 0),
          start = 0;
  for (size_t place = ndim; place-- > 0;) {
    const size_t axis = memory_order[place];
    const bool negative = reversed && random->Chance(0.5);
    view->strides_bytes[axis] = negative ? -stride : stride;
    if (negative) start += std::max<int64_t>(view->shape[axis] - 1, 0) * stride;
    stride *= std::max<int64_t>(view->shape[axis], 1) + (padded ? random->Int(0, 2) : 0);
  }
  storage->resize(static_cast<size_t>(stride));
  for (std::byte& b : *storage) b = static_cast<std::byte>(random->Int(0, 255));
  view->data = storage->data() + start;
}

// extent_box inside memory_box, or merely near it.
void RandomCase(test::Seeded* random, bool inside, Case* out) {
  Mapping& mapping = out->mapping;
  mapping = {};
  const int ndim = static_cast<int>(random->Int(0, kMaxDims));
  const auto dims = static_cast<size_t>(ndim);
  ArrayView& view = mapping.memory;
  view.dtype = Dtype::kOpaque;
  const int64_t items[] = {1, 2, 3, 4, 8, 12, 16, 24, 7, 70};
  view.item_bytes = items[random->Int(0, 9)];
  view.ndim = mapping.memory_box.ndim = mapping.extent_box.ndim = ndim;
  const int64_t longest = ndim <= 2 ? 20 : ndim <= 4 ? 6 : 3;
  for (size_t axis = 0; axis < dims; ++axis) {
    view.shape[axis] = random->Int(random->Chance(0.05) ? 0 : 1, longest);
    mapping.memory_box.shape[axis] = view.shape[axis];
    mapping.memory_box.offset[axis] = random->Int(0, 5);
    const int64_t low = mapping.memory_box.offset[axis], high = low + view.shape[axis];
    const int64_t slack = inside || random->Chance(0.5) ? 0 : 3;
    const bool whole = random->Chance(0.5) && slack == 0;
    const int64_t begin = whole ? low : random->Int(std::max<int64_t>(low - slack, 0), high);
    mapping.extent_box.offset[axis] = begin;
    mapping.extent_box.shape[axis] = whole ? high - low : random->Int(0, high + slack - begin);
  }
  mapping.order = RowMajor();
  std::shuffle(mapping.order.begin(), mapping.order.begin() + ndim, random->engine());
  RandomLayout(random, &view, &out->storage);
  if (random->Chance(0.3)) mapping.order = StorageOrder(view);
}

// The address in memory of every byte of the serialisation; nullptr where memory has none.
std::vector<std::byte*> Addresses(const Mapping& mapping) {
  std::vector<std::byte*> addresses;
  const Box& extent = mapping.extent_box;
  const auto ndim = static_cast<size_t>(extent.ndim);
  for (uint64_t element = 0; element < Volume(extent); ++element) {
    uint64_t rest = element;
    Index at{};
    for (size_t place = ndim; place-- > 0;) {
      const size_t axis = mapping.order[place];
      at[axis] = extent.offset[axis] +
                 static_cast<int64_t>(rest % static_cast<uint64_t>(extent.shape[axis]));
      rest /= static_cast<uint64_t>(extent.shape[axis]);
    }
    int64_t offset = 0;
    bool present = true;
    for (size_t axis = 0; axis < ndim; ++axis) {
      const int64_t index = at[axis] - mapping.memory_box.offset[axis];
      present = present && index >= 0 && index < mapping.memory_box.shape[axis];
      offset += index * mapping.memory.strides_bytes[axis];
    }
    for (int64_t b = 0; b < mapping.memory.item_bytes; ++b)
      addresses.push_back(present ? mapping.memory.data + offset + b : nullptr);
  }
  return addresses;
}

void RandomRange(test::Seeded* random, uint64_t total, uint64_t* begin, uint64_t* bytes) {
  *begin =
      random->Chance(0.3) ? 0 : static_cast<uint64_t>(random->Int(0, static_cast<int64_t>(total)));
  *bytes = random->Chance(0.3)
               ? total - *begin
               : static_cast<uint64_t>(random->Int(0, static_cast<int64_t>(total - *begin)));
}

ArrayView Strided(Dtype dtype, std::vector<int64_t> shape, std::vector<int64_t> strides,
                  std::byte* data) {
  ArrayView view;
  view.dtype = dtype;
  view.item_bytes = DtypeBytes(dtype);
  view.ndim = static_cast<int>(shape.size());
  std::copy(shape.begin(), shape.end(), view.shape.begin());
  std::copy(strides.begin(), strides.end(), view.strides_bytes.begin());
  view.data = data;
  return view;
}

}  // namespace

Test(host_stager, gather_agrees_with_a_walk_over_elements) {
  test::Seeded random;
  HostStager stager;
  for (int round = 0; round < 4000; ++round) {
    Case one;
    RandomCase(&random, true, &one);
    const std::vector<std::byte*> addresses = Addresses(one.mapping);
    uint64_t begin = 0, bytes = 0;
    RandomRange(&random, addresses.size(), &begin, &bytes);
    Bytes out(bytes + 1, std::byte{0xEE});
    const Status status = stager.Gather(one.mapping, begin, ByteSpan(out).first(bytes));
    cr_assert(status.ok(), "seed %llu: %s", random.seed(), status.message().c_str());
    for (uint64_t i = 0; i < bytes; ++i)
      cr_assert_eq(out[i], *addresses[begin + i], "seed %llu round %d byte %zu", random.seed(),
                   round, size_t{i});
    cr_assert_eq(out[bytes], std::byte{0xEE});
  }
}

Test(host_stager, scatter_writes_what_memory_has_and_nothing_else) {
  test::Seeded random;
  HostStager stager;
  for (int round = 0; round < 4000; ++round) {
    Case one;
    RandomCase(&random, random.Chance(0.4), &one);
    const std::vector<std::byte*> addresses = Addresses(one.mapping);
    uint64_t begin = 0, bytes = 0;
    RandomRange(&random, addresses.size(), &begin, &bytes);
    Bytes in(bytes), expected = one.storage;
    for (std::byte& b : in) b = static_cast<std::byte>(random.Int(0, 255));
    for (uint64_t i = 0; i < bytes; ++i)
      if (addresses[begin + i] != nullptr)
        expected[static_cast<size_t>(addresses[begin + i] - one.storage.data())] = in[i];
    const Status status = stager.Scatter(one.mapping, begin, in);
    cr_assert(status.ok(), "seed %llu: %s", random.seed(), status.message().c_str());
    cr_assert(one.storage == expected, "seed %llu round %d", random.seed(), round);
  }
}

Test(host_stager, direct_is_the_address_or_nothing) {
  test::Seeded random;
  HostStager stager;
  int hits = 0, missed = 0;
  for (int round = 0; round < 4000; ++round) {
    Case one;
    RandomCase(&random, random.Chance(0.5), &one);
    const std::vector<std::byte*> addresses = Addresses(one.mapping);
    uint64_t begin = 0, bytes = 0;
    RandomRange(&random, addresses.size(), &begin, &bytes);
    if (bytes == 0) continue;
    bool contiguous = addresses[begin] != nullptr;
    for (uint64_t i = 1; contiguous && i < bytes; ++i)
      contiguous = addresses[begin + i] == addresses[begin] + i;
    const std::byte* direct = stager.Direct(one.mapping, begin, bytes);
    if (direct != nullptr)
      cr_assert(contiguous && direct == addresses[begin], "seed %llu round %d", random.seed(),
                round);
    const bool is_run = one.mapping.extent_box == one.mapping.memory_box &&
                        IsDense(one.mapping.memory, one.mapping.order);
    if (is_run) cr_assert_not_null(direct, "seed %llu round %d", random.seed(), round);
    hits += direct != nullptr;
    missed += direct == nullptr && contiguous;  // strides that happen to meet at the end of a row
  }
  cr_assert_gt(hits, 100);
  cr_assert_lt(missed * 50, hits, "seed %llu: %d missed, %d hits", random.seed(), missed, hits);
}

Test(host_stager, large_transposes_are_exact_both_ways) {
  HostStager stager;
  test::Seeded random;
  for (const int64_t item_bytes : {1, 2, 4, 8, 12, 16, 5}) {
    const int64_t rows = random.Int(100, 400), columns = random.Int(100, 400);
    Bytes memory(static_cast<size_t>(rows * columns * item_bytes)), out(memory.size()),
        back(memory.size());
    for (std::byte& b : memory) b = static_cast<std::byte>(random.Int(0, 255));
    ArrayView view = ContiguousView(Dtype::kOpaque, item_bytes, 2, {rows, columns}, memory.data());
    const Box whole = WholeBox(2, view.shape);
    Mapping mapping{view, whole, whole, {1, 0}};
    cr_assert(stager.Gather(mapping, 0, out).ok());
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        cr_assert(std::memcmp(out.data() + (j * rows + i) * item_bytes,
                              memory.data() + (i * columns + j) * item_bytes,
                              static_cast<size_t>(item_bytes)) == 0,
                  "seed %llu", random.seed());
    mapping.memory.data = back.data();
    cr_assert(stager.Scatter(mapping, 0, out).ok());
    cr_assert(back == memory, "seed %llu", random.seed());
  }
}

Test(host_stager, ranges_outside_and_boxes_that_do_not_fit_are_errors) {
  HostStager stager;
  Bytes memory(64), out(65);
  const ArrayView view = ContiguousView(Dtype::kFloat64, 8, 1, {8}, memory.data());
  const Box whole = WholeBox(1, view.shape), larger{1, {}, {9}}, other{2, {}, {8, 1}};
  cr_assert(!stager.Gather({view, whole, whole, RowMajor()}, 0, out).ok());
  cr_assert(
      !stager.Gather({view, whole, whole, RowMajor()}, ~uint64_t{0}, ByteSpan(out).first(2)).ok());
  cr_assert(
      !stager.Scatter({view, whole, whole, RowMajor()}, 1, ConstByteSpan(out).first(64)).ok());
  cr_assert(!stager.Gather({view, whole, larger, RowMajor()}, 0, ByteSpan(out).first(8)).ok());
  cr_assert(!stager.Gather({view, whole, other, RowMajor()}, 0, ByteSpan(out).first(8)).ok());
  cr_assert_null(stager.Direct({view, whole, whole, RowMajor()}, 60, 8));
}

Test(host_stager, fill_sets_every_element_and_no_gap) {
  test::Seeded random;
  HostStager stager;
  for (int round = 0; round < 1000; ++round) {
    Case one;
    RandomCase(&random, true, &one);
    one.mapping.extent_box = one.mapping.memory_box;
    Bytes item(static_cast<size_t>(one.mapping.memory.item_bytes));
    const bool uniform = random.Chance(0.5);
    for (std::byte& b : item)
      b = uniform ? std::byte{0} : static_cast<std::byte>(random.Int(0, 255));
    Bytes expected = one.storage;
    const std::vector<std::byte*> addresses = Addresses(one.mapping);
    for (size_t i = 0; i < addresses.size(); ++i)
      expected[static_cast<size_t>(addresses[i] - one.storage.data())] = item[i % item.size()];
    cr_assert(stager.Fill(one.mapping.memory, item).ok());
    cr_assert(one.storage == expected, "seed %llu round %d", random.seed(), round);
  }
  cr_assert(!stager.Fill(ContiguousView(Dtype::kInt32, 4, 0, {}, nullptr), Bytes(3)).ok());
}

Test(host_stager, byte_order_is_swapped_unit_by_unit) {
  HostStager stager;
  for (const auto& [dtype, unit] : std::map<Dtype, size_t>{{Dtype::kUint8, 1},
                                                           {Dtype::kBool, 1},
                                                           {Dtype::kInt16, 2},
                                                           {Dtype::kBfloat16, 2},
                                                           {Dtype::kFloat32, 4},
                                                           {Dtype::kFloat64, 8},
                                                           {Dtype::kComplex64, 4},
                                                           {Dtype::kComplex128, 8}}) {
    const int64_t item = DtypeBytes(dtype);
    // 3 x 5 elements with a gap of one item after each row, stored column by column and reversed
    // along one axis.
    Bytes storage(static_cast<size_t>(item * 4 * 5));
    for (size_t i = 0; i < storage.size(); ++i) storage[i] = static_cast<std::byte>(i * 7);
    Bytes expected = storage;
    for (size_t at = 0; at < storage.size(); at += unit)
      if (at / static_cast<size_t>(item) % 4 != 3)
        std::reverse(expected.begin() + static_cast<ptrdiff_t>(at),
                     expected.begin() + static_cast<ptrdiff_t>(at + unit));
    const ArrayView view = Strided(dtype, {3, 5}, {item, -4 * item}, storage.data() + 4 * 4 * item);
    cr_assert(stager.SwapByteOrder(view).ok());
    cr_assert(storage == expected, "%s", DtypeName(dtype));
  }
}

Test(host_stager, hash_depends_on_content_and_not_on_layout) {
  test::Seeded random;
  HostStager stager;
  for (int round = 0; round < 300; ++round) {
    Case one;
    RandomCase(&random, true, &one);
    one.mapping.extent_box = one.mapping.memory_box;
    one.mapping.order = RowMajor();
    Bytes content;
    for (const std::byte* address : Addresses(one.mapping)) content.push_back(*address);
    const Result<Hash128> hash = stager.Hash(one.mapping.memory);
    cr_assert(hash.ok() && *hash == HashContent(content), "seed %llu round %d", random.seed(),
              round);
  }
  // Larger than one piece of the stream.
  Bytes wide(3 * 700 * 1000), dense(700 * 1000);
  for (size_t i = 0; i < dense.size(); ++i)
    wide[3 * i] = dense[i] = static_cast<std::byte>(i * i >> 3);
  const Result<Hash128> hash =
      stager.Hash(Strided(Dtype::kUint8, {700, 1000}, {3000, 3}, wide.data()));
  cr_assert(hash.ok() && *hash == HashContent(dense));
}

Test(host_stager, every_pointer_of_the_process_has_a_stager) {
  int value = 0;
  const Result<Stager*> stager = StagerFor(&value), of_null = StagerFor(nullptr);
  cr_assert(stager.ok() && *stager != nullptr && of_null.ok());
}
