// Create: a new file with everything that a plan says, laid out but for its bytes.
#pragma once

#include <functional>
#include <string>

#include "base/status.h"
#include "format/one_file/dataset.h"

namespace tsnap::hdf5 {

// As Library::Create.
Status Create(const std::string& path, const one_file::FilePlan& plan,
              const std::function<void()>& progress, one_file::FileMap* map);

}  // namespace tsnap::hdf5
