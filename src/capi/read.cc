// The functions of tsnap/snapshot.h that read: arrays by box, values whole, and everything to
// verify it.
#include <fmt/format.h>

#include <cstring>
#include <string>
#include <vector>

#include "capi/array.h"
#include "capi/guard.h"
#include "capi/options.h"
#include "capi/snapshot.h"
#include "capi/structs.h"
#include "stage/reach.h"
#include "tsnap/snapshot.h"

namespace tsnap::capi {
namespace {

Status CheckType(const ObjectRecord& object, Type type, const char* path) {
  if (object.meta.type == type) return Status::Ok();
  return Mismatch(fmt::format("reading \"{}\" as {}: it is of type {}", path, TypeName(type),
                              TypeName(object.meta.type)));
}

Status ReadBox(tsnap_snapshot* snapshot, const char* path, const tsnap_array* dst,
               const tsnap_read_options* options) {
  TSNAP_TRY(CheckSnapshot(snapshot));
  if (path == nullptr) return Invalid("reading an array: path is NULL");
  ReadOptions full_options;
  TSNAP_TRY(ReadReadOptions(options, &full_options));
  tsnap_array full;
  TSNAP_TRY(ReadRequiredStruct(dst, &full, "tsnap_array"));
  ReadTarget target;
  TSNAP_TRY(ReadArray(full, path, &target.memory));
  target.offset = ReadIndex(full.offset, full.ndim);
  if (Overlaps(target.memory))
    return Invalid(fmt::format(
        "reading \"{}\": elements of the destination overlap; correct its strides", path));
  const ObjectRecord* object = nullptr;
  TSNAP_TRY(FindObject(snapshot, path, &object));
  TSNAP_TRY(CheckType(*object, Type::kArray, path));
  return snapshot->snapshot->Read(*object, target, full_options);
}

// All bytes of a value, straight to where they go.
Status ReadWhole(tsnap_snapshot* snapshot, const ObjectRecord& object, void* to) {
  const ObjectMeta& meta = object.meta;
  ReadTarget target;
  target.memory = ContiguousView(meta.dtype, meta.item_bytes, meta.ndim, meta.shape,
                                 static_cast<std::byte*>(to));
  return snapshot->snapshot->Read(object, target, ReadOptions{});
}

// Value is as it is stored: of a bool one byte.
template <class Value>
Status ReadScalar(tsnap_snapshot* snapshot, const char* path, Type type, Value* value) {
  const ObjectRecord* object = nullptr;
  TSNAP_TRY(FindObject(snapshot, path, &object));
  TSNAP_TRY(CheckType(*object, type, path));
  if (ViewBytes(ContiguousView(object->meta.dtype, object->meta.item_bytes, object->meta.ndim,
                               object->meta.shape, nullptr)) != sizeof(Value))
    return Corrupt(
        fmt::format("reading \"{}\": its size is not that of a {}", path, TypeName(type)));
  return ReadWhole(snapshot, *object, value);
}

Status CheckAddress(const void* out, const char* path) {
  return out != nullptr
             ? Status::Ok()
             : Invalid(fmt::format("reading \"{}\": out is NULL", path != nullptr ? path : "NULL"));
}

// Strings and bytes: how many bytes they have. object->meta.shape is trusted, the index was
// checked.
Status FindText(tsnap_snapshot* snapshot, const char* path, Type type, const ObjectRecord** object,
                size_t* size) {
  TSNAP_TRY(FindObject(snapshot, path, object));
  TSNAP_TRY(CheckType(**object, type, path));
  *size = static_cast<size_t>((*object)->meta.shape[0]);
  return Status::Ok();
}

Status TooSmall(const char* path, size_t capacity, size_t needed) {
  return Mismatch(fmt::format("reading \"{}\": the buffer has {} bytes, {} are needed", path,
                              capacity, needed));
}

Status ReadString(tsnap_snapshot* snapshot, const char* path, char* text, size_t capacity,
                  size_t* needed) {
  const ObjectRecord* object = nullptr;
  size_t size = 0;
  TSNAP_TRY(FindText(snapshot, path, Type::kString, &object, &size));
  if (capacity > 0) TSNAP_TRY(CheckAddress(text, path));
  if (needed != nullptr) *needed = size + 1;
  if (capacity <= size) return TooSmall(path, capacity, size + 1);
  TSNAP_TRY(CheckHostValue(text).While("reading", path));
  std::string whole(size, '\0');
  if (size > 0) TSNAP_TRY(ReadWhole(snapshot, *object, whole.data()));
  std::memcpy(text, whole.c_str(), size + 1);
  return Status::Ok();
}

// A block of bytes may be as large as an array: it is read in place.
Status ReadBlock(tsnap_snapshot* snapshot, const char* path, void* bytes, size_t capacity,
                 size_t* size) {
  const ObjectRecord* object = nullptr;
  size_t stored = 0;
  TSNAP_TRY(FindText(snapshot, path, Type::kBytes, &object, &stored));
  if (capacity > 0) TSNAP_TRY(CheckAddress(bytes, path));
  if (size != nullptr) *size = stored;
  if (capacity < stored) return TooSmall(path, capacity, stored);
  return stored > 0 ? ReadWhole(snapshot, *object, bytes) : Status::Ok();
}

Status VerifyAll(tsnap_snapshot* snapshot, int64_t* bad_count, const char* const** bad_paths) {
  TSNAP_TRY(CheckSnapshot(snapshot));
  InUse in_use;
  TSNAP_TRY(in_use.Take(snapshot, "snapshot"));
  snapshot->bad_list.clear();
  snapshot->bad.clear();
  const Status verified = snapshot->snapshot->Verify(&snapshot->bad);
  if (!verified.ok() && verified.code() != Code::kCorrupt) return verified;
  for (const std::string& path : snapshot->bad) snapshot->bad_list.push_back(path.c_str());
  if (bad_count != nullptr) *bad_count = static_cast<int64_t>(snapshot->bad_list.size());
  if (bad_paths != nullptr) *bad_paths = snapshot->bad_list.data();
  return verified;
}

}  // namespace
}  // namespace tsnap::capi

using namespace tsnap;  // NOLINT: the functions below are those of the C interface, outside of
                        // every namespace
using namespace tsnap::capi;  // NOLINT

extern "C" {

int32_t tsnap_read(tsnap_snapshot* snapshot, const char* path, const tsnap_array* dst,
                   const tsnap_read_options* options) {
  return Guard([&] { return ReadBox(snapshot, path, dst, options); });
}

int32_t tsnap_read_int64(tsnap_snapshot* snapshot, const char* path, int64_t* out) {
  return Guard([&]() -> Status {
    TSNAP_TRY(CheckAddress(out, path));
    int64_t value = 0;
    TSNAP_TRY(ReadScalar(snapshot, path, Type::kInt64, &value));
    *out = value;
    return Status::Ok();
  });
}

int32_t tsnap_read_float64(tsnap_snapshot* snapshot, const char* path, double* out) {
  return Guard([&]() -> Status {
    TSNAP_TRY(CheckAddress(out, path));
    double value = 0;
    TSNAP_TRY(ReadScalar(snapshot, path, Type::kFloat64, &value));
    *out = value;
    return Status::Ok();
  });
}

int32_t tsnap_read_bool(tsnap_snapshot* snapshot, const char* path, int32_t* out) {
  return Guard([&]() -> Status {
    TSNAP_TRY(CheckAddress(out, path));
    TSNAP_TRY(CheckHostValue(out).While("reading", path != nullptr ? path : "NULL"));
    uint8_t value = 0;
    TSNAP_TRY(ReadScalar(snapshot, path, Type::kBool, &value));
    *out = value != 0;
    return Status::Ok();
  });
}

int32_t tsnap_read_string(tsnap_snapshot* snapshot, const char* path, char* text, size_t capacity,
                          size_t* needed) {
  return Guard([&] { return ReadString(snapshot, path, text, capacity, needed); });
}

int32_t tsnap_read_bytes(tsnap_snapshot* snapshot, const char* path, void* bytes, size_t capacity,
                         size_t* size) {
  return Guard([&] { return ReadBlock(snapshot, path, bytes, capacity, size); });
}

int32_t tsnap_snapshot_verify(tsnap_snapshot* snapshot, int64_t* bad_count,
                              const char* const** bad_paths) {
  return Guard([&] { return VerifyAll(snapshot, bad_count, bad_paths); });
}

}  // extern "C"
