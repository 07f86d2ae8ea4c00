#include "hdf5/scope.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>
#include <vector>

#include "hdf5/read_driver.h"

namespace tsnap::hdf5 {

namespace {

std::mutex& TheMutex() {
  static auto* mutex = new std::mutex;  // outlives whatever is closed when the process ends
  return *mutex;
}

struct Story {
  std::vector<std::string> lines;  // innermost first
  int error = 0;                   // errno, 0: none was told
};

herr_t Note(unsigned, const H5E_error2_t* entry, void* data) {
  auto* story = static_cast<Story*>(data);
  if (entry->desc == nullptr) return 0;
  const std::string_view text = entry->desc;
  if (text.empty()) return 0;
  constexpr std::string_view kMark = "errno = ";
  if (const size_t at = text.find(kMark); story->error == 0 && at != std::string_view::npos)
    story->error = std::atoi(text.data() + at + kMark.size());
  std::string line(text);
  for (char& c : line)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  if (story->lines.empty() || story->lines.back() != line) story->lines.push_back(std::move(line));
  return 0;
}

}  // namespace

Scope::Scope() : lock_(TheMutex()) {
  static_cast<void>(TakeReadError());
  if (H5Eauto_is_v2(H5E_DEFAULT, &is_v2_) < 0) return;
  if (is_v2_ != 0) {
    saved_ = H5Eget_auto2(H5E_DEFAULT, &function_, &data_) >= 0;
    if (saved_) H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  } else {
#ifndef H5_NO_DEPRECATED_SYMBOLS
    saved_ = H5Eget_auto1(&old_function_, &data_) >= 0;
    if (saved_) H5Eset_auto1(nullptr, nullptr);
#endif
  }
}

Scope::~Scope() {
  H5Eclear2(H5E_DEFAULT);
  if (!saved_) return;
  if (is_v2_ != 0) {
    H5Eset_auto2(H5E_DEFAULT, function_, data_);
  } else {
#ifndef H5_NO_DEPRECATED_SYMBOLS
    H5Eset_auto1(old_function_, data_);
#endif
  }
}

Status Failure(Code code, const std::string& action) {
  if (const int error = TakeReadError(); error != 0) return Status::FromErrno(error, action);
  Story story;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, Note, &story);
  if (story.error != 0) return Status::FromErrno(story.error, action);
  if (story.lines.empty()) return {code, action + ": HDF5 failed and does not say why"};
  // The innermost says what is wrong, the next one often with what.
  std::string text = story.lines[0];
  if (story.lines.size() > 1) text += fmt::format(" ({})", story.lines[1]);
  return {code, fmt::format("{}: {}", action, text)};
}

}  // namespace tsnap::hdf5
