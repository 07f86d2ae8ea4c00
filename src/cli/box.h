// The argument of --box: which part of an array.
#pragma once

#include <tsnap.h>

#include <array>
#include <cstdint>
#include <string>

namespace tsnap::cli {

struct Box {
  std::array<int64_t, TSNAP_MAX_DIMS> offset{}, shape{};
};

// "0:4,10:20": one range an axis, half-open; "3" is one index, an end that is left out is the
// array's. Empty text is the whole array. Throws Failure.
Box ParseBox(const std::string& text, const tsnap_object_info& object);

}  // namespace tsnap::cli
