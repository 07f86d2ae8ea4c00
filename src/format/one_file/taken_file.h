// TakenFile: the file of a take in progress, that HDF5 has laid out and closed: from here on it is
// bytes at known places, written by many ranks, each on its own descriptor. Any thread.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "format/native/names.h"
#include "format/one_file/dataset.h"
#include "format/one_file/direct_file.h"
#include "store/posix/files.h"
#include "store/store.h"

namespace tsnap::one_file {

class TakenFile : public std::enable_shared_from_this<TakenFile> {
 public:
  // direct_io: as in posix/direct_io.h.
  static Result<std::shared_ptr<TakenFile>> Open(const std::string& path, FileMap map,
                                                 int direct_io, StoreCounters* counters);

  // A dataset, or a box of one.
  Result<std::unique_ptr<StoreWriter>> Writer(const native::DatasetKey& key);
  Status WriteIndexPart(uint64_t number, ConstByteSpan bytes);
  // What is left of its room are blanks.
  Status WriteRecord(ConstByteSpan text);
  Status WriteAt(uint64_t address, ConstByteSpan bytes);
  Status Sync() { return posix::SyncFile(file_.get(), path_); }
  // So that a sync waits for little at a time.
  void Push(uint64_t address, uint64_t bytes);
  const std::string& path() const { return path_; }

 private:
  TakenFile(std::string path, FileMap map, StoreCounters* counters)
      : path_(std::move(path)), map_(std::move(map)), counters_(counters) {}

  Status WriteBuffered(uint64_t address, ConstByteSpan bytes);

  const std::string path_;
  const FileMap map_;
  StoreCounters* const counters_;
  posix::Descriptor file_;
  std::unique_ptr<DirectFile> direct_;  // or null
};

// Gives the whole file its blocks: a full disk shows before the writing starts.
Status ReserveBlocks(const std::string& path);

}  // namespace tsnap::one_file
