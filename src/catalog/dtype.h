// Dtype: the element types of the public interface, their sizes and names.
#pragma once

#include <cstdint>

namespace tsnap {

enum class Dtype : int32_t {
  kBool = 1,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kFloat8E4m3,
  kFloat8E5m2,
  kFloat16,
  kBfloat16,
  kFloat32,
  kFloat64,
  kComplex64,
  kComplex128,
  kOpaque,  // fixed-size records; the size stands beside the dtype
};

bool IsDtype(int32_t value) noexcept;
// Bytes of one element; 0 for kOpaque.
int64_t DtypeBytes(Dtype dtype) noexcept;
// Bytes of the unit whose byte order matters: 4 for complex64, 1 for opaque records.
int64_t SwapUnitBytes(Dtype dtype) noexcept;
// "float64", "opaque"; never null.
const char* DtypeName(Dtype dtype) noexcept;

}  // namespace tsnap
