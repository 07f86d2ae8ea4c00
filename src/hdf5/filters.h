// Filters: those that compress the chunks of tsnap's datasets, as HDF5 knows them.
#pragma once

#include <hdf5.h>

#include <cstdint>

#include "base/status.h"
#include "catalog/extent.h"

namespace tsnap::hdf5 {

// Makes zstd and lz4 known to HDF5 where no plugin does. Before a file is made or opened.
void RegisterFilters();
// Which one a filter is; kNone: none of them.
Codec CodecOf(H5Z_filter_t id) noexcept;
// As chunk_codec.h compresses, into a list of dataset creation properties.
Status AddFilters(hid_t creation, Codec codec, uint64_t item_bytes);

}  // namespace tsnap::hdf5
