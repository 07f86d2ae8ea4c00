// Names of codes, the translation of errno, and the texts that grow on the way up.
#include "base/status.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace tsnap {
namespace {

Code CodeOfErrno(int error) noexcept {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Code::kNoSpace;
    case ENOENT:
      return Code::kNotFound;
    case EEXIST:
      return Code::kExists;
    case ENOMEM:
      return Code::kNoMemory;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::kAuth;
    default:
      return Code::kIo;
  }
}

// What the user can do; empty where the cause says it already.
std::string_view HintOfErrno(int error) noexcept {
  switch (error) {
    case ENOSPC:
      return ", free some space there or choose another place";
    case EDQUOT:
      return ", free some of the quota or choose another place";
    case EFBIG:
      return ", raise the limit of the file size (ulimit -f) or use smaller slabs";
    case ENOMEM:
      return ", lower the memory budget or free memory on this node";
    case EACCES:
    case EPERM:
      return ", check owner and permissions";
    case EROFS:
      return ", choose a place that can be written";
    case EMFILE:
    case ENFILE:
      return ", raise the limit of open files (ulimit -n)";
    default:
      return "";
  }
}

}  // namespace

const char* CodeName(int32_t code) noexcept {
  switch (static_cast<Code>(code)) {
    case Code::kOk:
      return "TSNAP_OK";
    case Code::kInvalid:
      return "TSNAP_E_INVALID";
    case Code::kNoMemory:
      return "TSNAP_E_NO_MEMORY";
    case Code::kNotFound:
      return "TSNAP_E_NOT_FOUND";
    case Code::kExists:
      return "TSNAP_E_EXISTS";
    case Code::kIo:
      return "TSNAP_E_IO";
    case Code::kNoSpace:
      return "TSNAP_E_NO_SPACE";
    case Code::kCorrupt:
      return "TSNAP_E_CORRUPT";
    case Code::kMismatch:
      return "TSNAP_E_MISMATCH";
    case Code::kUnsupported:
      return "TSNAP_E_UNSUPPORTED";
    case Code::kAuth:
      return "TSNAP_E_AUTH";
    case Code::kNetwork:
      return "TSNAP_E_NETWORK";
    case Code::kTimeout:
      return "TSNAP_E_TIMEOUT";
    case Code::kCancelled:
      return "TSNAP_E_CANCELLED";
    case Code::kCallback:
      return "TSNAP_E_CALLBACK";
    case Code::kDevice:
      return "TSNAP_E_DEVICE";
    case Code::kMpi:
      return "TSNAP_E_MPI";
    case Code::kBusy:
      return "TSNAP_E_BUSY";
    case Code::kInternal:
      return "TSNAP_E_INTERNAL";
  }
  return "TSNAP_E_UNKNOWN";
}

Status Status::FromErrno(int error, std::string_view action) {
  char buffer[128] = "";
  const char* cause = strerror_r(error, buffer, sizeof(buffer));  // the GNU variant: thread-safe
  return {CodeOfErrno(error), fmt::format("{}: {}{}", action, cause, HintOfErrno(error))};
}

Status Status::NoMemory() noexcept {
  return {Code::kNoMemory, std::string("out of memory")};  // short enough to live inside the string
}

Status Status::While(std::string_view action, std::string_view object) && {
  if (ok()) return std::move(*this);
  message_ = object.empty() ? fmt::format("while {}: {}", action, message_)
                            : fmt::format("while {} {}: {}", action, object, message_);
  return std::move(*this);
}

std::string Status::ToString() const {
  const char* name = CodeName(static_cast<int32_t>(code_));
  return message_.empty() ? std::string(name) : fmt::format("{}: {}", name, message_);
}

}  // namespace tsnap
