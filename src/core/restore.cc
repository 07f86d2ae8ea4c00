#include "core/restore.h"

#include <algorithm>
#include <array>
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
#include "core/deliver.h"
#include "core/describe.h"
#include "core/open_committed.h"
#include "core/operation.h"
#include "core/owned_index.h"
#include "core/replicated_read.h"
#include "core/resolve.h"
#include "core/user_memory.h"
#include "engine/read.h"
#include "stage/stager.h"

namespace tsnap {

namespace {

uint64_t HashArguments(const std::string& url, const RestoreOptions& options) {
  return Hash64(fmt::format("{}\n{} {} {} {}", url, options.strict,
                            static_cast<int>(options.new_ranks),
                            static_cast<int>(options.lost_ranks), options.verify));
}

// One restore, step by step.
class RestoreStory {
 public:
  RestoreStory(Context& context, const std::string& url, State& state,
               const RestoreOptions& options)
      : context_(context),
        comm_(context.comm()),
        url_(url),
        state_(state),
        options_(options),
        operation_(context.observer(), OperationKind::kRestore, url, context.comm()) {}

  Status Run(const Status& argument) {
    Status restored = RunSteps(argument);
    TellDeviceNotes(context_.log());
    operation_.Finish(restored.code(), context_.engine().buffers()->peak_bytes());
    return restored;
  }

 private:
  Status RunSteps(const Status& argument) {
    context_.report() = Report();
    context_.FinishPending(operation_);
    operation_.MarkCurrent();
    uint64_t hash = 0;
    Status local = argument;
    if (local.ok()) {
      local = Protect([&] {
        hash = HashArguments(url_, options_);
        return Status::Ok();
      });
    }
    Status restored = operation_.In(
        Phase::kAgree, [&] { return AgreeOnCall(context_, Call::kRestore, hash, local); });
    if (!restored.ok()) {
      ReportNothingRestored();
      return restored;
    }
    restored = Steps();
    if (!restored.ok()) restored = SettleStall(comm_, context_.engine(), std::move(restored));
    // After a stall a thread may still write into what was described, which then is never released.
    if (context_.engine().stuck()) new (std::nothrow) Description(std::move(description_));
    return restored;
  }

  Status Steps() {
    Status restored = operation_.In(Phase::kDescribe, [&] { return DescribeState(); });
    if (!restored.ok()) {
      ReportNothingRestored();
      return restored;
    }
    restored = FetchState();
    if (!restored.ok()) ReportUnrestored();
    return restored;
  }

  Status FetchState() {
    TSNAP_TRY(operation_.In(Phase::kOpen, [&] { return OpenPlace(); }));
    TSNAP_TRY(operation_.In(Phase::kResolve, [&]() -> Status {
      TSNAP_TRY(LoadIndex());
      return ResolveObjects();
    }));
    TSNAP_TRY(operation_.In(
        Phase::kRead, [&] { return ReadData(); }, &read_bytes_));
    return operation_.In(Phase::kLoaded, [&] { return CallLoaded(); });
  }

  Status DescribeState() {
    return Agree(comm_, Protect([&] {
                   TSNAP_TRY(Describe(state_, Purpose::kRestore, &description_));
                   restored_.assign(description_.objects.size(), false);
                   for (const LocalObject& object : description_.objects)
                     TSNAP_TRY(CheckDestination(object));
                   return LookAtMemory(description_, options_.cuda_stream, &order_);
                 }));
  }

  Status OpenPlace() { return OpenCommitted(context_, url_, &store_, &record_); }

  Status LoadIndex() {
    index_.emplace(comm_, record_);
    return Agree(comm_, Protect([&] { return index_->Load(context_.engine(), store_); }));
  }

  // What is stored for each object, and whether that fits: nothing is read before all ranks agree
  // that it does.
  Status ResolveObjects() {
    return Resolve(context_, *index_, record_, description_, options_, &resolution_);
  }

  Status ReadData() {
    Status local = Protect([&] {
      TSNAP_TRY(order_.Wait());
      for (size_t i = 0; i < description_.objects.size(); ++i) {
        TSNAP_TRY(PrepareDestination(resolution_.records[i], &description_.objects[i]));
      }
      return Status::Ok();
    });
    ReadJob own;
    TSNAP_TRY(PlanOwn(std::move(local), &own));
    ReplicatedJob together;
    local = Protect([&] { return PlanTogether(&together); });
    TSNAP_TRY(Agree(comm_, local));

    // A rank whose own reads fail goes on with the others', so that each object is either restored
    // or reported.
    std::vector<Status> outcomes;
    Status own_status = Protect([&] {
      return ReadExtents(context_.engine(), std::move(own), options_.progress, &outcomes);
    });
    MarkRestored(own_objects_, outcomes);
    outcomes.clear();
    Status together_status =
        ReadReplicated(comm_, context_.engine(), together,
                       own_status.code() == Code::kTimeout ? own_status : Status::Ok(), &outcomes);
    MarkRestored(together_objects_, outcomes);
    CountRestored();
    local = own_status.ok() ? std::move(together_status) : std::move(own_status);
    data_status_ = Agree(comm_, local);
    return comm_.broken() ? data_status_ : DeliverValues();
  }

  // Without outcomes nothing is known to be there.
  void MarkRestored(const std::vector<size_t>& objects, const std::vector<Status>& outcomes) {
    for (size_t i = 0; i < outcomes.size(); ++i) restored_[objects[i]] = outcomes[i].ok();
  }

  void CountRestored() {
    uint64_t stored_bytes = 0;
    for (size_t i = 0; i < restored_.size(); ++i) {
      if (!restored_[i]) continue;
      for (const LocalBox& local : description_.objects[i].boxes)
        read_bytes_ += ViewBytes(local.memory);
      const ObjectRecord& record = resolution_.records[i];
      if (record.meta.kind != Kind::kSharded) stored_bytes += record.stored_bytes;
    }
    operation_.AddBytes(read_bytes_, stored_bytes);
  }

  // Everything that this rank reads for itself: private objects, boxes of sharded ones, replicated
  // ones that the ranks do not ask for alike.
  Status PlanOwn(Status local, ReadJob* job) {
    std::vector<BoxesWanted> wanted;
    std::vector<size_t> sharded;
    if (local.ok()) {
      local = Protect([&] {
        for (size_t i = 0; i < description_.objects.size(); ++i) {
          const ObjectRecord& record = resolution_.records[i];
          if (record.meta.path.empty() || record.meta.kind != Kind::kSharded) continue;
          BoxesWanted& entry = wanted.emplace_back();
          entry.record = &record;
          for (const LocalBox& local_box : description_.objects[i].boxes)
            entry.boxes.push_back(local_box.box);
          sharded.push_back(i);
        }
        return Status::Ok();
      });
    }
    std::vector<std::vector<Extent>> extents;
    TSNAP_TRY(index_->AskExtents(wanted, std::move(local), &extents));
    return Agree(
        comm_, Protect([&] {
          job->store = store_;
          job->slabs = record_.slab_names();
          job->verify = options_.verify;
          for (size_t s = 0; s < sharded.size(); ++s)
            TSNAP_TRY(AddReads(sharded[s], extents[s], job));
          for (size_t i = 0; i < description_.objects.size(); ++i) {
            const ObjectRecord& record = resolution_.records[i];
            if (record.meta.path.empty() || record.meta.kind == Kind::kSharded || ReadTogether(i))
              continue;
            TSNAP_TRY(AddReads(i, record.extents, job));
          }
          return Status::Ok();
        }));
  }

  bool ReadTogether(size_t object) const {
    return resolution_.together[object] && comm_.size() > 1;
  }

  Status AddReads(size_t number, const std::vector<Extent>& extents, ReadJob* job) {
    const LocalObject& object = description_.objects[number];
    own_objects_.push_back(number);
    job->names.push_back(QualifiedPath(resolution_.records[number].meta));
    return AddObjectReads(resolution_.records[number], extents, object.boxes,
                          static_cast<uint32_t>(own_objects_.size() - 1), &job->items);
  }

  Status PlanTogether(ReplicatedJob* job) {
    job->store = store_;
    job->slabs = record_.slab_names();
    job->verify = options_.verify;
    for (size_t i = 0; i < description_.objects.size(); ++i) {
      if (resolution_.records[i].meta.path.empty() || !ReadTogether(i)) continue;
      job->targets.push_back({&resolution_.records[i], description_.objects[i].boxes[0].memory});
      together_objects_.push_back(i);
    }
    return Status::Ok();
  }

  // Byte order, then what is not an array: lengths, NULs, bools.
  Status DeliverValues() {
    const bool swap = record_.byte_order != native::NativeByteOrder();
    Status local = Protect([&] {
      for (size_t i = 0; i < description_.objects.size(); ++i) {
        if (restored_[i]) TSNAP_TRY(DeliverValue(swap, &description_.objects[i]));
      }
      return Status::Ok();
    });
    return Agree(comm_, local);
  }

  // Statefuls whose objects are all there are told; the RNGs last of all.
  Status CallLoaded() {
    Status local = Protect([&] {
      std::vector<bool> whole(description_.statefuls.size(), true);
      for (size_t i = 0; i < description_.objects.size(); ++i) {
        if (description_.objects[i].stateful >= 0 && !restored_[i]) {
          whole[static_cast<size_t>(description_.objects[i].stateful)] = false;
        }
      }
      Status first;
      for (const bool rng : {false, true}) {
        for (size_t s = 0; s < description_.statefuls.size(); ++s) {
          if (!whole[s] || description_.statefuls[s].callbacks->rng != rng) continue;
          Status loaded = LoadStateful(description_.statefuls[s]);
          if (loaded.ok()) continue;
          ForgetStateful(static_cast<int>(s));
          if (first.ok()) first = std::move(loaded);
        }
      }
      return first;
    });
    Status loaded = Agree(comm_, local);
    Status outcome = data_status_.ok() ? std::move(loaded) : std::move(data_status_);
    if (outcome.ok()) ReportUnrestored();  // objects that a policy left alone
    return outcome;
  }

  void ForgetStateful(int stateful) {
    for (size_t i = 0; i < description_.objects.size(); ++i) {
      if (description_.objects[i].stateful == stateful) restored_[i] = false;
    }
  }

  void ReportUnrestored() {
    MakeReport([&](std::vector<std::string>* list) {
      for (size_t i = 0; i < description_.objects.size(); ++i) {
        if (i < restored_.size() && restored_[i]) continue;
        list->push_back(LocalName(description_.objects[i], comm_.rank()));
      }
    });
  }

  // What is registered, where the state could not be described: a stateful stands for the objects
  // below it.
  void ReportNothingRestored() {
    MakeReport([&](std::vector<std::string>* list) {
      for (const auto& [path, entry] : state_.entries()) {
        const auto* object = std::get_if<RegisteredObject>(&entry);
        const bool shared = object != nullptr && object->meta.kind != Kind::kPrivate;
        list->push_back(shared ? path : fmt::format("{}/{}", comm_.rank(), path));
      }
    });
  }

  template <class Fill>
  void MakeReport(Fill fill) {
    std::vector<std::string>& list = context_.report().not_restored;
    const Status reported = Protect([&] {
      list.clear();
      fill(&list);
      std::sort(list.begin(), list.end());
      return Status::Ok();
    });
    context_.report().complete = reported.ok();
  }

  Context& context_;
  Comm& comm_;
  const std::string& url_;
  State& state_;
  const RestoreOptions& options_;
  Operation operation_;

  Description description_;
  DeviceOrder order_;
  std::vector<bool> restored_;  // per object
  std::shared_ptr<Store> store_;
  native::CommitRecord record_;
  std::optional<OwnedIndex> index_;
  Resolution resolution_;
  std::vector<size_t> own_objects_, together_objects_;
  Status data_status_;
  uint64_t read_bytes_ = 0;  // of user data
};

}  // namespace

Status Restore(Context& context, const std::string& url, State& state,
               const RestoreOptions& options, const Status& argument) {
  return RestoreStory(context, url, state, options).Run(argument);
}

}  // namespace tsnap
