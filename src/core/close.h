// Closing a context.
#pragma once

#include "base/status.h"
#include "core/context.h"

namespace tsnap {

// Collective while the context is healthy: the ranks agree that they all close. Local when it is
// broken. The context can be destroyed afterwards whatever the status is; when others were in
// another call, it is broken for them.
Status Close(Context& context);

}  // namespace tsnap
