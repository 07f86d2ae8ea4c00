// The tsnap tool: looks into snapshots, draws and copies them, and cleans up after them. It finds
// the command, and turns what goes wrong into a line on standard error and an exit code. Knows the
// public headers only.
#include <fmt/format.h>
#include <tsnap.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <new>
#include <string>

#include "cli/command.h"
#include "cli/failure.h"
#include "cli/output.h"

namespace tsnap::cli {
namespace {

constexpr const Command* kCommands[] = {&kLs, &kInfo, &kVerify, &kCat, &kReport, &kCp, &kRm, &kGc};

// What a shell says of a program that a closed pipe ended.
constexpr int kPipeClosed = 128 + SIGPIPE;

int Complain(int exit_code, const std::string& text) {
  // Also when the output failed: what was printed before comes first.
  std::fflush(stdout);
  std::fprintf(stderr, "tsnap: %s\n", text.c_str());
  return exit_code;
}

void Describe(CLI::App* app, std::function<ExitCode()>* chosen) {
  app->set_version_flag("--version", fmt::format("tsnap {}", tsnap_version()));
  app->set_help_flag("-h,--help", "Print this help and exit");
  app->require_subcommand(1);
  app->footer(
      "Exit codes: 0 all is well, 1 failure, 2 wrong usage, 3 verify found corrupt data.\n"
      "A URL is a folder, s3://bucket/prefix or gs://bucket/prefix. TSNAP_... variables configure\n"
      "the library.\n"
      "\"tsnap COMMAND --help\" tells more; so does \"man tsnap\".");
  for (const Command* command : kCommands) {
    CLI::App* sub = app->add_subcommand(command->name, command->summary);
    sub->footer(fmt::format("Examples:\n{}", command->examples));
    sub->callback([chosen, run = command->declare(*sub)] { *chosen = run; });
  }
}

int PrintAnswer(const std::string& text) {
  Print(text + "\n");
  Flush();
  return kOk;
}

int Main(int argc, char** argv) {
  CLI::App app("Looks into tsnap snapshots, copies them, and cleans up after them.", "tsnap");
  std::function<ExitCode()> chosen;
  Describe(&app, &chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::string help = app.help();
    while (help.ends_with('\n')) help.pop_back();
    return PrintAnswer(help);
  } catch (const CLI::CallForVersion& version) {
    return PrintAnswer(version.what());
  } catch (const CLI::ParseError& error) {
    return Complain(kUsage, fmt::format("{}; see \"tsnap --help\"", error.what()));
  }
  const ExitCode exit_code = chosen();
  Flush();
  return exit_code;
}

int GuardedMain(int argc, char** argv) {
  try {
    return Main(argc, argv);
  } catch (const ReaderLeft&) {
    return kPipeClosed;
  } catch (const Failure& failure) {
    return Complain(failure.exit_code(), failure.what());
  } catch (const std::bad_alloc&) {
    return Complain(kFailed, "out of memory");
  } catch (const std::exception& error) {
    return Complain(kFailed, error.what());
  }
}

}  // namespace
}  // namespace tsnap::cli

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is seen where it is written to
  return tsnap::cli::GuardedMain(argc, argv);
}
