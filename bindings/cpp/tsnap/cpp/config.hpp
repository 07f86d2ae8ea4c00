// config.hpp - what a context or a snapshot may use, and the events that a context tells about.
//
// A field that is left as it is means the environment variable of C's field, or the default.
#ifndef TSNAP_CPP_CONFIG_HPP_
#define TSNAP_CPP_CONFIG_HPP_

#include <tsnap/config.h>
#include <tsnap/event.h>
#include <tsnap/statistics.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <tsnap/cpp/error.hpp>
#include <tsnap/cpp/text.hpp>

namespace tsnap {

using Seconds = std::chrono::duration<double>;

enum class LogLevel : std::int32_t {
  by_default = 0,
  error = TSNAP_LOG_ERROR,
  warning = TSNAP_LOG_WARNING,
  info = TSNAP_LOG_INFO,
  debug = TSNAP_LOG_DEBUG
};

enum class Operation : std::int32_t {
  none = 0,
  take = TSNAP_OPERATION_TAKE,
  take_async = TSNAP_OPERATION_TAKE_ASYNC,
  restore = TSNAP_OPERATION_RESTORE
};

enum class Phase : std::int32_t {
  whole_operation = 0,
  pending = TSNAP_PHASE_PENDING,
  describe = TSNAP_PHASE_DESCRIBE,
  open = TSNAP_PHASE_OPEN,
  agree = TSNAP_PHASE_AGREE,
  plan = TSNAP_PHASE_PLAN,
  stage = TSNAP_PHASE_STAGE,
  write = TSNAP_PHASE_WRITE,
  index = TSNAP_PHASE_INDEX,
  sync = TSNAP_PHASE_SYNC,
  commit = TSNAP_PHASE_COMMIT,
  clean = TSNAP_PHASE_CLEAN,
  resolve = TSNAP_PHASE_RESOLVE,
  read = TSNAP_PHASE_READ,
  loaded = TSNAP_PHASE_LOADED
};

inline const char *name(Phase phase) noexcept {
  return tsnap_phase_name(static_cast<std::int32_t>(phase));
}

// The begin or the end of a phase, or of a whole operation, on this rank.
struct Event {
  std::int64_t operation_number = 0;  // 1, 2, ... in the context; the same on all ranks
  Operation operation = Operation::none;
  Phase phase = Phase::whole_operation;
  bool is_end = false;
  Code status = Code::ok;  // at the end
  std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds> time{};
  Seconds duration{0};      // at the end
  std::uint64_t bytes = 0;  // at the end: what it moved
};

// The callbacks are called from any thread, also at once. The first exception that they throw is
// rethrown by the next call of the context or snapshot that ends well.
struct Config {
  std::uint64_t memory_budget_bytes = 0;
  int io_concurrency = 0;
  int staging_threads = 0;
  Seconds collective_timeout{0};  // wait for other ranks
  Seconds io_timeout{0};          // without any progress
  std::optional<bool> direct_io = {};
  LogLevel log_level = LogLevel::by_default;
  std::function<void(LogLevel, std::string_view)> log = {};
  std::string s3_endpoint = {};
  std::string s3_region = {};
  std::string s3_access_key = {};
  std::string s3_secret_key = {};
  std::string s3_session_token = {};
  std::string ca_file = {};
  std::uint64_t staging_prefault_bytes = 0;
  std::filesystem::path trace = {};
  std::function<void(const Event &)> event = {};
  std::optional<bool> gpu_direct_storage = {};  // nothing: where cuFile does it natively
};

// A place: a path or a URL. A program passes a text or a std::filesystem::path.
class Url {
 public:
  Url(const char *text) : text_(text) {}
  Url(std::string text) : text_(std::move(text)) {}
  Url(std::string_view text) : text_(text) {}
  Url(const std::filesystem::path &path) : text_(path.string()) {}
  const char *c_str() const noexcept { return text_.c_str(); }
  const std::string &text() const noexcept { return text_; }

 private:
  std::string text_;
};

namespace detail {

inline std::int32_t Switch(bool on) { return on ? TSNAP_ON : TSNAP_OFF; }
inline std::int32_t Switch(const std::optional<bool> &on) { return on ? Switch(*on) : 0; }

// A Config in C's form, with what the callbacks throw. It stays where it is, as long as the handle
// that was made with it.
class HeldConfig {
 public:
  explicit HeldConfig(Config config) : config_(std::move(config)), trace_(config_.trace.string()) {
    c_.memory_budget_bytes = config_.memory_budget_bytes;
    c_.io_concurrency = config_.io_concurrency;
    c_.staging_threads = config_.staging_threads;
    c_.collective_timeout_seconds = config_.collective_timeout.count();
    c_.io_timeout_seconds = config_.io_timeout.count();
    c_.direct_io = Switch(config_.direct_io);
    c_.gpu_direct_storage = Switch(config_.gpu_direct_storage);
    c_.log_level = static_cast<std::int32_t>(config_.log_level);
    if (config_.log) {
      c_.log = Log;
      c_.log_user = this;
    }
    c_.s3_endpoint = TextOrNull(config_.s3_endpoint, "the s3_endpoint");
    c_.s3_region = TextOrNull(config_.s3_region, "the s3_region");
    c_.s3_access_key = TextOrNull(config_.s3_access_key, "the s3_access_key");
    c_.s3_secret_key = TextOrNull(config_.s3_secret_key, "the s3_secret_key");
    c_.s3_session_token = TextOrNull(config_.s3_session_token, "the s3_session_token");
    c_.ca_file = TextOrNull(config_.ca_file, "the ca_file");
    c_.staging_prefault_bytes = config_.staging_prefault_bytes;
    c_.trace = TextOrNull(trace_, "the trace");
    if (config_.event) {
      c_.event = Tell;
      c_.event_user = this;
    }
    if (texts_.refused()) c_.struct_size = 0;  // which every call refuses
  }
  HeldConfig(const HeldConfig &) = delete;
  HeldConfig &operator=(const HeldConfig &) = delete;

  const tsnap_config *c() const noexcept { return &c_; }
  Trap &trap() noexcept { return trap_; }
  // Of a call that was given the config: with what is wrong with that.
  Outcome Said(Outcome ended) const { return texts_.Said(std::move(ended)); }

 private:
  const char *TextOrNull(const std::string &text, const char *what) {
    return text.empty() ? nullptr : texts_.Pass(text, what);
  }

  static void Log(std::int32_t level, const char *message, void *user) {
    auto *self = static_cast<HeldConfig *>(user);
    self->trap_.Run([&] { self->config_.log(static_cast<LogLevel>(level), message); });
  }

  static void Tell(const tsnap_event *c, void *user) {
    auto *self = static_cast<HeldConfig *>(user);
    self->trap_.Run([&] {
      Event event;
      event.operation_number = c->operation_number;
      event.operation = static_cast<Operation>(c->operation);
      event.phase = static_cast<Phase>(c->phase);
      event.is_end = c->is_end != 0;
      event.status = static_cast<Code>(c->status);
      event.time = decltype(event.time)(std::chrono::nanoseconds(c->unix_nanoseconds));
      event.duration = Seconds(c->seconds);
      event.bytes = c->bytes;
      self->config_.event(event);
    });
  }

  Config config_;
  std::string trace_;
  CallTexts texts_;
  tsnap_config c_ = TSNAP_CONFIG_INIT;
  Trap trap_;
};

// Throws the failure of a call, with what a callback of this rank threw; or, after success, what a
// callback threw that could not stop the call.
inline void EndCall(const Outcome &ended, std::initializer_list<Trap *> traps) {
  std::exception_ptr thrown;
  for (Trap *trap : traps) {
    std::exception_ptr taken = trap->Take();
    if (!thrown) thrown = std::move(taken);
  }
  if (ended.status != TSNAP_OK) Throw(ended.status, ended.text, thrown);
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace detail
}  // namespace tsnap

#endif
