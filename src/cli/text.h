// How sizes, types, shapes and names look to a reader.
#pragma once

#include <tsnap.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace tsnap::cli {

std::string HumanBytes(uint64_t bytes);  // "312 B", "3.2 MiB"
std::string KindName(int32_t kind);      // "sharded"
std::string TypeName(int32_t type);      // "array"
std::string DtypeName(int32_t dtype);    // "float64"
std::string ElementName(
    const tsnap_object_info& object);  // arrays: the dtype, "opaque:24"; else the type
std::string ShapeText(
    const tsnap_object_info& object);       // "4x10"; "-" for what is no array or has 0 dimensions
std::string UtcTime(int64_t unix_seconds);  // "2024-05-01T12:00:00Z"
// A name from a snapshot on a terminal: control characters, line breaks and terminal codes among
// them, as \x1b.
std::string Printable(std::string_view text);
// As JSON; bytes that are not UTF-8 are replaced.
std::string Dump(const nlohmann::ordered_json& value, int indent = -1);

}  // namespace tsnap::cli
