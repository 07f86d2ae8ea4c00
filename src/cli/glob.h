// Patterns of paths, as tsnap_state_replicate has them: "*" and "?" within a part, "**" across
// parts.
#pragma once

#include <string_view>

namespace tsnap::cli {

// Whether the pattern matches the path or a folder above it.
bool MatchesAtOrAbove(std::string_view pattern, std::string_view path);

}  // namespace tsnap::cli
