// The marker of a take or copy in progress: one line that says how often it is refreshed, so that
// whoever collects garbage knows when it is dead; the file's time says when that last happened. A
// copy adds a line with a name that it drew: a later copy of the same snapshot to the same place
// puts its own there, and so takes over.
#pragma once

#include <string>
#include <string_view>

namespace tsnap::native {

inline constexpr size_t kMaxMarkerBytes = 4096;

// owner: what NewId draws, or "" for nobody.
std::string EncodeMarker(double refresh_seconds, std::string_view owner = {});
// 0 for a text that does not say it; never more than an hour.
double MarkerRefreshSeconds(std::string_view text);
// "" for a text that names none.
std::string MarkerOwner(std::string_view text);

}  // namespace tsnap::native
