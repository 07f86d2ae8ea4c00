// ObjectStore: a store over the objects of a bucket below a prefix, for every service that speaks
// S3's protocol. What is stored is seen at once by all, and durable when the server says so: there
// are no folders and nothing to sync.
//
// A conditional write (PutIf), step by step:
//   1. Where the server is not known to keep its word on conditions, look first: what is there
//      already need not be asked about.
//   2. Write on the condition that nothing is there, or exactly the version that was seen.
//   3. The condition failed: on a try that was repeated, our own first try may have done it. Read
//      back: our bytes are there = written.
//   4. No answer: read back too. What cannot be read back is reported as not known.
//   5. The server has no conditional writes (501): said in the log, once; then look, write, read
//      back. Two that do this within the same moment are told apart by what is read back.
#pragma once

#include <memory>
#include <string>

#include "store/object/bucket.h"
#include "store/store.h"

namespace tsnap::object {

struct ObjectStoreOptions {
  uint64_t slab_bytes = uint64_t{64} << 20;
  uint64_t gap_bytes = uint64_t{512} << 10;
  bool keeps_conditions = false;  // a service that is known to
};

// prefix: "" or "a/b/".
std::unique_ptr<Store> MakeObjectStore(std::shared_ptr<Bucket> bucket, std::string prefix,
                                       const ObjectStoreOptions& options);

}  // namespace tsnap::object
