#include "core/close.h"

#include <fmt/format.h>

#include "base/protect.h"
#include "core/agree.h"
#include "core/trace.h"

namespace tsnap {

namespace {

// A take that failed in the background, and that nobody waited for.
void TellOfTheUnheard(Context& context) {
  const PendingTake* take = context.last_pending();
  if (take == nullptr || take->heard() || take->outcome().ok()) return;
  static_cast<void>(Protect([&] {
    context.log().Write(LogLevel::kError,
                        fmt::format("an asynchronous take that nobody waited for has failed: {}",
                                    take->outcome().message()));
    return Status::Ok();
  }));
}

}  // namespace

Status Close(Context& context) {
  TSNAP_TRY(context.FinishPending());
  TellOfTheUnheard(context);
  if (context.comm().broken()) return Status::Ok();
  Status agreed = AgreeOnCall(context, Call::kClose, 0, Status::Ok());
  // Whoever is in another call waits for this rank in vain from here on: better that all know at
  // once.
  if (!agreed.ok()) context.comm().Break();
  return agreed.ok() ? WriteTrace(context) : agreed;
}

}  // namespace tsnap
