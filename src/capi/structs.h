// The struct_size convention of the public structs: how a program and a library of different ages
// pass structs to each other. Knows the convention and the stride of tsnap_array boxes, and no
// field's meaning.
//
//   in:  shorter than ours   the rest counts as zero (every field's default)
//        longer than ours    fine as long as the bytes that we do not know are zero
//   out: never more than the user's struct_size bytes is written, and struct_size itself stays
#pragma once

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <vector>

#include "base/status.h"
#include "tsnap/array.h"

namespace tsnap::capi {

// Structs larger than this were not filled by an ..._INIT macro: the size is garbage, and is not
// followed.
inline constexpr size_t kMaxStructBytes = size_t{64} << 10;

// The untyped workers of the templates below. Neither user nor full need be aligned.
Status ReadStructBytes(const void* user, size_t full_bytes, void* full, const char* name);
Status CheckOutBytes(const void* user, const char* name);
void WriteStructBytes(const void* full, size_t full_bytes, void* user) noexcept;

template <class T>
constexpr bool IsPublicStruct =
    // clang-format off
    std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T> &&
    offsetof(T, struct_size) == 0 && std::is_same_v<decltype(T::struct_size), size_t>;
// clang-format on

// Copies an optional struct of the user to *full; null = all defaults. name is the type's, for
// messages. kInvalid: struct_size is smaller than itself or garbage. kUnsupported: non-zero bytes
// that we do not know.
template <class T>
Status ReadStruct(const T* user, T* full, const char* name) {
  static_assert(IsPublicStruct<T>);
  if (user == nullptr) {
    *full = T{};
    full->struct_size = sizeof(T);
    return Status::Ok();
  }
  return ReadStructBytes(user, sizeof(T), full, name);
}

// The same for a struct that must be there: null is kInvalid.
template <class T>
Status ReadRequiredStruct(const T* user, T* full, const char* name) {
  static_assert(IsPublicStruct<T>);
  return ReadStructBytes(user, sizeof(T), full, name);
}

// Whether the user's struct can be filled; ask before the work is done, so that a failure sets
// nothing.
template <class T>
Status CheckOut(const T* user, const char* name) {
  static_assert(IsPublicStruct<T>);
  return CheckOutBytes(user, name);
}

// Fills the user's struct, which CheckOut has accepted: the fields that it has, and no byte beyond
// them.
template <class T>
void WriteStruct(const T& full, T* user) noexcept {
  static_assert(IsPublicStruct<T>);
  WriteStructBytes(&full, sizeof(T), user);
}

// Copies an array of count boxes whose stride is the first one's struct_size. kInvalid when another
// one's differs, or when boxes is null and count is not 0. path is the object's, for messages.
Status ReadBoxes(const tsnap_array* boxes, size_t count, const char* path,
                 std::vector<tsnap_array>* out);

}  // namespace tsnap::capi
