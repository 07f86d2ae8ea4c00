// Copies public structs between programs and libraries of different ages; see structs.h for the
// rules. All access is bytewise: a struct of another age may be shorter than its C++ type says.
#include "capi/structs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace tsnap::capi {
namespace {

size_t StructSize(const void* user) noexcept {
  size_t size = 0;
  std::memcpy(&size, user, sizeof(size));
  return size;
}

Status CheckSize(const void* user, const char* name) {
  if (user == nullptr) return Invalid(fmt::format("reading {}: it is NULL", name));
  const size_t size = StructSize(user);
  if (size < sizeof(size_t) || size > kMaxStructBytes)
    return Invalid(fmt::format(
        "reading {}: its struct_size is {}; fill the struct with its ..._INIT macro", name, size));
  return Status::Ok();
}

}  // namespace

Status ReadStructBytes(const void* user, size_t full_bytes, void* full, const char* name) {
  TSNAP_TRY(CheckSize(user, name));
  const size_t size = StructSize(user);
  const auto* bytes = static_cast<const unsigned char*>(user);
  for (size_t i = full_bytes; i < size; ++i)
    if (bytes[i] != 0)
      return Unsupported(fmt::format(
          "reading {}: byte {} of {} is set, but this library knows {} bytes; it is older than the "
          "program: update it, or leave the new fields at zero",
          name, i, size, full_bytes));
  std::memset(full, 0, full_bytes);
  std::memcpy(full, user, std::min(size, full_bytes));
  std::memcpy(full, &full_bytes, sizeof(full_bytes));
  return Status::Ok();
}

Status CheckOutBytes(const void* user, const char* name) { return CheckSize(user, name); }

void WriteStructBytes(const void* full, size_t full_bytes, void* user) noexcept {
  const size_t end = std::min(StructSize(user), full_bytes);
  if (end <= sizeof(size_t)) return;
  std::memcpy(static_cast<unsigned char*>(user) + sizeof(size_t),
              static_cast<const unsigned char*>(full) + sizeof(size_t), end - sizeof(size_t));
}

Status ReadBoxes(const tsnap_array* boxes, size_t count, const char* path,
                 std::vector<tsnap_array>* out) {
  out->clear();
  if (count == 0) return Status::Ok();
  if (boxes == nullptr)
    return Invalid(fmt::format("reading the {} boxes of \"{}\": boxes is NULL", count, path));
  TSNAP_TRY(CheckSize(boxes, "tsnap_array"));
  const size_t stride = StructSize(boxes);
  if (count > static_cast<size_t>(std::numeric_limits<ptrdiff_t>::max()) / stride)
    return Invalid(fmt::format("reading the boxes of \"{}\": box_count {} cannot be", path, count));
  const auto* bytes = reinterpret_cast<const unsigned char*>(boxes);
  for (size_t i = 0; i < count; ++i) {
    const unsigned char* box = bytes + i * stride;
    if (StructSize(box) != stride)
      return Invalid(
          fmt::format("reading the boxes of \"{}\": struct_size of box {} is {}, that of box 0 is "
                      "{}; all must be "
                      "equal, and the boxes that far apart",
                      path, i, StructSize(box), stride));
    tsnap_array full;
    TSNAP_TRY(ReadStructBytes(box, sizeof(full), &full, "tsnap_array"));
    out->push_back(full);
  }
  return Status::Ok();
}

}  // namespace tsnap::capi
