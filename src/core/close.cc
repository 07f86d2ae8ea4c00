#include "core/close.h"

#include "core/agree.h"

namespace tsnap {

Status Close(Context& context) {
  if (context.comm().broken()) return Status::Ok();
  Status agreed = AgreeOnCall(context, Call::kClose, 0, Status::Ok());
  // Whoever is in another call waits for this rank in vain from here on: better that all know at
  // once.
  if (!agreed.ok()) context.comm().Break();
  return agreed;
}

}  // namespace tsnap
