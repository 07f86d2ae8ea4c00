#include "hdf5/types.h"

#include <cstddef>

#include "format/one_file/dataset.h"

namespace tsnap::hdf5 {

namespace {

using one_file::RankRow;

Handle Copy(hid_t type) { return {H5Tcopy(type), H5Tclose}; }

struct FloatFields {
  size_t bytes, sign, exponent, exponent_bits, mantissa, mantissa_bits, bias;
};

// IEEE-like floats that HDF5 has no name for.
Handle Float(const FloatFields& fields) {
  Handle type = Copy(H5T_NATIVE_FLOAT);
  const bool ok = type.ok() &&
                  H5Tset_fields(type.get(), fields.sign, fields.exponent, fields.exponent_bits,
                                fields.mantissa, fields.mantissa_bits) >= 0 &&
                  H5Tset_size(type.get(), fields.bytes) >= 0 &&
                  H5Tset_ebias(type.get(), fields.bias) >= 0;
  return ok ? std::move(type) : Handle();
}

// What h5py makes of numpy's bool.
Handle Bool() {
  Handle type(H5Tenum_create(H5T_NATIVE_INT8), H5Tclose);
  const int8_t no = 0, yes = 1;
  const bool ok = type.ok() && H5Tenum_insert(type.get(), "FALSE", &no) >= 0 &&
                  H5Tenum_insert(type.get(), "TRUE", &yes) >= 0;
  return ok ? std::move(type) : Handle();
}

// What h5py makes of numpy's complex numbers.
Handle Complex(hid_t part) {
  const size_t bytes = H5Tget_size(part);
  Handle type(H5Tcreate(H5T_COMPOUND, 2 * bytes), H5Tclose);
  const bool ok = type.ok() && H5Tinsert(type.get(), "r", 0, part) >= 0 &&
                  H5Tinsert(type.get(), "i", bytes, part) >= 0;
  return ok ? std::move(type) : Handle();
}

// Without a tag: HDF5 reads opaque elements only as others of the same tag, and who reads them with
// h5py or a program of their own has none.
Handle Opaque(uint64_t bytes) { return {H5Tcreate(H5T_OPAQUE, bytes), H5Tclose}; }

}  // namespace

Handle TypeOf(Dtype dtype, int64_t item_bytes) {
  switch (dtype) {
    case Dtype::kBool:
      return Bool();
    case Dtype::kInt8:
      return Copy(H5T_NATIVE_INT8);
    case Dtype::kInt16:
      return Copy(H5T_NATIVE_INT16);
    case Dtype::kInt32:
      return Copy(H5T_NATIVE_INT32);
    case Dtype::kInt64:
      return Copy(H5T_NATIVE_INT64);
    case Dtype::kUint8:
      return Copy(H5T_NATIVE_UINT8);
    case Dtype::kUint16:
      return Copy(H5T_NATIVE_UINT16);
    case Dtype::kUint32:
      return Copy(H5T_NATIVE_UINT32);
    case Dtype::kUint64:
      return Copy(H5T_NATIVE_UINT64);
    case Dtype::kFloat8E4m3:
      // Not a float of HDF5's: its 448 would be read as infinity.
      return Opaque(1);
    case Dtype::kFloat8E5m2:
      return Float({1, 7, 2, 5, 0, 2, 15});
    case Dtype::kFloat16:
      return Float({2, 15, 10, 5, 0, 10, 15});
    case Dtype::kBfloat16:
      return Float({2, 15, 7, 8, 0, 7, 127});
    case Dtype::kFloat32:
      return Copy(H5T_NATIVE_FLOAT);
    case Dtype::kFloat64:
      return Copy(H5T_NATIVE_DOUBLE);
    case Dtype::kComplex64:
      return Complex(H5T_NATIVE_FLOAT);
    case Dtype::kComplex128:
      return Complex(H5T_NATIVE_DOUBLE);
    case Dtype::kOpaque:
      if (item_bytes < 1) return {};
      return Opaque(static_cast<uint64_t>(item_bytes));
  }
  return {};
}

Handle RankRowType() {
  const hsize_t dims = kMaxDims;
  Handle shape(H5Tarray_create2(H5T_NATIVE_INT64, 1, &dims), H5Tclose);
  Handle type(H5Tcreate(H5T_COMPOUND, sizeof(RankRow)), H5Tclose);
  if (!shape.ok() || !type.ok()) return {};
  const auto insert = [&](const char* name, size_t offset, hid_t member) {
    return H5Tinsert(type.get(), name, offset, member) >= 0;
  };
  const bool ok = insert("rank", offsetof(RankRow, rank), H5T_NATIVE_INT64) &&
                  insert("begin", offsetof(RankRow, begin), H5T_NATIVE_INT64) &&
                  insert("count", offsetof(RankRow, count), H5T_NATIVE_INT64) &&
                  insert("ndim", offsetof(RankRow, ndim), H5T_NATIVE_INT64) &&
                  insert("shape", offsetof(RankRow, shape), shape.get());
  return ok ? std::move(type) : Handle();
}

Handle TextType(uint64_t bytes) {
  Handle type = Copy(H5T_C_S1);
  const bool ok = type.ok() && H5Tset_size(type.get(), bytes) >= 0 &&
                  H5Tset_cset(type.get(), H5T_CSET_UTF8) >= 0 &&
                  H5Tset_strpad(type.get(), H5T_STR_NULLPAD) >= 0;
  return ok ? std::move(type) : Handle();
}

Handle VariableTextType() {
  Handle type = Copy(H5T_C_S1);
  const bool ok = type.ok() && H5Tset_size(type.get(), H5T_VARIABLE) >= 0 &&
                  H5Tset_cset(type.get(), H5T_CSET_UTF8) >= 0;
  return ok ? std::move(type) : Handle();
}

}  // namespace tsnap::hdf5
