#include "core/open_committed.h"

#include <utility>

#include <fmt/format.h>

#include "base/protect.h"
#include "core/agree.h"
#include "core/commit.h"

namespace tsnap {

Result<std::shared_ptr<Store>> OpenSharedStore(const std::string& url,
                                               const std::shared_ptr<StoreSession>& session,
                                               int ranks, bool create) {
  TSNAP_ASSIGN(std::shared_ptr<Store> store, OpenStore(url, session, create));
  if (store->traits().shared_by_ranks || ranks == 1) return store;
  return Unsupported(fmt::format(
      "{} is seen by one process only: {} ranks need a place that all share", url, ranks));
}

Status OpenCommitted(Context& context, const std::string& url, std::shared_ptr<Store>* store,
                     native::CommitRecord* record) {
  Comm& comm = context.comm();
  struct Opened {
    std::shared_ptr<Store> store;
    Bytes text;
  };
  Bytes text;
  const Status local = Protect([&] {
    const auto opened = std::make_shared<Opened>();
    TSNAP_TRY(
        context.engine().Watched([opened, url, session = context.session(), ranks = comm.size()] {
          TSNAP_ASSIGN(opened->store, OpenSharedStore(url, session, ranks, /*create=*/false));
          return Status::Ok();
        }));
    *store = opened->store;
    if (comm.rank() != 0) return Status::Ok();
    // Watched with its store, for the tries of a server in trouble are no stall.
    TSNAP_TRY(context.engine().Watched(
        [opened] {
          TSNAP_ASSIGN(const native::CommitRecord read, ReadRecord(*opened->store, nullptr));
          TSNAP_ASSIGN(const std::string encoded, native::EncodeRecord(read));
          const ConstByteSpan bytes = AsBytes(encoded);
          opened->text.assign(bytes.begin(), bytes.end());
          return Status::Ok();
        },
        opened->store));
    text = std::move(opened->text);
    return Status::Ok();
  });
  TSNAP_TRY(BroadcastBytes(comm, local, &text));
  return Agree(comm, Protect([&] {
                 TSNAP_ASSIGN(*record, native::DecodeRecord(text));
                 return Status::Ok();
               }));
}

}  // namespace tsnap
