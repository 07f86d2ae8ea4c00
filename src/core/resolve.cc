#include "core/resolve.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/checksum.h"
#include "core/deliver.h"
#include "core/mailbox.h"
#include "core/survey.h"

namespace tsnap {

namespace {

class Resolver {
 public:
  Resolver(Context& context, OwnedIndex& index, const native::CommitRecord& record,
           const Description& description, const RestoreOptions& options, Resolution* out)
      : context_(context),
        comm_(context.comm()),
        index_(index),
        record_(record),
        objects_(description.objects),
        options_(options),
        out_(out) {}

  Status Run() {
    TSNAP_TRY(AskPrivate());
    TSNAP_TRY(AskSharded());
    TSNAP_TRY(AskReplicated());
    TSNAP_TRY(AskReplicatedForPrivate());
    TSNAP_TRY(FindUnexpected());
    return Agree(comm_, Protect([&] { return Judge(); }));
  }

 private:
  bool IsNewRank() const { return comm_.rank() >= record_.world_size; }
  bool found(size_t i) const { return !out_->records[i].meta.path.empty(); }

  Status AskPrivate() {
    std::vector<ObjectKey> keys;
    std::vector<size_t> asking;
    Status local = Protect([&] {
      out_->records.assign(objects_.size(), {});
      out_->together.assign(objects_.size(), false);
      for (size_t i = 0; i < objects_.size(); ++i) {
        const ObjectMeta& meta = objects_[i].meta;
        if (meta.kind != Kind::kPrivate) continue;
        if (IsNewRank() && options_.new_ranks != NewRanks::kCopyRank0) continue;
        keys.push_back({meta.path, IsNewRank() ? 0 : comm_.rank()});
        asking.push_back(i);
      }
      return Status::Ok();
    });
    std::vector<ObjectRecord> answers;
    TSNAP_TRY(index_.Ask(keys, std::move(local), &answers));
    for (size_t k = 0; k < asking.size(); ++k) out_->records[asking[k]] = std::move(answers[k]);
    return Status::Ok();
  }

  Status AskSharded() {
    std::vector<size_t> asking;
    Status local = Protect([&] {
      for (size_t i = 0; i < objects_.size(); ++i) {
        if (objects_[i].meta.kind == Kind::kSharded) asking.push_back(i);
      }
      return Status::Ok();
    });
    return AskShared(asking, std::move(local));
  }

  // Replicated objects must be the same set on all ranks, unless strict is off: then each rank asks
  // for its own.
  Status AskReplicated() {
    std::vector<size_t> asking;
    std::vector<const ObjectMeta*> metas;
    Status local = Protect([&] {
      for (size_t i = 0; i < objects_.size(); ++i) {
        if (objects_[i].meta.kind != Kind::kReplicated) continue;
        asking.push_back(i);
        metas.push_back(&objects_[i].meta);
      }
      return Status::Ok();
    });
    if (options_.strict) TSNAP_TRY(AgreeOnReplicated(comm_, metas, local));
    return AskShared(asking, std::move(local));
  }

  // What was private when the state was built may have been stored as replicated (by a glob): then
  // every rank gets it, new ones too.
  Status AskReplicatedForPrivate() {
    std::vector<size_t> asking;
    Status local = Protect([&] {
      for (size_t i = 0; i < objects_.size(); ++i) {
        if (objects_[i].meta.kind == Kind::kPrivate && !found(i)) asking.push_back(i);
      }
      return Status::Ok();
    });
    TSNAP_TRY(AskShared(asking, std::move(local)));
    for (const size_t i : asking) {
      if (out_->records[i].meta.kind != Kind::kReplicated) out_->records[i] = {};
    }
    return Status::Ok();
  }

  // One rank asks for all where all ask the same.
  Status AskShared(const std::vector<size_t>& asking, Status local) {
    std::vector<ObjectKey> keys;
    std::array<uint64_t, 4> wire{};
    if (local.ok()) {
      local = Protect([&] {
        std::string all;
        for (const size_t i : asking) {
          keys.push_back({objects_[i].meta.path, -1});
          all += objects_[i].meta.path;
          all += '\0';
        }
        const uint64_t hash = Hash64(all);
        wire = {hash, ~hash, keys.size(), ~uint64_t{keys.size()}};
        return Status::Ok();
      });
    }
    TSNAP_TRY(Agree(comm_, local));
    TSNAP_TRY(comm_.Allreduce(wire, Comm::Op::kMin));
    const uint64_t most = ~wire[3];
    if (most == 0) return Status::Ok();
    const bool together = wire[0] == ~wire[1] && wire[2] == most;
    std::vector<ObjectRecord> answers;
    TSNAP_TRY(together ? index_.AskTogether(keys, Status::Ok(), &answers)
                       : index_.Ask(keys, Status::Ok(), &answers));
    for (size_t k = 0; k < asking.size(); ++k) {
      out_->records[asking[k]] = std::move(answers[k]);
      out_->together[asking[k]] =
          together && found(asking[k]) && out_->records[asking[k]].meta.kind == Kind::kReplicated;
    }
    return Status::Ok();
  }

  // What is stored and was not asked for: of this rank's private objects, of ranks that are gone,
  // of the shared objects.
  Status FindUnexpected() {
    Mailbox lists;
    uint64_t count = 0;
    Status local = Protect([&] {
      index_.ForEachUnasked([&](const ObjectRecord& record) {
        const bool lost = record.meta.rank >= comm_.size();
        if (lost ? options_.lost_ranks == LostRanks::kIgnore : !options_.strict) return;
        const int64_t peer =
            record.meta.kind == Kind::kPrivate ? record.meta.rank % comm_.size() : 0;
        ObjectRecord& entry = lists.For(static_cast<int>(peer)).objects.emplace_back();
        entry.meta.path = record.meta.path;
        entry.meta.kind = record.meta.kind;
        entry.meta.rank = record.meta.rank;
        ++count;
      });
      return Status::Ok();
    });
    TSNAP_TRY(Agree(comm_, local));
    TSNAP_TRY(comm_.Allreduce(std::span(&count, 1), Comm::Op::kSum));
    if (count == 0) return Status::Ok();
    IndexPart shared;
    TSNAP_TRY(lists.Exchange(comm_, Status::Ok(), [&](int, IndexPart part) {
      for (ObjectRecord& record : part.objects) {
        if (record.meta.kind == Kind::kPrivate) {
          (record.meta.rank >= comm_.size() ? lost_ : context_.report().unexpected)
              .push_back(QualifiedPath(record.meta));
        } else {
          shared.objects.push_back(std::move(record));
        }
      }
      return Status::Ok();
    }));
    return SpreadShared(shared);
  }

  // Every rank's report names the shared ones.
  Status SpreadShared(const IndexPart& shared) {
    Bytes wire;
    const Status local = Protect([&] {
      if (comm_.rank() == 0) wire = native::EncodeMessage(shared);
      return Status::Ok();
    });
    TSNAP_TRY(BroadcastBytes(comm_, local, &wire));
    return Agree(comm_, Protect([&] {
                   TSNAP_ASSIGN(const IndexPart part, native::DecodeMessage(wire));
                   for (const ObjectRecord& record : part.objects)
                     context_.report().unexpected.push_back(record.meta.path);
                   return Status::Ok();
                 }));
  }

  Status Judge() {
    Report& report = context_.report();
    std::string first_misfit;
    size_t new_rank_objects = 0;
    for (size_t i = 0; i < objects_.size(); ++i) {
      const LocalObject& object = objects_[i];
      if (!found(i)) {
        const bool new_private = object.meta.kind == Kind::kPrivate && IsNewRank();
        if (new_private && options_.new_ranks == NewRanks::kLeave) continue;
        new_rank_objects += new_private;
        report.missing.push_back(LocalName(object, comm_.rank()));
        continue;
      }
      const std::string misfit = Unfit(out_->records[i].meta, object);
      if (misfit.empty()) continue;
      if (first_misfit.empty()) first_misfit = misfit;
      report.mismatched.push_back(LocalName(object, comm_.rank()));
    }
    const bool any_unexpected = !report.unexpected.empty();
    report.unexpected.insert(report.unexpected.end(), lost_.begin(), lost_.end());
    for (auto* list : {&report.missing, &report.unexpected, &lost_})
      std::sort(list->begin(), list->end());
    if (!report.mismatched.empty()) {
      return Refuse("differs from what is stored", report.mismatched, ": " + first_misfit);
    }
    if (new_rank_objects > 0) {
      return Refuse(
          "has nothing stored", report.missing,
          fmt::format(": this rank is new, the snapshot was taken on {}; choose a new_ranks policy",
                      record_.world_size));
    }
    if (options_.strict && !report.missing.empty())
      return Refuse("is not in the snapshot", report.missing, "");
    if (!lost_.empty()) {
      return Refuse("belongs to a rank that is gone", lost_,
                    fmt::format(": {} ranks restore what {} took; choose a lost_ranks policy",
                                comm_.size(), record_.world_size));
    }
    if (any_unexpected)
      return Refuse("is in the snapshot but not in the state", report.unexpected, "");
    return Status::Ok();
  }

  static Status Refuse(const char* what, const std::vector<std::string>& names,
                       const std::string& why) {
    const std::string more =
        names.size() > 1 ? fmt::format(" (and {} more, see tsnap_restore_report)", names.size() - 1)
                         : "";
    return Mismatch(fmt::format("restoring: object \"{}\" {}{}{}", names.front(), what, why, more));
  }

  Context& context_;
  Comm& comm_;
  OwnedIndex& index_;
  const native::CommitRecord& record_;
  const std::vector<LocalObject>& objects_;
  const RestoreOptions& options_;
  Resolution* out_;
  std::vector<std::string>
      lost_;  // private objects of ranks that are gone, as far as they are reported here
};

}  // namespace

Status Resolve(Context& context, OwnedIndex& index, const native::CommitRecord& record,
               const Description& description, const RestoreOptions& options, Resolution* out) {
  return Resolver(context, index, record, description, options, out).Run();
}

}  // namespace tsnap
