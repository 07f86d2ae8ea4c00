// The memory store: objects in this process's memory, by name, for tests. It is the one place of
// the library with global state: a snapshot that was taken to mem://x must be there when mem://x is
// opened later, without a context in common.
#pragma once

#include <memory>
#include <string>

#include "store/store.h"

namespace tsnap {

std::unique_ptr<Store> OpenMemoryStore(const std::string& name);

}  // namespace tsnap
