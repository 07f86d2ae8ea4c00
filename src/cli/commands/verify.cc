// tsnap verify: reads every stored byte.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/snapshot.h"
#include "cli/text.h"

namespace tsnap::cli {
namespace {

// Corrupt is an answer here, and no failure.
ExitCode Answer(int32_t status) {
  Check(status == TSNAP_E_CORRUPT ? TSNAP_OK : status);
  return status == TSNAP_E_CORRUPT ? kCorrupt : kOk;
}

ExitCode Run(const std::string& url) {
  Progress progress("verifying");
  // A record that is damaged keeps the snapshot from being opened at all.
  tsnap_snapshot* opened = nullptr;
  if (Answer(tsnap_snapshot_open(url.c_str(), nullptr, &opened)) == kCorrupt)
    throw Failure(kCorrupt, tsnap_last_error());
  tsnap_snapshot_close(&opened);

  const Snapshot snapshot(url);
  const WatchSnapshot watch(snapshot, &progress);
  int64_t bad_count = 0;
  const char* const* bad_paths = nullptr;
  const ExitCode answer = Answer(tsnap_snapshot_verify(snapshot.get(), &bad_count, &bad_paths));
  const std::string message = tsnap_last_error();
  progress.Stop();
  for (int64_t i = 0; i < bad_count; ++i)
    Print(fmt::format("corrupt: {}\n", Printable(bad_paths[i])));
  if (answer == kCorrupt) throw Failure(kCorrupt, message);
  const tsnap_snapshot_info info = snapshot.info();
  // What tsnap has not written has no checksums of its.
  const bool is_foreign = std::string_view(info.format) == "hdf5";
  Print(fmt::format("ok: {} objects, {} {}\n", info.object_count, HumanBytes(info.stored_bytes),
                    is_foreign ? "read; nothing to verify them against, tsnap has not written them"
                               : "verified"));
  return kOk;
}

std::function<ExitCode()> Declare(CLI::App& app) {
  auto url = std::make_shared<std::string>();
  app.add_option("URL", *url, "The snapshot")->type_name("")->required();
  return [url] { return Run(*url); };
}

}  // namespace

const Command kVerify = {"verify",
                         "Read and check all stored bytes; exit code 3 when any is corrupt",
                         "  tsnap verify run/step-000100\n"
                         "  tsnap verify run/step-000100 || echo \"do not restore from it\"",
                         Declare};

}  // namespace tsnap::cli
