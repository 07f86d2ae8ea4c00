// The wall of the C interface: no exception passes it, and every failure leaves its text behind.
#pragma once

#include <cstdint>

#include "base/protect.h"
#include "capi/error.h"

namespace tsnap::capi {

// Runs the body of a public function, which returns a Status.
template <class Body>
int32_t Guard(Body&& body) noexcept {
  return Conclude(Protect(std::forward<Body>(body)));
}

}  // namespace tsnap::capi
