#include "core/open_committed.h"

#include <utility>

#include <fmt/format.h>

#include "base/protect.h"
#include "core/agree.h"
#include "core/commit.h"
#include "format/one_file/one_file_store.h"
#include "format/open_place.h"

namespace tsnap {

Result<std::shared_ptr<Store>> OpenSharedStore(const std::string& url,
                                               const std::shared_ptr<StoreSession>& session,
                                               int ranks, bool create) {
  TSNAP_ASSIGN(std::shared_ptr<Store> store, OpenPlace(url, session, create));
  if (store->traits().shared_by_ranks || ranks == 1) return store;
  return Unsupported(fmt::format(
      "{} is seen by one process only: {} ranks need a place that all share", url, ranks));
}

namespace {

// Where the datasets of one file lie: one rank asks HDF5.
Status SpreadMap(Comm& comm, Engine& engine, const std::shared_ptr<Store>& store) {
  Bytes bytes;
  const Status local = Protect([&] {
    if (comm.rank() != 0) return Status::Ok();
    const auto wire = std::make_shared<Bytes>();
    TSNAP_TRY(engine.Watched(
        [store, wire] {
          TSNAP_ASSIGN(const one_file::FileMap map, one_file::AsOneFile(*store)->Map());
          *wire = one_file::EncodeMap(map);
          return Status::Ok();
        },
        store));
    bytes = std::move(*wire);
    return Status::Ok();
  });
  TSNAP_TRY(BroadcastBytes(comm, local, &bytes));
  return Agree(comm, Protect([&] {
                 TSNAP_ASSIGN(one_file::FileMap map, one_file::DecodeMap(bytes));
                 if (comm.rank() == 0) return Status::Ok();
                 return engine.Watched(
                     [store, shared = std::make_shared<one_file::FileMap>(std::move(map))] {
                       return one_file::AsOneFile(*store)->Adopt(std::move(*shared));
                     });
               }));
}

}  // namespace

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
  TSNAP_TRY(Agree(comm, Protect([&] {
                    TSNAP_ASSIGN(*record, native::DecodeRecord(text));
                    return Status::Ok();
                  })));
  return record->datasets ? SpreadMap(comm, context.engine(), *store) : Status::Ok();
}

}  // namespace tsnap
