// A trace as plain values: what TSNAP_TRACE wrote, checked. Knows no JSON and nothing of how it is
// drawn.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace tsnap::cli {

// What a rank was doing. The order is that of the page (web/timeline.js).
enum class Activity : uint8_t {
  kStage,
  kWrite,
  kRead,
  kVerifying,
  kWaitRanks,
  kWaitMemory,
  kWaitStaging,
  kPhase
};
inline constexpr size_t kActivities = 7;  // without phases, which contain the others

inline constexpr uint32_t kNoOperation = std::numeric_limits<uint32_t>::max();

// Times are in microseconds since the beginning of the trace.
struct Span {
  double begin = 0, end = 0;
  uint64_t bytes = 0;
  int32_t rank = 0;
  uint32_t operation = kNoOperation;  // its place in Trace::operations
  Activity activity = Activity::kPhase;
  uint8_t phase = 0;  // its place in Trace::phase_names
};

// A take or a restore as one rank saw it.
struct RankOperation {
  double begin = 0, end = 0;
  uint64_t bytes = 0, stored_bytes = 0;
  int32_t rank = 0;
  uint32_t operation = 0;
};

struct Operation {
  int64_t number = 0;
  std::string name, url, status;  // empty when its own events were dropped
};

struct LargeObject {
  std::string path;
  uint32_t operation = kNoOperation;
  uint64_t bytes = 0;  // that the ranks moved of it, all together
};

struct Trace {
  std::string version;  // of the library that wrote it
  int64_t ranks = 0;
  uint64_t dropped_spans = 0, unknown_events = 0;
  std::vector<Operation> operations;  // sorted by number
  std::vector<RankOperation> rank_operations;
  std::vector<Span> spans;
  std::vector<std::string> phase_names;
  std::vector<LargeObject> objects;
  bool objects_are_approximate = false;  // there were too many to keep them all
};

// Sums of numbers that nobody vouches for do not wrap around.
inline uint64_t AddBytes(uint64_t a, uint64_t b) {
  return a > std::numeric_limits<uint64_t>::max() - b ? std::numeric_limits<uint64_t>::max()
                                                      : a + b;
}

}  // namespace tsnap::cli
