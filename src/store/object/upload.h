// Completion: the end of an upload in parts, from which on there is an object. Its answer may be
// lost, cut short or come late: then the object itself is looked at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/object/bucket.h"

namespace tsnap::object {

// Returns the upload's id. with_checksums: each part comes with its CRC32C.
Result<std::string> BeginUpload(Bucket& bucket, const std::string& key, bool with_checksums,
                                StoreCounters* counters);

// Gives it up, if the server does that soon; what is left gc finds.
Status AbortUpload(Bucket& bucket, const std::string& key, const std::string& upload_id,
                   StoreCounters* counters);

// key: whole, and of this upload only. Good when the object is there, with that many bytes.
Status CompleteUpload(Bucket& bucket, const std::string& key, const std::string& upload_id,
                      const std::vector<UploadedPart>& parts, uint64_t size_bytes,
                      StoreCounters* counters);

}  // namespace tsnap::object
