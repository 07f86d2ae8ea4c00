// Keeps the last error of each thread, and answers the calls that cannot fail.
#include "capi/error.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "capi/handles.h"
#include "catalog/object.h"
#include "tsnap/status.h"
#include "tsnap/version.h"

namespace tsnap::capi {
namespace {

struct LastError {
  std::string text;
  const char* shown = "";  // the text, or what is said when there is no memory for it
};

LastError& ThisThreadsError() noexcept {
  thread_local LastError error;
  return error;
}

// Control characters, line breaks among them, and bytes that are not UTF-8 become \x0a.
std::string OneLine(std::string_view message) {
  std::string line;
  line.reserve(message.size());
  while (!message.empty()) {
    size_t length = Utf8Length(message);
    const auto first = static_cast<unsigned char>(message.front());
    if (length == 0 || first < 0x20 || first == 0x7f) {
      length = 1;
      line += fmt::format("\\x{:02x}", first);
    } else {
      line += message.substr(0, length);
    }
    message.remove_prefix(length);
  }
  return line;
}

}  // namespace

int32_t Conclude(const Status& status) noexcept {
  if (status.ok()) return TSNAP_OK;
  LastError& error = ThisThreadsError();
  try {
    error.text = OneLine(status.message().empty() ? CodeName(static_cast<int32_t>(status.code()))
                                                  : status.message());
    error.shown = error.text.c_str();
  } catch (...) {
    error.shown = "out of memory, also for the text of the error";
  }
  return static_cast<int32_t>(status.code());
}

Status InUse::Take(Handle* handle, const char* what) {
  if (!handle->Enter())
    return {Code::kBusy,
            fmt::format(
                "using the {}: another call is using it; do not call tsnap on it from inside its "
                "own callback, or from two threads",
                what)};
  handle_ = handle;
  return Status::Ok();
}

Status CheckHandle(const Handle* handle, uint64_t magic, const char* what) {
  if (handle == nullptr) return Invalid(fmt::format("using the {}: it is NULL", what));
  if (!handle->is(magic))
    return Invalid(fmt::format("using the {}: it is closed, or not a {}", what, what));
  if (handle->forked())
    return Invalid(
        fmt::format("using the {}: it belongs to the parent process; open one after fork()", what));
  return Status::Ok();
}

Status CheckIdle(const Handle* handle, uint64_t magic, const char* what) {
  TSNAP_TRY(CheckHandle(handle, magic, what));
  if (handle->busy())
    return {
        Code::kBusy,
        fmt::format(
            "using the {}: a call is running on it; do not call tsnap on it from inside its own "
            "callback",
            what)};
  return Status::Ok();
}

Status CheckNotInside(bool is_background_thread) {
  if (!is_background_thread) return Status::Ok();
  return {Code::kBusy,
          "using the context: this is a callback of a take in the background; do not call tsnap on "
          "its context or request from inside it"};
}

Status EnterContext(tsnap_context* ctx, InUse* in_use) {
  TSNAP_TRY(CheckHandle(ctx, kContextMagic, "context"));
  TSNAP_TRY(CheckNotInside(ctx->context->IsBackgroundThread()));
  return in_use->Take(ctx, "context");
}

}  // namespace tsnap::capi

extern "C" const char* tsnap_last_error(void) { return tsnap::capi::ThisThreadsError().shown; }

extern "C" const char* tsnap_status_name(int32_t status) { return tsnap::CodeName(status); }

extern "C" const char* tsnap_version(void) { return TSNAP_VERSION_TEXT; }
