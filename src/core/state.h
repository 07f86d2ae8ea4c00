// State: what the application registers, by address: objects and statefuls under paths. It is built
// once and used for every take and restore; it copies paths, shapes and descriptors and keeps
// addresses.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"
#include "catalog/array_view.h"
#include "catalog/box.h"
#include "catalog/object.h"

namespace tsnap {

class State;

// A box of an array and where it lies in memory.
struct LocalBox {
  Box box;
  ArrayView memory;
};

// Where a scalar, string or byte block lives; which members count depends on the object's type.
struct ValueAddress {
  void* data = nullptr;    // int64_t*, double*, int32_t* (bool), char*, bytes
  size_t capacity = 0;     // strings and bytes
  size_t* size = nullptr;  // bytes
};

struct RegisteredObject {
  ObjectMeta meta;  // strings and bytes: shape is known only when their value is looked at
  std::vector<LocalBox> boxes;  // arrays: one box (private, replicated) or 0..n (sharded)
  ValueAddress value;           // other types
  bool shape_known =
      true;  // false: sharded without a box here; kind and path are all that is known
};

// The callbacks of a stateful; empty functions are skipped.
struct RegisteredStateful {
  std::function<Status(State& child)> describe;
  std::function<Status()> loaded;
  std::function<void()> release;
  bool rng = false;
};

class State {
 public:
  using Entry = std::variant<RegisteredObject, RegisteredStateful>;

  // A prefix is put before every path (the children of a stateful); depth counts nested statefuls.
  explicit State(std::string prefix = {}, int depth = 0)
      : prefix_(std::move(prefix)), depth_(depth) {}

  // The object's meta carries path, kind, type, dtype, item size and (arrays) the whole shape;
  // boxes are views with explicit strides. kInvalid for bad paths, boxes outside the shape,
  // overflows, a path that is a prefix of another; kExists for a path that is taken.
  Status AddObject(RegisteredObject object);
  Status AddStateful(std::string_view path, RegisteredStateful stateful);
  // Sharded objects only. `fill_item` (item_bytes of it) only with kSparse; null = zeros.
  Status SetCoverage(std::string_view path, Coverage coverage, const void* fill_item);
  Status SetAttribute(std::string_view path, std::string_view name, std::string_view value);
  Status Replicate(std::string_view glob);
  Status Remove(std::string_view path);

  const std::string& prefix() const { return prefix_; }
  int depth() const { return depth_; }
  const std::map<std::string, Entry>& entries() const { return entries_; }  // paths with the prefix
  const std::vector<std::string>& replicate_globs() const { return globs_; }

 private:
  Status CheckFree(const std::string& path) const;
  Result<std::string> FullPath(std::string_view path) const;
  Result<RegisteredObject*> FindObject(std::string_view path);

  std::string prefix_;  // "" or ends in "/"
  int depth_ = 0;
  std::map<std::string, Entry> entries_;
  std::vector<std::string> globs_;
};

}  // namespace tsnap
