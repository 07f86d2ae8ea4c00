// OneFileStore: a snapshot's catalog and bytes in one HDF5 file, seen as a store. The slabs are the
// file's datasets, which HDF5 lays out before they are written: from then on, writing and reading
// are bytes at known places, and HDF5 is not asked.
//
//   <folder>/run.h5                     the committed snapshot
//   <folder>/.run.h5.tsnap/<id>/taking  marker of a take in progress, as in the native format
//   <folder>/.run.h5.tsnap/<id>/run.h5  its file, beside; a commit renames it
//
// Keys are those of the native format. "tsnap.json" and "<id>/index/..." are datasets of the hidden
// group, "<id>/data/<number>" the bytes of a dataset, "<id>/data/<number>/<box>" those of a box of
// it, row by row. A file that is not tsnap's has a catalog too (foreign.h): it is read through
// HDF5.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"
#include "format/one_file/dataset.h"
#include "store/session.h"
#include "store/store.h"

namespace tsnap::one_file {

class OneFileStore : public Store {
 public:
  // For a take with chunks, before its file is laid out: one rank makes it, empty; then every rank
  // opens it, and writes chunks where nobody else does (see FilePlan::chunks_end).
  virtual Status BeginFile(const std::string& id) = 0;
  virtual Status OpenBegun(const std::string& id) = 0;
  virtual Status WriteChunk(uint64_t address, ConstByteSpan bytes) = 0;
  // One rank, between the marker and the first write: makes the take's file.
  virtual Status MakeFile(const std::string& id, const FilePlan& plan, FileMap* map) = 0;
  // Every rank: the take writes there. From here on HDF5 is not asked any more.
  virtual Status UseFile(const std::string& id, FileMap map) = 0;
  // Every rank that wrote, after its last write: what it wrote is on the device.
  virtual Status SyncFile() = 0;
  // The file that is being written: it can be opened and read as one of datasets, but for its
  // record.
  virtual std::string PathOfTake(const std::string& id) const = 0;
  // Of a file whose commit record cannot be read: false when nothing shows that tsnap has written
  // it.
  virtual bool MayBeOurs() = 0;
  // Whether the file that is there is the one of this take; asks no HDF5.
  virtual Result<bool> HoldsTaken() = 0;
  // Where the committed file's datasets lie; asks HDF5.
  virtual Result<FileMap> Map() = 0;
  // As another rank found out: then HDF5 is asked only for datasets without an address.
  virtual Status Adopt(FileMap map) = 0;
  // The name inside of the committed file of a dataset.
  virtual Result<std::string> NameOf(uint32_t number) = 0;
};

// The file that a URL names: the path without hdf5:// or fs:// before it and slashes behind it.
std::string_view PathOfUrl(std::string_view url);
// True for hdf5:// and for a path that ends in ".h5".
bool IsOneFile(std::string_view url);
// kUnsupported when the module is not there.
Result<std::unique_ptr<Store>> OpenOneFile(std::string_view url,
                                           const std::shared_ptr<StoreSession>& session);
// Null when it is another kind of store.
OneFileStore* AsOneFile(Store& store);

// A map as bytes, for the other ranks of the same job.
Bytes EncodeMap(const FileMap& map);
Result<FileMap> DecodeMap(ConstByteSpan bytes);

}  // namespace tsnap::one_file
