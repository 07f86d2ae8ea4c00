// Structure: what of a state a plan depends on: names, kinds, types, shapes, boxes and the way they
// lie in memory, not addresses and values. A take whose structure is that of the take before, on
// all ranks, needs no plan of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/describe.h"
#include "core/survey.h"
#include "core/write_plan.h"

namespace tsnap {

// A hash; never 0.
uint64_t HashStructure(const std::vector<LocalObject>& objects);

// What the last take of a context found out. All ranks set it in the same take, or none does.
struct PlannedTake {
  uint64_t structure = 0;  // 0 = there is none
  WriteSizes sizes;
  Survey survey;
  std::shared_ptr<const LocalWritePlan> plan;
};

}  // namespace tsnap
