#include "core/open_committed.h"

#include <utility>

#include <fmt/format.h>

#include "base/protect.h"
#include "core/agree.h"
#include "core/commit.h"

namespace tsnap {

Result<std::shared_ptr<Store>> OpenSharedStore(Context& context, const std::string& url,
                                               bool create) {
  TSNAP_ASSIGN(std::shared_ptr<Store> store, OpenStore(url, context.knobs(), create));
  const int ranks = context.comm().size();
  if (store->traits().shared_by_ranks || ranks == 1) return store;
  return Unsupported(fmt::format(
      "{} is seen by one process only: {} ranks need a place that all share", url, ranks));
}

Status OpenCommitted(Context& context, const std::string& url, std::shared_ptr<Store>* store,
                     native::CommitRecord* record) {
  Comm& comm = context.comm();
  Bytes text;
  const Status local = Protect([&] {
    TSNAP_ASSIGN(*store, OpenSharedStore(context, url, /*create=*/false));
    if (comm.rank() != 0) return Status::Ok();
    TSNAP_ASSIGN(const native::CommitRecord read, ReadRecord(**store, nullptr));
    TSNAP_ASSIGN(const std::string encoded, native::EncodeRecord(read));
    const ConstByteSpan bytes = AsBytes(encoded);
    text.assign(bytes.begin(), bytes.end());
    return Status::Ok();
  });
  TSNAP_TRY(BroadcastBytes(comm, local, &text));
  return Agree(comm, Protect([&] {
                 TSNAP_ASSIGN(*record, native::DecodeRecord(text));
                 return Status::Ok();
               }));
}

}  // namespace tsnap
