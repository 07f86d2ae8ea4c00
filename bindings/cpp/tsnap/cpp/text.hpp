// text.hpp - texts for C, which end at their first NUL: one that holds a NUL would be cut there,
// and is refused.
#ifndef TSNAP_CPP_TEXT_HPP_
#define TSNAP_CPP_TEXT_HPP_

#include <tsnap/status.h>

#include <cstdint>
#include <string>

#include <tsnap/cpp/error.hpp>

namespace tsnap::detail {

// How a call ended: made right after it, before another call changes the text.
struct Outcome {
  Outcome(std::int32_t call_status)
      : status(call_status), text(call_status == TSNAP_OK ? "" : tsnap_last_error()) {}
  std::int32_t status;
  std::string text;
};

inline bool HoldsNul(const std::string &text) { return text.find('\0') != std::string::npos; }

inline std::string NulText(const char *what) {  // without the text, which may be a secret
  return std::string(what) +
         " holds a NUL, and a text ends there: only blocks of bytes may hold one";
}

inline const char *CText(const std::string &text, const char *what) {
  if (HoldsNul(text)) ThrowInvalid(NulText(what));
  return text.c_str();
}

// The texts of a collective call. One that cannot be passed on must not keep this rank from making
// the call, for which the others wait: C is given what it refuses, and the reason is said after it.
class CallTexts {
 public:
  // NULL for a text that cannot be passed on.
  const char *Pass(const std::string &text, const char *what) {
    if (!HoldsNul(text)) return text.c_str();
    refusal_ = NulText(what);
    return nullptr;
  }
  bool refused() const noexcept { return !refusal_.empty(); }

  Outcome Said(Outcome ended) const {
    if (refused() && ended.status == TSNAP_E_INVALID) ended.text = refusal_;
    return ended;
  }

 private:
  std::string refusal_;
};

}  // namespace tsnap::detail

#endif
