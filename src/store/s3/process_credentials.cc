#include "store/s3/process_credentials.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "store/http/small_json.h"
#include "store/s3/credential_json.h"

namespace tsnap::s3 {

namespace {

constexpr double kMostSeconds = 60;
constexpr size_t kMostOutputBytes = 64 << 10;

Status Failed(const std::string& program, std::string_view why, Code code = Code::kAuth) {
  return {code, fmt::format("running the credential_process {}: {}", program, why)};
}

// What the child is started with: no input, its output into the pipe, no noise on our terminal, a
// group of its own (so that all of it can be ended) and no signals blocked.
class SpawnPlan {
 public:
  explicit SpawnPlan(int output) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    // The pipe goes first: it may be where the others come to be.
    made_ = posix_spawn_file_actions_adddup2(&actions_, output, 1) == 0 &&
            posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0) == 0 &&
            posix_spawn_file_actions_addopen(&actions_, 2, "/dev/null", O_WRONLY, 0) == 0 &&
            posix_spawnattr_setpgroup(&attributes_, 0) == 0 &&
            posix_spawnattr_setsigmask(&attributes_, &none) == 0 &&
            posix_spawnattr_setsigdefault(&attributes_, &all) == 0 &&
            posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                       POSIX_SPAWN_SETSIGDEF) == 0;
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // 0, or an errno value.
  int Start(const std::vector<std::string>& words, pid_t* child) {
    if (!made_) return ENOMEM;
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    return posix_spawnp(child, arguments[0], &actions_, &attributes_, arguments.data(), environ);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
  bool made_ = false;
};

using Clock = std::chrono::steady_clock;

Status TooSlow(const std::string& program) {
  return Failed(program, "it did not end in time", Code::kTimeout);
}

// Everything up to the end of the output.
Status ReadOutput(int from, const std::string& program, Clock::time_point end, std::string* out) {
  char buffer[4096];
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd ready = {from, POLLIN, 0};
    const int found = left > 0 ? poll(&ready, 1, static_cast<int>(left)) : 0;
    if (found < 0 && errno == EINTR) continue;
    if (found < 0) return Failed(program, std::strerror(errno));
    if (found == 0) return TooSlow(program);
    const ssize_t bytes = read(from, buffer, sizeof buffer);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return Failed(program, std::strerror(errno));
    if (bytes == 0) return Status::Ok();
    out->append(buffer, static_cast<size_t>(bytes));
    if (out->size() > kMostOutputBytes) return Failed(program, "it prints more than 64 KiB");
  }
}

// An application that ignores SIGCHLD leaves us no exit status: the output then speaks alone.
Status Judge(pid_t reaped, int status, const std::string& program) {
  if (reaped < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) return Status::Ok();
  if (WIFSIGNALED(status))
    return Failed(program, fmt::format("it was ended by signal {}", WTERMSIG(status)));
  return Failed(program, fmt::format("it failed with exit status {}; run it by hand to see why",
                                     WEXITSTATUS(status)));
}

// Who has closed his output may still go on: he is waited for until the same end, then killed.
Status Reap(pid_t child, const std::string& program, Clock::time_point end) {
  for (;;) {
    int status = 0;
    const pid_t reaped = waitpid(child, &status, WNOHANG);
    if (reaped != 0 && !(reaped < 0 && errno == EINTR)) return Judge(reaped, status, program);
    if (Clock::now() >= end) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  kill(-child, SIGKILL);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return TooSlow(program);
}

class Process final : public http::CredentialSource {
 public:
  Process(std::string command, std::string profile)
      : command_(std::move(command)), profile_(std::move(profile)) {}

  Result<http::Credentials> Fetch() override {
    TSNAP_ASSIGN(const auto words, SplitCommand(command_));
    TSNAP_ASSIGN(const std::string text, RunCommand(words, kMostSeconds));
    const std::string what = "what " + Describe() + " printed";
    TSNAP_ASSIGN(const auto json, http::SmallJson::Parse(text, what));
    if (json.Integer("Version") != 1)
      return Unsupported(fmt::format("reading {}: its \"Version\" is not 1", what));
    return ParseCredentialJson(text, what, "SessionToken");
  }

  std::string Describe() const override {
    return fmt::format("the credential_process of the profile \"{}\"", profile_);
  }

 private:
  const std::string command_, profile_;
};

}  // namespace

Result<std::vector<std::string>> SplitCommand(std::string_view command) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (quote == 0 && (c == ' ' || c == '\t')) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == '\\' && quote != '\'' && i + 1 < command.size() &&
               (quote == 0 || command[i + 1] == '"' || command[i + 1] == '\\')) {
      words.back() += command[++i];
    } else {
      words.back() += c;
    }
  }
  if (quote != 0) return Invalid("reading a credential_process: a quote does not end");
  if (words.empty() || words[0].empty())
    return Invalid("reading a credential_process: it names no program");
  return words;
}

Result<std::string> RunCommand(const std::vector<std::string>& words, double most_seconds) {
  const std::string& program = words[0];
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Failed(program, std::strerror(errno), Code::kIo);
  pid_t child = 0;
  const int error = SpawnPlan(ends[1]).Start(words, &child);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    return Failed(program, std::strerror(error));
  }
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double>(most_seconds));
  std::string output;
  const Status read = ReadOutput(ends[0], program, end, &output);
  close(ends[0]);
  if (!read.ok()) kill(-child, SIGKILL);
  const Status ended = Reap(child, program, end);
  if (!read.ok()) return read;
  if (!ended.ok()) return ended;
  return output;
}

std::unique_ptr<http::CredentialSource> ProcessSource(std::string command, std::string profile) {
  return std::make_unique<Process>(std::move(command), std::move(profile));
}

}  // namespace tsnap::s3
