#include "core/close.h"

#include "core/agree.h"
#include "core/trace.h"

namespace tsnap {

Status Close(Context& context) {
  context.FinishPending();
  if (context.comm().broken()) return Status::Ok();
  Status agreed = AgreeOnCall(context, Call::kClose, 0, Status::Ok());
  // Whoever is in another call waits for this rank in vain from here on: better that all know at
  // once.
  if (!agreed.ok()) context.comm().Break();
  return agreed.ok() ? WriteTrace(context) : agreed;
}

}  // namespace tsnap
