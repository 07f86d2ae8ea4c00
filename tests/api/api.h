// What every program in this folder needs: cases by name, owners of the public handles, and status codes that are checked by name.
// It uses the public interface only, as an application does; folders and CHECK come from the fault tests.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <tsnap.h>

#include "check.h"

namespace tsnap::test {

inline void ExpectCode(const char* file, int line, const char* call, int32_t code, int32_t expected) {
  if (code == expected) return;
  FailCheck(file, line, call,
            std::string("got ") + tsnap_status_name(code) + (code == TSNAP_OK ? "" : std::string(" (") + tsnap_last_error() + ")") +
                ", expected " + tsnap_status_name(expected));
}

// Evaluates the call once; the text of the error is shown when it is not the expected one.
#define CHECK_CODE(call, expected) ::tsnap::test::ExpectCode(__FILE__, __LINE__, #call, (call), (expected))

// The last error says this.
#define CHECK_SAYS(part) CHECK_TEXT(::tsnap::test::Contains(tsnap_last_error(), (part)), tsnap_last_error())

#define CHECK_SAME_INT(actual, expected)                                                                       \
  do {                                                                                                         \
    const auto check_actual = static_cast<int64_t>(actual), check_expected = static_cast<int64_t>(expected);   \
    CHECK_TEXT(check_actual == check_expected,                                                                 \
               std::to_string(check_actual) + " instead of " + std::to_string(check_expected));                \
  } while (false)

class State {
 public:
  State() { CHECK_OK(tsnap_state_create(&state_)); }
  ~State() { tsnap_state_destroy(&state_); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  operator tsnap_state*() { return state_; }  // NOLINT: it stands for the handle in calls

 private:
  tsnap_state* state_ = nullptr;
};

// A context of this process alone.
class Self {
 public:
  explicit Self(const tsnap_config* config = nullptr) { CHECK_OK(tsnap_context_open_self(config, &context_)); }
  ~Self() {
    if (context_ != nullptr) CHECK_OK(tsnap_context_close(&context_));
  }
  Self(const Self&) = delete;
  Self& operator=(const Self&) = delete;
  operator tsnap_context*() { return context_; }  // NOLINT

 private:
  tsnap_context* context_ = nullptr;
};

class Opened {
 public:
  explicit Opened(const std::string& url, const tsnap_config* config = nullptr) {
    CHECK_OK(tsnap_snapshot_open(url.c_str(), config, &snapshot_));
  }
  ~Opened() { tsnap_snapshot_close(&snapshot_); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  operator tsnap_snapshot*() { return snapshot_; }  // NOLINT

 private:
  tsnap_snapshot* snapshot_ = nullptr;
};

// Takes that need not survive a crash of the machine: most tests do not look at that.
inline tsnap_take_options Quick(int32_t codec = TSNAP_CODEC_NONE) {
  tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
  options.sync = TSNAP_OFF;
  options.codec = codec;
  return options;
}

inline int32_t TakeQuick(tsnap_context* context, const std::string& url, tsnap_state* state) {
  const tsnap_take_options options = Quick();
  return tsnap_take(context, url.c_str(), state, &options);
}

inline int32_t RestoreLoose(tsnap_context* context, const std::string& url, tsnap_state* state) {
  tsnap_restore_options options = TSNAP_RESTORE_OPTIONS_INIT;
  options.strict = TSNAP_OFF;
  return tsnap_restore(context, url.c_str(), state, &options);
}

// A one-dimensional contiguous array.
inline tsnap_array Line(int32_t dtype, void* data, int64_t length, int64_t offset = 0) {
  tsnap_array array = TSNAP_ARRAY_INIT;
  array.dtype = dtype;
  array.ndim = 1;
  array.shape[0] = length;
  array.offset[0] = offset;
  array.data = data;
  return array;
}

using Names = std::vector<std::string>;

inline std::string Join(const Names& names) {
  std::string text = "[";
  for (const std::string& name : names) text += (text.size() > 1 ? ", " : "") + name;
  return text + "]";
}

inline Names List(const char* const* items, size_t count) {
  Names names;
  for (size_t i = 0; i < count; ++i) names.emplace_back(items[i]);
  return names;
}

struct Lists {
  Names missing, unexpected, mismatched, not_restored;
};

// The context's report must be exactly this.
inline void CheckReport(const char* file, int line, tsnap_context* context, const Lists& expected) {
  tsnap_report report = TSNAP_REPORT_INIT;
  CHECK_OK(tsnap_restore_report(context, &report));
  const auto compare = [&](const char* what, const char* const* items, size_t count, const Names& wanted) {
    const Names actual = List(items, count);
    if (actual != wanted) FailCheck(file, line, what, Join(actual) + " instead of " + Join(wanted));
  };
  compare("missing", report.missing, report.missing_count, expected.missing);
  compare("unexpected", report.unexpected, report.unexpected_count, expected.unexpected);
  compare("mismatched", report.mismatched, report.mismatched_count, expected.mismatched);
  compare("not_restored", report.not_restored, report.not_restored_count, expected.not_restored);
}
#define CHECK_REPORT(context, ...) ::tsnap::test::CheckReport(__FILE__, __LINE__, context, __VA_ARGS__)

// Regular files below a folder, as paths relative to it.
inline Names FilesBelow(const std::string& folder) {
  Names files;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->is_regular_file()) files.push_back(std::filesystem::relative(it->path(), folder).string());
  }
  return files;
}

inline uint64_t FileBytes(const std::string& path) { return std::filesystem::file_size(path); }

// In a child, which may give its rights away.
inline void AsNobody(void (*run)(const std::string& folder)) {
  const Folder folder(NewFolder());
  std::fflush(nullptr);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) std::_Exit(1);
    run(folder.path());
    std::_Exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_SAME_INT(status, 0);
}

// Runs the case that the command line names.
using NamedCases = std::vector<std::pair<std::string, void (*)()>>;

inline int RunCase(int argc, char** argv, const NamedCases& cases) {
  for (const auto& [name, run] : cases) {
    if (argc != 2 || name != argv[1]) continue;
    Where() = name;
    run();
    return 0;
  }
  std::fprintf(stderr, "usage: %s CASE; cases:\n", argv[0]);
  for (const auto& one : cases) std::fprintf(stderr, "  %s\n", one.first.c_str());
  return 2;
}

}  // namespace tsnap::test
