// Protect runs one local phase between two collectives and turns what it throws into a Status:
// an exception that jumps over a collective would leave the other ranks waiting.
#pragma once

#include <exception>
#include <new>
#include <utility>

#include "base/status.h"

namespace tsnap {

template <class Phase>
Status Protect(Phase&& phase) noexcept {
  try {
    return std::forward<Phase>(phase)();
  } catch (const std::bad_alloc&) {
    return Status::NoMemory();
  } catch (const std::exception& error) {
    try {
      return Internal(std::string("unexpected exception: ") + error.what());
    } catch (...) {
      return Status::NoMemory();
    }
  } catch (...) {
    return Status::NoMemory();
  }
}

// Where there is no memory for the text, a copy of the code: that must not become another one.
inline Status CopyOf(const Status& status) noexcept {
  try {
    return status;
  } catch (...) {
    return {status.code(), {}};
  }
}

}  // namespace tsnap
