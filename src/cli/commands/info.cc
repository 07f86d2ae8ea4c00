// tsnap info: the whole snapshot.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/snapshot.h"
#include "cli/text.h"

namespace tsnap::cli {
namespace {

struct Arguments {
  std::string url;
  bool json = false;
};

void PrintJson(const std::string& url, const tsnap_snapshot_info& info) {
  nlohmann::ordered_json json;
  json["url"] = url;
  json["id"] = info.id;
  json["format"] = info.format;
  json["created"] = UtcTime(info.created_unix_seconds);
  json["created_unix_seconds"] = info.created_unix_seconds;
  json["library_version"] = info.library_version;
  json["world_size"] = info.world_size;
  json["object_count"] = info.object_count;
  json["bytes"] = info.bytes;
  json["stored_bytes"] = info.stored_bytes;
  json["metadata"] = info.metadata;
  Print(Dump(json, 2) + "\n");
}

void PrintText(const std::string& url, const tsnap_snapshot_info& info) {
  const auto line = [](const char* name, const std::string& value) {
    Print(fmt::format("{:<9} {}\n", name, value));
  };
  line("url", Printable(url));
  line("id", Printable(info.id));
  line("format", Printable(info.format));
  const std::string by = *info.library_version == '\0'
                             ? "not by tsnap"
                             : "by tsnap " + Printable(info.library_version);
  line("taken", fmt::format("{} {}", UtcTime(info.created_unix_seconds), by));
  line("ranks", std::to_string(info.world_size));
  line("objects", std::to_string(info.object_count));
  line("size", fmt::format("{} ({} bytes)", HumanBytes(info.bytes), info.bytes));
  line("stored", fmt::format("{} ({} bytes)", HumanBytes(info.stored_bytes), info.stored_bytes));
  if (*info.metadata != '\0') line("metadata", Printable(info.metadata));
}

ExitCode Run(const Arguments& arguments) {
  Progress progress("opening");
  const Snapshot snapshot(arguments.url);
  progress.Stop();
  (arguments.json ? PrintJson : PrintText)(arguments.url, snapshot.info());
  return kOk;
}

std::function<ExitCode()> Declare(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("URL", arguments->url, "The snapshot")->type_name("")->required();
  app.add_flag("--json", arguments->json, "Print JSON");
  return [arguments] { return Run(*arguments); };
}

}  // namespace

const Command kInfo = {"info", "Tell about a snapshot: when, by how many ranks, how large",
                       "  tsnap info run/step-000100\n"
                       "  tsnap info --json run/step-000100 | jq .world_size",
                       Declare};

}  // namespace tsnap::cli
