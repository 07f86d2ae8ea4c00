#include "cli/values.h"

#include <fmt/format.h>
#include <tsnap.h>

#include <cmath>
#include <cstring>
#include <iterator>

namespace tsnap::cli {
namespace {

template <class Value>
Value Load(const std::byte* from) {
  Value value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

// A small floating-point number: sign, exponent, fraction. Without infinities (E4M3) only all ones
// is not a number.
float Small(uint32_t bits, int exponent_bits, int fraction_bits, bool has_infinity) {
  const uint32_t fraction_mask = (1u << fraction_bits) - 1,
                 exponent_mask = (1u << exponent_bits) - 1;
  const uint32_t fraction = bits & fraction_mask,
                 exponent = (bits >> fraction_bits) & exponent_mask;
  const bool negative = ((bits >> (fraction_bits + exponent_bits)) & 1) != 0;
  const int bias = static_cast<int>(exponent_mask >> 1);
  float value = 0;
  if (exponent == exponent_mask && has_infinity)
    value = fraction == 0 ? INFINITY : NAN;
  else if (exponent == exponent_mask && fraction == fraction_mask)
    value = NAN;
  else if (exponent == 0)
    value = std::ldexp(static_cast<float>(fraction), 1 - bias - fraction_bits);
  else
    value = std::ldexp(static_cast<float>(fraction | (1u << fraction_bits)),
                       static_cast<int>(exponent) - bias - fraction_bits);
  return negative ? -value : value;
}

float Bfloat16(uint16_t bits) {
  const uint32_t wide = uint32_t{bits} << 16;
  float value;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

template <class Number>
void Append(Number number, std::string* out) {
  fmt::format_to(std::back_inserter(*out), "{}", number);
}

template <class Float>
void AppendFloat(Float value, bool json, std::string* out) {
  if (!json || std::isfinite(value)) return Append(value, out);
  *out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
}

template <class Float>
void AppendComplex(const std::byte* from, bool json, std::string* out) {
  const Float real = Load<Float>(from), imaginary = Load<Float>(from + sizeof(Float));
  if (json) *out += '[';
  AppendFloat(real, json, out);
  if (json) *out += ',';
  if (!json && !std::signbit(imaginary)) *out += '+';
  AppendFloat(imaginary, json, out);
  *out += json ? ']' : 'j';
}

void AppendElement(const std::byte* from, int32_t dtype, int64_t item_bytes, bool json,
                   std::string* out) {
  switch (dtype) {
    case TSNAP_BOOL:
      *out += Load<uint8_t>(from) != 0 ? "true" : "false";
      return;
    case TSNAP_INT8:
      return Append(static_cast<int>(Load<int8_t>(from)), out);
    case TSNAP_INT16:
      return Append(Load<int16_t>(from), out);
    case TSNAP_INT32:
      return Append(Load<int32_t>(from), out);
    case TSNAP_INT64:
      return Append(Load<int64_t>(from), out);
    case TSNAP_UINT8:
      return Append(static_cast<unsigned>(Load<uint8_t>(from)), out);
    case TSNAP_UINT16:
      return Append(Load<uint16_t>(from), out);
    case TSNAP_UINT32:
      return Append(Load<uint32_t>(from), out);
    case TSNAP_UINT64:
      return Append(Load<uint64_t>(from), out);
    case TSNAP_FLOAT8_E4M3:
      return AppendFloat(Small(Load<uint8_t>(from), 4, 3, false), json, out);
    case TSNAP_FLOAT8_E5M2:
      return AppendFloat(Small(Load<uint8_t>(from), 5, 2, true), json, out);
    case TSNAP_FLOAT16:
      return AppendFloat(Small(Load<uint16_t>(from), 5, 10, true), json, out);
    case TSNAP_BFLOAT16:
      return AppendFloat(Bfloat16(Load<uint16_t>(from)), json, out);
    case TSNAP_FLOAT32:
      return AppendFloat(Load<float>(from), json, out);
    case TSNAP_FLOAT64:
      return AppendFloat(Load<double>(from), json, out);
    case TSNAP_COMPLEX64:
      return AppendComplex<float>(from, json, out);
    case TSNAP_COMPLEX128:
      return AppendComplex<double>(from, json, out);
    default:
      if (json) *out += '"';
      AppendHex(from, static_cast<size_t>(item_bytes), out);
      if (json) *out += '"';
  }
}

}  // namespace

void AppendText(const std::byte* element, int32_t dtype, int64_t item_bytes, std::string* out) {
  AppendElement(element, dtype, item_bytes, false, out);
}

void AppendJson(const std::byte* element, int32_t dtype, int64_t item_bytes, std::string* out) {
  AppendElement(element, dtype, item_bytes, true, out);
}

void AppendHex(const std::byte* bytes, size_t count, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (size_t i = 0; i < count; ++i) {
    const auto value = static_cast<unsigned>(bytes[i]);
    *out += kDigits[value >> 4];
    *out += kDigits[value & 15];
  }
}

}  // namespace tsnap::cli
