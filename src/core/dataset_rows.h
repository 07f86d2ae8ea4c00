// Short rows: boxes that lie in many short runs of a dataset's bytes, as columns of a wide array
// do, go by way of the ranks that put long runs together (regroup.h), and are written by them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "comm/comm.h"
#include "core/regroup.h"
#include "engine/engine.h"
#include "engine/slab_writing.h"

namespace tsnap {

// Whether a box that lies there in an array is one: its runs have less than gather_bytes.
bool HasShortRows(const RegroupArray& array, const Box& box, uint64_t gather_bytes);

// The shape of the runs of a dataset that one rank puts together.
Index ShapeOfRuns(const RegroupArray& array);

struct RowWriting {
  std::string id;  // of the take, whose file has been laid out
  RegroupJob regroup;
  std::vector<uint32_t> datasets;  // parallel to its arrays: their numbers
};

// Collective. What the parts have is in the file afterwards.
Status WriteRows(Comm& comm, Engine& engine, RowWriting job, const Status& local);

}  // namespace tsnap
