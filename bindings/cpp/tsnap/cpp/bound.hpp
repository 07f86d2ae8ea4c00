// bound.hpp - what is bound to a state anew at each take and restore, since its size or address may
// have changed: std::string, byte blocks, grow(), bool. And the part of a State that stays where it
// is when the State is moved.
//
// Before a restore the sizes that are stored are looked up, so that there is room for what comes.
// That is done by each rank for itself, and only for such objects. What cannot be looked up is left
// as it is: the restore meets the same and says what is wrong, on all ranks.
#ifndef TSNAP_CPP_BOUND_HPP_
#define TSNAP_CPP_BOUND_HPP_

#include <tsnap/request.h>
#include <tsnap/snapshot.h>
#include <tsnap/state.h>

#include <cstddef>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tsnap/cpp/config.hpp>
#include <tsnap/cpp/error.hpp>
#include <tsnap/cpp/text.hpp>
#include <tsnap/cpp/view.hpp>

namespace tsnap::detail {

// Finds the objects that a restore will read for this rank.
class Lookup {
 public:
  // pending: the context's take in the background, or NULL. A restore waits for it first, and so
  // does the look-up.
  Lookup(const char *url, const tsnap_config *config, tsnap_request *pending, std::int64_t rank,
         bool new_ranks_copy)
      : url_(url),
        config_(config),
        pending_(pending),
        rank_(rank),
        new_ranks_copy_(new_ranks_copy) {}
  Lookup(const Lookup &) = delete;
  Lookup &operator=(const Lookup &) = delete;
  ~Lookup() { tsnap_snapshot_close(&snapshot_); }

  bool Find(const std::string &path, std::int32_t kind, tsnap_object_info *out) {
    if (!opened_) {
      opened_ = true;
      if (pending_ != nullptr) (void)tsnap_request_wait(pending_);
      if (tsnap_snapshot_open(url_, config_, &snapshot_) != TSNAP_OK) snapshot_ = nullptr;
    }
    if (snapshot_ == nullptr) return false;
    // In the order in which a restore looks.
    const bool own = kind == TSNAP_PRIVATE;
    return (own && Has(std::to_string(rank_) + "/" + path, out)) || Has(path, out) ||
           (own && new_ranks_copy_ && Has("0/" + path, out));
  }

 private:
  bool Has(const std::string &path, tsnap_object_info *out) {
    return tsnap_snapshot_find(snapshot_, path.c_str(), out) == TSNAP_OK;
  }

  const char *url_;
  const tsnap_config *config_;
  tsnap_request *pending_;
  std::int64_t rank_;
  bool new_ranks_copy_;
  bool opened_ = false;
  tsnap_snapshot *snapshot_ = nullptr;
};

// A function or object that the state keeps for C to call.
struct Kept {
  virtual ~Kept() = default;
  virtual void CallEnded() = 0;
};

class Bound {
 public:
  Bound(std::string path, std::int32_t kind) : path_(std::move(path)), kind_(kind) {}
  Bound(const Bound &) = delete;
  Bound &operator=(const Bound &) = delete;
  virtual ~Bound() = default;

  const std::string &path() const noexcept { return path_; }
  std::int32_t kind() const noexcept { return kind_; }
  bool in_state = false;  // it is registered

  virtual std::int32_t Add(tsnap_state *state) = 0;
  virtual bool Moved() const = 0;  // since it was added
  virtual void BeforeTake() {}
  // Before a restore as well: Restored() comes also for what is not in the snapshot, and must leave
  // it as it is now.
  virtual void Gather() {}
  virtual void MakeRoom(const tsnap_object_info &stored) { (void)stored; }
  virtual void Restored() {}

 private:
  std::string path_;
  std::int32_t kind_;
};

// C has truth values of four bytes.
class BoundBool final : public Bound {
 public:
  BoundBool(std::string path, std::int32_t kind, bool *value)
      : Bound(std::move(path), kind), value_(value) {}
  std::int32_t Add(tsnap_state *state) override {
    Gather();
    return tsnap_state_add_bool(state, path().c_str(), kind(), &c_);
  }
  bool Moved() const override { return false; }
  void Gather() override { c_ = *value_ ? 1 : 0; }
  void Restored() override { *value_ = c_ != 0; }

 private:
  bool *value_;
  std::int32_t c_ = 0;
};

class BoundString final : public Bound {
 public:
  BoundString(std::string path, std::int32_t kind, std::string *text)
      : Bound(std::move(path), kind), text_(text) {}
  std::int32_t Add(tsnap_state *state) override {
    data_ = text_->data();
    size_ = text_->size();
    return tsnap_state_add_string(state, path().c_str(), kind(), data_, size_ + 1);
  }
  bool Moved() const override { return data_ != text_->data() || size_ != text_->size(); }
  void BeforeTake() override {
    if (HoldsNul(*text_))
      ThrowInvalid("the string '" + path() + "' holds a NUL: register it as bytes");
  }
  void Gather() override { holds_nul_ = HoldsNul(*text_); }
  void MakeRoom(const tsnap_object_info &stored) override {
    if (stored.type != TSNAP_OBJECT_STRING) return;
    text_->resize(static_cast<std::size_t>(stored.bytes));
    holds_nul_ = false;  // but for those that fill the room
  }
  void Restored() override {
    if (!holds_nul_) text_->resize(std::strlen(text_->c_str()));
  }

 private:
  std::string *text_;
  bool holds_nul_ = false;
  char *data_ = nullptr;
  std::size_t size_ = 0;
};

template <typename Container>
class BoundBytes final : public Bound {
 public:
  BoundBytes(std::string path, std::int32_t kind, Container *container)
      : Bound(std::move(path), kind), container_(container) {}
  std::int32_t Add(tsnap_state *state) override {
    data_ = container_->data();
    size_ = capacity_ = container_->size();
    return tsnap_state_add_bytes(state, path().c_str(), kind(), data_, capacity_, &size_);
  }
  bool Moved() const override {
    return data_ != container_->data() || capacity_ != container_->size();
  }
  void Gather() override { size_ = container_->size(); }
  void MakeRoom(const tsnap_object_info &stored) override {
    if (stored.type != TSNAP_OBJECT_BYTES) return;
    container_->resize(static_cast<std::size_t>(stored.bytes));
    Gather();
  }
  void Restored() override { container_->resize(size_); }

 private:
  Container *container_;
  void *data_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
};

template <typename Container>
class BoundArray final : public Bound {
 public:
  BoundArray(std::string path, std::int32_t kind, Container *container)
      : Bound(std::move(path), kind), container_(container) {}
  std::int32_t Add(tsnap_state *state) override {
    data_ = container_->data();
    size_ = container_->size();
    const tsnap_array array = ArrayOf(*container_);
    return kind() == TSNAP_PRIVATE ? tsnap_state_add_private(state, path().c_str(), &array)
                                   : tsnap_state_add_replicated(state, path().c_str(), &array);
  }
  bool Moved() const override { return data_ != container_->data() || size_ != container_->size(); }
  void MakeRoom(const tsnap_object_info &stored) override {
    const tsnap_array mine = ArrayOf(*container_);
    if (stored.type == TSNAP_OBJECT_ARRAY && stored.dtype == mine.dtype && stored.ndim == mine.ndim)
      container_->resize(static_cast<std::size_t>(stored.shape[0]));
  }

 private:
  Container *container_;
  const void *data_ = nullptr;
  std::size_t size_ = 0;
};

// A State without its functions. A child that a stateful describes has one of its own.
struct StateCore {
  tsnap_state *handle = nullptr;
  bool owned = true;
  bool stalled = false;  // a thread of the library may use its memory for good
  StateCore *parent = nullptr;
  std::string prefix;        // of a child: the path of its stateful and "/"
  Lookup *lookup = nullptr;  // of the root, during a restore
  Trap trap;                 // of the root
  std::map<std::string, std::unique_ptr<Kept>> kept;
  std::map<std::string, std::unique_ptr<Bound>> bound;
  std::map<std::string, std::map<std::string, std::string>> attributes;  // of what is bound

  StateCore &root() noexcept { return parent == nullptr ? *this : parent->root(); }

  // A place for what the path keeps. Made before C is asked to register: afterwards nothing fails.
  std::unique_ptr<Kept> &Reserve(const std::string &path) { return kept[path]; }

  void Bind(const std::string &path, std::unique_ptr<Bound> one) {
    std::unique_ptr<Bound> &place = bound[path];
    if (parent != nullptr) Prepare(*one);  // while it is described it is taken or restored
    Check(one->Add(handle));
    one->in_state = true;
    place = std::move(one);
  }

  // Before a take or restore: what has moved is registered anew, with its attributes.
  void BindAnew() {
    for (const auto &[path, one] : bound) {
      if (!one) continue;
      Prepare(*one);
      if (one->in_state && !one->Moved()) continue;
      if (one->in_state) Check(tsnap_state_remove(handle, path.c_str()));
      one->in_state = false;
      Check(one->Add(handle));
      one->in_state = true;
      for (const auto &[name, value] : attributes[path])
        Check(tsnap_state_set_attribute(handle, path.c_str(), name.c_str(), value.c_str()));
    }
  }

  void Restored() {
    for (const auto &entry : bound) {
      if (entry.second) entry.second->Restored();
    }
  }

  void CallEnded() {
    for (const auto &entry : kept) {
      if (entry.second) entry.second->CallEnded();
    }
  }

  void Remember(const std::string &path, const std::string &name, const std::string &value) {
    if (const auto found = bound.find(path); found != bound.end() && found->second)
      attributes[path][name] = value;
  }

  void Forget(const std::string &path) {
    kept.erase(path);
    bound.erase(path);
    attributes.erase(path);
  }

 private:
  void Prepare(Bound &one) {
    Lookup *stored = root().lookup;
    one.Gather();
    if (stored == nullptr) {
      one.BeforeTake();
      return;
    }
    tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
    if (stored->Find(prefix + one.path(), one.kind(), &info)) one.MakeRoom(info);
  }
};

// One collective call that uses a state. A failure of this rank alone must not keep it from making
// the call, for which the others wait: it becomes a stateful that fails, and so the call does, on
// all ranks.
class StateUse {
 public:
  StateUse(StateCore &core, Lookup *lookup)
      : core_(core), lookup_before_(std::exchange(core.lookup, lookup)) {}
  StateUse(const StateUse &) = delete;
  StateUse &operator=(const StateUse &) = delete;
  ~StateUse() {
    core_.lookup = lookup_before_;
    core_.CallEnded();
  }

  template <typename Call>
  Outcome Run(Call &&call) {
    const bool bound = core_.trap.Run([this] { core_.BindAnew(); });
    if (!bound) {
      tsnap_stateful fails = TSNAP_STATEFUL_INIT;
      fails.describe = [](tsnap_state *, void *) -> std::int32_t { return TSNAP_E_CALLBACK; };
      (void)tsnap_state_add_stateful(core_.handle, kUnbound, &fails);
    }
    Outcome ended = call();
    if (!bound) (void)tsnap_state_remove(core_.handle, kUnbound);
    if (ended.status == TSNAP_E_TIMEOUT) core_.stalled = true;
    if (ended.status == TSNAP_OK && core_.lookup != nullptr)
      core_.trap.Run([this] { core_.Restored(); });
    return ended;
  }

 private:
  static constexpr const char *kUnbound = "what could not be registered anew";

  StateCore &core_;
  Lookup *lookup_before_;
};

template <typename Part, typename State, typename = void>
struct HasDescribe : std::false_type {};
template <typename Part, typename State>
struct HasDescribe<Part, State,
                   std::void_t<decltype(std::declval<Part &>().describe(std::declval<State &>()))>>
    : std::true_type {};
template <typename Part, typename = void>
struct HasLoaded : std::false_type {};
template <typename Part>
struct HasLoaded<Part, std::void_t<decltype(std::declval<Part &>().loaded())>> : std::true_type {};
template <typename Part, typename = void>
struct HasRelease : std::false_type {};
template <typename Part>
struct HasRelease<Part, std::void_t<decltype(std::declval<Part &>().release())>> : std::true_type {
};

}  // namespace tsnap::detail

#endif
