// What the programs that test takes in the background share: a request with an owner, memory with a pattern that is quick to check,
// and writes that are held back, so that a take is pending for as long as a test wants it to be.
#pragma once

#include <cstdint>
#include <vector>

#include "api.h"
#include "file_probe.h"

namespace tsnap::test {

// Waits at the latest when it goes; what becomes of it then is the test's to ask before.
class Request {
 public:
  Request() = default;
  ~Request() { tsnap_request_free(&request_); }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;
  operator tsnap_request*() { return request_; }  // NOLINT: it stands for the handle in calls
  tsnap_request** out() { return &request_; }

 private:
  tsnap_request* request_ = nullptr;
};

inline int32_t TakeAsyncQuick(tsnap_context* context, const std::string& url, tsnap_state* state, Request* request,
                              int32_t codec = TSNAP_CODEC_NONE) {
  const tsnap_take_options options = Quick(codec);
  return tsnap_take_async(context, url.c_str(), state, &options, request->out());
}

inline bool IsDone(tsnap_request* request) {
  int32_t done = -1;
  CHECK_OK(tsnap_request_test(request, &done));
  CHECK(done == 0 || done == 1);
  return done == 1;
}

// While it lives nothing is written to slabs: what is staged by then is all that a snapshot can hold.
class WritesHeld {
 public:
  WritesHeld() { HoldWrites(true); }
  ~WritesHeld() { HoldWrites(false); }
  WritesHeld(const WritesHeld&) = delete;
  WritesHeld& operator=(const WritesHeld&) = delete;
};

// Words that follow from a seed.
inline void FillWords(uint64_t* words, size_t count, uint64_t seed) {
  for (size_t i = 0; i < count; ++i) words[i] = (i + seed) * 0x9e3779b97f4a7c15;
}
inline bool HoldWords(const uint64_t* words, size_t count, uint64_t seed) {
  for (size_t i = 0; i < count; ++i) {
    if (words[i] != (i + seed) * 0x9e3779b97f4a7c15) return false;
  }
  return true;
}

class Words {
 public:
  explicit Words(size_t count, uint64_t seed = 1) : words_(count) { Fill(seed); }
  void Fill(uint64_t seed) { FillWords(words_.data(), words_.size(), seed); }
  bool Hold(uint64_t seed) const { return HoldWords(words_.data(), words_.size(), seed); }
  tsnap_array Describe() { return Line(TSNAP_UINT64, words_.data(), static_cast<int64_t>(words_.size())); }
  uint64_t bytes() const { return 8 * words_.size(); }

 private:
  std::vector<uint64_t> words_;
};

// A state with one private array of words.
struct OneArray {
  State state;
  Words words;
  explicit OneArray(size_t count = 100000, uint64_t seed = 1, const char* path = "a") : words(count, seed) {
    const tsnap_array array = words.Describe();
    CHECK_OK(tsnap_state_add_private(state, path, &array));
  }
  // What lies at the url is of that seed; the words are as before.
  void CheckStored(const std::string& url, uint64_t seed) {
    Self reader;
    OneArray read(words.bytes() / 8, 0);
    CHECK_OK(tsnap_restore(reader, url.c_str(), read.state, nullptr));
    CHECK_TEXT(read.words.Hold(seed), url + " does not hold seed " + std::to_string(seed));
  }
};

inline tsnap_statistics StatisticsOf(tsnap_context* context) {
  tsnap_statistics statistics = TSNAP_STATISTICS_INIT;
  CHECK_OK(tsnap_context_statistics(context, &statistics));
  return statistics;
}

inline tsnap_config Budget(uint64_t bytes, int32_t staging_threads = 0, int32_t io_concurrency = 0) {
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.memory_budget_bytes = bytes;
  config.staging_threads = staging_threads;
  config.io_concurrency = io_concurrency;
  config.io_timeout_seconds = 30;
  return config;
}

constexpr uint64_t kMiB = 1 << 20;

}  // namespace tsnap::test
