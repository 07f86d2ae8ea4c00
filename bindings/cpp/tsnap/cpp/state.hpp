// state.hpp - a state: what the application registers, by name and address, to be taken and
// restored.
//
// A State keeps addresses: what is registered must stay where it is. Temporaries and constants are
// refused at compile time. What may change its size or place is bound anew at each take and
// restore: std::string, byte blocks, and whatever is wrapped in grow().
#ifndef TSNAP_CPP_STATE_HPP_
#define TSNAP_CPP_STATE_HPP_

#include <tsnap/state.h>

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tsnap/cpp/bound.hpp>
#include <tsnap/cpp/error.hpp>
#include <tsnap/cpp/rng.hpp>
#include <tsnap/cpp/text.hpp>
#include <tsnap/cpp/view.hpp>

namespace tsnap {

class Context;
class State;

// One of this rank's boxes of a sharded array: where it lies in memory, and in the whole.
template <typename T>
struct Box {
  View<T> view;
  Dims offset;
  Box(View<T> box_view, const Dims &box_offset) : view(std::move(box_view)), offset(box_offset) {}
};

// A container whose size and address may change between takes, and which a restore resizes along
// its first axis: grow(particles). The container itself must stay.
template <typename Container>
struct Grow {
  Container *container;
};
template <typename Container>
Grow<Container> grow(Container &container) {
  static_assert(!std::is_const_v<Container>, "tsnap: a restore would write into this");
  return {&container};
}

// What was just registered, for what else there is to say about it.
template <typename T>
class Registered {
 public:
  Registered(State *state, std::string path) : state_(state), path_(std::move(path)) {}

  // A text under a name, stored with the object.
  Registered &attribute(const std::string &name, const std::string &value);
  // The boxes do not cover the whole: the rest reads as fill.
  Registered &sparse(const T &fill = T{});
  // The boxes cover the whole, and equal values may be held by several ranks.
  Registered &duplicates();

 private:
  State *state_;
  std::string path_;
};

namespace detail {
class Stateful;
struct StateAccess;
}  // namespace detail

class State {
 public:
  State() {
    detail::CheckVersion();
    core_ = std::make_unique<detail::StateCore>();
    detail::Check(tsnap_state_create(&core_->handle));
  }
  State(State &&) noexcept = default;
  State &operator=(State &&other) noexcept {
    if (this != &other) {
      Destroy();
      core_ = std::move(other.core_);
    }
    return *this;
  }
  ~State() { Destroy(); }

  // Registers a thing that each rank has its own of: an array (view.hpp says what is one), a
  // number, a truth value, a std::string, a char buffer, a record.
  template <typename Thing>
  auto private_(const std::string &path, Thing &&thing) {
    return Add(path, TSNAP_PRIVATE, std::forward<Thing>(thing));
  }

  // The same of a thing that is equal on all ranks: stored once, restored on every rank.
  template <typename Thing>
  auto replicated(const std::string &path, Thing &&thing) {
    return Add(path, TSNAP_REPLICATED, std::forward<Thing>(thing));
  }

  // Registers this rank's box of a global array: view lies at offset in a whole of global_shape.
  template <typename Thing>
  auto sharded(const std::string &path, Thing &&view, const Dims &global_shape,
               const Dims &offset) {
    using Bare = std::remove_reference_t<Thing>;
    detail::CheckThing<Bare, std::is_lvalue_reference_v<Thing>>();
    using Element = std::remove_cv_t<detail::ElementOf<Bare>>;
    tsnap_array box = detail::ArrayOf(view);
    detail::SetOffset(box, detail::WithInnerAxes<Element>(offset, false), path.c_str());
    AddBoxes(path, detail::WithInnerAxes<Element>(global_shape, true), &box, 1);
    return Registered<detail::LeafOf<Element>>(this, path);
  }

  // Registers any number of boxes, none included.
  template <typename T>
  auto sharded(const std::string &path, const Dims &global_shape,
               const std::vector<Box<T>> &boxes) {
    static_assert(!std::is_const_v<T>, "tsnap: a restore would write into this, and it is const");
    detail::CheckElement<T>();
    std::vector<tsnap_array> arrays;
    for (const Box<T> &box : boxes) {
      arrays.push_back(detail::ArrayOf(box.view));
      detail::SetOffset(arrays.back(), detail::WithInnerAxes<T>(box.offset, false), path.c_str());
    }
    AddBoxes(path, detail::WithInnerAxes<T>(global_shape, true), arrays.data(), arrays.size());
    return Registered<detail::LeafOf<T>>(this, path);
  }

  // Registers a block of bytes without a type: a container of bytes, resized by a restore.
  template <typename Container>
  auto private_bytes(const std::string &path, Container &container) {
    return AddBytes(path, TSNAP_PRIVATE, container);
  }
  template <typename Container>
  auto replicated_bytes(const std::string &path, Container &container) {
    return AddBytes(path, TSNAP_REPLICATED, container);
  }

  // Registers a part that describes itself: describe(State &child) registers its objects below
  // path, at each take and restore; loaded() comes after they are restored, release() when what
  // describe has made is no longer needed. The functions are kept, and what they refer to is not.
  template <typename Describe, std::enable_if_t<std::is_invocable_v<Describe &, State &>, int> = 0>
  void stateful(const std::string &path, Describe &&describe, std::function<void()> loaded = {},
                std::function<void()> release = {}) {
    AddStateful(path, std::forward<Describe>(describe), std::move(loaded), std::move(release),
                tsnap_state_add_stateful);
  }

  // The same of an object with describe(State &), and perhaps loaded() and release().
  template <typename Part, std::enable_if_t<detail::HasDescribe<Part, State>::value, int> = 0>
  void stateful(const std::string &path, Part &part) {
    std::function<void()> loaded, release;
    if constexpr (detail::HasLoaded<Part>::value) loaded = [&part] { part.loaded(); };
    if constexpr (detail::HasRelease<Part>::value) release = [&part] { part.release(); };
    AddStateful(
        path, [&part](State &child) { part.describe(child); }, std::move(loaded),
        std::move(release), tsnap_state_add_stateful);
  }

  // Registers a random number generator or a distribution: anything that is written with << and
  // read with >>, as those of <random>, or else any trivially copyable engine. A take leaves it as
  // it was.
  template <typename Engine,
            std::enable_if_t<
                detail::HasText<Engine>::value || !std::is_invocable_v<Engine &, State &>, int> = 0>
  void rng(const std::string &path, Engine &engine) {
    AddRng(path, TSNAP_PRIVATE, engine);
  }
  // Of a generator that is equal on all ranks.
  template <typename Engine>
  void replicated_rng(const std::string &path, Engine &engine) {
    AddRng(path, TSNAP_REPLICATED, engine);
  }
  // A generator that describes itself, as stateful() has it.
  template <typename Describe, std::enable_if_t<!detail::HasText<std::decay_t<Describe>>::value &&
                                                    std::is_invocable_v<Describe &, State &>,
                                                int> = 0>
  void rng(const std::string &path, Describe &&describe, std::function<void()> loaded = {},
           std::function<void()> release = {}) {
    AddStateful(path, std::forward<Describe>(describe), std::move(loaded), std::move(release),
                tsnap_state_add_rng);
  }

  void attribute(const std::string &path, const std::string &name, const std::string &value) {
    detail::Check(tsnap_state_set_attribute(core().handle, detail::CText(path, "the path"),
                                            detail::CText(name, "the name of an attribute"),
                                            detail::CText(value, "the value of an attribute")));
    core().Remember(path, name, value);
  }

  // Takes what matches the glob for replicated, at take.
  void replicate(const std::string &glob) {
    detail::Check(tsnap_state_replicate(core().handle, detail::CText(glob, "the glob")));
  }

  void remove(const std::string &path) {
    detail::Check(tsnap_state_remove(core().handle, detail::CText(path, "the path")));
    core().Forget(path);
  }

  // The handle in C, which stays the State's own. Of what is bound anew at each take (above), a
  // call of C's sees what it was at the last one.
  tsnap_state *handle() const noexcept { return core_ ? core_->handle : nullptr; }

 private:
  friend struct detail::StateAccess;
  template <typename T>
  friend class Registered;

  explicit State(std::unique_ptr<detail::StateCore> core) : core_(std::move(core)) {}

  detail::StateCore &core() const {
    if (!core_) detail::ThrowInvalid("this State was moved from");
    return *core_;
  }

  void Destroy() noexcept {
    if (!core_) return;
    if (core_->owned) tsnap_state_destroy(&core_->handle);
    // Inside of a callback nothing is destroyed; after a stall a thread may still use the memory.
    if ((core_->owned && core_->handle != nullptr) || core_->stalled) (void)core_.release();
  }

  template <typename Thing>
  auto Add(const std::string &path, std::int32_t kind, Thing &&thing);
  void AddBoxes(const std::string &path, const Dims &global_shape, const tsnap_array *boxes,
                std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      if (boxes[i].ndim != global_shape.size())
        detail::ThrowInvalid("the global shape of '" + path + "' is " + global_shape.text() +
                             ", and a box of it has " + std::to_string(boxes[i].ndim) +
                             " dimensions");
    }
    detail::Check(tsnap_state_add_sharded(core().handle, detail::CText(path, "the path"),
                                          global_shape.data(), boxes, count));
  }
  template <typename Container>
  Registered<std::byte> AddBytes(const std::string &path, std::int32_t kind, Container &container) {
    static_assert(sizeof(*container.data()) == 1, "tsnap: a container of bytes is wanted here");
    (void)detail::CText(path, "the path");
    core().Bind(path, std::make_unique<detail::BoundBytes<Container>>(path, kind, &container));
    return {this, path};
  }
  void AddStateful(const std::string &path, std::function<void(State &)> describe,
                   std::function<void()> loaded, std::function<void()> release,
                   decltype(&tsnap_state_add_stateful) add);
  template <typename Engine>
  void AddRng(const std::string &path, std::int32_t kind, Engine &engine);

  std::unique_ptr<detail::StateCore> core_;
};

namespace detail {

// What the other parts of the binding see of a State.
struct StateAccess {
  static StateCore &core(State &state) { return state.core(); }
  static State Child(std::unique_ptr<StateCore> core) { return State(std::move(core)); }
};

// The functions of a part that describes itself, and what its describes have left: it lives until
// the call of C's that asked for it has ended.
class Stateful : public Kept {
 public:
  Stateful(StateCore *owner, std::string path, std::function<void(State &)> describe,
           std::function<void()> loaded, std::function<void()> release)
      : owner_(owner),
        path_(std::move(path)),
        describe_(std::move(describe)),
        loaded_(std::move(loaded)),
        release_(std::move(release)) {}

  tsnap_stateful Callbacks() {
    tsnap_stateful callbacks = TSNAP_STATEFUL_INIT;
    callbacks.describe = Describe;
    callbacks.loaded = Loaded;
    callbacks.release = Release;
    callbacks.user = this;
    return callbacks;
  }

  void CallEnded() override {
    if (unreleased_ == 0) children_.clear();
  }

 private:
  static std::int32_t Describe(tsnap_state *child, void *user) {
    auto *self = static_cast<Stateful *>(user);
    ++self->unreleased_;
    return self->Run([&] {
      auto core = std::make_unique<StateCore>();
      core->handle = child;
      core->owned = false;
      core->parent = self->owner_;
      core->prefix = self->owner_->prefix + self->path_ + "/";
      self->children_.push_back(std::make_unique<State>(StateAccess::Child(std::move(core))));
      self->describe_(*self->children_.back());
    });
  }

  static std::int32_t Loaded(void *user) {
    auto *self = static_cast<Stateful *>(user);
    return self->Run([&] {
      // The last describe is the one whose objects were restored.
      if (!self->children_.empty()) StateAccess::core(*self->children_.back()).Restored();
      if (self->loaded_) self->loaded_();
    });
  }

  static void Release(void *user) {
    auto *self = static_cast<Stateful *>(user);
    --self->unreleased_;
    if (self->release_) self->Run([&] { self->release_(); });
  }

  template <typename Callback>
  std::int32_t Run(Callback &&callback) noexcept {
    return owner_->root().trap.Run(callback) ? TSNAP_OK : TSNAP_E_CALLBACK;
  }

  StateCore *owner_;
  std::string path_;
  std::function<void(State &)> describe_;
  std::function<void()> loaded_, release_;
  std::vector<std::unique_ptr<State>> children_;
  int unreleased_ = 0;
};

template <typename Thing>
struct IsGrow : std::false_type {};
template <typename Container>
struct IsGrow<Grow<Container>> : std::true_type {};

// Any of C++'s signed types of 64 bits is C's int64_t.
template <typename T>
inline constexpr bool kIsInt64 = std::is_integral_v<T> &&std::is_signed_v<T> && sizeof(T) == 8;

}  // namespace detail

template <typename Thing>
auto State::Add(const std::string &path, std::int32_t kind, Thing &&thing) {
  using Bare = std::remove_reference_t<Thing>;
  tsnap_state *handle = core().handle;
  const char *c_path = detail::CText(path, "the path");
  if constexpr (detail::IsGrow<std::remove_cv_t<Bare>>::value) {
    using Container = std::remove_reference_t<decltype(*thing.container)>;
    using Element = detail::ElementOf<Container>;
    static_assert(detail::HasDataAndSize<Container>::value && !std::is_array_v<Container>,
                  "tsnap: grow() wants a container with resize(), such as std::vector");
    detail::CheckThing<Container, true>();
    core().Bind(path, std::make_unique<detail::BoundArray<Container>>(path, kind, thing.container));
    return Registered<detail::LeafOf<Element>>(this, path);
  } else {
    static_assert(!std::is_same_v<std::remove_cv_t<Bare>, std::vector<bool>>,
                  "tsnap: std::vector<bool> has no memory to point to; use std::vector<char>, or a "
                  "std::unique_ptr<bool[]> with a View");
    detail::CheckThing<Bare, std::is_lvalue_reference_v<Thing>>();
    if constexpr (std::is_same_v<Bare, std::string>) {
      core().Bind(path, std::make_unique<detail::BoundString>(path, kind, &thing));
      return Registered<char>(this, path);
    } else if constexpr (std::is_same_v<Bare, bool>) {
      core().Bind(path, std::make_unique<detail::BoundBool>(path, kind, &thing));
      return Registered<bool>(this, path);
    } else if constexpr (std::is_array_v<Bare> &&
                         std::is_same_v<std::remove_extent_t<Bare>, char>) {
      detail::Check(tsnap_state_add_string(handle, c_path, kind, thing, std::extent_v<Bare>));
      return Registered<char>(this, path);
    } else if constexpr (detail::kIsInt64<Bare>) {
      detail::Check(
          tsnap_state_add_int64(handle, c_path, kind, reinterpret_cast<std::int64_t *>(&thing)));
      return Registered<Bare>(this, path);
    } else if constexpr (std::is_same_v<Bare, double>) {
      detail::Check(tsnap_state_add_float64(handle, c_path, kind, &thing));
      return Registered<Bare>(this, path);
    } else {
      const tsnap_array array = detail::ArrayOf(thing);
      detail::Check(kind == TSNAP_PRIVATE ? tsnap_state_add_private(handle, c_path, &array)
                                          : tsnap_state_add_replicated(handle, c_path, &array));
      return Registered<detail::LeafOf<detail::ElementOf<Bare>>>(this, path);
    }
  }
}

inline void State::AddStateful(const std::string &path, std::function<void(State &)> describe,
                               std::function<void()> loaded, std::function<void()> release,
                               decltype(&tsnap_state_add_stateful) add) {
  const char *c_path = detail::CText(path, "the path");
  auto kept = std::make_unique<detail::Stateful>(&core(), path, std::move(describe),
                                                 std::move(loaded), std::move(release));
  const tsnap_stateful callbacks = kept->Callbacks();
  std::unique_ptr<detail::Kept> &place = core().Reserve(path);
  detail::Check(add(core().handle, c_path, &callbacks));
  place = std::move(kept);
}

template <typename Engine>
void State::AddRng(const std::string &path, std::int32_t kind, Engine &engine) {
  static_assert(!std::is_const_v<Engine>, "tsnap: a restore would write into this generator");
  auto text = std::make_shared<detail::EngineState<Engine>>(&engine);
  AddStateful(
      path,
      [text, kind](State &child) {
        text->Capture();
        detail::Check(text->AddTo(child.handle(), kind));
      },
      [text] { text->PutBack(); }, {}, tsnap_state_add_rng);
}

template <typename T>
Registered<T> &Registered<T>::attribute(const std::string &name, const std::string &value) {
  state_->attribute(path_, name, value);
  return *this;
}

template <typename T>
Registered<T> &Registered<T>::sparse(const T &fill) {
  detail::Check(tsnap_state_set_coverage(state_->handle(), path_.c_str(), TSNAP_COVER_SPARSE,
                                         std::addressof(fill)));
  return *this;
}

template <typename T>
Registered<T> &Registered<T>::duplicates() {
  detail::Check(
      tsnap_state_set_coverage(state_->handle(), path_.c_str(), TSNAP_COVER_DUPLICATES, nullptr));
  return *this;
}

}  // namespace tsnap

#endif
