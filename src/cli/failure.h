// How a command ends other than well: an exit code and a line of text. Exceptions are fine here: no
// rank waits.
//
//   0  all is well
//   1  the library or the system refused; the message is theirs
//   2  the command line is wrong
//   3  verify found corrupt data
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace tsnap::cli {

enum ExitCode { kOk = 0, kFailed = 1, kUsage = 2, kCorrupt = 3 };

class Failure : public std::runtime_error {
 public:
  Failure(ExitCode exit_code, const std::string& text)
      : std::runtime_error(text), exit_code_(exit_code) {}
  ExitCode exit_code() const { return exit_code_; }

 private:
  ExitCode exit_code_;
};

// Throws the library's own message when a call failed.
void Check(int32_t status);

}  // namespace tsnap::cli
