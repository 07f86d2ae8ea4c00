// OpenFile: an HDF5 file that is read, tsnap's or anybody's.
#pragma once

#include <hdf5.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "format/one_file/library.h"
#include "hdf5/chunk_reader.h"
#include "hdf5/found.h"

namespace tsnap::hdf5 {

class OpenFile : public one_file::File {
 public:
  static Result<std::unique_ptr<one_file::File>> Open(const std::string& path,
                                                      const std::string& name);
  ~OpenFile() override;

  Result<Bytes> ReadWhole(const std::string& name, uint64_t max_bytes) override;
  Result<one_file::DatasetPlace> Locate(const std::string& name) override;
  Status Read(const std::string& name, const Box& box, ByteSpan out) override;
  Status Walk(const std::function<Status(one_file::FoundDataset)>& visit) override;

 private:
  OpenFile() = default;
  // Kept until the next one: a dataset is read box by box.
  Result<const Found*> Find(const std::string& name);
  // Of the dataset that was found last.
  Status ReadBox(const Box& box, ByteSpan out);

  OpenedFile file_;
  std::string last_name_;
  std::optional<Found> last_;
  std::optional<ChunkForm> last_form_;
  ChunkReader chunks_;  // of all datasets: what is restored goes from one to the other
};

}  // namespace tsnap::hdf5
