// Laying out a file of datasets: between the plan of a take and its first byte the ranks agree on
// which datasets the file has and where in them each extent lies; one rank makes the file, in which
// nothing is left to be allocated (one_file/one_file_store.h).
//
//   1. every rank announces its objects to the owners of their paths
//   2. an owner packs the private objects of one path one after the other, in the order of the
//      ranks, and tells each where its own begins; rank 0 learns which datasets there are
//   3. rank 0 numbers and names them; all learn the numbers
//   4. with a codec, the chunks of large datasets are written (dataset_chunks.h)
//   5. the index is made once without checksums, which tells how long its parts are
//   6. rank 0 makes the file; all learn where things lie in it
//   7. the owners write the tables of ranks beside the packed datasets; where a sparse array has a
//      fill value, all ranks together write it over the whole dataset, before anyone writes data
//   8. short rows are written by way of other ranks (dataset_rows.h), unless the caller waits for
//      nothing but its own copies
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "catalog/placement.h"
#include "comm/comm.h"
#include "core/describe.h"
#include "core/write_plan.h"
#include "engine/engine.h"
#include "engine/slab_writing.h"
#include "format/one_file/dataset.h"
#include "store/store.h"

namespace tsnap {

struct LayoutJob {
  Engine& engine;
  std::shared_ptr<Store> store;
  const std::string& id;
  Placement placement;
  const std::vector<LocalObject>& objects;
  const LocalWritePlan& plan;
  std::vector<one_file::Note> notes;  // of the file
  uint64_t metadata_bytes = 0;        // of the user's text in the commit record
  Codec codec = Codec::kNone;
  bool gathers_rows = true;
  std::function<void()> tick;  // now and then, while long steps take their time
};

// Both lists are parallel to the plan's extents.
struct DatasetLayout {
  std::vector<ExtentPlace> places;
  // Not 0: those whose bytes are in the file already.
  static constexpr char kInRows = 1, kInChunks = 2;
  std::vector<char> written;
  uint64_t chunk_bytes = 0;  // that this rank wrote, compressed
};

// Collective.
Status LayOutDatasets(Comm& comm, const LayoutJob& job, Status local, DatasetLayout* layout);

}  // namespace tsnap
