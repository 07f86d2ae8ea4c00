// tsnap cp: copies a snapshot to another place, in any of the stores.
#include <fmt/format.h>
#include <tsnap.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/text.h"

namespace tsnap::cli {
namespace {

struct Arguments {
  std::string from, to;
  bool overwrite = false;
  bool verify = false;
};

std::string Variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

// How one of the two places is reached. Secrets never stand on a command line, which everyone on
// the machine sees: TSNAP_FROM_... and TSNAP_TO_... say it, and TSNAP_... for both.
class Side {
 public:
  explicit Side(const std::string& side)
      : endpoint_(Variable(side + "S3_ENDPOINT")),
        region_(Variable(side + "S3_REGION")),
        access_key_(Variable(side + "S3_ACCESS_KEY")),
        secret_key_(Variable(side + "S3_SECRET_KEY")),
        session_token_(Variable(side + "S3_SESSION_TOKEN")),
        ca_file_(Variable(side + "CA_FILE")) {
    // A token belongs to its keys.
    if (access_key_.empty() && session_token_.empty()) session_token_ = Variable(kToken);
    Set(endpoint_, &config_.s3_endpoint);
    Set(region_, &config_.s3_region);
    Set(access_key_, &config_.s3_access_key);
    Set(secret_key_, &config_.s3_secret_key);
    Set(session_token_, &config_.s3_session_token);
    Set(ca_file_, &config_.ca_file);
  }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
  const tsnap_config* config() const { return &config_; }
  static constexpr const char* kToken = "TSNAP_S3_SESSION_TOKEN";

 private:
  static void Set(const std::string& value, const char** field) {
    if (!value.empty()) *field = value.c_str();
  }

  const std::string endpoint_, region_, access_key_, secret_key_;
  std::string session_token_;
  const std::string ca_file_;
  tsnap_config config_ = TSNAP_CONFIG_INIT;
};

// A destination that ends in "/" is the folder that the copy goes into, under its own name.
std::string DestinationOf(const Arguments& arguments) {
  if (!arguments.to.ends_with('/')) return arguments.to;
  std::string_view last = arguments.from;
  if (const size_t scheme = last.find("://"); scheme != std::string_view::npos)
    last.remove_prefix(scheme + 3);
  while (last.ends_with('/')) last.remove_suffix(1);
  last.remove_prefix(last.find_last_of('/') + 1);  // 0 where there is none
  if (last.empty() || last == "." || last == "..")
    throw Failure(kUsage, fmt::format("{} has no name that the copy could have in {}; name the "
                                      "place itself, without \"/\" at the end",
                                      arguments.from, arguments.to));
  return arguments.to + std::string(last);
}

ExitCode Run(const Arguments& arguments) {
  const std::string to = DestinationOf(arguments);
  const Side from_side("TSNAP_FROM_"), to_side("TSNAP_TO_");
  unsetenv(Side::kToken);  // the library would give it to keys that have none
  Progress progress("copying");
  tsnap_copy_options options = TSNAP_COPY_OPTIONS_INIT;
  options.overwrite = arguments.overwrite ? TSNAP_ON : TSNAP_OFF;
  options.verify = arguments.verify ? TSNAP_ON : TSNAP_OFF;
  options.progress = [](uint64_t done, uint64_t total, void* user) {
    static_cast<Progress*>(user)->Set(done, total);
  };
  options.progress_user = &progress;
  tsnap_copy_result result = TSNAP_COPY_RESULT_INIT;
  const int32_t status = tsnap_copy(arguments.from.c_str(), from_side.config(), to.c_str(),
                                    to_side.config(), &options, &result);
  progress.Stop();
  Check(status);
  std::string text = fmt::format("{}: {} files, {} copied{}", Printable(to), result.objects_copied,
                                 HumanBytes(result.bytes_copied),
                                 result.server_side != 0 ? " by the service" : "");
  if (result.objects_skipped > 0)
    text += fmt::format("; {} files, {} were there", result.objects_skipped,
                        HumanBytes(result.bytes_skipped));
  Print(text + (arguments.verify ? "; verified\n" : "\n"));
  return kOk;
}

std::function<ExitCode()> Declare(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("FROM", arguments->from, "The snapshot")->type_name("")->required();
  app.add_option("TO", arguments->to,
                 "The place of the copy; with \"/\" at its end, the folder that it goes into")
      ->type_name("")
      ->required();
  app.add_flag("--overwrite", arguments->overwrite, "Replace another snapshot that is there");
  app.add_flag("--verify", arguments->verify, "Check all bytes of the copy before it is committed");
  return [arguments] { return Run(*arguments); };
}

}  // namespace

const Command kCp = {"cp",
                     "Copy a snapshot to another place; the same again goes on after an "
                     "interruption",
                     "  tsnap cp run/step-000100 archive/\n"
                     "  tsnap cp --verify run/step-000100 s3://bucket/run/step-000100\n"
                     "  tsnap cp run/step-000100 step-000100.h5",
                     Declare};

}  // namespace tsnap::cli
