#include "core/take.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/protect.h"
#include "core/agree.h"
#include "core/claims.h"
#include "core/commit.h"
#include "core/describe.h"
#include "core/index_exchange.h"
#include "core/open_committed.h"
#include "core/survey.h"
#include "core/write_plan.h"
#include "engine/codec.h"
#include "engine/write.h"
#include "format/native/names.h"

namespace tsnap {

namespace {

uint64_t HashArguments(const std::string& url, const TakeOptions& options) {
  const std::string text = fmt::format(
      "{}\n{} {} {} {} {} {} {} {}", url, options.overwrite, static_cast<int>(options.codec),
      static_cast<int>(options.replicated_check), options.durable, options.chunk_bytes,
      options.slab_bytes, options.has_metadata, options.metadata);
  return Hash64(text);
}

// One take, step by step; what one step finds out, the next ones use.
class TakeStory {
 public:
  TakeStory(Context& context, const std::string& url, State& state, const TakeOptions& options)
      : context_(context), comm_(context.comm()), url_(url), state_(state), options_(options) {}

  Status Run(const Status& argument) {
    uint64_t hash = 0;
    Status local = argument;
    if (local.ok()) {
      local = Protect([&] {
        hash = HashArguments(url_, options_);
        id_.assign(32, '0');
        return Status::Ok();
      });
    }
    TSNAP_TRY(AgreeOnCall(context_, Call::kTake, hash, local));
    const IdleCall idle(comm_);
    Status taken = Steps();
    if (!taken.ok()) taken = SettleStall(context_, std::move(taken));
    // A thread that hangs may still read what was described, which then is never released.
    if (context_.engine().stuck()) new (std::nothrow) Description(std::move(description_));
    if (!taken.ok() && !comm_.broken() && committer_) committer_->Abandon();
    return taken;
  }

 private:
  // What is called while waiting looks at this take: it ends with it, however that ends.
  class IdleCall {
   public:
    explicit IdleCall(Comm& comm) : comm_(comm) {}
    IdleCall(const IdleCall&) = delete;
    IdleCall& operator=(const IdleCall&) = delete;
    ~IdleCall() { comm_.set_idle({}); }

   private:
    Comm& comm_;
  };

  bool IsCommitter() const { return comm_.rank() == 0; }

  Status Steps() {
    TSNAP_TRY(DescribeState());
    TSNAP_TRY(OpenPlace());
    TSNAP_TRY(AgreeOnWhat());
    TSNAP_TRY(WriteData());
    TSNAP_TRY(WriteIndexParts());
    TSNAP_TRY(MakeDurable());
    TSNAP_TRY(CommitRecord());
    if (IsCommitter()) committer_->RemoveReplaced();
    return Status::Ok();
  }

  // Step 1. The RNGs are put back at once, whatever the other statefuls drew.
  Status DescribeState() {
    return Agree(comm_, Protect([&] {
                   Status described = Describe(state_, Purpose::kTake, &description_);
                   Status restored = LoadRngs(description_);
                   if (described.ok()) described = std::move(restored);
                   if (described.ok()) described = CheckCodec(options_.codec);
                   return described;
                 }));
  }

  // The place, what is committed there, and the id that all ranks write under.
  Status OpenPlace() {
    Status local = Protect([&] {
      TSNAP_ASSIGN(store_, OpenSharedStore(context_, url_, /*create=*/true));
      if (!IsCommitter()) return Status::Ok();
      committer_.emplace(store_, context_.log(), options_.durable);
      return committer_->Open(options_.overwrite);
    });
    TSNAP_TRY(Agree(comm_, local));
    if (IsCommitter()) id_ = committer_->id();
    TSNAP_TRY(comm_.Bcast(std::as_writable_bytes(std::span(id_)), 0));
    std::array<uint64_t, 2> sizes = {
        options_.chunk_bytes > 0 ? options_.chunk_bytes : store_->traits().chunk_bytes,
        options_.slab_bytes > 0 ? options_.slab_bytes : store_->traits().slab_bytes};
    TSNAP_TRY(comm_.Bcast(std::as_writable_bytes(std::span(sizes)), 0));
    sizes_ = {std::max(sizes[0], kBlockBytes), std::max(sizes[1], kBlockBytes),
              options_.codec != Codec::kNone, context_.engine().transfer_bytes()};
    if (IsCommitter()) comm_.set_idle([this] { committer_->Refresh(); });
    return Status::Ok();
  }

  // Step 2.
  Status AgreeOnWhat() {
    const bool check_contents = options_.replicated_check == ReplicatedCheck::kContent;
    TSNAP_TRY(TakeSurvey(comm_, description_.objects, sizes_.chunk_bytes, check_contents,
                         Status::Ok(), &survey_));
    if (!survey_.any_sharded) return Status::Ok();
    return CheckClaims(comm_, survey_.placement, description_.objects, Status::Ok(), &omissions_);
  }

  // Steps 3 and 4: no communication.
  Status WriteData() {
    return Agree(comm_, Protect([&] {
                   plan_ = PlanWrites(description_.objects, omissions_, survey_, comm_.rank(),
                                      comm_.size(), sizes_);
                   WriteJob job{store_,
                                id_,
                                static_cast<uint32_t>(comm_.rank()),
                                plan_.plan,
                                std::move(plan_.sources),
                                options_.codec,
                                options_.durable};
                   const ProgressCallback progress = [this](uint64_t staged, uint64_t written,
                                                            uint64_t total) {
                     if (options_.progress) options_.progress(staged, written, total);
                     if (IsCommitter()) committer_->Refresh();
                   };
                   TSNAP_ASSIGN(extents_, WriteSlabs(context_.engine(), std::move(job), progress));
                   return Status::Ok();
                 }));
  }

  // Step 5.
  Status WriteIndexParts() {
    const IndexJob job{store_.get(),          id_,    survey_.placement, options_.durable,
                       &description_.objects, &plan_, &extents_};
    return WriteIndex(comm_, job, Status::Ok(), &summary_);
  }

  // Steps 6 and 7: files were synced as they were finished; now their names.
  Status MakeDurable() {
    Status local;
    if (IsCommitter() && options_.durable) local = Protect([&] { return SyncFolders(); });
    return Agree(comm_, local);
  }

  Status SyncFolders() {
    std::set<std::string> folders;
    for (int rank = 0; rank < comm_.size(); rank += 256)
      folders.insert(native::SlabFolder(id_, static_cast<uint32_t>(rank)));
    folders.insert({id_ + "/data", id_ + "/index", id_, ""});
    for (const std::string& folder : folders) {
      Status synced = store_->SyncFolder(folder);
      if (!synced.ok() && synced.code() != Code::kNotFound)
        return synced;  // ranks without bytes made no folder
    }
    return Status::Ok();
  }

  // Steps 8 and 9.
  Status CommitRecord() {
    Status local;
    if (IsCommitter()) {
      local = Protect([&] {
        native::CommitRecord record;
        record.id = id_;
        record.library_version = TSNAP_VERSION_TEXT;
        record.byte_order = native::NativeByteOrder();
        record.world_size = comm_.size();
        record.created_unix_seconds = std::chrono::duration_cast<std::chrono::seconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count();
        record.metadata = options_.metadata;
        record.has_metadata = options_.has_metadata;
        record.object_count = summary_.object_count;
        record.raw_bytes = summary_.raw_bytes;
        record.stored_bytes = summary_.stored_bytes;
        record.placement = survey_.placement;
        record.parts = std::move(summary_.parts);
        return committer_->Commit(record);
      });
    }
    return Agree(comm_, local);
  }

  Context& context_;
  Comm& comm_;
  const std::string& url_;
  State& state_;
  const TakeOptions& options_;

  Description description_;
  std::shared_ptr<Store> store_;
  std::optional<Committer> committer_;  // on rank 0
  std::string id_;
  WriteSizes sizes_;
  Survey survey_;
  std::vector<LocalOmission> omissions_;
  LocalWritePlan plan_;
  std::vector<Extent> extents_;
  IndexSummary summary_;
};

}  // namespace

Status Take(Context& context, const std::string& url, State& state, const TakeOptions& options,
            const Status& argument) {
  return TakeStory(context, url, state, options).Run(argument);
}

}  // namespace tsnap
