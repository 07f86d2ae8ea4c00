// Small files that hold secrets or say where they are, and the environment that names them.
#pragma once

#include <string>

#include "base/status.h"

namespace tsnap::http {

// The whole file, of at most 1 MiB; kNotFound when it is missing, kInvalid when it is longer. Pipes
// do as well. what: for messages ("the file that AWS_CONFIG_FILE names").
Result<std::string> ReadSmallFile(const std::string& path, const std::string& what);
// A file that holds one word, such as a token: without the white space around it. kAuth: it is
// empty, or not printable.
Result<std::string> ReadWordFile(const std::string& path, const std::string& what);

// An environment variable; "" where it is not set.
std::string Environment(const char* name);
// Whether it says so: "1" or "true" in any case.
bool IsSwitchedOn(const char* name);
// Below the user's home, "~/..." ; "" where nobody knows where that is.
std::string HomePath(const std::string& below);
// With "~/" at the beginning replaced by the home.
std::string ExpandHome(const std::string& path);

}  // namespace tsnap::http
