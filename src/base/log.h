// Log: where messages go when the user gave a callback; without one they go nowhere. Thread-safe.
#pragma once

#include <cstdint>
#include <string>

namespace tsnap {

enum class LogLevel : int32_t { kError = 1, kWarning = 2, kInfo = 3, kDebug = 4 };

class Log {
 public:
  using Callback = void (*)(int32_t level, const char* message, void* user);
  Log() = default;
  Log(Callback callback, void* user, int32_t level)
      : callback_(callback), user_(user), level_(level) {}

  bool wants(LogLevel level) const {
    return callback_ != nullptr && static_cast<int32_t>(level) <= level_;
  }
  void Write(LogLevel level, const std::string& message) const {
    if (wants(level)) callback_(static_cast<int32_t>(level), message.c_str(), user_);
  }

 private:
  Callback callback_ = nullptr;
  void* user_ = nullptr;
  int32_t level_ = 2;
};

}  // namespace tsnap
