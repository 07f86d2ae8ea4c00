// Reads a trace file, and believes nothing in it before it is checked.
#pragma once

#include <string>

#include "cli/progress.h"
#include "cli/report/trace.h"

namespace tsnap::cli {

// Throws Failure, which names the file and the place in it.
Trace ReadTrace(const std::string& path, Progress* progress);

}  // namespace tsnap::cli
