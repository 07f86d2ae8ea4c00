// A command of the tool: a name and how it reads its arguments. Each has a file in commands/ and a
// line in main.cc.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "cli/failure.h"

namespace tsnap::cli {

struct Command {
  const char* name;
  const char* summary;
  const char* examples;  // lines under "Examples:" of the help
  // Declares the arguments; what it returns runs the command once they are parsed.
  std::function<ExitCode()> (*declare)(CLI::App& app);
};

extern const Command kLs, kInfo, kVerify, kCat, kReport, kCp, kRm, kGc;

}  // namespace tsnap::cli
