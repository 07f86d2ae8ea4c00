// Converts tsnap_array. Touches no element: the memory may be a device's.
#include "capi/array.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"
#include "catalog/box.h"

namespace tsnap::capi {
namespace {

Status Refuse(const char* path, std::string_view cause) {
  return Invalid(fmt::format("reading the array of \"{}\": {}", path, cause));
}

// All addresses, from the lowest to the end of the highest element, exist: no product and no sum
// overflows.
bool SpanFits(const ArrayView& view) {
  int64_t below = 0;
  int64_t above = view.item_bytes;
  for (size_t axis = 0; axis < static_cast<size_t>(view.ndim); ++axis) {
    int64_t reach = 0;
    if (!CheckedMul(view.shape[axis] - 1, view.strides_bytes[axis], &reach)) return false;
    int64_t& side = reach < 0 ? below : above;
    if (!CheckedAdd(side, reach, &side)) return false;
  }
  const auto first = reinterpret_cast<uintptr_t>(view.data);
  uint64_t end = 0;
  return uint64_t{0} - static_cast<uint64_t>(below) <= first &&
         CheckedAdd(uint64_t{first}, static_cast<uint64_t>(above), &end);
}

}  // namespace

Index ReadIndex(const int64_t* values, int ndim) {
  Index index{};
  std::copy_n(values, ndim, index.begin());
  return index;
}

Status ReadArray(const tsnap_array& array, const char* path, ArrayView* view) {
  if (!IsDtype(array.dtype)) return Refuse(path, fmt::format("dtype {} is unknown", array.dtype));
  if (array.ndim < 0 || array.ndim > TSNAP_MAX_DIMS)
    return Refuse(path, fmt::format("ndim is {}, it must be 0 to {}", array.ndim, TSNAP_MAX_DIMS));
  const auto dtype = static_cast<Dtype>(array.dtype);
  const int64_t item_bytes = dtype == Dtype::kOpaque ? array.item_bytes : DtypeBytes(dtype);
  if (item_bytes < 1)
    return Refuse(path, fmt::format("item_bytes is {}, a record of TSNAP_OPAQUE has at least 1",
                                    array.item_bytes));
  const Index shape = ReadIndex(array.shape, array.ndim);
  const Box box = WholeBox(array.ndim, shape);
  TSNAP_TRY(CheckBox(box, item_bytes).While("reading the array of", path));

  *view = ContiguousView(dtype, item_bytes, array.ndim, shape, static_cast<std::byte*>(array.data));
  const auto strides = ReadIndex(array.strides_bytes, array.ndim);
  if (strides != Index{}) view->strides_bytes = strides;
  if (IsEmpty(box)) return Status::Ok();
  if (array.data == nullptr) return Refuse(path, "data is NULL although there are elements");
  if (!SpanFits(*view)) return Refuse(path, "shape times strides exceeds the address space");
  return Status::Ok();
}

}  // namespace tsnap::capi
