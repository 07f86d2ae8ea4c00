// The generators of examples/rng.h behind one interface, and the ways to take a snapshot, for the tests that count draws.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "../../examples/rng.h"
#include "api.h"

namespace tsnap::test {

using Draws = std::vector<uint64_t>;

class Source {
 public:
  explicit Source(std::string name) : name_(std::move(name)) {}
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  const std::string& name() const { return name_; }

  virtual void Seed(uint32_t seed) = 0;
  virtual uint64_t Draw() = 0;
  virtual int32_t Add(tsnap_state* state, const std::string& path, int32_t kind = TSNAP_PRIVATE) = 0;

  Draws DrawMany(int count) {
    Draws draws;
    for (int i = 0; i < count; ++i) draws.push_back(Draw());
    return draws;
  }

 private:
  const std::string name_;
};

// The process has one of these: in a state there may be one as well.
class Drand48Source : public Source {
 public:
  explicit Drand48Source(bool own_parameters) : Source(own_parameters ? "lcong48" : "drand48"), own_parameters_(own_parameters) {}
  void Seed(uint32_t seed) override {
    srand48(static_cast<long>(seed));   // NOLINT: the interface's type
    if (!own_parameters_) return;
    unsigned short parameters[7] = {static_cast<unsigned short>(seed), 2, 3, 0x4bb5, 0x5db5, 0x2a1c, 0x8765};
    lcong48(parameters);
  }
  // All bits of X reach the draws sooner or later; those of the caller's own X show the multiplier and the addend at once.
  uint64_t Draw() override {
    unsigned short own[3] = {1, 2, 3};
    const auto high = static_cast<uint64_t>(static_cast<uint32_t>(mrand48()));
    return high << 32 | static_cast<uint32_t>(jrand48(own));
  }
  int32_t Add(tsnap_state* state, const std::string& path, int32_t kind) override {
    return AddDrand48(state, path.c_str(), kind, &registration_);
  }

 private:
  const bool own_parameters_;
  Drand48Registration registration_{};
};

#ifdef __GLIBC__
class RandomRSource : public Source {
 public:
  explicit RandomRSource(size_t bytes) : Source("random_r of " + std::to_string(bytes)), bytes_(bytes) { Seed(1); }
  // Each time in a buffer elsewhere; the one before is gone.
  void Seed(uint32_t seed) override {
    auto buffer = std::make_unique<int32_t[]>(bytes_ / sizeof(int32_t));
    data_ = {};
    CHECK(initstate_r(seed, reinterpret_cast<char*>(buffer.get()), bytes_, &data_) == 0);
    buffer_ = std::move(buffer);
  }
  uint64_t Draw() override {
    int32_t number = 0;
    CHECK(random_r(&data_, &number) == 0);
    return static_cast<uint64_t>(number);
  }
  int32_t Add(tsnap_state* state, const std::string& path, int32_t kind) override {
    return AddRandomR(state, path.c_str(), kind, &data_, &registration_);
  }
  const int32_t* buffer() const { return buffer_.get(); }
  random_data* data() { return &data_; }

 private:
  const size_t bytes_;
  std::unique_ptr<int32_t[]> buffer_;
  random_data data_{};
  RandomRRegistration registration_{};
};
#endif

class Pcg32Source : public Source {
 public:
  explicit Pcg32Source(uint64_t stream) : Source("pcg32 stream " + std::to_string(stream)), stream_(stream) {}
  void Seed(uint32_t seed) override { SeedPcg32(&generator_, seed, stream_); }
  uint64_t Draw() override { return DrawPcg32(&generator_); }
  int32_t Add(tsnap_state* state, const std::string& path, int32_t kind) override {
    return AddPcg32(state, path.c_str(), kind, &generator_, &registration_);
  }

 private:
  const uint64_t stream_;
  Pcg32 generator_{};
  Pcg32Registration registration_{};
};

using Sources = std::vector<std::unique_ptr<Source>>;

// A list without one of drand48, which its process has only one of.
inline Sources OwnedSources() {
  Sources sources;
#ifdef __GLIBC__
  for (const size_t bytes : {8, 32, 64, 128, 256}) sources.push_back(std::make_unique<RandomRSource>(bytes));
#endif
  sources.push_back(std::make_unique<Pcg32Source>(0));
  sources.push_back(std::make_unique<Pcg32Source>(54));
  return sources;
}

// All that one state may have at a time.
inline Sources SourcesTogether(bool own_parameters = true) {
  Sources sources = OwnedSources();
  sources.push_back(std::make_unique<Drand48Source>(own_parameters));
  return sources;
}

// Each kind there is, to be tried one after the other.
inline Sources EverySource() {
  Sources sources = SourcesTogether(false);
  sources.push_back(std::make_unique<Drand48Source>(true));
  return sources;
}

inline void SeedAll(const Sources& sources, uint32_t seed) {
  for (size_t i = 0; i < sources.size(); ++i) sources[i]->Seed(seed + static_cast<uint32_t>(i));
}

inline void AddAll(const Sources& sources, tsnap_state* state, int32_t kind = TSNAP_PRIVATE) {
  for (size_t i = 0; i < sources.size(); ++i) CHECK_OK(sources[i]->Add(state, "random/" + std::to_string(i), kind));
}

inline Draws DrawFromAll(const Sources& sources, int count) {
  Draws all;
  for (const auto& source : sources) {
    const Draws draws = source->DrawMany(count);
    all.insert(all.end(), draws.begin(), draws.end());
  }
  return all;
}

// A part of the application that draws from every generator in each of its callbacks, and may fail after it has drawn.
class Gambler {
 public:
  explicit Gambler(const Sources& sources) : sources_(sources) {}
  int32_t describe_returns = TSNAP_OK;
  int describes = 0;

  void Add(tsnap_state* state, const char* path) {
    const tsnap_stateful callbacks = {sizeof(tsnap_stateful), Describe, Loaded, nullptr, this};
    CHECK_OK(tsnap_state_add_stateful(state, path, &callbacks));
  }
  const Draws& weights() const { return weights_; }
  void Forget() { weights_.assign(weights_.size(), 0); }

 private:
  // What it stores is drawn: like a network that is initialised at random.
  static int32_t Describe(tsnap_state* child, void* user) {
    auto* self = static_cast<Gambler*>(user);
    ++self->describes;
    self->weights_ = DrawFromAll(self->sources_, 3 + self->describes);
    self->weights_.resize(16);
    const tsnap_array array = Line(TSNAP_UINT64, self->weights_.data(), static_cast<int64_t>(self->weights_.size()));
    const int32_t added = tsnap_state_add_private(child, "weights", &array);
    return added != TSNAP_OK ? added : self->describe_returns;
  }
  static int32_t Loaded(void* user) {
    DrawFromAll(static_cast<Gambler*>(user)->sources_, 2);
    return TSNAP_OK;
  }

  const Sources& sources_;
  Draws weights_;
};

// What is promised of a take is promised of each way to make one.
struct Way {
  const char* name;
  int32_t (*take)(tsnap_context* context, const std::string& url, tsnap_state* state);
};

// A failure may come from either call; which, the codes do not tell.
inline int32_t TakeInBackground(tsnap_context* context, const std::string& url, tsnap_state* state) {
  const tsnap_take_options options = Quick();
  tsnap_request* request = nullptr;
  const int32_t code = tsnap_take_async(context, url.c_str(), state, &options, &request);
  if (code != TSNAP_OK) {
    CHECK(request == nullptr);
    return code;
  }
  return tsnap_request_free(&request);
}

inline const std::vector<Way> kWays = {{"tsnap_take", TakeQuick}, {"tsnap_take_async", TakeInBackground}};

}  // namespace tsnap::test
