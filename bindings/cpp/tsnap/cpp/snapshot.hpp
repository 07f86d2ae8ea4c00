// snapshot.hpp - a snapshot that anyone opens, without MPI: what is in it, and any box of any
// array.
//
//     for (const tsnap::Object &object : tsnap::Snapshot("run/step-100"))
//       std::cout << object.path() << '\n';
//
// Any number of threads may read one Snapshot. Stored private objects have the path
// "<rank>/<path>".
#ifndef TSNAP_CPP_SNAPSHOT_HPP_
#define TSNAP_CPP_SNAPSHOT_HPP_

#include <tsnap/snapshot.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tsnap/cpp/config.hpp>
#include <tsnap/cpp/error.hpp>
#include <tsnap/cpp/object.hpp>

namespace tsnap {

struct SnapshotInfo {
  std::string id;
  std::string metadata;
  std::string library_version;
  std::string format;
  std::chrono::system_clock::time_point created;
  std::int64_t world_size = 0;  // ranks that took it
  std::int64_t object_count = 0;
  std::uint64_t bytes = 0;
  std::uint64_t stored_bytes = 0;
};

class Snapshot {
 public:
  // Reads the list of objects one by one, in the order of their paths.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Object;
    using difference_type = std::ptrdiff_t;
    using pointer = const Object *;
    using reference = Object;

    Iterator() = default;
    Object operator*() const;
    Iterator &operator++() {
      ++index_;
      return *this;
    }
    void operator++(int) { ++index_; }
    friend bool operator==(const Iterator &a, const Iterator &b) { return a.index_ == b.index_; }
    friend bool operator!=(const Iterator &a, const Iterator &b) { return !(a == b); }

   private:
    friend class Snapshot;
    Iterator(const std::shared_ptr<detail::SnapshotCore> &core, std::int64_t index)
        : core_(core), index_(index) {}
    std::shared_ptr<detail::SnapshotCore> core_;
    std::int64_t index_ = 0;
  };

  explicit Snapshot(const Url &url, Config config = {})
      : core_(std::make_shared<detail::SnapshotCore>(std::move(config))) {
    detail::CheckVersion();
    const char *place = detail::CText(url.text(), "the place");
    detail::EndCall(core_->held.Said(tsnap_snapshot_open(place, core_->held.c(), &core_->handle)),
                    {});
  }
  Snapshot(Snapshot &&) noexcept = default;
  Snapshot &operator=(Snapshot &&other) noexcept {
    if (this != &other) {
      close();
      core_ = std::move(other.core_);
    }
    return *this;
  }
  ~Snapshot() { close(); }

  // Closes it, when no other thread uses it; its Objects can be asked no more. Never fails; inside
  // of its own callback nothing happens.
  void close() noexcept {
    if (core_) tsnap_snapshot_close(&core_->handle);
  }

  SnapshotInfo info() const {
    tsnap_snapshot_info c = TSNAP_SNAPSHOT_INFO_INIT;
    detail::Check(tsnap_snapshot_info_get(handle(), &c));
    SnapshotInfo info;
    info.id = c.id;
    info.metadata = c.metadata;
    info.library_version = c.library_version;
    info.format = c.format;
    info.created =
        std::chrono::system_clock::time_point(std::chrono::seconds(c.created_unix_seconds));
    info.world_size = c.world_size;
    info.object_count = c.object_count;
    info.bytes = c.bytes;
    info.stored_bytes = c.stored_bytes;
    return info;
  }

  std::int64_t size() const { return info().object_count; }
  bool empty() const { return size() == 0; }
  Iterator begin() const { return Iterator(core_, 0); }
  Iterator end() const { return Iterator(core_, size()); }

  // The object with this path; NotFound without one.
  Object operator[](const std::string &path) const;
  std::optional<Object> find(const std::string &path) const;
  bool contains(const std::string &path) const { return find(path).has_value(); }

  // Reads and checks all stored bytes; the paths of the objects with bad ones.
  std::vector<std::string> verify() {
    std::int64_t count = 0;
    const char *const *paths = nullptr;
    const detail::Outcome ended = tsnap_snapshot_verify(handle(), &count, &paths);
    std::vector<std::string> bad;
    if (ended.status == TSNAP_E_CORRUPT && count > 0) {
      bad.assign(paths, paths + count);
      detail::EndCall(TSNAP_OK, {&core_->trap, &core_->held.trap()});
      return bad;
    }
    detail::EndCall(ended, {&core_->trap, &core_->held.trap()});
    return bad;
  }

  // Sets what is called during reads and verify, from a thread of the library: done and all bytes.
  void on_progress(std::function<void(std::uint64_t, std::uint64_t)> progress) {
    const bool any = static_cast<bool>(progress);
    detail::Check(tsnap_snapshot_set_progress(handle(), any ? Tell : nullptr, core_.get()));
    core_->progress = std::move(progress);
  }

  // The handle in C, which stays the Snapshot's own; NULL after close().
  tsnap_snapshot *handle() const noexcept { return core_ ? core_->handle : nullptr; }

 private:
  friend struct detail::SnapshotAccess;
  explicit Snapshot(std::shared_ptr<detail::SnapshotCore> core) : core_(std::move(core)) {}

  static void Tell(std::uint64_t done, std::uint64_t total, void *user) {
    auto *core = static_cast<detail::SnapshotCore *>(user);
    core->trap.Run([&] { core->progress(done, total); });
  }

  std::shared_ptr<detail::SnapshotCore> core_;
};

namespace detail {

struct SnapshotAccess {
  static Snapshot Adopt(tsnap_snapshot *handle) {
    auto core = std::make_shared<SnapshotCore>(Config{});
    core->handle = handle;
    return Snapshot(std::move(core));
  }
  static Object Make(std::shared_ptr<SnapshotCore> core, const tsnap_object_info &info) {
    return Object(std::move(core), info);
  }
};

}  // namespace detail

inline Object Snapshot::Iterator::operator*() const {
  tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
  detail::Check(tsnap_snapshot_object(core_->handle, index_, &info));
  return detail::SnapshotAccess::Make(core_, info);
}

inline Object Snapshot::operator[](const std::string &path) const {
  tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
  detail::Check(tsnap_snapshot_find(handle(), detail::CText(path, "the path"), &info));
  return detail::SnapshotAccess::Make(core_, info);
}

inline std::optional<Object> Snapshot::find(const std::string &path) const {
  tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
  const std::int32_t status = tsnap_snapshot_find(handle(), detail::CText(path, "the path"), &info);
  if (status == TSNAP_E_NOT_FOUND) return std::nullopt;
  detail::Check(status);
  return detail::SnapshotAccess::Make(core_, info);
}

}  // namespace tsnap

#endif
