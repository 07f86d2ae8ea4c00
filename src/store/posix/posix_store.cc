#include "store/posix/posix_store.h"

#include <cerrno>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "store/posix/direct_io.h"
#include "store/posix/files.h"
#include "store/posix/open_files.h"
#include "store/posix/posix_writer.h"
#include "store/posix/publish.h"
#include "store/posix/read_ahead.h"
#include "store/posix/tree.h"

namespace tsnap {

namespace {

using posix::Descriptor;
using posix::FailedTo;
using posix::IfLink;
using posix::Name;
using posix::NameKind;

class OpenedFile final : public StoreFile {
 public:
  explicit OpenedFile(Descriptor file) : file_(std::move(file)) {}
  int descriptor() const override { return file_.get(); }

 private:
  const Descriptor file_;
};

class PosixStore final : public Store {
 public:
  PosixStore(std::string root, StoreTraits traits, double lock_timeout_seconds, bool reads_ahead)
      : root_(std::move(root)),
        traits_(traits),
        lock_timeout_seconds_(lock_timeout_seconds),
        reads_ahead_(reads_ahead),
        open_files_(reads_ahead) {}

  const StoreTraits& traits() const override { return traits_; }
  const std::string& url() const override { return root_; }

  Result<std::unique_ptr<StoreWriter>> Create(const std::string& key,
                                              const WriteLayout& layout) override {
    return posix::PosixWriter::Create(PathOf(key), layout.bytes, traits_.write_alignment > 1,
                                      &counters());
  }

  Status ReadAt(const std::string& key, uint64_t offset, ByteSpan out) override {
    const std::string path = PathOf(key);
    TSNAP_ASSIGN(const std::shared_ptr<Descriptor> file, open_files_.Get(path));
    if (offset > static_cast<uint64_t>(INT64_MAX) - out.size())
      return Truncated(path, file->get(), offset, out.size());
    uint64_t got = 0;
    const Status status = posix::ReadAll(file->get(), offset, out, path, &got);
    ++counters().read_calls;
    counters().read_bytes += got;
    TSNAP_TRY(status);
    return got == out.size() ? Status::Ok() : Truncated(path, file->get(), offset, out.size());
  }

  Result<std::shared_ptr<StoreFile>> OpenFile(const std::string& key) override {
    const std::string path = PathOf(key);
    TSNAP_ASSIGN(Descriptor file, posix::OpenToRead(path));
    // Where the file system has direct I/O; it has been found to be a file.
    if (Descriptor direct(::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC)); direct)
      file = std::move(direct);
    return std::shared_ptr<StoreFile>(std::make_shared<OpenedFile>(std::move(file)));
  }

  void WillRead(const std::string& key, uint64_t offset, uint64_t bytes) override {
    if (!reads_ahead_) return;
    const Result<std::shared_ptr<Descriptor>> file = open_files_.Get(PathOf(key));
    if (!file.ok() || posix::ReadAhead((*file)->get(), offset, bytes)) return;
    posix::ExpectReads((*file)->get(), false);  // its own readahead is better than none
  }

  Result<Bytes> Get(const std::string& key, uint64_t max_bytes, Version* version) override {
    TSNAP_ASSIGN(Bytes bytes, posix::ReadWhole(PathOf(key), max_bytes));
    ++counters().read_calls;
    counters().read_bytes += bytes.size();
    if (version != nullptr) *version = posix::VersionOf(bytes);
    return bytes;
  }

  Status Put(const std::string& key, ConstByteSpan bytes, bool durable) override {
    const Status status = posix::Put(PathOf(key), bytes, durable);
    return Published(status, bytes);
  }

  Status PutIf(const std::string& key, ConstByteSpan bytes, const Version& expected,
               bool durable) override {
    const Status status =
        posix::PutIf(PathOf(key), bytes, expected, durable, lock_timeout_seconds_);
    return Published(status, bytes);
  }

  Result<Entry> Stat(const std::string& key) override {
    const std::string path = PathOf(key);
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
      if (errno == ENOTDIR) return NotFound(FailedTo("asking for", path, ENOTDIR).message());
      return FailedTo("asking for", path, errno);
    }
    if (S_ISDIR(info.st_mode)) return NotFound(fmt::format("asking for {}: it is a folder", path));
    return Entry{key, static_cast<uint64_t>(info.st_size), info.st_mtim.tv_sec};
  }

  Status Remove(const std::string& key) override {
    const int error = ::unlink(PathOf(key).c_str()) == 0 ? 0 : errno;
    open_files_.Forget();
    if (error == 0 || error == ENOENT || error == ENOTDIR) return Status::Ok();
    return FailedTo("removing", PathOf(key), error);
  }

  Status RemoveIf(const std::string& key, const Version& expected) override {
    const Status removed = posix::RemoveIf(PathOf(key), expected, lock_timeout_seconds_);
    open_files_.Forget();
    return removed;
  }

  bool HasPlace() override {
    struct stat info {};
    return ::stat(root_.c_str(), &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
  }

  Status List(const std::string& prefix,
              const std::function<Status(const Entry&)>& visit) override {
    if (!posix::HasFolders(root_, prefix)) return Status::Ok();
    return ListFolder(prefix, visit);
  }

  Status ListParts(const std::string& prefix,
                   const std::function<Status(const std::string&)>& visit) override {
    if (!posix::HasFolders(root_, prefix)) return Status::Ok();
    TSNAP_ASSIGN(const std::vector<Name> names, posix::NamesIn(FolderOf(prefix), LinkOf(prefix)));
    for (const Name& name : names) {
      if (!posix::IsInternalName(name.name)) TSNAP_TRY(visit(name.name));
    }
    return Status::Ok();
  }

  Status RemoveAll(const std::string& prefix) override {
    if (!posix::HasFolders(root_, prefix)) return Status::Ok();
    open_files_.Forget();  // a network file system keeps the folder of a file that is open
    const Status removed =
        posix::RemoveTree(FolderOf(prefix), LinkOf(prefix), &counters().removed_names);
    open_files_.Forget();  // what was opened meanwhile
    return removed;
  }

  void RemovePlace() override { ::rmdir(root_.c_str()); }

  Status RemoveLeftovers(const std::string& prefix, int64_t before_unix_seconds,
                         const std::function<bool(std::string_view)>& dead) override {
    static_cast<void>(dead);  // of uploads, which it has none of
    if (!posix::HasFolders(root_, prefix)) return Status::Ok();
    TSNAP_ASSIGN(const std::vector<Name> names, posix::NamesIn(FolderOf(prefix), LinkOf(prefix)));
    for (const Name& name : names) {
      if (!posix::IsTemporaryName(name.name) || name.kind == NameKind::kFolder) continue;
      const std::string path = FolderOf(prefix) + "/" + name.name;
      struct stat info {};
      if (::lstat(path.c_str(), &info) != 0 || info.st_mtim.tv_sec >= before_unix_seconds) continue;
      if (::unlink(path.c_str()) != 0 && errno != ENOENT) return FailedTo("removing", path, errno);
    }
    return Status::Ok();
  }

  Status RemoveEmptyFolders(const std::string& prefix, int64_t before_unix_seconds) override {
    if (!posix::HasFolders(root_, prefix)) return Status::Ok();
    struct stat info {};
    const bool old =
        ::lstat(FolderOf(prefix).c_str(), &info) == 0 && info.st_mtim.tv_sec < before_unix_seconds;
    TSNAP_ASSIGN(const std::vector<Name> names, posix::NamesIn(FolderOf(prefix), LinkOf(prefix)));
    for (const Name& name : names) {
      if (name.kind == NameKind::kFolder)
        TSNAP_TRY(RemoveEmptyFolders(prefix + name.name + "/", before_unix_seconds));
    }
    TSNAP_TRY(RemoveLeftovers(prefix, before_unix_seconds, {}));
    if (old) ::rmdir(FolderOf(prefix).c_str());  // it stays when something is in it
    return Status::Ok();
  }

  Status SyncFolder(const std::string& folder) override {
    TSNAP_TRY(posix::SyncFolderOf(folder.empty() ? root_ : PathOf(folder)));
    return folder.empty() ? posix::SyncFoldersAbove(root_) : Status::Ok();
  }

 private:
  std::string PathOf(const std::string& key) const {
    return root_ == "/" ? root_ + key : root_ + "/" + key;
  }
  std::string FolderOf(const std::string& prefix) const {
    return prefix.empty() ? root_ : PathOf(prefix.substr(0, prefix.size() - 1));
  }
  // The root may be a link that the user made; below it there are none of ours.
  static IfLink LinkOf(const std::string& prefix) {
    return prefix.empty() ? IfLink::kFollow : IfLink::kIgnore;
  }

  Status ListFolder(const std::string& prefix, const std::function<Status(const Entry&)>& visit) {
    TSNAP_ASSIGN(const std::vector<Name> names, posix::NamesIn(FolderOf(prefix), LinkOf(prefix)));
    for (const Name& name : names) {
      if (posix::IsInternalName(name.name)) continue;
      if (name.kind == NameKind::kFolder) TSNAP_TRY(ListFolder(prefix + name.name + "/", visit));
      if (name.kind != NameKind::kFile) continue;
      Result<Entry> entry = Stat(prefix + name.name);
      if (!entry.ok() && entry.status().code() == Code::kNotFound) continue;  // removed meanwhile
      if (!entry.ok()) return std::move(entry).status();
      TSNAP_TRY(visit(*entry));
    }
    return Status::Ok();
  }

  // Another file has the name now; after a failure, it may have.
  Status Published(const Status& status, ConstByteSpan bytes) {
    open_files_.Forget();
    if (!status.ok()) return status;
    ++counters().write_calls;
    counters().written_bytes += bytes.size();
    return status;
  }

  static Status Truncated(const std::string& path, int fd, uint64_t offset, uint64_t size) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) return FailedTo("asking for the size of", path, errno);
    return Corrupt(
        fmt::format("reading {} bytes at {} of {}: the file is truncated: it has only {} bytes",
                    size, offset, path, info.st_size));
  }

  const std::string root_;
  const StoreTraits traits_;
  const double lock_timeout_seconds_;
  const bool reads_ahead_;
  posix::OpenFiles open_files_;
};

}  // namespace

Result<std::unique_ptr<Store>> OpenPosixStore(const std::string& root, const Knobs& knobs,
                                              bool create) {
  StoreTraits traits;
  traits.slab_bytes = uint64_t{64} << 30;
  traits.chunk_bytes = uint64_t{64} << 20;
  traits.has_files = true;
  if (create) {
    TSNAP_TRY(posix::MakeFolders(root));
    TSNAP_ASSIGN(const bool direct, posix::UseDirectIo(root, knobs.direct_io));
    if (direct) traits.write_alignment = posix::kDirectAlignment;
  }
  const bool reads_ahead = knobs.read_ahead_bytes > 0 && posix::CanReadAhead(root);
  if (reads_ahead) traits.read_step_bytes = kBlockBytes;
  return std::unique_ptr<Store>(
      std::make_unique<PosixStore>(root, traits, knobs.io_timeout_seconds, reads_ahead));
}

}  // namespace tsnap
