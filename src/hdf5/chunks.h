// Chunks: datasets in compressed chunks, which are in the file before the dataset is.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <functional>

#include "base/status.h"
#include "format/one_file/dataset.h"
#include "hdf5/layout_driver.h"

namespace tsnap::hdf5 {

// Sets how such a dataset is laid out, in a list of dataset creation properties.
Status SetChunked(hid_t creation, const one_file::DatasetSpec& spec, uint64_t item_bytes);
// Tells HDF5 where each of its chunks is. progress is called now and then.
Status InsertChunks(hid_t dataset, const one_file::DatasetSpec& spec, uint64_t item_bytes,
                    uint64_t chunks_end, Layout* layout, const std::function<void()>& progress);

}  // namespace tsnap::hdf5
