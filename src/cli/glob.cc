#include "cli/glob.h"

#include <vector>

namespace tsnap::cli {

// Reads the path byte by byte and keeps every place in the pattern where a match may stand: no
// backtracking, so no pattern is slow.
bool MatchesAtOrAbove(std::string_view pattern, std::string_view path) {
  const size_t end = pattern.size();
  const auto is_across = [&](size_t i) { return pattern.substr(i, 2) == "**"; };
  std::vector<char> here(end + 1, 0), next;
  // A star may also match nothing.
  const auto reach = [&](std::vector<char>* places) {
    for (size_t i = 0; i < end; ++i)
      if ((*places)[i] != 0 && pattern[i] == '*') (*places)[i + (is_across(i) ? 2 : 1)] = 1;
  };
  here[0] = 1;
  reach(&here);
  for (const char c : path) {
    if (c == '/' && here[end] != 0) return true;
    next.assign(end + 1, 0);
    for (size_t i = 0; i < end; ++i) {
      if (here[i] == 0) continue;
      if (pattern[i] == '*') {
        if (is_across(i) || c != '/') next[i] = 1;
      } else if (pattern[i] == c || (pattern[i] == '?' && c != '/')) {
        next[i + 1] = 1;
      }
    }
    reach(&next);
    here.swap(next);
  }
  return here[end] != 0;
}

}  // namespace tsnap::cli
