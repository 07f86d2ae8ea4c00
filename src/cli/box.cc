#include "cli/box.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

#include "cli/failure.h"
#include "cli/text.h"

namespace tsnap::cli {
namespace {

int64_t ParseIndex(std::string_view text, std::string_view range) {
  int64_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc() || end != text.data() + text.size())
    throw Failure(kUsage,
                  fmt::format("--box: \"{}\" is no range such as 0:4, 2:, :5, : or 3", range));
  return index;
}

void ParseRange(std::string_view range, int64_t length, int32_t axis, int64_t* first,
                int64_t* count) {
  const size_t colon = range.find(':');
  int64_t end = length;
  *first = 0;
  if (colon == std::string_view::npos) {
    *first = ParseIndex(range, range);
    end = *first < length ? *first + 1 : length + 1;
  } else {
    if (colon > 0) *first = ParseIndex(range.substr(0, colon), range);
    if (colon + 1 < range.size()) end = ParseIndex(range.substr(colon + 1), range);
  }
  if (end < *first && colon != std::string_view::npos)
    throw Failure(kFailed, fmt::format("--box: the range {} begins after its end", range));
  if (*first < 0 || end < *first || end > length)
    throw Failure(kFailed, fmt::format("--box: {} is outside of axis {}, which is 0:{}", range,
                                       axis, length));
  *count = end - *first;
}

}  // namespace

Box ParseBox(const std::string& text, const tsnap_object_info& object) {
  Box box;
  std::string_view rest = text;
  int32_t axis = 0;
  for (; axis < object.ndim && (!rest.empty() || text.empty()); ++axis) {
    const auto at = static_cast<size_t>(axis);
    const size_t comma = rest.find(',');
    const std::string_view range = text.empty() ? std::string_view(":") : rest.substr(0, comma);
    ParseRange(range, object.shape[axis], axis, &box.offset[at], &box.shape[at]);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  if (axis < object.ndim || !rest.empty())
    throw Failure(kUsage, fmt::format("--box: \"{}\" needs {} ranges, one for each axis of {}",
                                      text, object.ndim, ShapeText(object)));
  return box;
}

}  // namespace tsnap::cli
