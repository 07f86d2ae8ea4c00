// Found: one dataset of a file, open, with all that tsnap wants to know of it.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <string>

#include "base/status.h"
#include "catalog/box.h"
#include "format/one_file/dataset.h"
#include "hdf5/scope.h"
#include "hdf5/types.h"

namespace tsnap::hdf5 {

// A whole chunk is in memory to read any part of it; a dataset with larger ones is not readable.
inline constexpr uint64_t kMostChunkBytes = uint64_t{512} << 20;

struct Found {
  Handle dataset;
  Handle file_type;
  Elements elements;
  // As FoundDataset describes it; for one string: uint8, its bytes.
  std::string why_not;
  bool is_text = false;
  Dtype dtype = Dtype::kUint8;
  int64_t item_bytes = 1;
  int ndim = 0;
  Index shape{};
  uint64_t stored_bytes = 0;
  uint64_t address = one_file::kNoAddress;  // only where its bytes are what memory is to get
  bool is_cut = false;                      // the file ends before its bytes do

  Box box() const { return WholeBox(ndim, shape); }
  uint64_t bytes() const { return Volume(box()) * static_cast<uint64_t>(item_bytes); }
};

struct OpenedFile {
  Handle file;
  Handle links, groups, datasets;  // how each is opened: not through links that lead out
  std::string path;
  uint64_t bytes = 0;  // the file's length
};

// How many bytes of a string of fixed length are its text: what pads it is none of that. For the
// files of others: tsnap's strings are as long as their datasets.
Result<int64_t> LengthOfText(const OpenedFile& file, const Found& found);

// kNotFound when there is no such dataset.
Result<Found> FindDataset(const OpenedFile& file, const std::string& name);
// The bytes of a single string; at most the file's length.
Result<std::string> ReadText(const OpenedFile& file, const Found& found);

}  // namespace tsnap::hdf5
