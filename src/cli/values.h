// Elements of arrays as text and as JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tsnap::cli {

// The shortest decimal that reads back as the same value; complex numbers as "1+2j"; opaque records
// in hexadecimal.
void AppendText(const std::byte* element, int32_t dtype, int64_t item_bytes, std::string* out);
// The same as a JSON value: complex numbers as [re, im], what JSON has no number for as "NaN",
// "Infinity", "-Infinity".
void AppendJson(const std::byte* element, int32_t dtype, int64_t item_bytes, std::string* out);
void AppendHex(const std::byte* bytes, size_t count, std::string* out);

}  // namespace tsnap::cli
