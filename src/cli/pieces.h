// Cuts a box into pieces that fit into memory and follow each other in row-major order.
#pragma once

#include <tsnap.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "cli/box.h"

namespace tsnap::cli {

class Pieces {
 public:
  // The box is not empty.
  Pieces(const tsnap_object_info& object, const Box& box);
  // The next piece, of a few MiB or one element; nothing when all were given.
  std::optional<Box> Next();

 private:
  int64_t End(int axis) const;

  const int ndim_;
  const Box whole_;
  Box piece_;
  int cut_ = 0;       // the axis that is cut: the axes before it are walked index by index
  int64_t step_ = 1;  // along it
  bool done_ = false;
};

}  // namespace tsnap::cli
