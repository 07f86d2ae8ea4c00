#include "store/posix/posix_writer.h"

#include <cerrno>
#include <cstdint>

#include <fmt/format.h>

#include "store/posix/direct_io.h"

namespace tsnap::posix {

Result<std::unique_ptr<StoreWriter>> PosixWriter::Create(const std::string& path,
                                                         uint64_t expected_bytes, bool direct,
                                                         StoreCounters* counters) {
  std::unique_ptr<PosixWriter> writer(new PosixWriter(path, direct, counters));
  TSNAP_ASSIGN(writer->file_, CreateFile(path, direct ? O_DIRECT : 0));
  struct stat made {};
  if (::fstat(writer->file_.get(), &made) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    return FailedTo("making", path, error);
  }
  writer->device_ = made.st_dev;
  writer->inode_ = made.st_ino;
  writer->ours_ = true;
  if (expected_bytes > 0) TSNAP_TRY(writer->Reserve(expected_bytes));
  return std::unique_ptr<StoreWriter>(std::move(writer));
}

// Blocks in one go: a full disk shows before the writing starts, and parallel writes need not
// extend the file.
Status PosixWriter::Reserve(uint64_t bytes) {
  if (bytes > INT64_MAX - kDirectAlignment)
    return Invalid(fmt::format("reserving {} bytes for {}: no file is so large", bytes, path_));
  int result = 0;
  do {
    result = ::fallocate(file_.get(), 0, 0, static_cast<off_t>(AlignUp(bytes, kDirectAlignment)));
  } while (result != 0 && errno == EINTR);
  if (result == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return Status::Ok();
  const int error = errno;
  return FailedTo(fmt::format("reserving {} bytes for", bytes).c_str(), path_, error);
}

PosixWriter::~PosixWriter() {
  if (!ours_) return;
  // The name may have been removed, and given to another's file, while this one was written.
  struct stat named {};
  if (::lstat(path_.c_str(), &named) == 0 && named.st_dev == device_ && named.st_ino == inode_)
    ::unlink(path_.c_str());
}

Status PosixWriter::WriteAt(uint64_t offset, ConstByteSpan bytes, std::optional<uint32_t>) {
  const auto address = reinterpret_cast<uintptr_t>(bytes.data());
  if (direct_ && ((offset | bytes.size() | address) % kDirectAlignment) != 0) {
    return Internal(fmt::format("writing {} bytes at {} of {}: a direct write has to be aligned",
                                bytes.size(), offset, path_));
  }
  uint64_t wrote = 0;
  const Status status =
      WriteAll(file_.get(), offset, bytes, direct_ ? kDirectAlignment : 1, path_, &wrote);
  ++counters_->write_calls;
  counters_->written_bytes += wrote;
  TSNAP_TRY(status);
#ifdef SYNC_FILE_RANGE_WRITE
  // The disk starts now, so that the sync at the end waits for little. Only a hint: what fails
  // shows in that sync.
  if (!direct_)
    ::sync_file_range(file_.get(), static_cast<off_t>(offset), static_cast<off_t>(bytes.size()),
                      SYNC_FILE_RANGE_WRITE);
#endif
  return Status::Ok();
}

void PosixWriter::Push(uint64_t offset, uint64_t bytes) {
#ifdef SYNC_FILE_RANGE_WRITE
  if (direct_) return;  // nothing is held back
  ::sync_file_range(
      file_.get(), static_cast<off_t>(offset), static_cast<off_t>(bytes),
      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
#else
  static_cast<void>(offset), static_cast<void>(bytes);
#endif
}

Status PosixWriter::Finish(uint64_t size_bytes, bool durable) {
  int result = 0;
  do {
    result = ::ftruncate(file_.get(), static_cast<off_t>(size_bytes));
  } while (result != 0 && errno == EINTR);
  if (result != 0) return FailedTo("setting the size of", path_, errno);
  if (durable) TSNAP_TRY(SyncFile(file_.get(), path_));  // not fdatasync: the size just changed
  TSNAP_TRY(file_.Close(path_));
  ours_ = false;
  return Status::Ok();
}

}  // namespace tsnap::posix
