// The order of the records in an index part, and of their extents.
#include "catalog/index.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <tuple>
#include <utility>

namespace tsnap {
namespace {

// "<rank>/" of a private object, "" of others, in a buffer of the caller: sorting must not
// allocate.
std::string_view Prefix(const ObjectMeta& meta, std::array<char, 24>* buffer) {
  if (meta.kind != Kind::kPrivate) return {};
  char* end = std::to_chars(buffer->data(), buffer->data() + buffer->size() - 1, meta.rank).ptr;
  *end++ = '/';
  return {buffer->data(), static_cast<size_t>(end - buffer->data())};
}

}  // namespace

void SortExtents(std::vector<Extent>* extents) {
  std::sort(extents->begin(), extents->end(),
            [](const Extent& a, const Extent& b) { return a.box.offset < b.box.offset; });
}

bool ObjectLess(const ObjectRecord& a, const ObjectRecord& b) {
  std::array<char, 24> buffer_a{}, buffer_b{};
  std::string_view text_a = Prefix(a.meta, &buffer_a), rest_a = a.meta.path;
  std::string_view text_b = Prefix(b.meta, &buffer_b), rest_b = b.meta.path;
  // Compares prefix + path of both without joining them: at most three common stretches.
  for (;;) {
    if (text_a.empty()) std::swap(text_a, rest_a);
    if (text_b.empty()) std::swap(text_b, rest_b);
    const size_t common = std::min(text_a.size(), text_b.size());
    if (common == 0) return text_a.empty() && !text_b.empty();
    if (const int order = text_a.substr(0, common).compare(text_b.substr(0, common)); order != 0)
      return order < 0;
    text_a.remove_prefix(common);
    text_b.remove_prefix(common);
  }
}

bool TileLess(const TileRecord& a, const TileRecord& b) {
  return std::tie(a.path, a.tile) < std::tie(b.path, b.tile);
}

}  // namespace tsnap
