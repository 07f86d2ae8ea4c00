// The functions of tsnap/snapshot.h that open a snapshot and tell what is in it.
#include "capi/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "capi/config.h"
#include "capi/guard.h"
#include "capi/structs.h"
#include "tsnap/snapshot.h"

namespace tsnap::capi {
namespace {

// "native 1", "hdf5 3", or "hdf5" for a file that tsnap has not written.
std::string FormatOf(const native::CommitRecord& record) {
  if (record.foreign) return "hdf5";
  return fmt::format("{} {}", record.datasets ? "hdf5" : "native", record.format_version);
}

// The callbacks that run on this thread, innermost first: a callback may use another snapshot, and
// that one has its own.
struct CallbackFrame {
  const tsnap_snapshot* snapshot;
  CallbackFrame* outer;
};

CallbackFrame*& ThisThreadsCallbacks() noexcept {
  thread_local CallbackFrame* innermost = nullptr;
  return innermost;
}

bool InCallbackOf(const tsnap_snapshot* snapshot) {
  for (const CallbackFrame* frame = ThisThreadsCallbacks(); frame != nullptr; frame = frame->outer)
    if (frame->snapshot == snapshot) return true;
  return false;
}

Status OpenSnapshot(const char* url, const tsnap_config* config, tsnap_snapshot** out) {
  if (out == nullptr) return Invalid("opening a snapshot: out is NULL");
  if (url == nullptr) return Invalid("opening a snapshot: url is NULL");
  Knobs knobs;
  Log log;
  TSNAP_TRY(ReadConfig(config, &knobs, &log, nullptr));
  auto handle = std::make_unique<tsnap_snapshot>();
  TSNAP_ASSIGN(handle->snapshot, Snapshot::Open(url, knobs, log));
  handle->format = FormatOf(handle->snapshot->record());
  *out = handle.release();
  return Status::Ok();
}

// Collective: what is wrong with the arguments is taken along.
Status OpenOnAll(tsnap_context* ctx, const char* url, tsnap_snapshot** out) {
  InUse in_use;
  TSNAP_TRY(EnterContext(ctx, &in_use));
  std::unique_ptr<tsnap_snapshot> handle;
  std::string place;
  const Status argument = Protect([&]() -> Status {
    if (out == nullptr) return Invalid("opening a snapshot: out is NULL");
    if (url == nullptr) return Invalid("opening a snapshot: url is NULL");
    place = url;
    handle = std::make_unique<tsnap_snapshot>();
    return Status::Ok();
  });
  TSNAP_ASSIGN(auto snapshot, Snapshot::OpenAll(*ctx->context, place, argument));
  handle->snapshot = std::move(snapshot);
  handle->format = FormatOf(handle->snapshot->record());
  *out = handle.release();
  return Status::Ok();
}

Status FillSnapshotInfo(tsnap_snapshot* snapshot, tsnap_snapshot_info* out) {
  TSNAP_TRY(CheckSnapshot(snapshot));
  TSNAP_TRY(CheckOut(out, "tsnap_snapshot_info"));
  const native::CommitRecord& record = snapshot->snapshot->record();
  tsnap_snapshot_info full = TSNAP_SNAPSHOT_INFO_INIT;
  full.id = record.id.c_str();
  full.metadata = record.metadata.c_str();
  full.library_version = record.library_version.c_str();
  full.format = snapshot->format.c_str();
  full.created_unix_seconds = record.created_unix_seconds;
  full.world_size = record.world_size;
  full.object_count = record.object_count;
  full.bytes = record.raw_bytes;
  full.stored_bytes = record.stored_bytes;
  WriteStruct(full, out);
  return Status::Ok();
}

const char* PathOf(tsnap_snapshot* snapshot, const ObjectRecord& object) {
  if (object.meta.kind != Kind::kPrivate) return object.meta.path.c_str();
  const std::lock_guard lock(snapshot->mutex);
  const auto [place, is_new] = snapshot->paths.try_emplace(&object);
  try {
    if (is_new) place->second = QualifiedPath(object.meta);
  } catch (...) {
    snapshot->paths.erase(place);
    throw;
  }
  return place->second.c_str();
}

void FillObjectInfo(tsnap_snapshot* snapshot, const ObjectRecord& object, tsnap_object_info* out) {
  const ObjectMeta& meta = object.meta;
  tsnap_object_info full = TSNAP_OBJECT_INFO_INIT;
  full.path = PathOf(snapshot, object);
  full.type = static_cast<int32_t>(meta.type);
  full.kind = static_cast<int32_t>(meta.kind);
  full.rank = meta.rank;
  full.bytes = object.raw_bytes;
  full.stored_bytes = object.stored_bytes;
  if (meta.type == Type::kArray) {
    full.dtype = static_cast<int32_t>(meta.dtype);
    full.ndim = meta.ndim;
    std::copy_n(meta.shape.begin(), meta.ndim, full.shape);
    full.item_bytes = meta.item_bytes;
    full.box_count = object.box_count;
  }
  WriteStruct(full, out);
}

Status ObjectAt(tsnap_snapshot* snapshot, int64_t index, tsnap_object_info* out) {
  TSNAP_TRY(CheckSnapshot(snapshot));
  TSNAP_TRY(CheckOut(out, "tsnap_object_info"));
  TSNAP_ASSIGN(const auto* objects, snapshot->snapshot->Objects());
  if (index < 0 || static_cast<uint64_t>(index) >= objects->size())
    return NotFound(
        fmt::format("looking up object number {}: the snapshot has {}", index, objects->size()));
  FillObjectInfo(snapshot, *(*objects)[static_cast<size_t>(index)], out);
  return Status::Ok();
}

Status ObjectNamed(tsnap_snapshot* snapshot, const char* path, tsnap_object_info* out) {
  const ObjectRecord* object = nullptr;
  TSNAP_TRY(FindObject(snapshot, path, &object));
  TSNAP_TRY(CheckOut(out, "tsnap_object_info"));
  FillObjectInfo(snapshot, *object, out);
  return Status::Ok();
}

Status AttributeNamed(tsnap_snapshot* snapshot, const char* path, const char* name,
                      const char** value) {
  const ObjectRecord* object = nullptr;
  TSNAP_TRY(FindObject(snapshot, path, &object));
  if (name == nullptr || value == nullptr)
    return Invalid("reading an attribute: name or value is NULL");
  for (const Attribute& attribute : object->meta.attributes)
    if (attribute.first == name) {
      *value = attribute.second.c_str();
      return Status::Ok();
    }
  return NotFound(
      fmt::format("reading an attribute of \"{}\": it has none named \"{}\"", path, name));
}

Status AttributeAt(tsnap_snapshot* snapshot, const char* path, int64_t index, const char** name,
                   const char** value) {
  const ObjectRecord* object = nullptr;
  TSNAP_TRY(FindObject(snapshot, path, &object));
  if (name == nullptr || value == nullptr)
    return Invalid("reading an attribute: name or value is NULL");
  if (index < 0)
    return Invalid(fmt::format("reading an attribute of \"{}\": index is {}", path, index));
  const auto& attributes = object->meta.attributes;
  if (static_cast<uint64_t>(index) >= attributes.size())
    return NotFound(fmt::format("reading attribute number {} of \"{}\": it has {}", index, path,
                                attributes.size()));
  *name = attributes[static_cast<size_t>(index)].first.c_str();
  *value = attributes[static_cast<size_t>(index)].second.c_str();
  return Status::Ok();
}

const char* FileOf(tsnap_snapshot* snapshot, const Extent& extent) {
  const std::lock_guard lock(snapshot->mutex);
  std::string& file = snapshot->files[{extent.writer, extent.slab}];
  if (file.empty()) file = snapshot->snapshot->FileOf(extent);
  return file.c_str();
}

Status ExtentAt(tsnap_snapshot* snapshot, const char* path, int64_t index, tsnap_extent_info* out) {
  const ObjectRecord* object = nullptr;
  TSNAP_TRY(FindObject(snapshot, path, &object));
  TSNAP_TRY(CheckOut(out, "tsnap_extent_info"));
  if (index < 0)
    return Invalid(fmt::format("looking up an extent of \"{}\": index is {}", path, index));
  TSNAP_ASSIGN(const Extent* extent,
               snapshot->snapshot->ExtentAt(*object, static_cast<uint64_t>(index)));
  tsnap_extent_info full = TSNAP_EXTENT_INFO_INIT;
  full.file = FileOf(snapshot, *extent);
  // In one file it is the number of a dataset.
  full.writer = snapshot->snapshot->record().datasets ? object->meta.rank : extent->writer;
  full.offset_bytes = extent->offset;
  full.stored_bytes = extent->stored_bytes;
  full.bytes = extent->raw_bytes;
  full.codec = static_cast<int32_t>(extent->codec);
  full.ndim = extent->box.ndim;
  std::copy_n(extent->box.offset.begin(), full.ndim, full.box_offset);
  std::copy_n(extent->box.shape.begin(), full.ndim, full.box_shape);
  WriteStruct(full, out);
  return Status::Ok();
}

Status SetProgress(tsnap_snapshot* snapshot, void (*progress)(uint64_t, uint64_t, void*),
                   void* user) {
  TSNAP_TRY(CheckSnapshot(snapshot));
  if (progress == nullptr) {
    snapshot->snapshot->set_progress({});
    return Status::Ok();
  }
  snapshot->snapshot->set_progress(
      [snapshot, progress, user](uint64_t, uint64_t moved, uint64_t total) {
        CallbackFrame frame = {snapshot, ThisThreadsCallbacks()};
        ThisThreadsCallbacks() = &frame;
        progress(moved, total, user);
        ThisThreadsCallbacks() = frame.outer;
      });
  return Status::Ok();
}

}  // namespace

Status CheckSnapshot(const tsnap_snapshot* snapshot) {
  TSNAP_TRY(CheckHandle(snapshot, kSnapshotMagic, "snapshot"));
  if (InCallbackOf(snapshot))
    return {Code::kBusy,
            "using the snapshot: do not call tsnap on it from inside its own callback"};
  return Status::Ok();
}

Status FindObject(tsnap_snapshot* snapshot, const char* path, const ObjectRecord** out) {
  TSNAP_TRY(CheckSnapshot(snapshot));
  if (path == nullptr) return Invalid("looking up an object: path is NULL");
  TSNAP_ASSIGN(*out, snapshot->snapshot->Find(path));
  return Status::Ok();
}

}  // namespace tsnap::capi

using namespace tsnap;  // NOLINT: the functions below are those of the C interface, outside of
                        // every namespace
using namespace tsnap::capi;  // NOLINT

extern "C" {

int32_t tsnap_snapshot_open(const char* url, const tsnap_config* config, tsnap_snapshot** out) {
  if (out != nullptr) *out = nullptr;
  return Guard([&] { return OpenSnapshot(url, config, out); });
}

int32_t tsnap_snapshot_open_all(tsnap_context* ctx, const char* url, tsnap_snapshot** out) {
  if (out != nullptr) *out = nullptr;
  return Guard([&] { return OpenOnAll(ctx, url, out); });
}

void tsnap_snapshot_close(tsnap_snapshot** snapshot) {
  if (snapshot == nullptr || *snapshot == nullptr) return;
  if (!(*snapshot)->is(kSnapshotMagic) || InCallbackOf(*snapshot)) return;
  // After fork() the threads to be joined are the parent's: its copy is left alone, and lost.
  if (!(*snapshot)->forked()) delete *snapshot;
  *snapshot = nullptr;
}

int32_t tsnap_snapshot_info_get(tsnap_snapshot* snapshot, tsnap_snapshot_info* out) {
  return Guard([&] { return FillSnapshotInfo(snapshot, out); });
}

int32_t tsnap_snapshot_object(tsnap_snapshot* snapshot, int64_t index, tsnap_object_info* out) {
  return Guard([&] { return ObjectAt(snapshot, index, out); });
}

int32_t tsnap_snapshot_find(tsnap_snapshot* snapshot, const char* path, tsnap_object_info* out) {
  return Guard([&] { return ObjectNamed(snapshot, path, out); });
}

int32_t tsnap_snapshot_attribute(tsnap_snapshot* snapshot, const char* path, const char* name,
                                 const char** value) {
  return Guard([&] { return AttributeNamed(snapshot, path, name, value); });
}

int32_t tsnap_snapshot_attribute_at(tsnap_snapshot* snapshot, const char* path, int64_t index,
                                    const char** name, const char** value) {
  return Guard([&] { return AttributeAt(snapshot, path, index, name, value); });
}

int32_t tsnap_snapshot_extent(tsnap_snapshot* snapshot, const char* path, int64_t index,
                              tsnap_extent_info* out) {
  return Guard([&] { return ExtentAt(snapshot, path, index, out); });
}

int32_t tsnap_snapshot_set_progress(tsnap_snapshot* snapshot,
                                    void (*progress)(uint64_t done_bytes, uint64_t total_bytes,
                                                     void* user),
                                    void* user) {
  return Guard([&] { return SetProgress(snapshot, progress, user); });
}

}  // extern "C"
