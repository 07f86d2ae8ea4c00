// error.hpp - failures as exceptions, and exceptions of callbacks, which must not pass through C.
//
// Every call that fails throws a tsnap::Error with the library's code and text. A collective call
// throws the same on all ranks.
#ifndef TSNAP_CPP_ERROR_HPP_
#define TSNAP_CPP_ERROR_HPP_

#include <tsnap/status.h>
#include <tsnap/version.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#if TSNAP_VERSION_MAJOR != 0 || TSNAP_VERSION_MINOR < 1
#error \
    "these C++ headers are made for the C headers of tsnap 0.1 to 0.x: install both from one release"
#endif

namespace tsnap {

enum class Code : std::int32_t {
  ok = TSNAP_OK,
  invalid = TSNAP_E_INVALID,
  no_memory = TSNAP_E_NO_MEMORY,
  not_found = TSNAP_E_NOT_FOUND,
  exists = TSNAP_E_EXISTS,
  io = TSNAP_E_IO,
  no_space = TSNAP_E_NO_SPACE,
  corrupt = TSNAP_E_CORRUPT,
  mismatch = TSNAP_E_MISMATCH,
  unsupported = TSNAP_E_UNSUPPORTED,
  auth = TSNAP_E_AUTH,
  network = TSNAP_E_NETWORK,
  timeout = TSNAP_E_TIMEOUT,
  cancelled = TSNAP_E_CANCELLED,
  callback = TSNAP_E_CALLBACK,
  device = TSNAP_E_DEVICE,
  mpi = TSNAP_E_MPI,
  busy = TSNAP_E_BUSY,
  internal = TSNAP_E_INTERNAL
};

// The name in C, such as "TSNAP_E_NOT_FOUND".
inline const char *name(Code code) noexcept {
  return tsnap_status_name(static_cast<std::int32_t>(code));
}

namespace detail {

class Category final : public std::error_category {
 public:
  const char *name() const noexcept override { return "tsnap"; }
  std::string message(int value) const override { return tsnap_status_name(value); }
  // So that `error.code() == std::errc::no_such_file_or_directory` holds.
  std::error_condition default_error_condition(int value) const noexcept override {
    switch (static_cast<Code>(value)) {
      case Code::invalid:
        return std::errc::invalid_argument;
      case Code::no_memory:
        return std::errc::not_enough_memory;
      case Code::not_found:
        return std::errc::no_such_file_or_directory;
      case Code::exists:
        return std::errc::file_exists;
      case Code::io:
        return std::errc::io_error;
      case Code::no_space:
        return std::errc::no_space_on_device;
      case Code::unsupported:
        return std::errc::not_supported;
      case Code::auth:
        return std::errc::permission_denied;
      case Code::network:
        return std::errc::host_unreachable;
      case Code::timeout:
        return std::errc::timed_out;
      case Code::cancelled:
        return std::errc::operation_canceled;
      case Code::busy:
        return std::errc::device_or_resource_busy;
      default:
        return {value, *this};
    }
  }
};

}  // namespace detail

inline const std::error_category &category() noexcept {
  static const detail::Category instance;
  return instance;
}

inline std::error_code make_error_code(Code code) noexcept {
  return {static_cast<int>(code), category()};
}

}  // namespace tsnap

template <>
struct std::is_error_code_enum<tsnap::Code> : std::true_type {};

namespace tsnap {

// what() is the library's text, then the name of the code; text() the text alone.
class Error : public std::system_error {
 public:
  Error(Code code, const std::string &text)
      : std::system_error(make_error_code(code), text),
        text_(std::make_shared<const std::string>(text)) {}

  // code() compares with tsnap::Code and std::errc; this one is for a switch.
  Code status() const noexcept { return static_cast<Code>(code().value()); }
  const std::string &text() const noexcept { return *text_; }

 private:
  std::shared_ptr<const std::string> text_;  // copies of exceptions do not throw
};

// One class for each code, for catch clauses; those that programs act upon have a name.
template <Code kCode>
class ErrorOf : public Error {
 public:
  explicit ErrorOf(const std::string &text) : Error(kCode, text) {}
};

using NotFound = ErrorOf<Code::not_found>;
using Exists = ErrorOf<Code::exists>;
using NoSpace = ErrorOf<Code::no_space>;
using Corrupt = ErrorOf<Code::corrupt>;
using Mismatch = ErrorOf<Code::mismatch>;
using Timeout = ErrorOf<Code::timeout>;
using Cancelled = ErrorOf<Code::cancelled>;
// A callback of the application threw. On the rank where it did, what it threw is nested:
// std::rethrow_if_nested gives it back.
using CallbackFailed = ErrorOf<Code::callback>;

namespace detail {

template <typename Act>
[[noreturn]] void ThrowAs(std::int32_t status, const std::string &text, Act act) {
  switch (static_cast<Code>(status)) {
    case Code::not_found:
      act(NotFound(text));
      break;
    case Code::exists:
      act(Exists(text));
      break;
    case Code::no_space:
      act(NoSpace(text));
      break;
    case Code::corrupt:
      act(Corrupt(text));
      break;
    case Code::mismatch:
      act(Mismatch(text));
      break;
    case Code::timeout:
      act(Timeout(text));
      break;
    case Code::cancelled:
      act(Cancelled(text));
      break;
    case Code::callback:
      act(CallbackFailed(text));
      break;
    default:
      break;
  }
  act(Error(static_cast<Code>(status), text));
  std::terminate();  // act throws
}

[[noreturn]] inline void Throw(std::int32_t status, const std::string &text) {
  ThrowAs(status, text, [](auto &&error) { throw std::forward<decltype(error)>(error); });
}

// The error with what a callback of this rank threw nested in it, if one did.
[[noreturn]] inline void Throw(std::int32_t status, const std::string &text,
                               std::exception_ptr cause) {
  if (!cause) Throw(status, text);
  const auto nest = [](auto &&error) {
    std::throw_with_nested(std::forward<decltype(error)>(error));
  };
  try {
    std::rethrow_exception(cause);
  } catch (const std::exception &thrown) {
    ThrowAs(status, text + ": it threw: " + thrown.what(), nest);
  } catch (...) {
    ThrowAs(status, text + ": it threw", nest);
  }
}

[[noreturn]] inline void ThrowInvalid(const std::string &text) { Throw(TSNAP_E_INVALID, text); }

inline void Check(std::int32_t status) {
  if (status != TSNAP_OK) Throw(status, tsnap_last_error());
}

// Keeps the first exception that callbacks throw, in whatever thread, until it can be rethrown.
class Trap {
 public:
  // Runs a callback below C's frames; false when it has thrown.
  template <typename Callback>
  bool Run(Callback &&callback) noexcept {
    try {
      callback();
      return true;
    } catch (...) {
      Keep(std::current_exception());
      return false;
    }
  }

  void Keep(std::exception_ptr thrown) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!first_) first_ = std::move(thrown);
  }

  std::exception_ptr Take() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(first_, nullptr);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr first_;
};

inline void CompareVersions(const char *loaded) {
  int major = 0, minor = 0, patch = 0;
  const bool known = std::sscanf(loaded, "%d.%d.%d", &major, &minor, &patch) == 3;
  const bool older =
      minor < TSNAP_VERSION_MINOR || (minor == TSNAP_VERSION_MINOR && patch < TSNAP_VERSION_PATCH);
  if (known && major == TSNAP_VERSION_MAJOR && !older) return;
  Throw(TSNAP_E_UNSUPPORTED,
        std::string("this program was compiled against tsnap " TSNAP_VERSION
                    ", and the libtsnap that was loaded is ") +
            loaded + ": run it with the same major version, not older (ldd shows which is found)");
}

// Every way into the library comes by here first.
inline void CheckVersion() {
  static const bool checked = (CompareVersions(tsnap_version()), true);
  (void)checked;
}

}  // namespace detail

// The version of the library that is loaded, as "major.minor.patch".
inline std::string version() { return tsnap_version(); }

}  // namespace tsnap

#endif
