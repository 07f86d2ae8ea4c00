// tsnap rm: removes a snapshot.
#include <tsnap.h>

#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/progress.h"

namespace tsnap::cli {
namespace {

struct Arguments {
  std::string url;
  bool force = false;
};

ExitCode Run(const Arguments& arguments) {
  Progress progress("removing");
  const int32_t status = tsnap_remove(arguments.url.c_str(), nullptr);
  progress.Stop();
  if (status != TSNAP_E_NOT_FOUND || !arguments.force) Check(status);
  return kOk;
}

std::function<ExitCode()> Declare(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("URL", arguments->url, "The snapshot")->type_name("")->required();
  app.add_flag("-f,--force", arguments->force, "It is no error when there is no snapshot");
  return [arguments] { return Run(*arguments); };
}

}  // namespace

const Command kRm = {"rm", "Remove a snapshot",
                     "  tsnap rm run/step-000100\n"
                     "  tsnap rm --force run/step-000100",
                     Declare};

}  // namespace tsnap::cli
