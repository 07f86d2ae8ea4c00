// Object: one named thing of a snapshot, as plain values: what it is called, what kind and type it
// has, its shape. Where its bytes rest is an Extent's business, where they lie in memory an
// ArrayView's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "catalog/box.h"
#include "catalog/dtype.h"

namespace tsnap {

enum class Kind : int32_t { kPrivate = 1, kReplicated = 2, kSharded = 3 };
enum class Type : int32_t { kArray = 1, kInt64, kFloat64, kBool, kString, kBytes };
enum class Coverage : int32_t { kExact = 1, kSparse, kDuplicates };

const char* KindName(Kind kind) noexcept;  // "private"
const char* TypeName(Type type) noexcept;  // "array"

using Attribute = std::pair<std::string, std::string>;

struct ObjectMeta {
  std::string path;  // without the rank
  Kind kind = Kind::kPrivate;
  Type type = Type::kArray;
  Dtype dtype = Dtype::kUint8;  // scalars: int64, float64, bool; strings and bytes: uint8, ndim 1
  int64_t item_bytes = 1;
  int ndim = 0;
  Index shape{};      // the whole array
  int64_t rank = -1;  // private: whose; else -1
  Coverage coverage = Coverage::kExact;
  Bytes fill;                         // sparse: the value of one item elsewhere; empty = zeros
  std::vector<Attribute> attributes;  // sorted by name

  bool operator==(const ObjectMeta&) const = default;
};

// How users name it: "<rank>/<path>" for private objects, else the path.
std::string QualifiedPath(const ObjectMeta& meta);
// Splits "12/fluid/density" into 12 and the rest; rank -1 when the first part is not all digits.
// kInvalid when the number is too large for a rank.
Status SplitQualifiedPath(std::string_view qualified, int64_t* rank, std::string* path);

// kInvalid unless `path` is 1 to 4096 bytes of UTF-8, without empty, "." or ".." parts; when
// `registering`, also unless its first part is not all digits and does not begin with ".".
Status CheckPath(std::string_view path, bool registering);
// Bytes of the character at the start of text, 0 when it is not UTF-8 (Unicode 15, table 3-7); an
// end counts as NUL.
size_t Utf8Length(std::string_view text);
bool IsUtf8(std::string_view text);
// Matches a path against a glob: "*" and "?" within a part, "**" across parts.
bool GlobMatches(std::string_view glob, std::string_view path);
// A hash of everything that must be equal on all ranks (not of the values).
uint64_t HashMeta(const ObjectMeta& meta);
// Why two descriptions of one object differ ("shape 4x4 against 4x5"), or "" when they agree in
// kind, type, dtype, item size and shape (type array matches only array, and so on).
std::string Difference(const ObjectMeta& a, const ObjectMeta& b);

}  // namespace tsnap
