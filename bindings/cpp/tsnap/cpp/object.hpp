// object.hpp - one stored object of an open snapshot: what it is, its values, attributes and
// extents.
//
// An Object is a few words about it; it reads through its Snapshot, which must be open.
#ifndef TSNAP_CPP_OBJECT_HPP_
#define TSNAP_CPP_OBJECT_HPP_

#include <tsnap/snapshot.h>
#include <tsnap/state.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tsnap/cpp/config.hpp>
#include <tsnap/cpp/dtype.hpp>
#include <tsnap/cpp/error.hpp>
#include <tsnap/cpp/text.hpp>
#include <tsnap/cpp/view.hpp>

namespace tsnap {

enum class ObjectType : std::int32_t {
  array = TSNAP_OBJECT_ARRAY,
  int64 = TSNAP_OBJECT_INT64,
  float64 = TSNAP_OBJECT_FLOAT64,
  boolean = TSNAP_OBJECT_BOOL,
  string = TSNAP_OBJECT_STRING,
  bytes = TSNAP_OBJECT_BYTES
};

inline const char *name(ObjectType type) noexcept {
  switch (type) {
    case ObjectType::array:
      return "an array";
    case ObjectType::int64:
      return "an integer";
    case ObjectType::float64:
      return "a number";
    case ObjectType::boolean:
      return "a truth value";
    case ObjectType::string:
      return "a string";
    case ObjectType::bytes:
      return "a block of bytes";
  }
  return "of an unknown type";
}

enum class Kind : std::int32_t {
  private_ = TSNAP_PRIVATE,
  replicated = TSNAP_REPLICATED,
  sharded = TSNAP_SHARDED
};

// Where some of an object's bytes rest: one box of it, in one run of bytes of one file.
struct Extent {
  std::string file;
  std::int64_t writer = 0;  // -1: not recorded
  std::uint64_t offset_bytes = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t bytes = 0;
  std::int32_t codec = 0;  // as a number; tsnap::Codec names them
  Dims box_offset;
  Dims box_shape;
};

struct ReadOptions {
  std::uint64_t memory_budget_bytes = 0;
  bool verify = true;
  void *cuda_stream = nullptr;  // a CUstream or cudaStream_t
};

namespace detail {

// What an open snapshot and its objects share.
struct SnapshotCore {
  explicit SnapshotCore(Config config) : held(std::move(config)) {}
  SnapshotCore(const SnapshotCore &) = delete;
  SnapshotCore &operator=(const SnapshotCore &) = delete;
  HeldConfig held;
  tsnap_snapshot *handle = nullptr;
  std::function<void(std::uint64_t, std::uint64_t)> progress;
  Trap trap;
};

struct SnapshotAccess;

}  // namespace detail

class Object {
 public:
  const std::string &path() const noexcept { return path_; }
  ObjectType type() const noexcept { return static_cast<ObjectType>(info_.type); }
  Kind kind() const noexcept { return static_cast<Kind>(info_.kind); }
  Dtype dtype() const noexcept { return static_cast<Dtype>(info_.dtype); }
  std::optional<std::int64_t> rank() const {  // of a private object: whose
    return info_.rank < 0 ? std::nullopt : std::optional<std::int64_t>(info_.rank);
  }
  Dims shape() const {
    Dims shape;
    for (int i = 0; i < info_.ndim; ++i) shape.push_back(info_.shape[i]);
    return shape;
  }
  std::int64_t item_bytes() const noexcept { return info_.item_bytes; }
  std::uint64_t bytes() const noexcept { return info_.bytes; }
  std::uint64_t stored_bytes() const noexcept { return info_.stored_bytes; }
  std::int64_t box_count() const noexcept { return info_.box_count; }

  // The whole array, or the box at offset of this shape, in C order. T is the element's type, or a
  // std::array of it for the last axis.
  template <typename T>
  std::vector<T> read(const ReadOptions &options = {}) const {
    CheckType<T>();
    const Dims shape = OuterShape<T>();
    return Read<T>(Zeros(shape), shape, options);
  }
  template <typename T>
  std::vector<T> read(const Dims &offset, const Dims &shape,
                      const ReadOptions &options = {}) const {
    CheckType<T>();
    (void)OuterShape<T>();
    return Read<T>(offset, shape, options);
  }

  // Fills memory of the program with the box at offset that has its shape; without an offset the
  // box begins where the array does.
  template <typename Thing>
  void read_into(Thing &&memory, const Dims &offset = {}, const ReadOptions &options = {}) const {
    using Bare = std::remove_reference_t<Thing>;
    detail::CheckThing<Bare, std::is_lvalue_reference_v<Thing>>();
    using Element = std::remove_cv_t<detail::ElementOf<Bare>>;
    CheckType<Element>();
    tsnap_array box = detail::ArrayOf(memory);
    if (!offset.empty())
      detail::SetOffset(box, detail::WithInnerAxes<Element>(offset, false), path_.c_str());
    Read(box, options);
  }

  // The value of what is no array. T: std::int64_t, double, bool, std::string, a std::vector of
  // bytes. Of another type it is a Mismatch.
  template <typename T>
  T get() const;

  // The value of an attribute; of one that is not there NotFound, or nothing.
  std::string attribute(const std::string &name) const;
  std::optional<std::string> find_attribute(const std::string &name) const;
  std::map<std::string, std::string> attributes() const;

  // Where its bytes rest.
  std::vector<Extent> extents() const;

 private:
  friend struct detail::SnapshotAccess;
  Object(std::shared_ptr<detail::SnapshotCore> core, const tsnap_object_info &info)
      : core_(std::move(core)), info_(info), path_(info.path) {
    info_.path = nullptr;
  }

  static Dims Zeros(Dims dims) {
    for (int i = 0; i < dims.size(); ++i) dims[i] = 0;
    return dims;
  }

  tsnap_snapshot *handle() const { return core_->handle; }

  void End(std::int32_t status) const {
    detail::EndCall(status, {&core_->trap, &core_->held.trap()});
  }

  template <typename T>
  void CheckType() const {
    detail::CheckElement<T>();
    constexpr Dtype asked = dtype_of<T>;
    if (type() != ObjectType::array)
      detail::Throw(TSNAP_E_MISMATCH, "cannot read '" + path_ + "' as an array: it is " +
                                          tsnap::name(type()) + "; get() reads it");
    if (asked != dtype())
      detail::Throw(TSNAP_E_MISMATCH, "cannot read '" + path_ + "' as " + tsnap::name(asked) +
                                          ": it is stored as " + tsnap::name(dtype()));
    if (asked == Dtype::opaque &&
        info_.item_bytes != static_cast<std::int64_t>(sizeof(detail::LeafOf<T>)))
      detail::Throw(TSNAP_E_MISMATCH, "cannot read '" + path_ + "' as records of " +
                                          std::to_string(sizeof(detail::LeafOf<T>)) +
                                          " bytes: those that are stored have " +
                                          std::to_string(info_.item_bytes));
  }

  // The shape without the axes that T itself has, which must be the last ones.
  template <typename T>
  Dims OuterShape() const {
    const Dims whole = shape();
    Dims outer, inner = detail::WithInnerAxes<T>({}, true);
    const int axes = whole.size() - inner.size();
    bool fits = axes >= 0;
    for (int i = 0; fits && i < whole.size(); ++i) {
      if (i < axes)
        outer.push_back(whole[i]);
      else
        fits = whole[i] == inner[i - axes];
    }
    if (!fits)
      detail::Throw(TSNAP_E_MISMATCH, "cannot read '" + path_ + "' of shape " + whole.text() +
                                          " as elements of shape " + inner.text() +
                                          ": its last axes are others");
    return outer;
  }

  template <typename T>
  std::vector<T> Read(const Dims &offset, const Dims &shape, const ReadOptions &options) const {
    static_assert(!std::is_same_v<T, bool>,
                  "tsnap: std::vector<bool> has no memory to read into; use read_into");
    return Filled(std::vector<T>(static_cast<std::size_t>(shape.product())),
                  [&](std::vector<T> &values) {
                    const View<T> view(values.data(), shape);
                    tsnap_array box = detail::ArrayOf(view);
                    detail::SetOffset(box, detail::WithInnerAxes<T>(offset, false), path_.c_str());
                    Read(box, options);
                  });
  }

  // After a timeout a thread that hangs may still write into the memory: that is given up.
  template <typename Memory, typename Fill>
  static Memory Filled(Memory memory, Fill &&fill) {
    auto kept = std::make_unique<Memory>(std::move(memory));
    try {
      fill(*kept);
    } catch (const Timeout &) {
      (void)kept.release();
      throw;
    }
    return std::move(*kept);
  }

  void Read(const tsnap_array &box, const ReadOptions &options) const {
    tsnap_read_options c = TSNAP_READ_OPTIONS_INIT;
    c.memory_budget_bytes = options.memory_budget_bytes;
    c.verify = detail::Switch(options.verify);
    c.cuda_stream = options.cuda_stream;
    End(tsnap_read(handle(), path_.c_str(), &box, &c));
  }

  std::shared_ptr<detail::SnapshotCore> core_;
  tsnap_object_info info_;
  std::string path_;
};

namespace detail {

template <typename T>
struct IsByteVector : std::false_type {};
template <typename Byte, typename Allocator>
struct IsByteVector<std::vector<Byte, Allocator>>
    : std::bool_constant<sizeof(Byte) == 1 && !std::is_same_v<Byte, bool>> {};

}  // namespace detail

template <typename T>
T Object::get() const {
  const char *path = path_.c_str();
  if constexpr (std::is_same_v<T, std::int64_t>) {
    std::int64_t value = 0;
    End(tsnap_read_int64(handle(), path, &value));
    return value;
  } else if constexpr (std::is_same_v<T, double>) {
    double value = 0;
    End(tsnap_read_float64(handle(), path, &value));
    return value;
  } else if constexpr (std::is_same_v<T, bool>) {
    std::int32_t value = 0;
    End(tsnap_read_bool(handle(), path, &value));
    return value != 0;
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (type() != ObjectType::string) {
      std::size_t needed = 0;
      End(tsnap_read_string(handle(), path, nullptr, 0, &needed));
    }
    return Filled(std::string(static_cast<std::size_t>(info_.bytes), '\0'),
                  [&](std::string &value) {
                    End(tsnap_read_string(handle(), path, value.data(), value.size() + 1, nullptr));
                  });
  } else {
    static_assert(detail::IsByteVector<T>::value,
                  "tsnap: get() reads std::int64_t, double, bool, std::string and std::vector of "
                  "bytes; read() reads arrays");
    return Filled(T(type() == ObjectType::bytes ? static_cast<std::size_t>(info_.bytes) : 0),
                  [&](T &value) {
                    std::size_t size = 0;
                    End(tsnap_read_bytes(handle(), path, value.data(), value.size(), &size));
                    value.resize(size);
                  });
  }
}

inline std::optional<std::string> Object::find_attribute(const std::string &name) const {
  const char *value = nullptr;
  const std::int32_t status = tsnap_snapshot_attribute(
      handle(), path_.c_str(), detail::CText(name, "the name of an attribute"), &value);
  if (status == TSNAP_E_NOT_FOUND) return std::nullopt;
  detail::Check(status);
  return value;
}

inline std::string Object::attribute(const std::string &name) const {
  const char *value = nullptr;
  detail::Check(tsnap_snapshot_attribute(handle(), path_.c_str(),
                                         detail::CText(name, "the name of an attribute"), &value));
  return value;
}

inline std::map<std::string, std::string> Object::attributes() const {
  std::map<std::string, std::string> all;
  for (std::int64_t i = 0;; ++i) {
    const char *name = nullptr, *value = nullptr;
    const std::int32_t status =
        tsnap_snapshot_attribute_at(handle(), path_.c_str(), i, &name, &value);
    if (status == TSNAP_E_NOT_FOUND) return all;
    detail::Check(status);
    all.emplace(name, value);
  }
}

inline std::vector<Extent> Object::extents() const {
  std::vector<Extent> all;
  for (std::int64_t i = 0;; ++i) {
    tsnap_extent_info c = TSNAP_EXTENT_INFO_INIT;
    const std::int32_t status = tsnap_snapshot_extent(handle(), path_.c_str(), i, &c);
    if (status == TSNAP_E_NOT_FOUND) return all;
    detail::Check(status);
    Extent extent;
    extent.file = c.file;
    extent.writer = c.writer;
    extent.offset_bytes = c.offset_bytes;
    extent.stored_bytes = c.stored_bytes;
    extent.bytes = c.bytes;
    extent.codec = c.codec;
    for (int axis = 0; axis < c.ndim; ++axis) {
      extent.box_offset.push_back(c.box_offset[axis]);
      extent.box_shape.push_back(c.box_shape[axis]);
    }
    all.push_back(std::move(extent));
  }
}

}  // namespace tsnap

#endif
