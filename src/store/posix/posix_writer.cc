#include "store/posix/posix_writer.h"

#include <cerrno>
#include <cstdint>

#include "store/posix/direct_io.h"

namespace tsnap::posix {

Result<std::unique_ptr<StoreWriter>> PosixWriter::Create(const std::string& path,
                                                         uint64_t expected_bytes, bool direct,
                                                         StoreCounters* counters) {
  TSNAP_TRY(MakeFolders(ParentOf(path)));
  TSNAP_ASSIGN(Descriptor file,
               Open(path, O_WRONLY | O_CREAT | O_EXCL | (direct ? O_DIRECT : 0), "creating"));
  std::unique_ptr<PosixWriter> writer(new PosixWriter(path, std::move(file), direct, counters));
  if (expected_bytes > 0) {
    // Blocks in one go: a full disk shows before the writing starts, and parallel writes need not
    // extend the file.
    const off_t length = static_cast<off_t>(AlignUp(expected_bytes, kDirectAlignment));
    if (::fallocate(writer->file_.get(), 0, 0, length) != 0 && errno != EOPNOTSUPP &&
        errno != ENOSYS && errno != EINTR) {
      return FailedTo("reserving space for", path, errno);
    }
  }
  return std::unique_ptr<StoreWriter>(std::move(writer));
}

PosixWriter::~PosixWriter() {
  if (!finished_) ::unlink(path_.c_str());
}

Status PosixWriter::WriteAt(uint64_t offset, ConstByteSpan bytes) {
  const auto address = reinterpret_cast<uintptr_t>(bytes.data());
  if (direct_ && ((offset | bytes.size() | address) % kDirectAlignment) != 0) {
    return Internal("a direct write is not aligned: " + path_);
  }
  TSNAP_TRY(WriteAll(file_.get(), offset, bytes, path_));
  ++counters_->write_calls;
  counters_->written_bytes += bytes.size();
#ifdef SYNC_FILE_RANGE_WRITE
  // The disk starts now, so that the sync at the end waits for little.
  if (!direct_)
    ::sync_file_range(file_.get(), static_cast<off_t>(offset), static_cast<off_t>(bytes.size()),
                      SYNC_FILE_RANGE_WRITE);
#endif
  return Status::Ok();
}

Status PosixWriter::Finish(uint64_t size_bytes, bool durable) {
  while (::ftruncate(file_.get(), static_cast<off_t>(size_bytes)) != 0) {
    if (errno != EINTR) return FailedTo("setting the size of", path_, errno);
  }
  if (durable) TSNAP_TRY(SyncFile(file_.get(), path_));
  TSNAP_TRY(file_.Close(path_));
  finished_ = true;
  return Status::Ok();
}

}  // namespace tsnap::posix
