// The opaque handles of the C interface: what they own and how a pointer that is handed in is
// checked before it is believed. Knows nothing of what is done with them.
//
//   magic     a handle that was closed, or is none, is refused (as far as memory that is gone can
//   tell) process   after fork() the child's copy has no threads and shares the parent's
//   communicator: refused busy      a call is running: calls from inside its callbacks are refused
#pragma once

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/status.h"
#include "core/background.h"
#include "core/context.h"
#include "core/snapshot.h"
#include "core/state.h"
#include "tsnap/context.h"
#include "tsnap/request.h"
#include "tsnap/snapshot.h"
#include "tsnap/state.h"

namespace tsnap::capi {

inline constexpr uint64_t kStateMagic = 0x7473'6e61'7073'7461;
inline constexpr uint64_t kContextMagic = 0x7473'6e61'7063'7478;
inline constexpr uint64_t kRequestMagic = 0x7473'6e61'7072'6571;
inline constexpr uint64_t kSnapshotMagic = 0x7473'6e61'7073'6e70;

class Handle {
 public:
  explicit Handle(uint64_t magic) : magic_(magic), process_(getpid()) {}
  // An atomic store is not optimised away, though nobody may look at the memory any more.
  ~Handle() { magic_.store(0, std::memory_order_relaxed); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  bool is(uint64_t magic) const { return magic_.load(std::memory_order_relaxed) == magic; }
  bool forked() const { return process_ != getpid(); }
  bool busy() const { return busy_.load(std::memory_order_acquire); }
  // False when it is busy already.
  bool Enter() { return !busy_.exchange(true, std::memory_order_acq_rel); }
  void Leave() { busy_.store(false, std::memory_order_release); }

 private:
  std::atomic<uint64_t> magic_;
  const pid_t process_;
  std::atomic<bool> busy_{false};
};

// Holds a handle busy for one call.
class InUse {
 public:
  InUse() = default;
  ~InUse() {
    if (handle_ != nullptr) handle_->Leave();
  }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;
  // kBusy when another call holds it.
  Status Take(Handle* handle, const char* what);

 private:
  Handle* handle_ = nullptr;
};

// kInvalid for NULL, a handle of another kind or a closed one, and one of the parent process.
Status CheckHandle(const Handle* handle, uint64_t magic, const char* what);
// Also kBusy while a call holds it.
Status CheckIdle(const Handle* handle, uint64_t magic, const char* what);
// kBusy on the library's background thread, in a callback: waiting there would be for itself.
Status CheckNotInside(bool is_background_thread);
// What every call that uses a context begins with; it holds the context busy.
Status EnterContext(tsnap_context* ctx, InUse* in_use);

}  // namespace tsnap::capi

struct tsnap_state : tsnap::capi::Handle {
  tsnap_state() : Handle(tsnap::capi::kStateMagic), state(&own) {}
  // The child that a describe callback fills: borrowed, and never destroyed by the application.
  explicit tsnap_state(tsnap::State* child) : Handle(tsnap::capi::kStateMagic), state(child) {}
  bool is_child() const { return state != &own; }

  tsnap::State own;
  tsnap::State* const state;
};

struct tsnap_context : tsnap::capi::Handle {
  tsnap_context() : Handle(tsnap::capi::kContextMagic) {}

  std::unique_ptr<tsnap::Context> context;
  // What tsnap_restore_report gave out since the last restore; views of the context's report.
  bool report_listed = false;
  std::vector<const char*> missing, unexpected, mismatched, not_restored;
};

struct tsnap_request : tsnap::capi::Handle {
  tsnap_request() : Handle(tsnap::capi::kRequestMagic) {}

  std::shared_ptr<tsnap::PendingTake> take;
  tsnap::Background* background = nullptr;  // the context's; there as long as the take is not done
};

struct tsnap_snapshot : tsnap::capi::Handle {
  tsnap_snapshot() : Handle(tsnap::capi::kSnapshotMagic) {}

  std::unique_ptr<tsnap::Snapshot> snapshot;
  std::string format;
  std::mutex mutex;
  // Qualified paths of the private objects that were asked for; guarded by mutex, a path never
  // moves.
  std::unordered_map<const tsnap::ObjectRecord*, std::string> paths;
  // Names of the files of the extents that were asked for, by writer and slab; guarded by mutex, a
  // name never moves.
  std::map<std::pair<uint32_t, uint32_t>, std::string> files;
  // Of the last verify.
  std::vector<std::string> bad;
  std::vector<const char*> bad_list;
};
