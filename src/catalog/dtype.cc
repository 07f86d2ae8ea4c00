// The table of element types.
#include "catalog/dtype.h"

#include <array>
#include <cstddef>

namespace tsnap {
namespace {

struct Entry {
  const char* name;
  int64_t bytes;
  int64_t swap_unit_bytes;
};

constexpr std::array<Entry, 18> kEntries = {{
    // in the order of the enumeration, from 1
    {"bool", 1, 1},
    {"int8", 1, 1},
    {"int16", 2, 2},
    {"int32", 4, 4},
    {"int64", 8, 8},
    {"uint8", 1, 1},
    {"uint16", 2, 2},
    {"uint32", 4, 4},
    {"uint64", 8, 8},
    {"float8_e4m3", 1, 1},
    {"float8_e5m2", 1, 1},
    {"float16", 2, 2},
    {"bfloat16", 2, 2},
    {"float32", 4, 4},
    {"float64", 8, 8},
    {"complex64", 8, 4},
    {"complex128", 16, 8},
    {"opaque", 0, 1},
}};
constexpr Entry kUnknown = {"unknown", 0, 1};

const Entry& EntryOf(Dtype dtype) noexcept {
  const auto value = static_cast<int32_t>(dtype);
  return IsDtype(value) ? kEntries[static_cast<size_t>(value - 1)] : kUnknown;
}

}  // namespace

bool IsDtype(int32_t value) noexcept {
  return value >= 1 && value <= static_cast<int32_t>(kEntries.size());
}
int64_t DtypeBytes(Dtype dtype) noexcept { return EntryOf(dtype).bytes; }
int64_t SwapUnitBytes(Dtype dtype) noexcept { return EntryOf(dtype).swap_unit_bytes; }
const char* DtypeName(Dtype dtype) noexcept { return EntryOf(dtype).name; }

}  // namespace tsnap
