// Types: tsnap's element types as HDF5's, and those of any file as tsnap's.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <string>

#include "catalog/dtype.h"
#include "hdf5/scope.h"

namespace tsnap::hdf5 {

// As an array of it is made, in this machine's byte order. item_bytes: of opaque ones.
Handle TypeOf(Dtype dtype, int64_t item_bytes);
Handle RankRowType();
// UTF-8, of so many bytes (at least 1), filled up with NUL.
Handle TextType(uint64_t bytes);
Handle VariableTextType();  // UTF-8

// The elements of a dataset as tsnap sees them.
struct Elements {
  enum class Text { kNone, kFixed, kVariable };

  std::string why_not;  // "" where they can be read
  Dtype dtype = Dtype::kUint8;
  int64_t item_bytes = 1;
  Text text = Text::kNone;  // kFixed: opaque ones of item_bytes
  bool as_stored = false;   // they are in memory what they are in the file, bit for bit
  Handle memory;            // what H5Dread is to make of them
};
Elements Understand(hid_t file_type);

}  // namespace tsnap::hdf5
