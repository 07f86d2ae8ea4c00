// The second translation unit of two_units.cc.
#include "two_units.h"

namespace tsnap::test {

State StateOfTheOtherUnit(std::vector<double>& values) {
  State state;
  state.replicated("values", values);
  return state;
}

const std::error_category* CategoryOfTheOtherUnit() { return &category(); }

void ThrowInTheOtherUnit() { Snapshot("mem://nowhere"); }

}  // namespace tsnap::test
