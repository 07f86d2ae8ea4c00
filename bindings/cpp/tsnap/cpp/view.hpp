// view.hpp - arrays in memory: shapes, views with a layout, and what is accepted for an array.
//
// Accepted wherever an array is: std::vector, std::array, std::span and every other contiguous
// container (one axis), C arrays, View, std::mdspan and all that look like it, one number or record
// (no axis). Nothing is copied, and nothing owned: the memory must stay where it is.
#ifndef TSNAP_CPP_VIEW_HPP_
#define TSNAP_CPP_VIEW_HPP_

#include <tsnap/array.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

#if defined(__has_include) && __has_include(<version>)
#include <version>
#endif
#ifdef __cpp_lib_span
#include <span>
#endif

#include <tsnap/cpp/dtype.hpp>
#include <tsnap/cpp/error.hpp>

namespace tsnap {

// Up to TSNAP_MAX_DIMS integers: a shape, an offset, strides. Made from {rows, columns} of any
// integer types, or from a container of integers.
class Dims {
 public:
  Dims() = default;

  template <
      typename... Integers,
      std::enable_if_t<(sizeof...(Integers) > 0) && (std::is_integral_v<Integers> && ...), int> = 0>
  Dims(Integers... values) : count_(static_cast<int>(sizeof...(Integers))) {
    static_assert(sizeof...(Integers) <= TSNAP_MAX_DIMS, "tsnap: at most 8 dimensions");
    int i = 0;
    ((values_[static_cast<std::size_t>(i++)] = Checked(values)), ...);
  }

  template <typename Range,
            typename Value = std::decay_t<decltype(*std::begin(std::declval<const Range &>()))>,
            std::enable_if_t<std::is_integral_v<Value> && !std::is_same_v<Range, Dims>, int> = 0>
  Dims(const Range &values) {
    for (const Value value : values) push_back(Checked(value));
  }

  int size() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }
  std::int64_t operator[](int axis) const noexcept {
    return values_[static_cast<std::size_t>(axis)];
  }
  std::int64_t &operator[](int axis) noexcept { return values_[static_cast<std::size_t>(axis)]; }
  const std::int64_t *data() const noexcept { return values_.data(); }
  const std::int64_t *begin() const noexcept { return values_.data(); }
  const std::int64_t *end() const noexcept { return values_.data() + count_; }

  void push_back(std::int64_t value) {
    if (count_ == TSNAP_MAX_DIMS) detail::ThrowInvalid("an array has at most 8 dimensions");
    values_[static_cast<std::size_t>(count_++)] = value;
  }

  // How many elements a box of this shape has; 1 without axes.
  std::int64_t product() const {
    std::int64_t all = 1;
    for (const std::int64_t value : *this) {
      if (value < 0) detail::ThrowInvalid("a shape has no negative lengths");
      if (value != 0 && all > std::numeric_limits<std::int64_t>::max() / value)
        detail::ThrowInvalid("a shape has more elements than 64 bits can count");
      all *= value;
    }
    return all;
  }

  std::string text() const {
    std::string out = "(";
    for (int i = 0; i < count_; ++i) out += (i > 0 ? ", " : "") + std::to_string((*this)[i]);
    return out + ")";
  }

  friend bool operator==(const Dims &a, const Dims &b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }
  friend bool operator!=(const Dims &a, const Dims &b) noexcept { return !(a == b); }

 private:
  template <typename Integer>
  static std::int64_t Checked(Integer value) {
    if constexpr (std::is_unsigned_v<Integer> && sizeof(Integer) >= sizeof(std::int64_t)) {
      if (value > static_cast<Integer>(std::numeric_limits<std::int64_t>::max()))
        detail::ThrowInvalid("a length or offset is beyond 63 bits");
    }
    return static_cast<std::int64_t>(value);
  }

  std::array<std::int64_t, TSNAP_MAX_DIMS> values_{};
  int count_ = 0;
};

// Layouts of a View: the last index runs fastest (C), the first one does (Fortran), or any strides,
// in elements.
struct Right {};
struct Left {};
inline constexpr Right right{};
inline constexpr Left left{};
struct Strides {
  Dims elements;
  template <typename... Integers>
  Strides(Integers... values) : elements(values...) {}
};

namespace detail {

// Elements one behind the other, and an iteration that says so: the rows of a matrix are none.
template <typename T, typename = void>
struct HasDataAndSize : std::false_type {};
template <typename T>
struct HasDataAndSize<
    T, std::void_t<decltype(*std::declval<T &>().data()), decltype(std::declval<T &>().size()),
                   decltype(*std::declval<T &>().begin())>>
    : std::is_same<decltype(*std::declval<T &>().data()), decltype(*std::declval<T &>().begin())> {
};

template <typename T, typename = void>
struct HasData : std::false_type {};
template <typename T>
struct HasData<T, std::void_t<decltype(std::declval<T &>().data())>> : std::true_type {};

template <typename T, typename = void>
struct HasExtents : std::false_type {};
template <typename T>
struct HasExtents<T, std::void_t<decltype(std::declval<T &>().extent(0)),
                                 decltype(std::declval<T &>().stride(0))>> : std::true_type {};

template <typename T, typename = void>
struct HasDataHandle : std::false_type {};
template <typename T>
struct HasDataHandle<T, std::void_t<decltype(std::declval<T &>().data_handle())>> : std::true_type {
};

// A matrix of an algebra library: its data() and size() do not say where its elements lie.
template <typename T, typename = void>
struct HasRowsAndColumns : std::false_type {};
template <typename T>
struct HasRowsAndColumns<
    T, std::void_t<decltype(std::declval<T &>().rows()), decltype(std::declval<T &>().cols())>>
    : std::true_type {};

}  // namespace detail

// An n-d array of T that somebody else owns. View<T>(data, shape), with a layout as the third
// argument, or of a container whose elements it gives a shape.
template <typename T>
class View {
 public:
  using element_type = T;

  View(T *data, const Dims &shape, Right = right) : data_(data), shape_(shape) {
    std::int64_t stride = 1;
    strides_ = shape;
    for (int i = shape.size() - 1; i >= 0; --i) {
      strides_[i] = stride;
      stride *= std::max<std::int64_t>(shape[i], 1);
    }
  }
  View(T *data, const Dims &shape, Left) : data_(data), shape_(shape) {
    std::int64_t stride = 1;
    strides_ = shape;
    for (int i = 0; i < shape.size(); ++i) {
      strides_[i] = stride;
      stride *= std::max<std::int64_t>(shape[i], 1);
    }
  }
  View(T *data, const Dims &shape, const Strides &strides)
      : data_(data), shape_(shape), strides_(strides.elements) {
    if (strides_.size() != shape_.size())
      detail::ThrowInvalid("a view of shape " + shape.text() +
                           " has not as many strides: " + strides_.text());
  }
  template <typename Container, typename Layout = Right,
            std::enable_if_t<detail::HasDataAndSize<Container>::value, int> = 0>
  View(Container &container, const Dims &shape, Layout layout = {})
      : View(container.data(), shape, layout) {
    if (shape.product() != static_cast<std::int64_t>(container.size()))
      detail::ThrowInvalid("a view of shape " + shape.text() + " does not fit a container of " +
                           std::to_string(container.size()) + " elements");
  }

  int rank() const noexcept { return shape_.size(); }
  std::int64_t extent(int axis) const noexcept { return shape_[axis]; }
  std::int64_t stride(int axis) const noexcept { return strides_[axis]; }
  T *data_handle() const noexcept { return data_; }
  const Dims &shape() const noexcept { return shape_; }

  template <typename... Indices>
  T &operator()(Indices... indices) const {
    std::int64_t at = 0;
    int axis = 0;
    ((at += static_cast<std::int64_t>(indices) * strides_[axis++]), ...);
    return data_[at];
  }

  // The part that begins at offset and has this shape.
  View box(const Dims &offset, const Dims &shape) const {
    View part = *this;
    if (offset.size() != rank() || shape.size() != rank())
      detail::ThrowInvalid("a box of a view of " + std::to_string(rank()) +
                           " dimensions needs as many offsets and lengths");
    for (int i = 0; i < rank(); ++i) {
      if (offset[i] < 0 || shape[i] < 0 || shape[i] > extent(i) - offset[i])
        detail::ThrowInvalid("the box at " + offset.text() + " of shape " + shape.text() +
                             " is not inside of a view of shape " + shape_.text());
      part.data_ += offset[i] * strides_[i];
    }
    part.shape_ = shape;
    return part;
  }

  // Without the ghost layers: so many elements less at both ends of every axis.
  View interior(std::int64_t ghosts) const {
    Dims offset = shape_, shape = shape_;
    for (int i = 0; i < rank(); ++i) {
      offset[i] = ghosts;
      shape[i] -= 2 * ghosts;
    }
    return box(offset, shape);
  }

 private:
  T *data_;
  Dims shape_, strides_;
};

template <typename T, typename Layout = Right>
View(T *, const Dims &, Layout = {}) -> View<T>;
template <typename Container, typename Layout = Right,
          typename = std::enable_if_t<detail::HasDataAndSize<Container>::value>>
View(Container &, const Dims &, Layout = {})
    -> View<std::remove_pointer_t<decltype(std::declval<Container &>().data())>>;

// A type of another library that borrows its memory, as std::span does: specialise this as
// std::true_type, and temporaries of it may be registered.
template <typename T>
struct is_borrowed : std::false_type {};
#ifdef __cpp_lib_span
template <typename T, std::size_t kExtent>
struct is_borrowed<std::span<T, kExtent>> : std::true_type {};
#endif

namespace detail {

// Whether a type is an array of some kind; else it is one element.
template <typename T>
inline constexpr bool kIsArrayLike =
    std::is_array_v<T> || HasExtents<T>::value || HasDataAndSize<T>::value;

template <typename T, typename = void>
struct CanBeCalled : std::false_type {};
template <typename T>
struct CanBeCalled<T, std::void_t<decltype(std::declval<T &>().rank())>> : std::true_type {};

template <typename Thing>
int RankOf(const Thing &thing) {
  (void)thing;
  if constexpr (CanBeCalled<const Thing>::value) {
    return static_cast<int>(thing.rank());
  } else {
    return static_cast<int>(Thing::rank);
  }
}

template <typename Thing>
auto *DataOf(Thing &thing) {
  if constexpr (HasDataHandle<Thing>::value) {
    return thing.data_handle();
  } else {
    return thing.data();
  }
}

template <typename Thing, bool kIsArray = std::is_array_v<Thing>,
          bool kIsArrayLike = detail::kIsArrayLike<Thing>>
struct ElementOfHelper {
  using type = Thing;
};
template <typename Thing, bool kIsArrayLike>
struct ElementOfHelper<Thing, true, kIsArrayLike> {
  using type = std::remove_all_extents_t<Thing>;
};
template <typename Thing>
struct ElementOfHelper<Thing, false, true> {
  using type = std::remove_pointer_t<decltype(DataOf(std::declval<Thing &>()))>;
};
// The element as the array holds it: it may be a std::array, or const.
template <typename Thing>
using ElementOf = typename ElementOfHelper<std::remove_reference_t<Thing>>::type;

// What is to be said at compile time about something that is given as an array.
template <typename Thing, bool kIsLvalue>
constexpr void CheckThing() {
  using Bare = std::remove_cv_t<Thing>;
  static_assert(
      kIsLvalue || HasDataHandle<Bare>::value || is_borrowed<Bare>::value,
      "tsnap: this is a temporary, and its memory is gone after the call; give it a name");
  constexpr bool is_matrix = HasRowsAndColumns<Bare>::value && !HasExtents<Bare>::value;
  constexpr bool is_odd = HasData<Bare>::value && !kIsArrayLike<Bare>;
  if constexpr (is_matrix || is_odd) {
    static_assert(!is_matrix && !is_odd,
                  "tsnap: this type does not say how its elements lie; give a "
                  "tsnap::View(thing.data(), {rows, columns}, layout)");
  } else {
    using Element = ElementOf<Thing>;
    static_assert(!std::is_const_v<Element>,
                  "tsnap: a restore would write into this, and it is const");
    CheckElement<std::remove_cv_t<Element>>();
  }
}

template <typename T>
void SetElement(tsnap_array &array) {
  using Bare = LeafOf<T>;
  array.dtype = static_cast<std::int32_t>(ElementType<Bare>::dtype);
  if (ElementType<Bare>::dtype == Dtype::opaque) array.item_bytes = sizeof(Bare);
}

template <typename T>
void AddInnerAxes(tsnap_array &array) {
  ForInnerAxes<T>([&](std::int64_t length, std::int64_t stride_bytes) {
    if (array.ndim == TSNAP_MAX_DIMS) ThrowInvalid("an array has at most 8 dimensions");
    array.shape[array.ndim] = length;
    array.strides_bytes[array.ndim++] = stride_bytes;
  });
}

// Strides of 0 only are no strides to C: it would run over elements that are not there.
inline void CheckStrides(const tsnap_array &array) {
  bool has_several = false;
  for (int i = 0; i < array.ndim; ++i) {
    if (array.shape[i] == 0 || (array.shape[i] > 1 && array.strides_bytes[i] != 0)) return;
    has_several = has_several || array.shape[i] > 1;
  }
  if (has_several)
    ThrowInvalid(
        "all strides of an array are 0, so that its elements are one and the same: register that "
        "one, or give it its strides");
}

// The C description of anything that is accepted for an array. The memory may be const: who reads
// into it has asked CheckThing first.
template <typename Thing>
tsnap_array ArrayOf(Thing &thing) {
  using Element = std::remove_cv_t<ElementOf<Thing>>;
  tsnap_array array = TSNAP_ARRAY_INIT;
  SetElement<Element>(array);
  if constexpr (std::is_array_v<Thing>) {
    array.data = const_cast<void *>(static_cast<const void *>(&thing));
    AddInnerAxes<std::remove_cv_t<Thing>>(array);
  } else if constexpr (HasExtents<Thing>::value) {
    const int rank = RankOf(thing);
    if (rank > TSNAP_MAX_DIMS) ThrowInvalid("an array has at most 8 dimensions");
    array.ndim = rank;
    for (int i = 0; i < rank; ++i) {
      // The type of an index is the thing's own affair.
      array.shape[i] = static_cast<std::int64_t>(thing.extent(static_cast<unsigned char>(i)));
      array.strides_bytes[i] =
          static_cast<std::int64_t>(thing.stride(static_cast<unsigned char>(i))) *
          static_cast<std::int64_t>(sizeof(Element));
    }
    array.data = const_cast<std::remove_cv_t<Element> *>(DataOf(thing));
    AddInnerAxes<Element>(array);
    CheckStrides(array);
  } else if constexpr (HasDataAndSize<Thing>::value) {
    array.ndim = 1;
    array.shape[0] = static_cast<std::int64_t>(thing.size());
    array.strides_bytes[0] = static_cast<std::int64_t>(sizeof(Element));
    array.data = const_cast<std::remove_cv_t<Element> *>(thing.data());
    AddInnerAxes<Element>(array);
  } else {
    array.data = const_cast<void *>(static_cast<const void *>(std::addressof(thing)));
  }
  return array;
}

// An offset or a global shape of the array's own axes, with the element's axes behind them.
template <typename Element>
Dims WithInnerAxes(Dims dims, bool lengths) {
  ForInnerAxes<std::remove_cv_t<Element>>(
      [&](std::int64_t length, std::int64_t) { dims.push_back(lengths ? length : 0); });
  return dims;
}

inline void SetOffset(tsnap_array &array, const Dims &offset, const char *path) {
  if (offset.size() != array.ndim)
    ThrowInvalid("the offset of '" + std::string(path) + "' is " + offset.text() +
                 ", and its array has " + std::to_string(array.ndim) + " dimensions");
  for (int i = 0; i < offset.size(); ++i) array.offset[i] = offset[i];
}

}  // namespace detail
}  // namespace tsnap

#endif
