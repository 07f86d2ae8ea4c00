// Direct I/O: whether files at a place are written past the page cache. By measurement it is faster
// for durable writes on local disks and Lustre; on memory file systems and most network ones it is
// impossible or slower.
#pragma once

#include <string>

#include "base/status.h"

namespace tsnap::posix {

inline constexpr unsigned kDirectAlignment = 4096;

// setting: 0 by file system, 1 on (kUnsupported where the place cannot), 2 off. The folder exists
// and is writable.
Result<bool> UseDirectIo(const std::string& folder, int setting);

}  // namespace tsnap::posix
