// Describing a state: its objects and those of its statefuls as one flat list, as they stand at
// this call. Local.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "core/state.h"

namespace tsnap {

struct LocalObject {
  ObjectMeta meta;
  std::vector<LocalBox>
      boxes;  // take: also of scalars, strings and bytes; restore: arrays and fixed-size scalars
  ValueAddress value;
  bool shape_known = true;
  int stateful = -1;                  // index into Description::statefuls
  std::unique_ptr<std::byte[]> item;  // a bool as it is stored
};

struct DescribedStateful {
  std::string path;
  const RegisteredStateful* callbacks = nullptr;
  bool described = false;  // its describe succeeded
};

// The objects (sorted by path) and the statefuls whose describe was called, RNGs first. Destroying
// it releases what the statefuls allocated.
class Description {
 public:
  Description() = default;
  Description(Description&& other) noexcept = default;
  Description& operator=(Description&&) = delete;
  ~Description();
  // Releases what the statefuls allocated; the objects' values are not needed any more.
  void Release();

  std::vector<LocalObject> objects;
  std::vector<DescribedStateful> statefuls;
};

enum class Purpose { kTake, kRestore };

// RNG state is captured first, so that whatever the other statefuls draw changes nothing. At take
// the values of scalars and strings are looked at and the replicate globs applied (kInvalid for a
// glob that matches nothing).
Status Describe(const State& state, Purpose purpose, Description* out);

// Calls `loaded` of the RNGs (puts them back after a take, and last of all after a restore).
Status LoadRngs(const Description& description);
Status LoadStateful(const DescribedStateful& stateful);

}  // namespace tsnap
