// The small state that the fault tests take and restore: an object of every kind, whose values follow from a step and from
// the place where they stand, so that stale, partial or mixed data shows. And the whole reader of what such a take left.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <tsnap.h>

namespace tsnap::test {

struct Sizes {
  int64_t rows = 24;            // of the field, per rank
  int64_t columns = 2048;       // doubles: 384 KiB per rank
  int64_t own_items = 40000;    // floats: 160 kB per rank
  int64_t shared_items = 40000;  // 320 kB in all
};
inline constexpr Sizes kSmallSizes{2, 512, 500, 700};

// What a stateful of the state does, and what was done to it.
struct Behaviour {
  int32_t describe_returns = 0;
  int32_t loaded_returns = 0;
  int describes = 0, loads = 0, releases = 0;
};

class FaultState {
 public:
  FaultState(int rank, int size, const Sizes& sizes = {});
  ~FaultState();
  FaultState(const FaultState&) = delete;
  FaultState& operator=(const FaultState&) = delete;

  tsnap_state* get() const;
  void Fill(uint64_t step);                              // allocates nothing, and Scribble neither
  void Scribble();                                       // values that no step has
  std::vector<std::string> Wrong(uint64_t step) const;   // paths of the objects that do not hold the step's values
  bool Holds(uint64_t step) const { return Wrong(step).empty(); }
  static const std::vector<std::string>& paths();
  Behaviour& part();
  Behaviour& rng();

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

// After a restore, failed or not: every object that does not hold the step's values is reported as not restored, so nothing stale
// goes unsaid. Returns how many were reported.
size_t CheckReport(tsnap_context* context, const FaultState& state, uint64_t step);

// Everything that is stored at a place, read without MPI.
struct Found {
  int32_t code = TSNAP_OK;   // TSNAP_OK: all of it was read
  std::string message;
  bool opened = false;       // the commit record was there and good
  uint64_t step = 0;         // with TSNAP_OK: the step that all of it belongs to
  std::string wrong;         // with TSNAP_OK: an object that holds something else; must be empty, always
};
Found ReadAll(const std::string& url, int size, const Sizes& sizes = {}, const tsnap_read_options* options = nullptr);

// The place holds exactly this step, also for tsnap_snapshot_verify.
void CheckPlaceHolds(const std::string& url, int size, uint64_t step, const Sizes& sizes = {});
void CheckPlaceIsEmpty(const std::string& url);

}  // namespace tsnap::test
