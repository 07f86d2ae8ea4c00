// Notes: attributes of datasets and groups, written as tsnap's snapshots have them and read from
// any file.
#pragma once

#include <hdf5.h>

#include <vector>

#include "base/status.h"
#include "catalog/object.h"
#include "format/one_file/dataset.h"

namespace tsnap::hdf5 {

Status WriteNotes(hid_t object, const std::vector<one_file::Note>& notes);
// Texts and numbers, and short lists of them, as text, sorted by name. Others are left out.
std::vector<Attribute> ReadAttributes(hid_t object);

}  // namespace tsnap::hdf5
