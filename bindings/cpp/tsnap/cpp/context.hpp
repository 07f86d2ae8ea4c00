// context.hpp - a context, and its collective calls: take, take_async, restore.
//
// Context::self() opens one of a single process; <tsnap_mpi.hpp> has open_context() for a
// communicator. close() is collective and tells of failures. The destructor closes what is open and
// drops them. When it runs because of an exception that this rank alone has met, it closes nothing:
// the others would not come, and the exception must get on to where the job is aborted.
#ifndef TSNAP_CPP_CONTEXT_HPP_
#define TSNAP_CPP_CONTEXT_HPP_

#include <tsnap/context.h>
#include <tsnap/restore.h>
#include <tsnap/statistics.h>
#include <tsnap/take.h>

#include <array>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <tsnap/cpp/config.hpp>
#include <tsnap/cpp/error.hpp>
#include <tsnap/cpp/request.hpp>
#include <tsnap/cpp/snapshot.hpp>
#include <tsnap/cpp/state.hpp>
#include <tsnap/cpp/text.hpp>

namespace tsnap {

enum class Codec : std::int32_t {
  none = TSNAP_CODEC_NONE,
  zstd = TSNAP_CODEC_ZSTD,
  lz4 = TSNAP_CODEC_LZ4,
  deflate = TSNAP_CODEC_DEFLATE  // HDF5 files only
};

enum class ReplicatedCheck : std::int32_t {
  by_default = 0,
  shape = TSNAP_REPLICATED_CHECK_SHAPE,
  none = TSNAP_REPLICATED_CHECK_NONE,
  content = TSNAP_REPLICATED_CHECK_CONTENT
};

// Equal on all ranks, except progress, device_staging and cuda_stream.
struct TakeOptions {
  bool overwrite = false;
  Codec codec = Codec::none;
  ReplicatedCheck verify_replicated = ReplicatedCheck::by_default;
  bool sync = true;
  std::uint64_t chunk_bytes = 0;
  std::uint64_t slab_bytes = 0;
  std::string metadata = {};
  Progress progress = {};
  bool device_staging = false;  // of take_async: GPU memory waits in spare memory of its device
  void *cuda_stream = nullptr;  // of this rank, a CUstream or cudaStream_t
};

enum class NewRanks : std::int32_t {
  error = TSNAP_NEW_RANKS_ERROR,
  copy_rank_0 = TSNAP_NEW_RANKS_COPY_RANK_0,
  leave = TSNAP_NEW_RANKS_LEAVE
};
enum class LostRanks : std::int32_t {
  error = TSNAP_LOST_RANKS_ERROR,
  ignore = TSNAP_LOST_RANKS_IGNORE
};

// Equal on all ranks, except progress and cuda_stream.
struct RestoreOptions {
  bool strict = true;
  NewRanks new_ranks = NewRanks::error;
  LostRanks lost_ranks = LostRanks::error;
  bool verify = true;
  Progress progress = {};
  void *cuda_stream = nullptr;  // of this rank, a CUstream or cudaStream_t
};

// What a restore found on this rank: paths.
struct Report {
  std::vector<std::string> missing = {};       // registered but not stored
  std::vector<std::string> unexpected = {};    // stored but not asked for
  std::vector<std::string> mismatched = {};    // of another shape, dtype or kind
  std::vector<std::string> not_restored = {};  // whose contents are now undefined or unchanged
};

// Of the last take or restore that has ended, on this rank.
struct Statistics {
  std::int64_t operation_number = 0;  // 0 = there was no operation yet
  Operation operation = Operation::none;
  Code status = Code::ok;
  bool plan_reused = false;
  Seconds duration{0};
  Seconds blocked{0};      // of these, the caller was held
  Seconds budget_wait{0};  // of the blocked: for memory
  Seconds rank_wait{0};    // of all: for other ranks
  std::uint64_t bytes = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t over_budget_bytes = 0;
  std::uint64_t peak_buffer_bytes = 0;
  std::array<Seconds, TSNAP_PHASE_LIMIT> phase_durations{};  // by number of the phase
  std::array<std::uint64_t, TSNAP_PHASE_LIMIT> phase_bytes{};

  Seconds duration_of(Phase phase) const {
    return phase_durations.at(static_cast<std::size_t>(phase));
  }
  std::uint64_t bytes_of(Phase phase) const {
    return phase_bytes.at(static_cast<std::size_t>(phase));
  }
};

namespace detail {
struct ContextAccess;
}

class Context {
 public:
  // A context of one process, without MPI: rank 0 of 1.
  static Context self(Config config = {}) {
    return Context(std::move(config), 0, 1, [](const tsnap_config *c, tsnap_context **out) {
      return tsnap_context_open_self(c, out);
    });
  }

  Context(Context &&other) noexcept : core_(std::move(other.core_)) {}
  Context &operator=(Context &&other) noexcept {
    if (this != &other) {
      Drop();
      core_ = std::move(other.core_);
    }
    return *this;
  }
  ~Context() { Drop(); }

  // Closes it, together with the other ranks. May be called again.
  void close() {
    if (!core_ || core_->handle == nullptr) return;
    const std::int32_t status = tsnap_context_close(&core_->handle);
    detail::EndCall(status, {&core_->held.trap()});
  }

  // Takes a snapshot of the state at url: it exists when this returns.
  void take(const Url &url, State &state, const TakeOptions &options = {}) {
    detail::HeldProgress progress(options.progress);
    detail::CallTexts texts;
    const char *place = texts.Pass(url.text(), "the place");
    const tsnap_take_options c = ToC(options, progress, texts);
    detail::StateCore &state_core = detail::StateAccess::core(state);
    detail::StateUse use(state_core, nullptr);
    const detail::Outcome ended =
        use.Run([&] { return tsnap_take(handle(), place, state.handle(), &c); });
    End(texts.Said(ended), state_core, progress);
  }

  // Begins a take; when this returns, the state's memory may change.
  Request take_async(const Url &url, State &state, const TakeOptions &options = {}) {
    auto progress = std::make_unique<detail::HeldProgress>(options.progress);
    detail::CallTexts texts;
    const char *place = texts.Pass(url.text(), "the place");
    const tsnap_take_options c = ToC(options, *progress, texts);
    detail::StateCore &state_core = detail::StateAccess::core(state);
    detail::StateUse use(state_core, nullptr);
    tsnap_request *request = nullptr;
    const detail::Outcome ended =
        use.Run([&] { return tsnap_take_async(handle(), place, state.handle(), &c, &request); });
    if (ended.status != TSNAP_OK) End(texts.Said(ended), state_core, *progress);
    core_->failed_together = false;
    core_->last_request = request;
    return Request(core_, request, std::move(progress));
  }

  // Fills the state from the snapshot at url, on any number of ranks. Tells what it found; so does
  // report(), also when this throws.
  Report restore(const Url &url, State &state, const RestoreOptions &options = {}) {
    detail::HeldProgress progress(options.progress);
    detail::CallTexts texts;
    const char *place = texts.Pass(url.text(), "the place");
    tsnap_restore_options c = TSNAP_RESTORE_OPTIONS_INIT;
    c.strict = detail::Switch(options.strict);
    c.new_ranks = static_cast<std::int32_t>(options.new_ranks);
    c.lost_ranks = static_cast<std::int32_t>(options.lost_ranks);
    c.verify = detail::Switch(options.verify);
    c.cuda_stream = options.cuda_stream;
    progress.Put(c);
    detail::StateCore &state_core = detail::StateAccess::core(state);
    detail::Lookup lookup(place, core_ ? core_->held.c() : nullptr,
                          core_ ? core_->last_request : nullptr, rank(),
                          options.new_ranks == NewRanks::copy_rank_0);
    detail::StateUse use(state_core, &lookup);
    const detail::Outcome ended =
        use.Run([&] { return tsnap_restore(handle(), place, state.handle(), &c); });
    End(texts.Said(ended), state_core, progress);
    return report();
  }

  // What the last restore found on this rank.
  Report report() const {
    tsnap_report c = TSNAP_REPORT_INIT;
    detail::Check(tsnap_restore_report(handle(), &c));
    Report report;
    report.missing.assign(c.missing, c.missing + c.missing_count);
    report.unexpected.assign(c.unexpected, c.unexpected + c.unexpected_count);
    report.mismatched.assign(c.mismatched, c.mismatched + c.mismatched_count);
    report.not_restored.assign(c.not_restored, c.not_restored + c.not_restored_count);
    return report;
  }

  // How long the last take or restore took on this rank.
  Statistics statistics() const {
    tsnap_statistics c = TSNAP_STATISTICS_INIT;
    detail::Check(tsnap_context_statistics(handle(), &c));
    Statistics out;
    out.operation_number = c.operation_number;
    out.operation = static_cast<Operation>(c.operation);
    out.status = static_cast<Code>(c.status);
    out.plan_reused = c.plan_reused != 0;
    out.duration = Seconds(c.seconds);
    out.blocked = Seconds(c.blocked_seconds);
    out.budget_wait = Seconds(c.budget_wait_seconds);
    out.rank_wait = Seconds(c.rank_wait_seconds);
    out.bytes = c.bytes;
    out.stored_bytes = c.stored_bytes;
    out.over_budget_bytes = c.over_budget_bytes;
    out.peak_buffer_bytes = c.peak_buffer_bytes;
    for (std::size_t i = 0; i < TSNAP_PHASE_LIMIT; ++i) {
      out.phase_durations[i] = Seconds(c.phase_seconds[i]);
      out.phase_bytes[i] = c.phase_bytes[i];
    }
    return out;
  }

  // Opens a snapshot on all ranks: its record is read once. It must be closed before this is.
  Snapshot open_snapshot(const Url &url) {
    tsnap_snapshot *snapshot = nullptr;
    detail::CallTexts texts;
    const char *place = texts.Pass(url.text(), "the place");
    const detail::Outcome ended = tsnap_snapshot_open_all(handle(), place, &snapshot);
    if (ended.status != TSNAP_E_BUSY && core_) core_->failed_together = ended.status != TSNAP_OK;
    detail::EndCall(texts.Said(ended), {});
    return detail::SnapshotAccess::Adopt(snapshot);
  }

  std::int64_t rank() const noexcept { return core_ ? core_->rank : 0; }
  std::int64_t ranks() const noexcept { return core_ ? core_->ranks : 1; }

  // The handle in C, which stays the Context's own; NULL after close().
  tsnap_context *handle() const noexcept { return core_ ? core_->handle : nullptr; }

 private:
  friend struct detail::ContextAccess;

  template <typename Open>
  Context(Config config, std::int64_t rank, std::int64_t ranks, Open &&open)
      : core_(std::make_shared<detail::ContextCore>(std::move(config))) {
    detail::CheckVersion();
    core_->rank = rank;
    core_->ranks = ranks;
    detail::EndCall(core_->held.Said(open(core_->held.c(), &core_->handle)), {});
  }

  static tsnap_take_options ToC(const TakeOptions &options, detail::HeldProgress &progress,
                                detail::CallTexts &texts) {
    tsnap_take_options c = TSNAP_TAKE_OPTIONS_INIT;
    c.overwrite = detail::Switch(options.overwrite);
    c.codec = static_cast<std::int32_t>(options.codec);
    c.verify_replicated = static_cast<std::int32_t>(options.verify_replicated);
    c.sync = detail::Switch(options.sync);
    c.chunk_bytes = options.chunk_bytes;
    c.slab_bytes = options.slab_bytes;
    if (!options.metadata.empty()) {
      c.metadata = texts.Pass(options.metadata, "the metadata");
      if (c.metadata == nullptr) c.struct_size = 0;  // which C refuses
    }
    c.device_staging = detail::Switch(options.device_staging);
    c.cuda_stream = options.cuda_stream;
    progress.Put(c);
    return c;
  }

  void End(const detail::Outcome &ended, detail::StateCore &state, detail::HeldProgress &progress) {
    if (!core_) detail::Throw(ended.status, ended.text);  // moved from: C has refused the NULL
    if (ended.status != TSNAP_E_BUSY) core_->failed_together = ended.status != TSNAP_OK;
    detail::EndCall(ended, {&state.trap, &progress.trap(), &core_->held.trap()});
  }

  void Drop() noexcept {
    if (!core_ || core_->handle == nullptr) return;
    if (unwinding_.now() && core_->ranks > 1 && !core_->failed_together) {
      Abandon();
      return;
    }
    (void)tsnap_context_close(&core_->handle);
    if (core_->handle != nullptr) Abandon();  // inside of its own callback
  }

  // The handle stays open for good, and with it what its callbacks need.
  void Abandon() noexcept {
    (void)new (std::nothrow) std::shared_ptr<detail::ContextCore>(std::move(core_));
  }

  std::shared_ptr<detail::ContextCore> core_;
  detail::Unwinding unwinding_;
};

namespace detail {

struct ContextAccess {
  template <typename Open>
  static Context Make(Config config, std::int64_t rank, std::int64_t ranks, Open &&open) {
    return Context(std::move(config), rank, ranks, std::forward<Open>(open));
  }
};

}  // namespace detail
}  // namespace tsnap

#endif
