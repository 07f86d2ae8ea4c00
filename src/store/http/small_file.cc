#include "store/http/small_file.h"

#include <fcntl.h>
#include <strings.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include <fmt/format.h>

#include "store/http/service_call.h"

namespace tsnap::http {

namespace {

constexpr size_t kMostFileBytes = 1 << 20;

Status ReadAll(int descriptor, const std::string& path, const std::string& what,
               std::string* text) {
  char buffer[16 << 10];
  for (;;) {
    const ssize_t bytes = read(descriptor, buffer, sizeof buffer);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return Status::FromErrno(errno, fmt::format("reading {} {}", what, path));
    if (bytes == 0) return Status::Ok();
    text->append(buffer, static_cast<size_t>(bytes));
    if (text->size() > kMostFileBytes)
      return Invalid(
          fmt::format("reading {} {}: it is longer than 1 MiB; name another file", what, path));
  }
}

}  // namespace

Result<std::string> ReadSmallFile(const std::string& path, const std::string& what) {
  if (path.find('\0') != std::string::npos)
    return Invalid(fmt::format("opening {}: its name holds a NUL byte", what));
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) return Status::FromErrno(errno, fmt::format("opening {} {}", what, path));
  std::string text;
  Status status = ReadAll(descriptor, path, what, &text);
  close(descriptor);
  if (!status.ok()) return status;
  return text;
}

Result<std::string> ReadWordFile(const std::string& path, const std::string& what) {
  TSNAP_ASSIGN(const std::string text, ReadSmallFile(path, what));
  constexpr std::string_view kWhiteSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kWhiteSpace);
  if (begin == std::string::npos)
    return Status(Code::kAuth, fmt::format("reading {} {}: it is empty", what, path));
  std::string word = text.substr(begin, text.find_last_not_of(kWhiteSpace) + 1 - begin);
  if (!IsHeaderValue(word))
    return Status(Code::kAuth,
                  fmt::format("reading {} {}: it holds something else than one printable line "
                              "of at most 16 KiB",
                              what, path));
  return word;
}

std::string Environment(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? std::string() : std::string(text);
}

bool IsSwitchedOn(const char* name) {
  const std::string text = Environment(name);
  return text == "1" || strcasecmp(text.c_str(), "true") == 0;
}

std::string HomePath(const std::string& below) {
  const std::string home = Environment("HOME");
  return home.empty() ? home : home + "/" + below;
}

std::string ExpandHome(const std::string& path) {
  return path.starts_with("~/") ? HomePath(path.substr(2)) : path;
}

}  // namespace tsnap::http
