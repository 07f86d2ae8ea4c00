#include "cli/output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "cli/failure.h"

namespace tsnap::cli {
namespace {

[[noreturn]] void Refused(int error) {
  if (error == EPIPE) throw ReaderLeft();
  throw Failure(kFailed, std::string("writing the output: ") + std::strerror(error));
}

}  // namespace

void Print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) Refused(errno);
}

void Flush() {
  if (std::fflush(stdout) != 0) Refused(errno);
}

}  // namespace tsnap::cli
