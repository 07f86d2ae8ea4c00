// tsnap report: draws a trace or a snapshot as one HTML page.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report/html.h"
#include "cli/report/snapshot_page.h"
#include "cli/report/trace_page.h"
#include "cli/report/trace_reader.h"
#include "cli/text.h"

namespace tsnap::cli {
namespace {

constexpr const char* kDefaultOutput = "report.html";

struct Arguments {
  std::string source, output;
};

// A trace is a file (or a pipe), but for those of HDF5; everything else is the place of a snapshot.
bool IsTrace(const std::string& source) {
  if (source.ends_with(".h5")) return false;
  struct stat facts {};
  return stat(source.c_str(), &facts) == 0 && !S_ISDIR(facts.st_mode);
}

void CheckOutput(const Arguments& arguments, const std::string& output) {
  struct stat to {
  }, from{};
  if (stat(output.c_str(), &to) != 0) return;
  if (arguments.output.empty())
    throw Failure(
        kFailed, fmt::format("{} is there already: name it with --output to overwrite it", output));
  if (stat(arguments.source.c_str(), &from) == 0 && to.st_dev == from.st_dev &&
      to.st_ino == from.st_ino)
    throw Failure(kFailed,
                  fmt::format("writing {}: it is what the report is of", Printable(output)));
}

void WriteFile(const std::string& path, const std::string& page) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  int error = errno;
  if (file != nullptr) {
    errno = 0;
    const bool is_written = std::fwrite(page.data(), 1, page.size(), file) == page.size();
    error = errno;
    const bool is_closed = std::fclose(file) == 0;
    if (is_written && is_closed) return;
    if (is_written) error = errno;
    // Half of a page is of no use; what is no regular file was there before.
    struct stat facts {};
    if (stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode)) unlink(path.c_str());
  }
  throw Failure(kFailed, fmt::format("writing {}: {}", Printable(path), std::strerror(error)));
}

ExitCode Run(const Arguments& arguments) {
  const std::string output = arguments.output.empty() ? kDefaultOutput : arguments.output;
  const bool to_standard_output = output == "-";
  if (!to_standard_output) CheckOutput(arguments, output);

  Progress progress(IsTrace(arguments.source) ? "reading the trace" : "reading the index");
  const nlohmann::ordered_json numbers =
      IsTrace(arguments.source)
          ? TracePage(ReadTrace(arguments.source, &progress), arguments.source)
          : SnapshotPage(arguments.source, &progress);
  const std::string page =
      HtmlPage(fmt::format("{} - tsnap report", Printable(arguments.source)), numbers);
  progress.Stop();

  if (to_standard_output) {
    Print(page);
    return kOk;
  }
  WriteFile(output, page);
  Print(fmt::format("{}: {}\n", Printable(output), HumanBytes(page.size())));
  return kOk;
}

std::function<ExitCode()> Declare(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("SNAPSHOT|TRACE", arguments->source,
                 "A snapshot, or a file that a program wrote with TSNAP_TRACE=FILE")
      ->type_name("")
      ->required();
  app.add_option("-o,--output", arguments->output,
                 "The page to write, also over an older one; \"-\" is standard output. If not "
                 "given: report.html, if there is none")
      ->type_name("FILE");
  return [arguments] { return Run(*arguments); };
}

}  // namespace

const Command kReport = {"report", "Draw a trace or a snapshot as one HTML page",
                         "  TSNAP_TRACE=trace.json mpirun -n 4 ./simulation\n"
                         "  tsnap report trace.json -o trace.html\n"
                         "  tsnap report run/step-000100 -o step-000100.html",
                         Declare};

}  // namespace tsnap::cli
