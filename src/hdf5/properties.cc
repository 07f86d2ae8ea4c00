#include "hdf5/properties.h"

#include <hdf5.h>

#include <algorithm>
#include <utility>

#include "hdf5/read_driver.h"

namespace tsnap::hdf5 {

namespace {

herr_t StayInside(const char*, const char*, const char*, const char*, unsigned*, hid_t, void*) {
  return -1;
}

// A chunk that fits is decoded once, not once for each transfer that meets it.
constexpr size_t kChunkCacheBytes = size_t{64} << 20;

}  // namespace

Handle FileAccess(uint64_t alignment) {
  Handle list(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  bool ok = list.ok() && H5Pset_fapl_sec2(list.get()) >= 0 &&
            H5Pset_meta_block_size(list.get(), 64 << 10) >= 0 &&
            H5Pset_alignment(list.get(), 1 << 20, std::max<uint64_t>(alignment, 1)) >= 0;
#if H5_VERSION_GE(1, 10, 7) && (H5_VERS_MINOR != 12 || H5_VERS_RELEASE >= 1)
  // Locks fail on some parallel file systems, and a committed file does not change.
  ok = ok && H5Pset_file_locking(list.get(), false, true) >= 0;
#endif
  return ok ? std::move(list) : Handle();
}

Handle ReadAccess() {
  Handle list = FileAccess(1);
  return list.ok() && UseReadDriver(list.get()) >= 0 ? std::move(list) : Handle();
}

Handle LinkCreation() {
  Handle list(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  const bool ok = list.ok() && H5Pset_char_encoding(list.get(), H5T_CSET_UTF8) >= 0;
  return ok ? std::move(list) : Handle();
}

Handle LinkAccess(hid_t kind) {
  Handle list(H5Pcreate(kind), H5Pclose);
  const bool ok = list.ok() && H5Pset_elink_cb(list.get(), StayInside, nullptr) >= 0 &&
                  (kind != H5P_DATASET_ACCESS ||
                   H5Pset_chunk_cache(list.get(), H5D_CHUNK_CACHE_NSLOTS_DEFAULT, kChunkCacheBytes,
                                      H5D_CHUNK_CACHE_W0_DEFAULT) >= 0);
  return ok ? std::move(list) : Handle();
}

}  // namespace tsnap::hdf5
