// Names of objects and what must agree about them.
#include "catalog/object.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/checksum.h"

namespace tsnap {
namespace {

constexpr size_t kMaxPathBytes = 4096;

std::string_view FirstPart(std::string_view path) { return path.substr(0, path.find('/')); }

bool IsAllDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The path in a message: one line of ASCII, whatever the bytes are.
std::string Quote(std::string_view path) {
  constexpr size_t kShownBytes = 80;
  std::string text = "\"";
  for (const char c : path.substr(0, kShownBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7F)
      text += fmt::format("\\x{:02x}", byte);
    else
      text += c;
  }
  return text + (path.size() > kShownBytes ? "...\"" : "\"");
}

// Appends values so that no two different lists of values give the same bytes.
class Encoder {
 public:
  void Add(int64_t value) {
    for (int shift = 0; shift < 64; shift += 8)
      bytes_ += static_cast<char>(static_cast<uint64_t>(value) >> shift);
  }
  void Add(std::string_view text) {
    Add(static_cast<int64_t>(text.size()));
    bytes_ += text;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace

size_t Utf8Length(std::string_view text) {
  const auto at = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto continues = [&](size_t i) { return (at(i) & 0xC0) == 0x80; };
  const unsigned lead = at(0), second = at(1);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (lead == 0xE0 && second < 0xA0) return 0;  // overlong
    if (lead == 0xED && second > 0x9F) return 0;  // surrogate
    return continues(1) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (lead == 0xF0 && second < 0x90) return 0;  // overlong
    if (lead == 0xF4 && second > 0x8F) return 0;  // beyond U+10FFFF
    return continues(1) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

const char* KindName(Kind kind) noexcept {
  switch (kind) {
    case Kind::kPrivate:
      return "private";
    case Kind::kReplicated:
      return "replicated";
    case Kind::kSharded:
      return "sharded";
  }
  return "unknown";
}

const char* TypeName(Type type) noexcept {
  switch (type) {
    case Type::kArray:
      return "array";
    case Type::kInt64:
      return "int64";
    case Type::kFloat64:
      return "float64";
    case Type::kBool:
      return "bool";
    case Type::kString:
      return "string";
    case Type::kBytes:
      return "bytes";
  }
  return "unknown";
}

std::string QualifiedPath(const ObjectMeta& meta) {
  return meta.kind == Kind::kPrivate ? fmt::format("{}/{}", meta.rank, meta.path) : meta.path;
}

Status SplitQualifiedPath(std::string_view qualified, int64_t* rank, std::string* path) {
  const std::string_view first = FirstPart(qualified);
  if (!IsAllDigits(first)) {
    *rank = -1;
    *path = qualified;
    return Status::Ok();
  }
  int64_t number = 0;
  for (const char digit : first) {
    number = number * 10 + (digit - '0');
    if (number > std::numeric_limits<int32_t>::max())
      return Invalid(
          fmt::format("looking up {}: its first part is too large for a rank", Quote(qualified)));
  }
  *rank = number;
  *path = qualified.substr(std::min(first.size() + 1, qualified.size()));
  return Status::Ok();
}

Status CheckPath(std::string_view path, bool registering) {
  const auto refuse = [&](std::string_view why) {
    return Invalid(fmt::format("checking the path {}: {}", Quote(path), why));
  };
  if (path.empty()) return refuse("it is empty; give the object a name");
  if (path.size() > kMaxPathBytes)
    return refuse(
        fmt::format("it has {} bytes, at most {} are possible", path.size(), kMaxPathBytes));
  if (!IsUtf8(path)) return refuse("it is not UTF-8");
  if (path.find('\0') != std::string_view::npos) return refuse("it contains a NUL byte");
  const std::string_view first = FirstPart(path);
  if (registering && IsAllDigits(first))
    return refuse("its first part is all digits, which names a rank");
  for (std::string_view rest = path;;) {
    const std::string_view part = FirstPart(rest);
    if (part.empty())
      return refuse("it has an empty part; write it without leading, trailing or double \"/\"");
    if (part == "." || part == "..") return refuse("\".\" and \"..\" cannot be parts of a path");
    if (part.size() == rest.size()) break;
    rest.remove_prefix(part.size() + 1);
  }
  if (registering && first.front() == '.') return refuse("its first part begins with \".\"");
  return Status::Ok();
}

// Follows the set of places in the path that the glob up to here can reach: linear in each,
// whatever the stars.
bool GlobMatches(std::string_view glob, std::string_view path) {
  // Most paths differ before the first wildcard.
  const size_t literal = std::min(glob.find_first_of("*?"), glob.size());
  if (glob.substr(0, literal) != path.substr(0, literal)) return false;
  if (literal == glob.size()) return path.size() == literal;

  const size_t size = path.size();
  std::vector<char> reached(size + 1, 0), next(size + 1, 0);
  reached[literal] = 1;
  for (size_t at = literal; at < glob.size();) {
    std::fill(next.begin(), next.end(), char{0});
    const size_t stars = std::min(glob.find_first_not_of('*', at), glob.size()) - at;
    if (stars >= 2) {
      // "**/" at the start of a part stands for any number of whole parts, also none; elsewhere
      // "**" for any text.
      const bool whole_parts =
          (at == 0 || glob[at - 1] == '/') && at + stars < glob.size() && glob[at + stars] == '/';
      bool before = false;
      for (size_t i = 0; i <= size; ++i) {
        next[i] = reached[i] || (before && (!whole_parts || path[i - 1] == '/'));
        before = before || reached[i];
      }
      at += stars + whole_parts;
    } else if (stars == 1) {
      for (size_t i = 0; i <= size; ++i)
        next[i] = reached[i] || (i > 0 && next[i - 1] && path[i - 1] != '/');
      ++at;
    } else if (glob[at] == '?') {
      for (size_t i = 0; i < size; ++i) {
        if (!reached[i] || path[i] == '/') continue;
        next[i + std::max<size_t>(Utf8Length(path.substr(i)), 1)] = 1;
      }
      ++at;
    } else {
      for (size_t i = 0; i < size; ++i) next[i + 1] = reached[i] && path[i] == glob[at];
      ++at;
    }
    reached.swap(next);
  }
  return reached[size] != 0;
}

uint64_t HashMeta(const ObjectMeta& meta) {
  Encoder encoder;
  encoder.Add(meta.path);
  encoder.Add(static_cast<int64_t>(meta.kind));
  encoder.Add(static_cast<int64_t>(meta.type));
  encoder.Add(static_cast<int64_t>(meta.dtype));
  encoder.Add(meta.item_bytes);
  encoder.Add(meta.ndim);
  for (size_t axis = 0; axis < static_cast<size_t>(meta.ndim); ++axis)
    encoder.Add(meta.shape[axis]);
  encoder.Add(static_cast<int64_t>(meta.coverage));
  encoder.Add(AsText(meta.fill));
  for (const auto& [name, value] : meta.attributes) {
    encoder.Add(name);
    encoder.Add(value);
  }
  return Hash64(encoder.bytes());
}

std::string Difference(const ObjectMeta& a, const ObjectMeta& b) {
  if (a.kind != b.kind)
    return fmt::format("kind {} against {}", KindName(a.kind), KindName(b.kind));
  if (a.type != b.type)
    return fmt::format("type {} against {}", TypeName(a.type), TypeName(b.type));
  if (a.dtype != b.dtype)
    return fmt::format("dtype {} against {}", DtypeName(a.dtype), DtypeName(b.dtype));
  if (a.item_bytes != b.item_bytes)
    return fmt::format("item size {} against {} bytes", a.item_bytes, b.item_bytes);
  if (a.ndim != b.ndim || !std::equal(a.shape.begin(), a.shape.begin() + a.ndim, b.shape.begin()))
    return fmt::format("shape {} against {}", ShapeToString(a.ndim, a.shape),
                       ShapeToString(b.ndim, b.shape));
  return "";
}

}  // namespace tsnap
