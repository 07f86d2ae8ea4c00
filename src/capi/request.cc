// The functions of tsnap/request.h but tsnap_take_async: watching a take that goes on in the
// background.
#include "tsnap/request.h"

#include <memory>
#include <utility>

#include "capi/guard.h"
#include "capi/handles.h"

namespace tsnap::capi {
namespace {

// A request whose take is done needs its context no more, which may be closed.
Status CheckRequest(tsnap_request* request) {
  TSNAP_TRY(CheckHandle(request, kRequestMagic, "request"));
  return CheckNotInside(!request->take->done() && request->background->IsThisThread());
}

Status Await(tsnap_request* request) {
  if (!request->take->done()) request->background->Wait(*request->take);
  request->take->set_heard();
  return request->take->outcome();
}

Status Test(tsnap_request* request, int32_t* done) {
  TSNAP_TRY(CheckRequest(request));
  if (done == nullptr) return Invalid("testing a request: done is NULL");
  if (!request->take->done()) request->background->Visit();
  *done = request->take->done();
  return Status::Ok();
}

Status Cancel(tsnap_request* request) {
  TSNAP_TRY(CheckRequest(request));
  if (request->take->done()) return Status::Ok();
  request->take->Cancel();
  request->background->Wait(*request->take);
  Status outcome = request->take->outcome();
  const bool broken = outcome.code() == Code::kTimeout || outcome.code() == Code::kMpi;
  // Another failure, met before, is the wait's to tell.
  if (broken || outcome.ok() || outcome.code() == Code::kCancelled) request->take->set_heard();
  return broken ? std::move(outcome) : Status::Ok();
}

Status Free(tsnap_request** request) {
  if (request == nullptr || *request == nullptr) return Status::Ok();
  const Status usable = CheckRequest(*request);
  if (!usable.ok()) {
    if (usable.code() != Code::kBusy) *request = nullptr;  // the parent's, or none at all
    return usable;
  }
  const std::unique_ptr<tsnap_request> owned(*request);
  *request = nullptr;
  return Await(owned.get());
}

}  // namespace
}  // namespace tsnap::capi

using namespace tsnap;        // NOLINT: the functions below are those of the C interface
using namespace tsnap::capi;  // NOLINT

extern "C" {

int32_t tsnap_request_test(tsnap_request* request, int32_t* done) {
  return Guard([&] { return Test(request, done); });
}

int32_t tsnap_request_wait(tsnap_request* request) {
  return Guard([&]() -> Status {
    TSNAP_TRY(CheckRequest(request));
    return Await(request);
  });
}

int32_t tsnap_request_cancel(tsnap_request* request) {
  return Guard([&] { return Cancel(request); });
}

int32_t tsnap_request_free(tsnap_request** request) {
  return Guard([&] { return Free(request); });
}

}  // extern "C"
