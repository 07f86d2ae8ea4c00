// What the second translation unit of two_units.cc gives.
#pragma once

#include <system_error>
#include <vector>

#include <tsnap.hpp>

namespace tsnap::test {

State StateOfTheOtherUnit(std::vector<double>& values);
const std::error_category* CategoryOfTheOtherUnit();
void ThrowInTheOtherUnit();

}  // namespace tsnap::test
