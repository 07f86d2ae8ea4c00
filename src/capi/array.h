// tsnap_array as the core's view of memory, with strides that are always explicit.
#pragma once

#include "base/status.h"
#include "catalog/array_view.h"
#include "tsnap/array.h"

namespace tsnap::capi {

// Checks everything but offset and overlap. path is the object's, for messages.
Status ReadArray(const tsnap_array& array, const char* path, ArrayView* view);
// The first ndim entries of an index of the public interface; the rest is zero.
Index ReadIndex(const int64_t* values, int ndim);

}  // namespace tsnap::capi
