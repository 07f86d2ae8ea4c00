// rng.hpp - the state of a random number engine or distribution as a text, or as its bytes.
//
// <random> defines what << writes, so the text is the same on every machine, though not always of
// every standard library (libstdc++ adds the position to std::mt19937's). Engines that cannot be
// written are stored byte by byte, if they are trivially copyable.
#ifndef TSNAP_CPP_RNG_HPP_
#define TSNAP_CPP_RNG_HPP_

#include <tsnap/state.h>

#include <algorithm>
#include <cstdint>
#include <locale>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>

#include <tsnap/cpp/error.hpp>
#include <tsnap/cpp/view.hpp>

namespace tsnap::detail {

template <typename Engine, typename = void>
struct HasText : std::false_type {};
template <typename Engine>
struct HasText<Engine,
               std::void_t<decltype(std::declval<std::ostream &>() << std::declval<Engine &>()),
                           decltype(std::declval<std::istream &>() >> std::declval<Engine &>())>>
    : std::true_type {};

template <typename Engine, bool kHasText = HasText<Engine>::value>
class EngineState {
 public:
  explicit EngineState(Engine *engine) : engine_(engine) {}

  void Capture() {
    std::ostringstream out;
    out.imbue(std::locale::classic());
    out << *engine_;
    text_ = out.str();
    // Numbers of another state may be longer: at most ten digits and a blank for each four bytes.
    text_.resize(std::max(4 * sizeof(Engine), 2 * text_.size()) + 256, '\0');
  }

  std::int32_t AddTo(tsnap_state *child, std::int32_t kind) {
    return tsnap_state_add_string(child, "state", kind, text_.data(), text_.size());
  }

  void PutBack() {
    std::istringstream in{std::string(text_.c_str())};
    in.imbue(std::locale::classic());
    Engine restored = *engine_;  // an engine that reads half of it stays as it was
    if (!(in >> restored))
      Throw(TSNAP_E_MISMATCH,
            "the text that is stored is not the state of this kind of random number generator");
    *engine_ = std::move(restored);
  }

 private:
  Engine *engine_;
  std::string text_;
};

template <typename Engine>
class EngineState<Engine, false> {
 public:
  explicit EngineState(Engine *engine) : engine_(engine), bytes_(*engine) {
    static_assert(std::is_trivially_copyable_v<Engine>,
                  "tsnap: this generator has neither << and >> nor is it trivially copyable; "
                  "register it with rng(path, describe, loaded)");
  }
  void Capture() { bytes_ = *engine_; }
  std::int32_t AddTo(tsnap_state *child, std::int32_t kind) {
    tsnap_array array = TSNAP_ARRAY_INIT;
    array.dtype = TSNAP_OPAQUE;
    array.item_bytes = sizeof(Engine);
    array.data = std::addressof(bytes_);
    return kind == TSNAP_PRIVATE ? tsnap_state_add_private(child, "state", &array)
                                 : tsnap_state_add_replicated(child, "state", &array);
  }
  void PutBack() { *engine_ = bytes_; }

 private:
  Engine *engine_;
  Engine bytes_;
};

}  // namespace tsnap::detail

#endif
