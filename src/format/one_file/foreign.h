// The catalog of an HDF5 file that is not tsnap's: its datasets, as the record and the one index
// part that tsnap would have written of them. Nothing of it is verified, for nothing is recorded;
// what cannot be read is left out, and the log says so.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/log.h"
#include "base/status.h"
#include "format/one_file/library.h"

namespace tsnap::one_file {

struct ForeignCatalog {
  Bytes record, index;
  std::vector<std::string> names;  // of the datasets, by number
};

// version: what tells the file from others (FileMap); its time stands for when the snapshot was
// taken.
Result<ForeignCatalog> CatalogOf(File& file, const std::string& path,
                                 const std::array<uint64_t, 4>& version, const Log& log);

}  // namespace tsnap::one_file
