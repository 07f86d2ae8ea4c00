// Understand: the element types of any HDF5 file as the nearest that tsnap has.
#include <fmt/format.h>
#include <hdf5.h>
#include <strings.h>

#include <bit>
#include <limits>
#include <optional>
#include <string_view>

#include "hdf5/types.h"

namespace tsnap::hdf5 {

namespace {

// Deeper types are nobody's data.
constexpr int kMaxNesting = 32;

std::string TextOf(char* text) {
  std::string copy = text == nullptr ? "" : text;
  H5free_memory(text);
  return copy;
}

Handle MemberType(hid_t type, unsigned member) {
  return {H5Tget_member_type(type, member), H5Tclose};
}

// What makes elements more than their bytes: parts that lie elsewhere in the file; "" if nothing.
std::string PartsElsewhere(hid_t type, int nesting) {
  if (nesting > kMaxNesting) return "its element type is nested too deeply";
  switch (H5Tget_class(type)) {
    case H5T_VLEN:
      return "its elements are of variable length";
    case H5T_REFERENCE:
      return "its elements are references";
    case H5T_TIME:
      return "its elements are HDF5 times";
    case H5T_STRING:
      return H5Tis_variable_str(type) > 0 ? "its elements are strings of variable length" : "";
    case H5T_ARRAY: {
      const Handle base(H5Tget_super(type), H5Tclose);
      return base.ok() ? PartsElsewhere(base.get(), nesting + 1)
                       : "its element type cannot be read";
    }
    case H5T_COMPOUND: {
      const int members = H5Tget_nmembers(type);
      for (int i = 0; i < members; ++i) {
        const Handle member = MemberType(type, static_cast<unsigned>(i));
        if (!member.ok()) return "its element type cannot be read";
        if (std::string why = PartsElsewhere(member.get(), nesting + 1); !why.empty()) return why;
      }
      return "";
    }
    default:
      return "";
  }
}

Elements Refuse(std::string why) {
  Elements elements;
  elements.why_not = std::move(why);
  return elements;
}

// As it is in the file.
Elements Raw(hid_t type) {
  const size_t bytes = H5Tget_size(type);
  if (bytes == 0 || bytes > static_cast<size_t>(std::numeric_limits<int64_t>::max()))
    return Refuse("its element type cannot be read");
  Elements elements;
  elements.why_not = PartsElsewhere(type, 0);
  elements.dtype = Dtype::kOpaque;
  elements.item_bytes = static_cast<int64_t>(bytes);
  elements.as_stored = true;
  elements.memory = Handle(H5Tcopy(type), H5Tclose);
  return elements;
}

Elements RawAs(hid_t type, Dtype dtype) {
  Elements elements = Raw(type);
  elements.dtype = dtype;
  return elements;
}

// Of `stored`, read as dtype in this machine's byte order.
Elements As(Dtype dtype, hid_t stored) {
  Elements elements;
  elements.dtype = dtype;
  elements.item_bytes = DtypeBytes(dtype);
  elements.memory = TypeOf(dtype, 0);
  elements.as_stored = elements.memory.ok() && H5Tequal(elements.memory.get(), stored) > 0;
  return elements;
}

Elements Integer(hid_t type) {
  const size_t bytes = H5Tget_size(type);
  if (bytes == 0 || bytes > 8) return Refuse(fmt::format("its integers have {} bytes", bytes));
  static constexpr Dtype kSigned[] = {Dtype::kInt8, Dtype::kInt16, Dtype::kInt32, Dtype::kInt64};
  static constexpr Dtype kUnsigned[] = {Dtype::kUint8, Dtype::kUint16, Dtype::kUint32,
                                        Dtype::kUint64};
  const auto power = static_cast<size_t>(std::bit_width(bytes - 1));  // 3 bytes are read as 4
  return As(H5Tget_sign(type) == H5T_SGN_NONE ? kUnsigned[power] : kSigned[power], type);
}

struct Layout {
  size_t sign = 0, exponent = 0, exponent_bits = 0, mantissa = 0, mantissa_bits = 0, bias = 0;
  bool operator==(const Layout&) const = default;
};

Elements Float(hid_t type) {
  const size_t bytes = H5Tget_size(type);
  if (bytes == 0 || bytes > 8) return Refuse(fmt::format("its floats have {} bytes", bytes));
  Layout layout;
  if (H5Tget_fields(type, &layout.sign, &layout.exponent, &layout.exponent_bits, &layout.mantissa,
                    &layout.mantissa_bits) < 0)
    return Refuse("its element type cannot be read");
  layout.bias = H5Tget_ebias(type);
  const bool usual = H5Tget_norm(type) == H5T_NORM_IMPLIED && H5Tget_offset(type) == 0;
  if (usual && bytes == 1 && layout == Layout{7, 2, 5, 0, 2, 15})
    return RawAs(type, Dtype::kFloat8E5m2);
  if (usual && bytes == 1 && layout == Layout{7, 3, 4, 0, 3, 7})
    return RawAs(type, Dtype::kFloat8E4m3);
  if (usual && bytes == 2 && layout == Layout{15, 10, 5, 0, 10, 15})
    return As(Dtype::kFloat16, type);
  if (usual && bytes == 2 && layout == Layout{15, 7, 8, 0, 7, 127})
    return As(Dtype::kBfloat16, type);
  return As(bytes <= 4 ? Dtype::kFloat32 : Dtype::kFloat64, type);
}

bool IsNamed(hid_t type, unsigned member, const char* name) {
  return strcasecmp(TextOf(H5Tget_member_name(type, member)).c_str(), name) == 0;
}

bool IsBool(hid_t type) {
  if (H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2) return false;
  bool seen[2] = {false, false};
  for (unsigned i = 0; i < 2; ++i) {
    uint8_t value = 2;
    if (H5Tget_member_value(type, i, &value) < 0 || value > 1) return false;
    if (!IsNamed(type, i, value == 1 ? "TRUE" : "FALSE")) return false;
    seen[value] = true;
  }
  return seen[0] && seen[1];
}

Elements Enumeration(hid_t type) {
  if (IsBool(type)) return RawAs(type, Dtype::kBool);
  const Handle base(H5Tget_super(type), H5Tclose);
  if (!base.ok()) return Refuse("its element type cannot be read");
  return Integer(base.get());
}

Elements Bits(hid_t type) {
  const size_t bytes = H5Tget_size(type);
  Elements elements = Raw(type);
  // HDF5 converts bits only to bits.
  const hid_t native = bytes == 1   ? H5T_NATIVE_B8
                       : bytes == 2 ? H5T_NATIVE_B16
                       : bytes == 4 ? H5T_NATIVE_B32
                       : bytes == 8 ? H5T_NATIVE_B64
                                    : H5I_INVALID_HID;
  if (native < 0) return elements;
  elements.dtype = bytes == 1   ? Dtype::kUint8
                   : bytes == 2 ? Dtype::kUint16
                   : bytes == 4 ? Dtype::kUint32
                                : Dtype::kUint64;
  elements.memory = Handle(H5Tcopy(native), H5Tclose);
  elements.as_stored = H5Tequal(native, type) > 0;
  return elements;
}

// Two equal floats called real and imaginary, in either of the two usual ways.
std::optional<Elements> Complex(hid_t type) {
  if (H5Tget_nmembers(type) != 2) return std::nullopt;
  const bool brief = IsNamed(type, 0, "r") && IsNamed(type, 1, "i");
  const bool full = IsNamed(type, 0, "real") && IsNamed(type, 1, "imag");
  if (!brief && !full) return std::nullopt;
  const Handle real = MemberType(type, 0), imaginary = MemberType(type, 1);
  if (!real.ok() || !imaginary.ok() || H5Tget_class(real.get()) != H5T_FLOAT ||
      H5Tequal(real.get(), imaginary.get()) <= 0)
    return std::nullopt;
  const Elements part = Float(real.get());
  if (!part.why_not.empty() || (part.dtype != Dtype::kFloat32 && part.dtype != Dtype::kFloat64))
    return std::nullopt;
  Elements elements;
  elements.dtype = part.dtype == Dtype::kFloat32 ? Dtype::kComplex64 : Dtype::kComplex128;
  elements.item_bytes = DtypeBytes(elements.dtype);
  // HDF5 finds the members by their names.
  const auto half = static_cast<size_t>(part.item_bytes);
  elements.memory = Handle(H5Tcreate(H5T_COMPOUND, 2 * half), H5Tclose);
  for (unsigned i = 0; i < 2; ++i)
    if (H5Tinsert(elements.memory.get(), TextOf(H5Tget_member_name(type, i)).c_str(), i * half,
                  part.memory.get()) < 0)
      return std::nullopt;
  elements.as_stored = part.as_stored && H5Tequal(elements.memory.get(), type) > 0;
  return elements;
}

Elements String(hid_t type) {
  const bool variable = H5Tis_variable_str(type) > 0;
  Elements elements = Raw(type);
  elements.why_not.clear();  // a single one of variable length can be read
  elements.text = variable ? Elements::Text::kVariable : Elements::Text::kFixed;
  elements.as_stored = !variable;
  return elements;
}

}  // namespace

Elements Understand(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return Integer(type);
    case H5T_FLOAT:
      return Float(type);
    case H5T_ENUM:
      return Enumeration(type);
    case H5T_BITFIELD:
      return Bits(type);
    case H5T_STRING:
      return String(type);
    case H5T_COMPOUND: {
      std::optional<Elements> complex = Complex(type);
      return complex ? std::move(*complex) : Raw(type);
    }
    case H5T_OPAQUE:
    case H5T_ARRAY:
    case H5T_VLEN:
    case H5T_REFERENCE:
    case H5T_TIME:
      return Raw(type);
    default:
      return Refuse("its elements are of a class that is not known");
  }
}

}  // namespace tsnap::hdf5
