// credential_process: a command of the user's that prints credentials (AWS SDKs and Tools Reference
// Guide, "Process credential provider"). It is run without a shell, for at most a minute.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/http/credentials.h"

namespace tsnap::s3 {

// A command in words: blanks part them, quotes and backslashes keep them together, nothing else
// means anything. kInvalid: a quote that does not end, or no word at all.
Result<std::vector<std::string>> SplitCommand(std::string_view command);

// What a command printed, of at most 64 KiB. kAuth: it cannot be run, fails or prints more;
// kTimeout. Neither its arguments nor what it prints stand in a message.
Result<std::string> RunCommand(const std::vector<std::string>& words, double most_seconds);

std::unique_ptr<http::CredentialSource> ProcessSource(std::string command, std::string profile);

}  // namespace tsnap::s3
