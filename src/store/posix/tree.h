// Folders: what they hold, and their removal. Symbolic links are names like others and are never
// followed, so that nothing outside of the tree is listed or removed; others may remove things
// meanwhile. Knows nothing of keys.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace tsnap::posix {

enum class NameKind { kFile, kFolder, kOther };

struct Name {
  std::string name;
  NameKind kind = NameKind::kOther;
};

enum class IfLink { kFollow, kIgnore };  // the folder itself

// "." and ".." are left out. A folder that is not there, or is no folder, holds nothing.
Result<std::vector<Name>> NamesIn(const std::string& folder, IfLink if_link);
// With everything in it. A folder that others fill meanwhile stays.
// Counts in *removed what it has removed so far.
Status RemoveTree(const std::string& folder, IfLink if_link, std::atomic<uint64_t>* removed);
// Is every part of `prefix` ("a/b/") below the folder a folder, and not a link to one?
bool HasFolders(const std::string& folder, const std::string& prefix);

}  // namespace tsnap::posix
