// Trace: what all ranks of a context did when, merged into one file in the Trace Event format (as
// chrome://tracing, Perfetto and `tsnap report` read it) when the context is closed.
#pragma once

#include "base/status.h"
#include "core/context.h"

namespace tsnap {

// Collective, at the opening: rank 0's configuration decides for all whether there is a trace.
Status AgreeOnTrace(Context& context);

// Collective, at the close: rank 0 writes the file, over what is there, and holds a few MiB of it
// at a time.
Status WriteTrace(Context& context);

}  // namespace tsnap
