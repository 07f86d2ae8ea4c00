#include "core/take.h"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/protect.h"
#include "core/agree.h"
#include "core/claims.h"
#include "core/commit.h"
#include "core/dataset_group.h"
#include "core/dataset_layout.h"
#include "core/deliver.h"
#include "core/describe.h"
#include "core/index_exchange.h"
#include "core/open_committed.h"
#include "core/operation.h"
#include "core/structure.h"
#include "core/survey.h"
#include "core/user_memory.h"
#include "core/write_plan.h"
#include "engine/codec.h"
#include "engine/write.h"
#include "format/native/names.h"
#include "format/one_file/chunk_codec.h"
#include "format/one_file/one_file_store.h"

namespace tsnap {

namespace {

constexpr uint64_t kNothingToSay = std::numeric_limits<uint64_t>::max();

uint64_t HashArguments(const std::string& url, const TakeOptions& options) {
  const std::string text = fmt::format(
      "{}\n{} {} {} {} {} {} {} {}", url, options.overwrite, static_cast<int>(options.codec),
      static_cast<int>(options.replicated_check), options.durable, options.chunk_bytes,
      options.slab_bytes, options.has_metadata, options.metadata);
  return Hash64(text);
}

// One take, step by step; what one step finds out, the next ones use. Begin is steps 0 to 3, Finish
// the rest; of an asynchronous one Stage is the copying of step 4, beside which Finish runs in the
// background.
class TakeStory {
 public:
  TakeStory(Context& context, OperationKind kind, const std::string& url,
            const TakeOptions& options)
      : context_(context),
        engine_(context.engine()),
        kind_(kind),
        url_(url),
        options_(options),
        operation_(context.observer(), kind, url, context.comm()) {}

  // The steps in which it is settled what is to be written. Collective, on the context's own
  // communicator; after a failure nothing is left of the take.
  Status Begin(State& state, Status local) {
    Comm& comm = context_.comm();
    context_.FinishPending(operation_);
    operation_.MarkCurrent();
    if (comm.broken()) return Conclude(comm, Agree(comm, local));
    if (local.ok())
      local = operation_.In(
          Phase::kDescribe, [&] { return DescribeState(state); }, &described_bytes_);
    if (local.ok()) local = operation_.In(Phase::kOpen, [&] { return OpenPlace(); });
    const IdleCall idle(comm, [this] { RefreshMarker(); });
    Status begun = operation_.In(Phase::kAgree, [&] { return AgreeOnTake(local); });
    if (!begun.ok()) Clean(&Committer::Abandon);  // nobody else knows of it yet
    if (!begun.ok()) return Conclude(comm, std::move(begun), /*together=*/false);
    if (asynchronous()) begun = Protect([&] { return context_.background().Connect(comm); });
    if (!begun.ok()) return Conclude(comm, std::move(begun));
    if (UsesLastPlan()) {
      operation_.set_plan_reused();
    } else {
      begun = operation_.In(Phase::kPlan, [&] { return Plan(comm); });
    }
    if (begun.ok() && sizes_.batch.apart)
      begun = operation_.In(Phase::kOpen, [&] { return LayOut(comm); });
    return begun.ok() ? Status::Ok() : Conclude(comm, std::move(begun));
  }

  // Steps 4 to 9. Collective on comm.
  Status Finish(Comm& comm) {
    const IdleCall idle(comm, [this] { RefreshMarker(); });
    return Conclude(comm, FinishSteps(comm));
  }

  // Local, and never fails: what goes wrong is Finish's to tell.
  void PrepareStaging(const std::shared_ptr<PendingTake>& pending) {
    pending_ = pending;
    local_ = Protect([&]() -> Status {
      TSNAP_TRY(order_.Wait());
      staged_ = std::make_shared<StagedWrite>(engine_, MakeJob(), options_.device_staging);
      pending->set_on_cancel([staged = staged_] { staged->Cancel(); });
      return Status::Ok();
    });
    can_stage_ = local_.ok();
    operation_.WatchTwin(*context_.background().twin());
  }
  void Stage() {
    if (!can_stage_) return;
    StagingReport report;
    static_cast<void>(operation_.In(
        Phase::kStage,
        [&] {
          staged_->Stage(options_.progress, &report);
          return Status::Ok();
        },
        &report.copied_bytes));
    operation_.AddBudgetWait(report.waited_seconds, report.over_budget_bytes);
  }
  // The state may change and go from here on.
  void LetStateGo() {
    description_.Release();
    operation_.Unblock();
    pending_->LetCallerGo();
  }

 private:
  // What is called while waiting looks at this take: it ends with it, however that ends.
  class IdleCall {
   public:
    IdleCall(Comm& comm, std::function<void()> call) : comm_(comm) {
      comm_.set_idle(std::move(call));
    }
    IdleCall(const IdleCall&) = delete;
    IdleCall& operator=(const IdleCall&) = delete;
    ~IdleCall() { comm_.set_idle({}); }

   private:
    Comm& comm_;
  };

  bool IsCommitter() const { return context_.comm().rank() == 0; }
  bool asynchronous() const { return kind_ == OperationKind::kTakeAsync; }

  void RefreshMarker() {
    if (!committer_ || !committer_->wants_refresh()) return;
    static_cast<void>(CallWatched(engine_, committer_, &Committer::Refresh, store_));
  }

  // Removes what a failed take left, or what a good one replaced. A failure is only logged: gc does
  // it later.
  void Clean(void (Committer::*removal)()) {
    if (!committer_) return;
    Status cleaned = CallWatched(engine_, committer_, removal, store_);
    if (cleaned.ok() || !context_.log().wants(LogLevel::kWarning)) return;
    static_cast<void>(Protect([&] {
      const Status told = std::move(cleaned).While("cleaning up at", url_);
      context_.log().Write(LogLevel::kWarning, told.message());
      return Status::Ok();
    }));
  }

  // The end of every take, well or not; together: all ranks are here.
  Status Conclude(Comm& comm, Status taken, bool together = true) {
    if (pending_ != nullptr)
      pending_->AwaitCaller();  // he may be about to release what he described
    if (!taken.ok() && together) taken = SettleStall(comm, engine_, std::move(taken));
    if (taken.code() == Code::kTimeout) comm.Break();
    // A thread that hangs may still read what was described, which then is never released.
    if (engine_.stuck()) new (std::nothrow) Description(std::move(description_));
    if (!taken.ok() && together && !comm.broken() && committer_) {
      static_cast<void>(operation_.In(Phase::kClean, [&] {
        Clean(&Committer::Abandon);
        return Status::Ok();
      }));
    }
    TellDeviceNotes(context_.log());
    operation_.Finish(taken.code(), engine_.buffers()->peak_bytes());
    return taken;
  }

  Status FinishSteps(Comm& comm) {
    TSNAP_TRY(operation_.In(
        Phase::kWrite, [&] { return WriteData(comm); }, &written_bytes_));
    TSNAP_TRY(operation_.In(Phase::kIndex, [&] { return WriteIndexParts(comm); }));
    TSNAP_TRY(operation_.In(Phase::kSync, [&] { return MakeDurable(comm); }));
    TSNAP_TRY(operation_.In(Phase::kCommit, [&] { return CommitRecord(comm); }));
    if (!IsCommitter()) return Status::Ok();
    return operation_.In(Phase::kClean, [&] {
      Clean(&Committer::RemoveReplaced);
      return Status::Ok();
    });
  }

  // Step 1. The RNGs are put back at once, whatever the other statefuls drew.
  Status DescribeState(State& state) {
    return Protect([&] {
      Status described = Describe(state, Purpose::kTake, &description_);
      Status restored = LoadRngs(description_);
      if (described.ok()) described = std::move(restored);
      if (described.ok()) described = LookAtMemory(description_, options_.cuda_stream, &order_);
      if (!described.ok()) return described;
      structure_ = HashStructure(description_.objects);
      std::vector<NamedBytes> sizes;
      for (const LocalObject& object : description_.objects) {
        uint64_t bytes = 0;
        for (const LocalBox& local : object.boxes) bytes += ViewBytes(local.memory);
        described_bytes_ += bytes;
        if (operation_.wants_names())
          sizes.push_back({LocalName(object, context_.comm().rank()), bytes});
      }
      operation_.NameObjects(std::move(sizes));
      return Status::Ok();
    });
  }

  // The place; on rank 0 also what is committed there, and the id that all ranks write under.
  Status OpenPlace() {
    struct Opened {
      std::shared_ptr<Store> store;
      std::shared_ptr<Committer> committer;
    };
    return Protect([&] {
      const auto opened = std::make_shared<Opened>();
      Status status = engine_.Watched(
          [opened, url = url_, session = context_.session(), ranks = context_.comm().size()] {
            TSNAP_ASSIGN(opened->store, OpenSharedStore(url, session, ranks, /*create=*/true));
            return Status::Ok();
          });
      if (engine_.stuck()) return status;  // it is still at work
      store_ = opened->store;
      if (status.ok()) status = CheckCodecOf(*store_);
      if (!status.ok() || !IsCommitter()) return status;
      opened->committer = std::make_shared<Committer>(store_, context_.log(), options_.durable,
                                                      MarkerRefreshSeconds(context_.knobs()));
      status =
          engine_.Watched([committer = opened->committer,
                           overwrite = options_.overwrite] { return committer->Open(overwrite); },
                          store_);
      if (engine_.stuck()) return status;
      committer_ = opened->committer;
      return status;
    });
  }

  // HDF5 has filters of its own.
  Status CheckCodecOf(const Store& store) const {
    Status status = store.traits().datasets ? one_file::CheckChunkCodec(options_.codec)
                                            : CheckCodec(options_.codec);
    return std::move(status).While("taking a snapshot at", store.url());
  }

  // Step 0, in one reduction: the same call everywhere, nobody failed, the id and the sizes of rank
  // 0, and whether each rank's structure is that of its last take.
  Status AgreeOnTake(Status local) {
    enum : size_t { kIdHigh, kIdLow, kChunk, kSlab, kUnchanged, kCount };
    std::array<uint64_t, kCount> shared;
    shared.fill(kNothingToSay);
    uint64_t hash = 0;
    if (local.ok()) {
      local = Protect([&] {
        hash = HashArguments(url_, options_);
        if (IsCommitter()) {
          const native::IdWords words = native::WordsOfId(committer_->id());
          shared[kIdHigh] = words.high;
          shared[kIdLow] = words.low;
          const StoreTraits& traits = store_->traits();
          shared[kChunk] = SizeOrDefault(options_.chunk_bytes, traits.chunk_bytes, traits);
          shared[kSlab] = SizeOrDefault(options_.slab_bytes, traits.slab_bytes, traits);
        }
        shared[kUnchanged] = structure_ == context_.planned().structure;
        id_.assign(32, '0');
        return Status::Ok();
      });
    }
    TSNAP_TRY(AgreeOnCall(context_, asynchronous() ? Call::kTakeAsync : Call::kTake, hash, local,
                          shared));
    native::WriteId({shared[kIdHigh], shared[kIdLow]}, &id_);
    sizes_ = {shared[kChunk],
              {shared[kSlab], engine_.write_transfer_bytes(*store_), SlabCodec() != Codec::kNone,
               store_->traits().least_part_bytes, store_->traits().datasets}};
    unchanged_ = shared[kUnchanged] == 1;
    return Status::Ok();
  }

  // The same answer on all ranks: what is compared is agreed on, or follows from a constant of the
  // context and the kind of store.
  bool UsesLastPlan() const {
    return unchanged_ && sizes_ == context_.planned().sizes &&
           options_.replicated_check != ReplicatedCheck::kContent;
  }

  // Steps 2 and 3.
  Status Plan(Comm& comm) {
    context_.planned() = {};
    PlannedTake planned;
    std::vector<LocalOmission> omissions;
    const bool check_contents = options_.replicated_check == ReplicatedCheck::kContent;
    const Status local = check_contents ? Protect([&] { return order_.Wait(); }) : Status::Ok();
    TSNAP_TRY(TakeSurvey(comm, description_.objects, sizes_.chunk_bytes, check_contents, local,
                         &planned.survey));
    if (planned.survey.any_sharded) {
      TSNAP_TRY(CheckClaims(comm, planned.survey.placement, description_.objects, Status::Ok(),
                            &omissions));
    }
    TSNAP_TRY(Agree(comm, Protect([&] {
                      planned.plan = std::make_shared<const LocalWritePlan>(
                          PlanWrites(description_.objects, omissions, planned.survey, comm.rank(),
                                     comm.size(), sizes_));
                      return Status::Ok();
                    })));
    planned.structure = structure_;
    planned.sizes = sizes_;
    context_.planned() = std::move(planned);
    return Status::Ok();
  }

  // Behind step 3 where the snapshot is one file: which datasets, and what lies where.
  Status LayOut(Comm& comm) {
    plan_ = context_.planned().plan;
    std::vector<one_file::Note> notes;
    const Status local = Protect([&]() -> Status {
      TSNAP_TRY(order_.Wait());  // chunks and short rows are moved here
      native::CommitRecord record;
      record.id = id_;
      record.world_size = comm.size();
      record.created_unix_seconds = UnixSeconds();
      record.metadata = options_.metadata;
      record.has_metadata = options_.has_metadata;
      notes = NotesOfFile(record);
      return Status::Ok();
    });
    const LayoutJob job{engine_,
                        store_,
                        id_,
                        context_.planned().survey.placement,
                        description_.objects,
                        *plan_,
                        std::move(notes),
                        options_.metadata.size(),
                        options_.codec,
                        /*gathers_rows=*/!asynchronous(),
                        [this] { RefreshMarker(); }};
    return LayOutDatasets(comm, job, local, &layout_);
  }

  // Of slabs: datasets have filters instead.
  Codec SlabCodec() const { return store_->traits().datasets ? Codec::kNone : options_.codec; }

  native::SlabNames Slabs() const {
    const StoreTraits& traits = store_->traits();
    return {id_, traits.hashed_slab_names, traits.datasets};
  }

  WriteJob MakeJob() {
    plan_ = context_.planned().plan;
    placement_ = context_.planned().survey.placement;
    return {store_,
            Slabs(),
            static_cast<uint32_t>(context_.comm().rank()),
            std::shared_ptr<const WritePlan>(plan_, &plan_->plan),
            SourcesOf(*plan_, description_.objects),
            SlabCodec(),
            options_.durable,
            std::move(layout_.places),
            layout_.written};
  }

  // Step 4: no communication.
  Status WriteData(Comm& comm) {
    return Agree(comm, Protect([&]() -> Status {
                   TSNAP_TRY(std::move(local_));
                   if (asynchronous()) {
                     TSNAP_ASSIGN(extents_, staged_->Write(BackgroundProgress()));
                     pending_->AwaitCaller();
                     if (options_.progress && !told_all_) options_.progress(total_, total_, total_);
                   } else {
                     TSNAP_TRY(order_.Wait());
                     TSNAP_ASSIGN(extents_, WriteSlabs(engine_, MakeJob(), Progress()));
                   }
                   uint64_t raw_bytes = 0;
                   written_bytes_ = layout_.chunk_bytes;
                   for (size_t i = 0; i < extents_.size(); ++i) {
                     raw_bytes += extents_[i].raw_bytes;
                     const bool in_chunks = i < layout_.written.size() &&
                                            layout_.written[i] == DatasetLayout::kInChunks;
                     if (!in_chunks) written_bytes_ += extents_[i].stored_bytes;
                   }
                   operation_.AddBytes(raw_bytes, written_bytes_);
                   return Cancelled();
                 }));
  }

  ProgressCallback Progress() {
    return [this](uint64_t staged, uint64_t written, uint64_t total) {
      if (options_.progress) options_.progress(staged, written, total);
      RefreshMarker();
    };
  }

  // The user's callback is called by one thread at a time: by this one when the caller is gone.
  ProgressCallback BackgroundProgress() {
    return [this](uint64_t staged, uint64_t written, uint64_t total) {
      total_ = total;
      if (options_.progress && pending_->caller_is_gone()) {
        options_.progress(staged, written, total);
        told_all_ = written == total;
      }
      RefreshMarker();
    };
  }

  // Not after the last agreement before the commit.
  Status Cancelled() const {
    if (pending_ == nullptr || !pending_->cancelled()) return Status::Ok();
    return CopyOf(cancelled_);
  }

  // Step 5.
  Status WriteIndexParts(Comm& comm) {
    const IndexJob job{engine_,     store_,           id_,
                       placement_,  options_.durable, &description_.objects,
                       plan_.get(), &extents_};
    return WriteIndex(comm, job, Cancelled(), &summary_);
  }

  // Steps 6 and 7: files were synced as they were finished; now their names. One file that all have
  // written to is synced by all, and its name by the commit.
  Status MakeDurable(Comm& comm) {
    Status local;
    if (options_.durable && store_->traits().datasets) {
      local = Protect([&] {
        return engine_.Watched(
            [store = store_] { return one_file::AsOneFile(*store)->SyncFile(); });
      });
    } else if (options_.durable && IsCommitter()) {
      local = Protect([&] {
        return engine_.Watched([store = store_, slabs = Slabs(), ranks = comm.size()] {
          return SyncFolders(*store, slabs, ranks);
        });
      });
    }
    return MayExist(Agree(comm, local.ok() ? Cancelled() : std::move(local)));
  }

  static Status SyncFolders(Store& store, const native::SlabNames& slabs, int ranks) {
    std::set<std::string> folders;
    for (int rank = 0; rank < ranks; rank += 256)
      folders.insert(slabs.Folder(static_cast<uint32_t>(rank)));
    folders.insert({slabs.id + "/data", slabs.id + "/index", slabs.id, ""});
    for (const std::string& folder : folders) {
      Status synced = store.SyncFolder(folder);
      if (!synced.ok() && synced.code() != Code::kNotFound)
        return synced;  // ranks without bytes made no folder
    }
    return Status::Ok();
  }

  // Steps 8 and 9.
  Status CommitRecord(Comm& comm) {
    Status local;
    if (IsCommitter()) {
      local = Protect([&] {
        native::CommitRecord record;
        record.id = id_;
        record.library_version = TSNAP_VERSION_TEXT;
        record.byte_order = native::NativeByteOrder();
        record.world_size = comm.size();
        record.created_unix_seconds = UnixSeconds();
        record.metadata = options_.metadata;
        record.has_metadata = options_.has_metadata;
        record.object_count = summary_.object_count;
        record.raw_bytes = summary_.raw_bytes;
        record.stored_bytes = summary_.stored_bytes;
        record.placement = placement_;
        record.hashed_slab_names = store_->traits().hashed_slab_names;
        record.datasets = store_->traits().datasets;
        record.parts = std::move(summary_.parts);
        Status committed = engine_.Watched(
            [committer = committer_, record] { return committer->Commit(record); }, store_);
        if (committed.code() != Code::kTimeout) return committed;
        return Timeout(fmt::format("committing at {}: the snapshot may or may not be there: {}",
                                   store_->url(), committed.message()));
      });
    }
    return MayExist(Agree(comm, local));
  }

  // A rank that waits in vain from the last agreement before the commit on does not know whether
  // rank 0 has gone on.
  static Status MayExist(Status status) {
    if (status.code() != Code::kTimeout && status.code() != Code::kMpi) return status;
    // Nothing may be thrown here, before the end is told to those who watch.
    Status told = Protect([&]() -> Status {
      return {status.code(),
              fmt::format("the snapshot may or may not exist (its commit record tells): {}",
                          status.message())};
    });
    return told.code() == status.code() ? std::move(told) : std::move(status);
  }

  Context& context_;
  Engine& engine_;
  const OperationKind kind_;
  const std::string url_;
  const TakeOptions options_;
  Operation operation_;
  // Made in advance: nothing may be thrown between the collectives that it is told in.
  const Status cancelled_{Code::kCancelled, "the take was cancelled: nothing is committed"};

  Description description_;
  DeviceOrder order_;
  uint64_t described_bytes_ = 0, written_bytes_ = 0, total_ = 0;
  uint64_t structure_ = 0;
  std::shared_ptr<Store> store_;
  std::shared_ptr<Committer> committer_;  // on rank 0
  std::string id_;
  WriteSizes sizes_;
  bool unchanged_ = false;
  bool told_all_ = false;  // the progress callback has seen the end
  std::shared_ptr<const LocalWritePlan> plan_;
  DatasetLayout layout_;  // in a file of datasets
  Placement placement_;
  Status local_;                          // what went wrong while staging was prepared
  bool can_stage_ = false;                // nothing did; of the calling thread
  std::shared_ptr<PendingTake> pending_;  // of an asynchronous take
  std::shared_ptr<StagedWrite> staged_;
  std::vector<Extent> extents_;
  IndexSummary summary_;
};

// The second half: the story is told to its end in the background.
class RestOfTake final : public Background::Work {
 public:
  void set_story(std::shared_ptr<TakeStory> story) { story_ = std::move(story); }
  Status Run(Comm& comm) override { return story_->Finish(comm); }

 private:
  std::shared_ptr<TakeStory> story_;
};

// A rank that cannot even begin to tell the story says so to the others, who wait for it.
Status Decline(Context& context, Call call, const Status& why) {
  context.observer().NextNumber();  // as on the other ranks
  context.FinishPending();
  return AgreeOnCall(context, call, 0, why);
}

}  // namespace

Status Take(Context& context, const std::string& url, State& state, const TakeOptions& options,
            const Status& argument) {
  std::optional<TakeStory> story;
  const Status prepared = Protect([&] {
    story.emplace(context, OperationKind::kTake, url, options);
    return Status::Ok();
  });
  if (!prepared.ok()) return Decline(context, Call::kTake, prepared);
  TSNAP_TRY(story->Begin(state, argument));
  return story->Finish(context.comm());
}

Status TakeAsync(Context& context, const std::string& url, State& state, const TakeOptions& options,
                 const Status& argument, std::shared_ptr<PendingTake>* out) {
  std::shared_ptr<TakeStory> story;
  std::shared_ptr<PendingTake> pending;
  std::unique_ptr<RestOfTake> rest;
  const Status prepared = Protect([&] {
    pending = std::make_shared<PendingTake>();
    rest = std::make_unique<RestOfTake>();
    TSNAP_TRY(context.StartBackground());
    // Last: from here on those who watch have seen an operation begin.
    story = std::make_shared<TakeStory>(context, OperationKind::kTakeAsync, url, options);
    rest->set_story(story);
    return Status::Ok();
  });
  if (!prepared.ok()) return Decline(context, Call::kTakeAsync, prepared);
  TSNAP_TRY(story->Begin(state, argument));
  story->PrepareStaging(pending);
  context.background().Submit(pending, std::move(rest));
  story->Stage();
  story->LetStateGo();
  *out = std::move(pending);
  return Status::Ok();
}

}  // namespace tsnap
