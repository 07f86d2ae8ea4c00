// place.hpp - whole snapshots at their places: copy, remove, and what takes have left that never
// committed. Not collective; no MPI.
#ifndef TSNAP_CPP_PLACE_HPP_
#define TSNAP_CPP_PLACE_HPP_

#include <tsnap/copy.h>
#include <tsnap/snapshot.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

#include <tsnap/cpp/config.hpp>
#include <tsnap/cpp/error.hpp>
#include <tsnap/cpp/text.hpp>

namespace tsnap {

struct CopyOptions {
  bool overwrite = false;  // replace another snapshot that is there
  bool verify = false;     // read back before the copy is committed
  std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)> progress = {};
  Config from_config = {};  // how from is reached
  Config to_config = {};    // how to is, and what else there is to say
};

struct CopyResult {
  std::int64_t objects_copied = 0;
  std::int64_t objects_skipped = 0;  // were at the destination before
  std::uint64_t bytes_copied = 0;
  std::uint64_t bytes_skipped = 0;
  bool server_side = false;  // the service copied them
};

// Copies a snapshot to another place, in the same store or another one. A copy that was cut short
// goes on when it is called again.
inline CopyResult copy(const Url &from, const Url &to, const CopyOptions &options = {}) {
  struct Watch {
    std::function<void(std::uint64_t, std::uint64_t)> progress;
    detail::Trap trap;
    static void Call(std::uint64_t done, std::uint64_t total, void *user) {
      auto *self = static_cast<Watch *>(user);
      self->trap.Run([&] { self->progress(done, total); });
    }
  };
  detail::CheckVersion();
  detail::HeldConfig from_config(options.from_config), to_config(options.to_config);
  Watch watch;
  watch.progress = options.progress;
  tsnap_copy_options c = TSNAP_COPY_OPTIONS_INIT;
  c.overwrite = detail::Switch(options.overwrite);
  c.verify = detail::Switch(options.verify);
  if (watch.progress) {
    c.progress = Watch::Call;
    c.progress_user = &watch;
  }
  tsnap_copy_result made = TSNAP_COPY_RESULT_INIT;
  const char *from_place = detail::CText(from.text(), "the place");
  const char *to_place = detail::CText(to.text(), "the place");
  detail::Outcome ended =
      tsnap_copy(from_place, from_config.c(), to_place, to_config.c(), &c, &made);
  detail::EndCall(to_config.Said(from_config.Said(std::move(ended))),
                  {&watch.trap, &from_config.trap(), &to_config.trap()});
  CopyResult result;
  result.objects_copied = made.objects_copied;
  result.objects_skipped = made.objects_skipped;
  result.bytes_copied = made.bytes_copied;
  result.bytes_skipped = made.bytes_skipped;
  result.server_side = made.server_side != 0;
  return result;
}

// Removes the snapshot at url.
inline void remove(const Url &url, Config config = {}) {
  detail::CheckVersion();
  detail::HeldConfig held(std::move(config));
  const char *place = detail::CText(url.text(), "the place");
  detail::EndCall(held.Said(tsnap_remove(place, held.c())), {&held.trap()});
}

struct GcOptions {
  Seconds min_age{0};    // 0 = TSNAP_GC_AGE_SECONDS in the environment, or a day
  bool dry_run = false;  // remove nothing
  std::function<void(std::string_view key, std::uint64_t bytes)> removed = {};
};

struct GcResult {
  std::int64_t takes_removed = 0;
  std::int64_t takes_kept = 0;  // too young, or in progress
  std::uint64_t bytes_removed = 0;
};

// Removes, at url, the data of takes that never committed.
inline GcResult gc(const Url &url, const GcOptions &options = {}, Config config = {}) {
  struct Watch {
    std::function<void(std::string_view, std::uint64_t)> removed;
    detail::Trap trap;
    static void Call(const char *key, std::uint64_t bytes, void *user) {
      auto *self = static_cast<Watch *>(user);
      self->trap.Run([&] { self->removed(key, bytes); });
    }
  };
  detail::CheckVersion();
  detail::HeldConfig held(std::move(config));
  Watch watch;
  watch.removed = options.removed;
  tsnap_gc_options c = TSNAP_GC_OPTIONS_INIT;
  c.min_age_seconds = options.min_age.count();
  c.dry_run = detail::Switch(options.dry_run);
  if (watch.removed) {
    c.removed = Watch::Call;
    c.removed_user = &watch;
  }
  tsnap_gc_result made = TSNAP_GC_RESULT_INIT;
  const char *place = detail::CText(url.text(), "the place");
  detail::EndCall(held.Said(tsnap_gc(place, held.c(), &c, &made)), {&watch.trap, &held.trap()});
  return {made.takes_removed, made.takes_kept, made.bytes_removed};
}

}  // namespace tsnap

#endif
