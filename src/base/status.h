// Status: a code of the public interface and one line of text; Result<T>: a value or a Status.
// The core reports every failure through these two; it does not throw. Knows nothing of tsnap's
// nouns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tsnap {

// The values are the public TSNAP_E_* codes; they are never reused.
enum class Code : int32_t {
  kOk = 0,
  kInvalid = -1,
  kNoMemory = -2,
  kNotFound = -3,
  kExists = -4,
  kIo = -5,
  kNoSpace = -6,
  kCorrupt = -7,
  kMismatch = -8,
  kUnsupported = -9,
  kAuth = -10,
  kNetwork = -11,
  kTimeout = -12,
  kCancelled = -13,
  kCallback = -14,
  kDevice = -15,
  kMpi = -16,
  kBusy = -17,
  kInternal = -99,
};

// "TSNAP_E_IO" for kIo; "TSNAP_E_UNKNOWN" for a number that is no code. Never null.
const char* CodeName(int32_t code) noexcept;

class [[nodiscard]] Status {
 public:
  Status() noexcept = default;  // OK
  Status(Code code, std::string message) noexcept : code_(code), message_(std::move(message)) {}

  static Status Ok() noexcept { return Status(); }
  // From an errno value: ENOSPC, EDQUOT and EFBIG are kNoSpace, ENOENT kNotFound, EEXIST kExists,
  // ENOMEM kNoMemory, EACCES, EPERM and EROFS kAuth, everything else kIo. The text is "<action>:
  // <strerror>[, hint]".
  static Status FromErrno(int error, std::string_view action);
  // kNoMemory with a text that needs no allocation.
  static Status NoMemory() noexcept;

  bool ok() const noexcept { return code_ == Code::kOk; }
  Code code() const noexcept { return code_; }
  const std::string& message() const noexcept { return message_; }

  // Adds what was being done: "while <action> <object>: <message>". Does nothing to an OK status.
  Status While(std::string_view action, std::string_view object = {}) &&;
  // "kIo: text" for logs and tests.
  std::string ToString() const;

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

inline Status Invalid(std::string message) { return {Code::kInvalid, std::move(message)}; }
inline Status NotFound(std::string message) { return {Code::kNotFound, std::move(message)}; }
inline Status Exists(std::string message) { return {Code::kExists, std::move(message)}; }
inline Status IoError(std::string message) { return {Code::kIo, std::move(message)}; }
inline Status Corrupt(std::string message) { return {Code::kCorrupt, std::move(message)}; }
inline Status Mismatch(std::string message) { return {Code::kMismatch, std::move(message)}; }
inline Status Unsupported(std::string message) { return {Code::kUnsupported, std::move(message)}; }
inline Status Timeout(std::string message) { return {Code::kTimeout, std::move(message)}; }
inline Status Internal(std::string message) { return {Code::kInternal, std::move(message)}; }

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}  // NOLINT: a value is a result
  Result(Status status) noexcept
      : status_(std::move(status)) {}  // NOLINT: so is a failure (never an OK status)

  bool ok() const noexcept { return value_.has_value(); }
  const Status& status() const& noexcept { return status_; }
  Status status() && noexcept { return std::move(status_); }
  T& value() & noexcept { return *value_; }
  const T& value() const& noexcept { return *value_; }
  T&& value() && noexcept { return std::move(*value_); }
  T* operator->() noexcept { return &*value_; }
  const T* operator->() const noexcept { return &*value_; }
  T& operator*() & noexcept { return *value_; }
  const T& operator*() const& noexcept { return *value_; }
  T&& operator*() && noexcept { return std::move(*value_); }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace tsnap

#define TSNAP_CONCAT_INNER(a, b) a##b
#define TSNAP_CONCAT(a, b) TSNAP_CONCAT_INNER(a, b)

// Return a failure to the caller; the statement reads as one step of a story. Names are numbered,
// so that a step may hold a lambda with steps of its own.
#define TSNAP_TRY(expression) TSNAP_TRY_INNER(TSNAP_CONCAT(tsnap_status_, __COUNTER__), expression)
#define TSNAP_TRY_INNER(status, expression)                                 \
  do {                                                                      \
    if (::tsnap::Status status = (expression); !status.ok()) return status; \
  } while (false)

// TSNAP_ASSIGN(auto bytes, store.Get(key)): declares or assigns the value, or returns the failure.
#define TSNAP_ASSIGN(target, expression) \
  TSNAP_ASSIGN_INNER(TSNAP_CONCAT(tsnap_result_, __COUNTER__), target, expression)
#define TSNAP_ASSIGN_INNER(result, target, expression) \
  auto result = (expression);                          \
  if (!result.ok()) return std::move(result).status(); \
  target = std::move(result).value()
