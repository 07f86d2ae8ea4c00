// Library: what tsnap wants of HDF5, as an interface: the module libtsnap_hdf5.so (src/hdf5)
// implements it, and is loaded when a URL asks for it. Every function may be called from any
// thread; one at a time is let into HDF5, which Debian builds without thread safety.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "catalog/box.h"
#include "catalog/dtype.h"
#include "catalog/object.h"
#include "format/one_file/dataset.h"

namespace tsnap::one_file {

// A dataset of any HDF5 file, as tsnap sees it.
struct FoundDataset {
  std::string name;  // "/fluid/density"
  bool readable = true;
  std::string why_not;          // "its elements are of variable length"
  Type type = Type::kArray;     // kString: one string
  Dtype dtype = Dtype::kUint8;  // a string: uint8
  int64_t item_bytes = 1;
  int ndim = 0;  // a string: 1, its bytes
  Index shape{};
  uint64_t stored_bytes = 0;
  std::vector<Attribute> attributes;  // texts and numbers, as text; sorted by name
};

// A file that is open for reading.
class File {
 public:
  virtual ~File() = default;
  // A small dataset whole, as its raw bytes; kNotFound when it is not there, kCorrupt when it is
  // larger than max_bytes.
  virtual Result<Bytes> ReadWhole(const std::string& name, uint64_t max_bytes) = 0;
  // Where a dataset lies: with an address only where it is contiguous and its elements lie in the
  // file as they do in memory. kNotFound when it is not there.
  virtual Result<DatasetPlace> Locate(const std::string& name) = 0;
  // A box of a dataset through HDF5: filters, chunks, byte order and all. `out` gets it row-major,
  // as FoundDataset describes the elements. kCorrupt when HDF5 cannot read it.
  virtual Status Read(const std::string& name, const Box& box, ByteSpan out) = 0;
  // Every dataset but those in the hidden group, once, in an order that stays; links that lead out
  // of the file are not followed. Stops at the first status that is not OK.
  virtual Status Walk(const std::function<Status(FoundDataset)>& visit) = 0;
};

class Library {
 public:
  virtual ~Library() = default;
  // A new file with everything that the plan says, closed again; *map tells where things lie.
  // kExists when there is one. What is left after a failure is removed. progress is called now and
  // then. With chunks (FilePlan::chunks_end) the file is there already, kNotFound if not; it is
  // completed around them, and whoever has made it removes it after a failure. Datasets with a
  // codec have no address in the map, and as many bytes as their elements.
  virtual Status Create(const std::string& path, const FilePlan& plan,
                        const std::function<void()>& progress, FileMap* map) const = 0;
  // kNotFound when there is no file, kCorrupt when it is none of HDF5. name: what messages call it.
  virtual Result<std::unique_ptr<File>> Open(const std::string& path,
                                             const std::string& name) const = 0;
  virtual const char* version() const = 0;  // "HDF5 1.10.8 (parallel)"
};

// The module, loaded at the first call; kUnsupported, with what to install, when it is not there or
// of another release. TSNAP_HDF5_MODULE names another file of it.
Result<const Library*> LoadLibrary();

}  // namespace tsnap::one_file

extern "C" {
// What the module exports; nullptr when it is not of this release. version: TSNAP_VERSION_TEXT.
using tsnap_hdf5_library_function = const tsnap::one_file::Library*(const char* version);
}
