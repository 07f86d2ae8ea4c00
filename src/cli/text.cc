#include "cli/text.h"

#include <fmt/format.h>

#include <array>
#include <ctime>

namespace tsnap::cli {
namespace {

template <size_t kCount>
std::string NameOf(const std::array<const char*, kCount>& names, int32_t value) {
  if (value < 1 || value > static_cast<int32_t>(kCount)) return fmt::format("unknown:{}", value);
  return names[static_cast<size_t>(value - 1)];
}

}  // namespace

std::string HumanBytes(uint64_t bytes) {
  constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string KindName(int32_t kind) {
  return NameOf(std::array{"private", "replicated", "sharded"}, kind);
}

std::string TypeName(int32_t type) {
  return NameOf(std::array{"array", "int64", "float64", "bool", "string", "bytes"}, type);
}

std::string DtypeName(int32_t dtype) {
  return NameOf(std::array{"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
                           "uint64", "float8_e4m3", "float8_e5m2", "float16", "bfloat16", "float32",
                           "float64", "complex64", "complex128", "opaque"},
                dtype);
}

std::string ElementName(const tsnap_object_info& object) {
  if (object.type != TSNAP_OBJECT_ARRAY) return TypeName(object.type);
  if (object.dtype == TSNAP_OPAQUE) return fmt::format("opaque:{}", object.item_bytes);
  return DtypeName(object.dtype);
}

std::string ShapeText(const tsnap_object_info& object) {
  if (object.ndim == 0) return "-";
  std::string text;
  for (int32_t axis = 0; axis < object.ndim; ++axis)
    text += fmt::format("{}{}", axis > 0 ? "x" : "", object.shape[axis]);
  return text;
}

std::string UtcTime(int64_t unix_seconds) {
  const auto seconds = static_cast<time_t>(unix_seconds);
  tm parts{};
  if (gmtime_r(&seconds, &parts) == nullptr) return std::to_string(unix_seconds);
  std::array<char, 64> text{};
  strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

std::string Printable(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0u;
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else if (byte == 0xc2 && next >= 0x80 &&
               next < 0xa0) {  // U+0080 to U+009F: terminal codes as well
      out += fmt::format("\\x{:02x}\\x{:02x}", byte, next);
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string Dump(const nlohmann::ordered_json& value, int indent) {
  return value.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace tsnap::cli
