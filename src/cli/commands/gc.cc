// tsnap gc: removes what takes left behind that never committed.
#include <fmt/format.h>
#include <tsnap.h>

#include <cmath>
#include <exception>
#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/text.h"

namespace tsnap::cli {
namespace {

struct Arguments {
  std::string url;
  double min_age_seconds = 0;
  bool dry_run = false;
};

// What the callback of the library needs. It is C's: nothing may be thrown through it, so what is
// thrown waits here.
struct Removal {
  const char* word;
  Progress progress;
  std::exception_ptr thrown;
};

void Removed(const char* key, uint64_t bytes, void* user) {
  auto* removal = static_cast<Removal*>(user);
  if (removal->thrown != nullptr) return;
  removal->progress.Stop();
  try {
    Print(fmt::format("{} {} ({})\n", removal->word, Printable(key), HumanBytes(bytes)));
  } catch (...) {
    removal->thrown = std::current_exception();
  }
}

ExitCode Run(const Arguments& arguments) {
  Removal removal{arguments.dry_run ? "would remove" : "removed", Progress("collecting garbage"),
                  nullptr};
  tsnap_gc_options options = TSNAP_GC_OPTIONS_INIT;
  options.min_age_seconds = arguments.min_age_seconds;
  options.dry_run = arguments.dry_run ? TSNAP_ON : TSNAP_OFF;
  options.removed = Removed;
  options.removed_user = &removal;
  tsnap_gc_result result = TSNAP_GC_RESULT_INIT;
  Check(tsnap_gc(arguments.url.c_str(), nullptr, &options, &result));
  removal.progress.Stop();
  if (removal.thrown != nullptr) std::rethrow_exception(removal.thrown);
  Print(fmt::format("{} takes {}, {}; {} kept\n", result.takes_removed,
                    arguments.dry_run ? "would be removed" : "removed",
                    HumanBytes(result.bytes_removed), result.takes_kept));
  return kOk;
}

std::function<ExitCode()> Declare(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("URL", arguments->url, "A snapshot's place, or the folder of several")
      ->type_name("")
      ->required();
  app.add_option(
         "--min-age", arguments->min_age_seconds,
         "SECONDS since a take last showed that it goes on (a day, or TSNAP_GC_AGE_SECONDS)")
      ->type_name("SECONDS")
      ->check([](const std::string& text) {
        double seconds = 0;
        const bool is_number = CLI::detail::lexical_cast(text, seconds);
        return is_number && std::isfinite(seconds) && seconds > 0
                   ? ""
                   : "\"" + text + "\" is no number above 0";
      });
  app.add_flag("-n,--dry-run", arguments->dry_run, "Say what would be removed, and remove nothing");
  return [arguments] { return Run(*arguments); };
}

}  // namespace

const Command kGc = {"gc", "Remove the data of takes that never committed",
                     "  tsnap gc --dry-run run\n"
                     "  tsnap gc --min-age 3600 run/step-000100",
                     Declare};

}  // namespace tsnap::cli
