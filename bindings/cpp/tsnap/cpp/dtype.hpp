// dtype.hpp - which element type of tsnap a C++ type is.
//
// bool, integers, float, double, std::complex of them, std::byte, half precision where the compiler
// has it, enumerations (as their integer), std::array and C arrays of all of these (as further
// axes). Any other trivially copyable type is an opaque record of its size, stored as it is,
// padding included. A type of another library is told apart by a specialisation:
//
//     template <> struct tsnap::ElementType<my::half> {
//       static constexpr tsnap::Dtype dtype = tsnap::Dtype::float16;
//     };
#ifndef TSNAP_CPP_DTYPE_HPP_
#define TSNAP_CPP_DTYPE_HPP_

#include <tsnap/array.h>

#include <array>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace tsnap {

enum class Dtype : std::int32_t {
  none = 0,  // of an object that is no array
  boolean = TSNAP_BOOL,
  int8 = TSNAP_INT8,
  int16 = TSNAP_INT16,
  int32 = TSNAP_INT32,
  int64 = TSNAP_INT64,
  uint8 = TSNAP_UINT8,
  uint16 = TSNAP_UINT16,
  uint32 = TSNAP_UINT32,
  uint64 = TSNAP_UINT64,
  float8_e4m3 = TSNAP_FLOAT8_E4M3,
  float8_e5m2 = TSNAP_FLOAT8_E5M2,
  float16 = TSNAP_FLOAT16,
  bfloat16 = TSNAP_BFLOAT16,
  float32 = TSNAP_FLOAT32,
  float64 = TSNAP_FLOAT64,
  complex64 = TSNAP_COMPLEX64,
  complex128 = TSNAP_COMPLEX128,
  opaque = TSNAP_OPAQUE
};

inline const char *name(Dtype dtype) noexcept {
  switch (dtype) {
    case Dtype::none:
      return "none";
    case Dtype::boolean:
      return "bool";
    case Dtype::int8:
      return "int8";
    case Dtype::int16:
      return "int16";
    case Dtype::int32:
      return "int32";
    case Dtype::int64:
      return "int64";
    case Dtype::uint8:
      return "uint8";
    case Dtype::uint16:
      return "uint16";
    case Dtype::uint32:
      return "uint32";
    case Dtype::uint64:
      return "uint64";
    case Dtype::float8_e4m3:
      return "float8_e4m3";
    case Dtype::float8_e5m2:
      return "float8_e5m2";
    case Dtype::float16:
      return "float16";
    case Dtype::bfloat16:
      return "bfloat16";
    case Dtype::float32:
      return "float32";
    case Dtype::float64:
      return "float64";
    case Dtype::complex64:
      return "complex64";
    case Dtype::complex128:
      return "complex128";
    case Dtype::opaque:
      return "opaque";
  }
  return "unknown";
}

namespace detail {

template <typename T>
constexpr Dtype NumberType() {
  if constexpr (std::is_same_v<T, bool>) {
    return Dtype::boolean;
  } else if constexpr (std::is_enum_v<T>) {
    return NumberType<std::underlying_type_t<T>>();  // std::byte among them
  } else if constexpr (std::is_integral_v<T>) {
    constexpr bool is_signed = std::is_signed_v<T>;
    switch (sizeof(T)) {
      case 1:
        return is_signed ? Dtype::int8 : Dtype::uint8;
      case 2:
        return is_signed ? Dtype::int16 : Dtype::uint16;
      case 4:
        return is_signed ? Dtype::int32 : Dtype::uint32;
      case 8:
        return is_signed ? Dtype::int64 : Dtype::uint64;
      default:
        return Dtype::opaque;
    }
  } else {
    return Dtype::opaque;
  }
}

}  // namespace detail

template <typename T, typename Enable = void>
struct ElementType {
  static constexpr Dtype dtype = detail::NumberType<T>();
};
template <>
struct ElementType<float> {
  static constexpr Dtype dtype = Dtype::float32;
};
template <>
struct ElementType<double> {
  static constexpr Dtype dtype = Dtype::float64;
};
template <>
struct ElementType<std::complex<float>> {
  static constexpr Dtype dtype = Dtype::complex64;
};
template <>
struct ElementType<std::complex<double>> {
  static constexpr Dtype dtype = Dtype::complex128;
};
// Half precision, by the macros that say that a compiler has the type (std::float16_t is the same).
#if defined(__STDCPP_FLOAT16_T__) || defined(__FLT16_MANT_DIG__)
__extension__ typedef _Float16 Float16;
template <>
struct ElementType<Float16> {
  static constexpr Dtype dtype = Dtype::float16;
};
#define TSNAP_CPP_HAS_FLOAT16 1
#endif
#if defined(__STDCPP_BFLOAT16_T__) || \
    (defined(__BFLT16_MANT_DIG__) && defined(__GNUC__) && __GNUC__ >= 13)
__extension__ typedef __bf16 Bfloat16;
template <>
struct ElementType<Bfloat16> {
  static constexpr Dtype dtype = Dtype::bfloat16;
};
#define TSNAP_CPP_HAS_BFLOAT16 1
#endif

namespace detail {

// What is left of T below std::array and C arrays, whose lengths become the last axes.
template <typename T>
struct Leaf {
  using type = T;
  static constexpr int axes = 0;
};
template <typename T, std::size_t kLength>
struct Leaf<std::array<T, kLength>> {
  using type = typename Leaf<T>::type;
  static constexpr int axes = 1 + Leaf<T>::axes;
};
template <typename T, std::size_t kLength>
struct Leaf<T[kLength]> {
  using type = typename Leaf<T>::type;
  static constexpr int axes = 1 + Leaf<T>::axes;
};
template <typename T>
using LeafOf = typename Leaf<std::remove_cv_t<T>>::type;

template <typename T>
struct InnerLength : std::integral_constant<std::size_t, 0> {};
template <typename T, std::size_t kLength>
struct InnerLength<std::array<T, kLength>> : std::integral_constant<std::size_t, kLength> {
  using type = T;
};
template <typename T, std::size_t kLength>
struct InnerLength<T[kLength]> : std::integral_constant<std::size_t, kLength> {
  using type = T;
};

// Calls each(length, stride_bytes) for every axis that T itself has.
template <typename T, typename Each>
constexpr void ForInnerAxes(Each &&each) {
  if constexpr (Leaf<T>::axes > 0) {
    using Inner = typename InnerLength<T>::type;
    each(static_cast<std::int64_t>(InnerLength<T>::value),
         static_cast<std::int64_t>(sizeof(Inner)));
    ForInnerAxes<Inner>(each);
  }
}

template <typename T>
constexpr void CheckElement() {
  static_assert(std::is_trivially_copyable_v<T>,
                "tsnap: elements must be trivially copyable; describe other types part by part "
                "with State::stateful");
  static_assert(!std::is_pointer_v<T> && !std::is_member_pointer_v<T> && !std::is_null_pointer_v<T>,
                "tsnap: an address means nothing after a restart; register what it points to");
}

}  // namespace detail

template <typename T>
inline constexpr Dtype dtype_of = ElementType<detail::LeafOf<T>>::dtype;

}  // namespace tsnap

#endif
