#include "core/state.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace tsnap {

namespace {

Status CheckBoxes(const RegisteredObject& object) {
  const ObjectMeta& meta = object.meta;
  if (!object.shape_known) return Status::Ok();
  const Box whole = WholeBox(meta.ndim, meta.shape);
  TSNAP_TRY(CheckBox(whole, meta.item_bytes).While("registering", meta.path));
  for (const LocalBox& local : object.boxes) {
    TSNAP_TRY(CheckBox(local.box, meta.item_bytes).While("registering", meta.path));
    if (local.box.ndim != meta.ndim || !Contains(whole, local.box)) {
      return Invalid(
          fmt::format("registering object \"{}\": box {} is not inside its global shape {}",
                      meta.path, ToString(local.box), ShapeToString(meta.ndim, meta.shape)));
    }
    if (local.memory.data == nullptr && !IsEmpty(local.box)) {
      return Invalid(fmt::format("registering object \"{}\": data is NULL", meta.path));
    }
  }
  return Status::Ok();
}

}  // namespace

Result<std::string> State::FullPath(std::string_view path) const {
  TSNAP_TRY(CheckPath(path, prefix_.empty()));
  std::string full = prefix_ + std::string(path);
  TSNAP_TRY(CheckPath(full, true));
  return full;
}

Status State::CheckFree(const std::string& path) const {
  if (entries_.contains(path))
    return Exists(fmt::format("registering \"{}\": the path is taken", path));
  for (size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    if (entries_.contains(path.substr(0, slash))) {
      return Invalid(
          fmt::format("registering \"{}\": \"{}\" is an object already, and a path cannot be a "
                      "prefix of another",
                      path, path.substr(0, slash)));
    }
  }
  const auto below = entries_.lower_bound(path + "/");
  if (below != entries_.end() && below->first.starts_with(path + "/")) {
    return Invalid(fmt::format("registering \"{}\": it is a prefix of \"{}\"", path, below->first));
  }
  return Status::Ok();
}

Status State::AddObject(RegisteredObject object) {
  TSNAP_ASSIGN(object.meta.path, FullPath(object.meta.path));
  TSNAP_TRY(CheckFree(object.meta.path));
  TSNAP_TRY(CheckBoxes(object));
  const std::string path = object.meta.path;
  entries_.emplace(path, std::move(object));
  return Status::Ok();
}

Status State::AddStateful(std::string_view path, RegisteredStateful stateful) {
  TSNAP_ASSIGN(const std::string full, FullPath(path));
  TSNAP_TRY(CheckFree(full));
  entries_.emplace(full, std::move(stateful));
  return Status::Ok();
}

Result<RegisteredObject*> State::FindObject(std::string_view path) {
  TSNAP_ASSIGN(const std::string full, FullPath(path));
  const auto found = entries_.find(full);
  if (found == entries_.end() || !std::holds_alternative<RegisteredObject>(found->second)) {
    return NotFound(fmt::format("object \"{}\" is not registered", full));
  }
  return &std::get<RegisteredObject>(found->second);
}

Status State::SetCoverage(std::string_view path, Coverage coverage, const void* fill_item) {
  TSNAP_ASSIGN(RegisteredObject * object, FindObject(path));
  if (object->meta.kind != Kind::kSharded) {
    return Invalid(fmt::format("setting the coverage of \"{}\": only sharded objects have one",
                               object->meta.path));
  }
  if (fill_item != nullptr && coverage != Coverage::kSparse) {
    return Invalid(fmt::format(
        "setting the coverage of \"{}\": a fill item needs TSNAP_COVER_SPARSE", object->meta.path));
  }
  object->meta.coverage = coverage;
  object->meta.fill.clear();
  if (fill_item != nullptr && object->shape_known) {
    const auto* bytes = static_cast<const std::byte*>(fill_item);
    const auto* end = bytes + object->meta.item_bytes;
    if (std::any_of(bytes, end, [](std::byte byte) { return byte != std::byte{0}; }))
      object->meta.fill.assign(bytes, end);
  }
  return Status::Ok();
}

Status State::SetAttribute(std::string_view path, std::string_view name, std::string_view value) {
  TSNAP_ASSIGN(RegisteredObject * object, FindObject(path));
  auto& attributes = object->meta.attributes;
  const auto place = std::lower_bound(
      attributes.begin(), attributes.end(), name,
      [](const Attribute& attribute, std::string_view key) { return attribute.first < key; });
  if (place != attributes.end() && place->first == name) {
    place->second = value;
  } else {
    attributes.emplace(place, std::string(name), std::string(value));
  }
  return Status::Ok();
}

Status State::Replicate(std::string_view glob) {
  if (glob.empty()) return Invalid("replicating: the glob is empty");
  globs_.push_back(prefix_ + std::string(glob));
  return Status::Ok();
}

Status State::Remove(std::string_view path) {
  TSNAP_ASSIGN(const std::string full, FullPath(path));
  if (entries_.erase(full) == 0) return NotFound(fmt::format("\"{}\" is not registered", full));
  return Status::Ok();
}

}  // namespace tsnap
