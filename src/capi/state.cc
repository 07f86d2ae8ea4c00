// The functions of tsnap/state.h: descriptors of the public interface become registered objects of
// the core.
#include "tsnap/state.h"

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "capi/array.h"
#include "capi/guard.h"
#include "capi/handles.h"
#include "capi/structs.h"
#include "stage/reach.h"
#include "tsnap/status.h"

namespace tsnap::capi {
namespace {

Status CheckState(const tsnap_state* state) { return CheckIdle(state, kStateMagic, "state"); }

Status CheckText(const char* text, const char* what) {
  return text != nullptr ? Status::Ok()
                         : Invalid(fmt::format("changing a state: {} is NULL", what));
}

Status CheckPlace(const tsnap_state* state, const char* path) {
  TSNAP_TRY(CheckState(state));
  return CheckText(path, "path");
}

Status ReadKind(int32_t kind, const char* path, Kind* out) {
  if (kind != TSNAP_PRIVATE && kind != TSNAP_REPLICATED)
    return Invalid(
        fmt::format("registering \"{}\": kind is {}, it must be TSNAP_PRIVATE or TSNAP_REPLICATED",
                    path, kind));
  *out = static_cast<Kind>(kind);
  return Status::Ok();
}

Status AddArray(tsnap_state* state, const char* path, Kind kind, const tsnap_array* array) {
  TSNAP_TRY(CheckPlace(state, path));
  tsnap_array full;
  TSNAP_TRY(ReadRequiredStruct(array, &full, "tsnap_array"));
  LocalBox local;
  TSNAP_TRY(ReadArray(full, path, &local.memory));
  local.box = WholeBox(local.memory.ndim, local.memory.shape);
  RegisteredObject object;
  object.meta.path = path;
  object.meta.kind = kind;
  object.meta.type = Type::kArray;
  object.meta.dtype = local.memory.dtype;
  object.meta.item_bytes = local.memory.item_bytes;
  object.meta.ndim = local.memory.ndim;
  object.meta.shape = local.memory.shape;
  object.boxes.push_back(local);
  return state->state->AddObject(std::move(object));
}

// The boxes of one object describe parts of one array.
Status ReadLocalBoxes(std::span<const tsnap_array> boxes, const char* path,
                      std::vector<LocalBox>* out) {
  for (const tsnap_array& box : boxes) {
    LocalBox local;
    TSNAP_TRY(ReadArray(box, path, &local.memory));
    local.box.ndim = local.memory.ndim;
    local.box.shape = local.memory.shape;
    local.box.offset = ReadIndex(box.offset, local.memory.ndim);
    out->push_back(local);
    const ArrayView& first = out->front().memory;
    const ArrayView& here = local.memory;
    if (here.dtype != first.dtype || here.item_bytes != first.item_bytes || here.ndim != first.ndim)
      return Invalid(
          fmt::format("registering \"{}\": box {} has {} of {} bytes in {} dimensions, box 0 has "
                      "{} of {} bytes "
                      "in {}; the boxes of one array must be alike",
                      path, out->size() - 1, DtypeName(here.dtype), here.item_bytes, here.ndim,
                      DtypeName(first.dtype), first.item_bytes, first.ndim));
  }
  return Status::Ok();
}

Status AddSharded(tsnap_state* state, const char* path, const int64_t* global_shape,
                  const tsnap_array* boxes, size_t count) {
  TSNAP_TRY(CheckPlace(state, path));
  std::vector<tsnap_array> full;
  TSNAP_TRY(ReadBoxes(boxes, count, path, &full));
  RegisteredObject object;
  object.meta.path = path;
  object.meta.kind = Kind::kSharded;
  object.meta.type = Type::kArray;
  TSNAP_TRY(ReadLocalBoxes(full, path, &object.boxes));
  object.shape_known = !object.boxes.empty();
  if (object.shape_known) {
    const ArrayView& first = object.boxes.front().memory;
    if (global_shape == nullptr && first.ndim > 0)
      return Invalid(fmt::format("registering \"{}\": global_shape is NULL", path));
    object.meta.dtype = first.dtype;
    object.meta.item_bytes = first.item_bytes;
    object.meta.ndim = first.ndim;
    if (first.ndim > 0) object.meta.shape = ReadIndex(global_shape, first.ndim);
  }
  return state->state->AddObject(std::move(object));
}

struct ValueKind {
  Type type;
  Dtype dtype;
  int ndim;  // 1 for strings and bytes
};

Status AddValue(tsnap_state* state, const char* path, int32_t kind, const ValueKind& value,
                const ValueAddress& address) {
  TSNAP_TRY(CheckPlace(state, path));
  RegisteredObject object;
  TSNAP_TRY(ReadKind(kind, path, &object.meta.kind));
  if (address.data == nullptr &&
      (value.ndim == 0 || value.type == Type::kString || address.capacity > 0))
    return Invalid(fmt::format("registering \"{}\": the address of its value is NULL", path));
  object.meta.path = path;
  object.meta.type = value.type;
  object.meta.dtype = value.dtype;
  object.meta.item_bytes = DtypeBytes(value.dtype);
  object.meta.ndim = value.ndim;
  object.value = address;
  return state->state->AddObject(std::move(object));
}

Status CallbackFailed(const char* name, const std::string& path, int32_t returned) {
  return {Code::kCallback, fmt::format("{} of stateful \"{}\" returned {}", name, path, returned)};
}

// The core sees functions that know nothing of C; they live as long as the registration.
RegisteredStateful Wrap(const tsnap_stateful& callbacks, const std::string& path, bool rng) {
  RegisteredStateful stateful;
  stateful.rng = rng;
  stateful.describe = [callbacks, path](State& child) -> Status {
    tsnap_state handle(&child);
    const int32_t returned = callbacks.describe(&handle, callbacks.user);
    return returned == TSNAP_OK ? Status::Ok() : CallbackFailed("describe", path, returned);
  };
  if (callbacks.loaded != nullptr)
    stateful.loaded = [callbacks, path]() -> Status {
      const int32_t returned = callbacks.loaded(callbacks.user);
      return returned == TSNAP_OK ? Status::Ok() : CallbackFailed("loaded", path, returned);
    };
  if (callbacks.release != nullptr)
    stateful.release = [callbacks] { callbacks.release(callbacks.user); };
  return stateful;
}

Status AddStateful(tsnap_state* state, const char* path, const tsnap_stateful* callbacks,
                   bool rng) {
  TSNAP_TRY(CheckPlace(state, path));
  tsnap_stateful full;
  TSNAP_TRY(ReadRequiredStruct(callbacks, &full, "tsnap_stateful"));
  if (full.describe == nullptr)
    return Invalid(fmt::format("registering \"{}\": describe is NULL", path));
  return state->state->AddStateful(path, Wrap(full, state->state->prefix() + path, rng));
}

Status SetAttribute(tsnap_state* state, const char* path, const char* name, const char* value) {
  TSNAP_TRY(CheckPlace(state, path));
  TSNAP_TRY(CheckText(name, "name"));
  TSNAP_TRY(CheckText(value, "value"));
  if (*name == '\0')
    return Invalid(fmt::format("setting an attribute of \"{}\": its name is empty", path));
  if (!IsUtf8(name) || !IsUtf8(value))
    return Invalid(fmt::format("setting attribute \"{}\" of \"{}\": it is not UTF-8", name, path));
  return state->state->SetAttribute(path, name, value);
}

Status SetCoverage(tsnap_state* state, const char* path, int32_t coverage, const void* fill_item) {
  TSNAP_TRY(CheckPlace(state, path));
  if (coverage < TSNAP_COVER_EXACT || coverage > TSNAP_COVER_DUPLICATES)
    return Invalid(fmt::format(
        "setting the coverage of \"{}\": {} is unknown, it must be a TSNAP_COVER_ value", path,
        coverage));
  if (fill_item != nullptr) {
    LookForDevices();
    TSNAP_TRY(CheckHostValue(fill_item).While("setting the coverage of", path));
  }
  return state->state->SetCoverage(path, static_cast<Coverage>(coverage), fill_item);
}

}  // namespace
}  // namespace tsnap::capi

using namespace tsnap;  // NOLINT: the functions below are those of the C interface, outside of
                        // every namespace
using namespace tsnap::capi;  // NOLINT

extern "C" {

int32_t tsnap_state_create(tsnap_state** out) {
  return Guard([&]() -> Status {
    if (out == nullptr) return Invalid("creating a state: out is NULL");
    *out = nullptr;
    *out = new tsnap_state;
    return Status::Ok();
  });
}

void tsnap_state_destroy(tsnap_state** state) {
  if (state == nullptr || *state == nullptr) return;
  if (!(*state)->is(kStateMagic) || (*state)->is_child() || (*state)->busy()) return;
  delete *state;
  *state = nullptr;
}

int32_t tsnap_state_add_private(tsnap_state* state, const char* path, const tsnap_array* array) {
  return Guard([&] { return AddArray(state, path, Kind::kPrivate, array); });
}

int32_t tsnap_state_add_replicated(tsnap_state* state, const char* path, const tsnap_array* array) {
  return Guard([&] { return AddArray(state, path, Kind::kReplicated, array); });
}

int32_t tsnap_state_add_sharded(tsnap_state* state, const char* path, const int64_t* global_shape,
                                const tsnap_array* boxes, size_t box_count) {
  return Guard([&] { return AddSharded(state, path, global_shape, boxes, box_count); });
}

int32_t tsnap_state_set_coverage(tsnap_state* state, const char* path, int32_t coverage,
                                 const void* fill_item) {
  return Guard([&] { return SetCoverage(state, path, coverage, fill_item); });
}

int32_t tsnap_state_add_int64(tsnap_state* state, const char* path, int32_t kind, int64_t* value) {
  return Guard([&] {
    return AddValue(state, path, kind, {Type::kInt64, Dtype::kInt64, 0}, {.data = value});
  });
}

int32_t tsnap_state_add_float64(tsnap_state* state, const char* path, int32_t kind, double* value) {
  return Guard([&] {
    return AddValue(state, path, kind, {Type::kFloat64, Dtype::kFloat64, 0}, {.data = value});
  });
}

int32_t tsnap_state_add_bool(tsnap_state* state, const char* path, int32_t kind, int32_t* value) {
  return Guard([&] {
    return AddValue(state, path, kind, {Type::kBool, Dtype::kBool, 0}, {.data = value});
  });
}

int32_t tsnap_state_add_string(tsnap_state* state, const char* path, int32_t kind, char* text,
                               size_t capacity) {
  return Guard([&]() -> Status {
    TSNAP_TRY(CheckPlace(state, path));
    if (capacity == 0)
      return Invalid(
          fmt::format("registering \"{}\": capacity is 0, there must be room for the NUL", path));
    return AddValue(state, path, kind, {Type::kString, Dtype::kUint8, 1},
                    {.data = text, .capacity = capacity});
  });
}

int32_t tsnap_state_add_bytes(tsnap_state* state, const char* path, int32_t kind, void* bytes,
                              size_t capacity, size_t* size) {
  return Guard([&]() -> Status {
    TSNAP_TRY(CheckPlace(state, path));
    if (size == nullptr) return Invalid(fmt::format("registering \"{}\": size is NULL", path));
    return AddValue(state, path, kind, {Type::kBytes, Dtype::kUint8, 1},
                    {.data = bytes, .capacity = capacity, .size = size});
  });
}

int32_t tsnap_state_set_attribute(tsnap_state* state, const char* path, const char* name,
                                  const char* value) {
  return Guard([&] { return SetAttribute(state, path, name, value); });
}

int32_t tsnap_state_replicate(tsnap_state* state, const char* glob) {
  return Guard([&]() -> Status {
    TSNAP_TRY(CheckState(state));
    TSNAP_TRY(CheckText(glob, "glob"));
    return state->state->Replicate(glob);
  });
}

int32_t tsnap_state_add_stateful(tsnap_state* state, const char* path,
                                 const tsnap_stateful* callbacks) {
  return Guard([&] { return AddStateful(state, path, callbacks, false); });
}

int32_t tsnap_state_add_rng(tsnap_state* state, const char* path, const tsnap_stateful* callbacks) {
  return Guard([&] { return AddStateful(state, path, callbacks, true); });
}

int32_t tsnap_state_remove(tsnap_state* state, const char* path) {
  return Guard([&]() -> Status {
    TSNAP_TRY(CheckPlace(state, path));
    return state->state->Remove(path);
  });
}

}  // extern "C"
