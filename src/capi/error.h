// The last error of each thread: the text behind tsnap_last_error.
#pragma once

#include <cstdint>

#include "base/status.h"

namespace tsnap::capi {

// The code to return; of a failure the text becomes the thread's last error: one line of UTF-8,
// whatever bytes it quotes.
int32_t Conclude(const Status& status) noexcept;

}  // namespace tsnap::capi
