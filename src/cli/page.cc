#include "cli/page.h"

#include <algorithm>

#include "cli/output.h"
#include "cli/values.h"

namespace tsnap::cli {

void Page::Add(const std::byte* elements, int64_t count) {
  constexpr size_t kEnoughBytes = 1 << 16;
  if (look_ == kRaw)
    return Print(
        {reinterpret_cast<const char*>(elements), static_cast<size_t>(count * object_.item_bytes)});
  for (int64_t i = 0; i < count; ++i) {
    const std::byte* element = elements + i * object_.item_bytes;
    if (look_ == kJson)
      AddJson(element);
    else
      AddText(element);
    if (text_.size() > kEnoughBytes) Write();
  }
  Write();
}

void Page::Finish() {
  if (look_ == kRaw) return;
  if (look_ == kJson && IsEmpty()) text_ += EmptyJson(0);
  if (look_ == kJson || object_.ndim == 0) text_ += '\n';
  Write();
}

bool Page::IsEmpty() const {
  return std::any_of(box_.shape.begin(), box_.shape.begin() + object_.ndim,
                     [](int64_t n) { return n == 0; });
}

void Page::AddText(const std::byte* element) {
  AppendText(element, object_.dtype, object_.item_bytes, &text_);
  if (object_.ndim == 0) return;
  const int finished = Advance();
  if (finished == 0)
    text_ += object_.ndim == 1 ? '\n' : ' ';
  else
    text_.append(finished == 1 || finished == object_.ndim ? 1 : 2, '\n');
}

void Page::AddJson(const std::byte* element) {
  int started = 0;
  while (started < object_.ndim && index_[static_cast<size_t>(object_.ndim - 1 - started)] == 0)
    ++started;
  text_.append(static_cast<size_t>(started), '[');
  AppendJson(element, object_.dtype, object_.item_bytes, &text_);
  const int finished = Advance();
  text_.append(static_cast<size_t>(finished), ']');
  if (finished < object_.ndim) text_ += finished > 0 ? ",\n" : ",";
}

// Steps to the next index, and says how many of the last axes are finished.
int Page::Advance() {
  int finished = 0;
  for (int axis = object_.ndim - 1; axis >= 0; --axis) {
    int64_t& index = index_[static_cast<size_t>(axis)];
    if (++index < length(axis)) break;
    index = 0;
    ++finished;
  }
  return finished;
}

// The lists that a shape with a zero in it still has.
std::string Page::EmptyJson(int axis) const {
  if (length(axis) == 0) return "[]";
  std::string text = "[";
  const std::string inner = EmptyJson(axis + 1);
  for (int64_t i = 0; i < length(axis); ++i) text += (i > 0 ? "," : "") + inner;
  return text + "]";
}

void Page::Write() {
  Print(text_);
  text_.clear();
}

}  // namespace tsnap::cli
