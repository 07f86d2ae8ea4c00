// CommittedFile: an HDF5 file that is there, opened for reading: its catalog, and the bytes of its
// datasets. HDF5 is asked where they lie; then they are read as bytes of the file, but for those
// that only HDF5 can read. Another file that takes its name meanwhile changes nothing. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/log.h"
#include "base/status.h"
#include "format/native/names.h"
#include "format/one_file/box_runs.h"
#include "format/one_file/dataset.h"
#include "format/one_file/library.h"
#include "store/posix/files.h"
#include "store/store.h"

namespace tsnap::one_file {

// What tells one version of a file from another: it changes whenever the name is given to another
// file. kNotFound when there is none.
Result<Version> VersionOfFile(const std::string& path);
// Of one that cannot be read: false when nothing in it shows that tsnap has written it. Without any
// bytes but zeros it may have been: a crash leaves such.
bool MayBeOurs(const std::string& path);

class CommittedFile {
 public:
  // kNotFound when there is none. *version is set even when it is none of HDF5 (kCorrupt).
  static Result<std::shared_ptr<CommittedFile>> Open(const std::string& path, const Log& log,
                                                     Version* version);

  // The text of the commit record; kCorrupt when the file was never finished.
  Result<Bytes> Record(uint64_t max_bytes);
  Result<Bytes> IndexPart(uint64_t number, uint64_t max_bytes);
  // Has what is read soon fetched into the page cache (store.h).
  void WillRead(const native::DatasetKey& key, uint64_t offset, uint64_t bytes);
  Status ReadAt(const native::DatasetKey& key, uint64_t offset, ByteSpan out,
                StoreCounters* counters);
  Result<std::string> NameOf(uint32_t number);
  // HDF5 is let go of; it is asked again when there is need.
  void CloseInside();
  // Of all datasets and index parts; *progress grows. Of a file of tsnap's.
  Result<FileMap> Map(std::atomic<uint64_t>* progress);
  // kIo when the map is of another file, which had the same name.
  Status Adopt(FileMap map);

 private:
  CommittedFile(std::string path, const Log& log) : path_(std::move(path)), log_(log) {}
  // These are called with mutex_ held.
  Status LookInside();
  Status LearnNames();
  Result<File*> OpenInside();
  Result<DatasetPlace> PlaceOf(uint32_t number);
  // What the catalog or the record names must be there.
  Status Missing(Status status, const std::string& name) const;

  Status ReadRuns(const StoredArray& array, const Box& box, uint64_t address, uint64_t offset,
                  ByteSpan out, StoreCounters* counters);
  Status ReadBytes(uint64_t address, ByteSpan out, StoreCounters* counters);
  Status ReadThroughHdf5(const native::DatasetKey& key, const DatasetPlace& place, uint64_t offset,
                         ByteSpan out, StoreCounters* counters);

  const std::string path_;
  const Log log_;
  posix::Descriptor file_;
  std::array<uint64_t, 4> version_{};
  std::mutex mutex_;
  std::unique_ptr<File> inside_;  // guarded by mutex_, as all below
  bool looked_ = false, is_foreign_ = false, knows_names_ = false;
  Bytes record_, foreign_index_;
  std::vector<std::string> names_;                   // of the datasets, by number
  std::vector<std::optional<DatasetPlace>> places_;  // parallel to names_, or as adopted
  std::optional<std::vector<Place>> index_;          // as adopted
};

}  // namespace tsnap::one_file
