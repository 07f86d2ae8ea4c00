#include "format/one_file/one_file_store.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "format/native/names.h"
#include "format/one_file/committed_file.h"
#include "format/one_file/library.h"
#include "format/one_file/taken_file.h"
#include "store/posix/files.h"
#include "store/posix/folder_lock.h"
#include "store/posix/posix_store.h"
#include "store/posix/read_ahead.h"

namespace tsnap::one_file {

namespace {

constexpr std::string_view kScheme = "hdf5://";

// "<id>/index/00012".
bool ParseIndexKey(std::string_view key, uint64_t* number) {
  constexpr std::string_view kIndex = "/index/";
  const size_t begin = key.find(kIndex);
  if (begin == std::string_view::npos) return false;
  const std::string_view digits = key.substr(begin + kIndex.size());
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), *number);
  return error == std::errc() && end == digits.data() + digits.size();
}

std::string NameIn(const std::string& path) { return path.substr(path.rfind('/') + 1); }

class Hdf5FileStore final : public OneFileStore {
 public:
  Hdf5FileStore(std::string url, std::string path, const std::shared_ptr<StoreSession>& session,
                std::unique_ptr<Store> beside, StoreTraits traits)
      : url_(std::move(url)),
        path_(std::move(path)),
        session_(session),
        beside_(std::move(beside)),
        traits_(traits),
        reads_ahead_(session->knobs().read_ahead_bytes > 0 &&
                     posix::CanReadAhead(posix::ParentOf(path_))) {}

  const StoreTraits& traits() const override { return traits_; }
  const std::string& url() const override { return url_; }

  Status BeginFile(const std::string& id) override {
    const std::string path = PathOfTake(id);
    TSNAP_TRY(posix::MakeFolders(posix::ParentOf(path)));
    return posix::Open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, "making").status();
  }

  Status OpenBegun(const std::string& id) override {
    TSNAP_ASSIGN(taken_, TakenFile::Open(PathOfTake(id), FileMap(), session_->knobs().direct_io,
                                         &counters()));
    return Status::Ok();
  }

  Status WriteChunk(uint64_t address, ConstByteSpan bytes) override {
    return taken_->WriteAt(address, bytes);
  }

  Status MakeFile(const std::string& id, const FilePlan& plan, FileMap* map) override {
    TSNAP_ASSIGN(const Library* library, LoadLibrary());
    const std::string path = PathOfTake(id);
    TSNAP_TRY(posix::MakeFolders(posix::ParentOf(path)));
    const auto progress = [this] { ++counters().moved_bytes; };
    TSNAP_TRY(library->Create(path, plan, progress, map).While("laying out", path));
    return ReserveBlocks(path);
  }

  Status UseFile(const std::string& id, FileMap map) override {
    TSNAP_ASSIGN(taken_, TakenFile::Open(PathOfTake(id), std::move(map),
                                         session_->knobs().direct_io, &counters()));
    std::lock_guard lock(mutex_);
    if (committed_) committed_->CloseInside();
    return Status::Ok();
  }

  Result<bool> HoldsTaken() override {
    struct stat named {};
    if (taken_inode_ == 0) return false;  // it never came to be named
    if (::stat(path_.c_str(), &named) == 0)
      return named.st_ino == taken_inode_ && named.st_dev == taken_device_;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return posix::FailedTo("asking for", path_, errno);
  }

  Status SyncFile() override { return taken_ ? taken_->Sync() : Status::Ok(); }

  std::string PathOfTake(const std::string& id) const override {
    return fmt::format("{}/{}/{}", beside_->url(), id, NameIn(path_));
  }

  bool MayBeOurs() override { return one_file::MayBeOurs(path_); }

  Result<FileMap> Map() override {
    TSNAP_ASSIGN(const std::shared_ptr<CommittedFile> file, Committed());
    return file->Map(&counters().moved_bytes);
  }

  Status Adopt(FileMap map) override {
    TSNAP_ASSIGN(const std::shared_ptr<CommittedFile> file, Committed());
    return file->Adopt(std::move(map));
  }

  Result<std::string> NameOf(uint32_t number) override {
    TSNAP_ASSIGN(const std::shared_ptr<CommittedFile> file, Committed());
    return file->NameOf(number);
  }

  Result<std::unique_ptr<StoreWriter>> Create(const std::string& key,
                                              const WriteLayout& layout) override {
    static_cast<void>(layout);
    TSNAP_ASSIGN(const native::DatasetKey dataset, native::ParseDatasetKey(key));
    if (!taken_) return Internal(fmt::format("writing {}: it has not been laid out", url_));
    return taken_->Writer(dataset);
  }

  Status ReadAt(const std::string& key, uint64_t offset, ByteSpan out) override {
    TSNAP_ASSIGN(const native::DatasetKey dataset, native::ParseDatasetKey(key));
    TSNAP_ASSIGN(const std::shared_ptr<CommittedFile> file, Committed());
    return file->ReadAt(dataset, offset, out, &counters());
  }

  void WillRead(const std::string& key, uint64_t offset, uint64_t bytes) override {
    if (!reads_ahead_) return;
    const Result<native::DatasetKey> dataset = native::ParseDatasetKey(key);
    std::shared_ptr<CommittedFile> file;
    {
      std::lock_guard lock(mutex_);
      file = committed_;
    }
    if (dataset.ok() && file) file->WillRead(*dataset, offset, bytes);
  }

  Result<Bytes> Get(const std::string& key, uint64_t max_bytes, Version* version) override {
    uint64_t number = 0;
    if (key == native::kRecordKey) {
      std::lock_guard lock(mutex_);
      // What is read first stays open: the data belongs to the record.
      committed_.reset();
      TSNAP_ASSIGN(committed_, CommittedFile::Open(path_, session_->log(), version));
      return committed_->Record(max_bytes);
    }
    if (!ParseIndexKey(key, &number)) return beside_->Get(key, max_bytes, version);
    TSNAP_ASSIGN(const std::shared_ptr<CommittedFile> file, Committed());
    return file->IndexPart(number, max_bytes);
  }

  Status Put(const std::string& key, ConstByteSpan bytes, bool durable) override {
    uint64_t number = 0;
    if (!ParseIndexKey(key, &number)) return beside_->Put(key, bytes, durable);
    if (!taken_) return Internal(fmt::format("writing {}: it has not been laid out", url_));
    static_cast<void>(durable);  // SyncFile comes
    return taken_->WriteIndexPart(number, bytes);
  }

  Status PutIf(const std::string& key, ConstByteSpan bytes, const Version& expected,
               bool durable) override {
    if (key != native::kRecordKey) return beside_->PutIf(key, bytes, expected, durable);
    if (!taken_) return Internal(fmt::format("writing {}: it has not been laid out", url_));
    TSNAP_TRY(taken_->WriteRecord(bytes));
    const std::string parent = posix::ParentOf(path_);
    if (durable) {
      TSNAP_TRY(taken_->Sync());
      TSNAP_TRY(posix::SyncFoldersAbove(parent));
    }
    TSNAP_TRY(expected.tag.empty() ? NameNew() : NameOver(expected));
    // From here on success needs no memory.
    Status synced = durable ? posix::SyncFolderOf(parent) : Status::Ok();
    if (synced.ok()) return synced;
    return std::move(synced).While("writing " + path_ +
                                   ": the file is there, but its name may not survive a crash of "
                                   "the machine");
  }

  Result<Entry> Stat(const std::string& key) override {
    if (key != native::kRecordKey) return beside_->Stat(key);
    struct stat info {};
    if (::stat(path_.c_str(), &info) == 0)
      return Entry{key, static_cast<uint64_t>(info.st_size), info.st_mtim.tv_sec};
    if (errno == ENOTDIR || errno == ENOENT) return NotFound(fmt::format("there is no {}", path_));
    return posix::FailedTo("asking for", path_, errno);
  }

  Status Remove(const std::string& key) override {
    if (key != native::kRecordKey) {
      TSNAP_TRY(beside_->Remove(key));
      RemoveFolders(key);
      return Status::Ok();
    }
    if (::unlink(path_.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return Status::Ok();
    return posix::FailedTo("removing", path_, errno);
  }

  Status RemoveIf(const std::string& key, const Version& expected) override {
    if (key != native::kRecordKey) return beside_->RemoveIf(key, expected);
    const Lock lock(*this);
    TSNAP_TRY(lock.status());
    TSNAP_TRY(CheckIs(expected));
    if (::unlink(path_.c_str()) == 0 || errno == ENOENT) return Status::Ok();
    return posix::FailedTo("removing", path_, errno);
  }

  bool HasPlace() override {
    return VersionOfFile(path_).status().code() != Code::kNotFound || beside_->HasPlace();
  }

  Status List(const std::string& prefix,
              const std::function<Status(const Entry&)>& visit) override {
    if (prefix.empty()) {
      Result<Entry> file = Stat(native::kRecordKey);
      if (file.ok()) TSNAP_TRY(visit(*file));
    }
    return beside_->List(prefix, visit);
  }

  Status ListParts(const std::string& prefix,
                   const std::function<Status(const std::string&)>& visit) override {
    if (prefix.empty() && Stat(native::kRecordKey).ok()) TSNAP_TRY(visit(native::kRecordKey));
    return beside_->ListParts(prefix, visit);
  }

  Status RemoveAll(const std::string& prefix) override {
    TSNAP_TRY(beside_->RemoveAll(prefix));
    beside_->RemovePlace();
    return Status::Ok();
  }

  void RemovePlace() override { beside_->RemovePlace(); }

  Status RemoveLeftovers(const std::string& prefix, int64_t before_unix_seconds,
                         const std::function<bool(std::string_view)>& dead) override {
    return beside_->RemoveLeftovers(prefix, before_unix_seconds, dead);
  }

  Status RemoveEmptyFolders(const std::string& prefix, int64_t before_unix_seconds) override {
    return beside_->RemoveEmptyFolders(prefix, before_unix_seconds);
  }

  // What lies beside goes when the file has its name: only the folder of that must last, and those
  // above it, which may be new.
  Status SyncFolder(const std::string& folder) override {
    if (!folder.empty()) return Status::Ok();
    const std::string parent = posix::ParentOf(path_);
    TSNAP_TRY(posix::SyncFolderOf(parent));
    return posix::SyncFoldersAbove(parent);
  }

 private:
  // One process at a time replaces or removes the file.
  class Lock {
   public:
    explicit Lock(Hdf5FileStore& store)
        : name_(store.beside_->url() + "/" + posix::kLockName),
          lock_(Acquire(store)),
          folder_(store.beside_->url()) {}
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    // Who waits for it sees that it has gone, and makes another.
    ~Lock() {
      if (!lock_.ok()) return;
      ::unlink(name_.c_str());
      ::rmdir(folder_.c_str());
    }
    Status status() const { return lock_.ok() ? Status::Ok() : Status(lock_.status()); }

   private:
    static Result<posix::FolderLock> Acquire(Hdf5FileStore& store) {
      // Who gives a lock back removes the folder with it, perhaps just before this one opens it.
      constexpr int kTries = 10;
      for (int tries = 1;; ++tries) {
        TSNAP_TRY(posix::MakeFolders(store.beside_->url()));
        Result<posix::FolderLock> lock = posix::FolderLock::Acquire(
            store.beside_->url(), store.session_->knobs().io_timeout_seconds);
        if (lock.ok() || lock.status().code() != Code::kNotFound || tries == kTries) return lock;
      }
    }
    const std::string name_;
    const Result<posix::FolderLock> lock_;
    const std::string folder_;
  };

  Result<std::shared_ptr<CommittedFile>> Committed() {
    std::lock_guard lock(mutex_);
    if (committed_) return committed_;
    TSNAP_ASSIGN(committed_, CommittedFile::Open(path_, session_->log(), nullptr));
    return committed_;
  }

  Status Taken() const { return Exists(fmt::format("writing {}: another one is there", path_)); }

  Status CheckIs(const Version& expected) const {
    TSNAP_ASSIGN(const Version found, VersionOfFile(path_));
    if (!expected.tag.empty() && found != expected) return Taken();
    return Status::Ok();
  }

  // Naming it failed with `error`, or only the answer was lost: OK when the name is the file's.
  Status Settle(int error) {
    const Result<bool> holds = HoldsTaken();
    if (holds.ok() && *holds) return Status::Ok();
    return error == EEXIST ? Taken() : posix::FailedTo("committing", path_, error);
  }

  Status KnowInode() {
    struct stat info {};
    if (::stat(taken_->path().c_str(), &info) != 0)
      return posix::FailedTo("asking for", taken_->path(), errno);
    taken_inode_ = info.st_ino;
    taken_device_ = info.st_dev;
    return Status::Ok();
  }

  Status NameNew() {
    TSNAP_TRY(KnowInode());
    const char* const from = taken_->path().c_str();
    if (::renameat2(AT_FDCWD, from, AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) == 0)
      return Status::Ok();
    if (errno != EINVAL && errno != ENOSYS) return Settle(errno);
    // A file system without it.
    if (::link(from, path_.c_str()) != 0) return Settle(errno);
    ::unlink(from);
    return Status::Ok();
  }

  Status NameOver(const Version& expected) {
    TSNAP_TRY(KnowInode());
    const Lock lock(*this);
    TSNAP_TRY(lock.status());
    Status is = CheckIs(expected);
    if (is.code() == Code::kNotFound)
      return Exists(
          fmt::format("writing {}: what was to be replaced was removed meanwhile", path_));
    TSNAP_TRY(std::move(is));
    return ::rename(taken_->path().c_str(), path_.c_str()) == 0 ? Status::Ok() : Settle(errno);
  }

  // The folders of a take whose marker has gone, and the place beside: they stay when something is
  // in them.
  void RemoveFolders(const std::string& key) {
    const size_t slash = key.find('/');
    if (slash == std::string::npos) return;
    ::rmdir((beside_->url() + "/" + key.substr(0, slash)).c_str());
    beside_->RemovePlace();
  }

  const std::string url_;
  const std::string path_;
  const std::shared_ptr<StoreSession> session_;
  const std::unique_ptr<Store> beside_;
  const StoreTraits traits_;
  const bool reads_ahead_;
  std::shared_ptr<TakenFile> taken_;  // set before the writes, by one thread
  ino_t taken_inode_ = 0;
  dev_t taken_device_ = 0;
  std::mutex mutex_;
  std::shared_ptr<CommittedFile> committed_;  // guarded by mutex_
};

}  // namespace

std::string_view PathOfUrl(std::string_view url) {
  for (const std::string_view scheme : {kScheme, std::string_view("fs://")})
    if (url.starts_with(scheme)) url.remove_prefix(scheme.size());
  while (url.size() > 1 && url.back() == '/') url.remove_suffix(1);
  return url;
}

bool IsOneFile(std::string_view url) {
  if (url.starts_with(kScheme)) return true;
  const size_t mark = url.find("://");
  const bool is_path = mark == std::string_view::npos || url.starts_with("fs://") ||
                       url.substr(0, mark).find('/') != std::string_view::npos;
  return is_path && PathOfUrl(url).ends_with(".h5");
}

Result<std::unique_ptr<Store>> OpenOneFile(std::string_view url,
                                           const std::shared_ptr<StoreSession>& session) {
  const std::string_view rest = PathOfUrl(url);
  if (rest.empty() || rest == "/")
    return Invalid(fmt::format("opening \"{}\": the URL names no file", url));
  if (url.find('\0') != std::string_view::npos)
    return Invalid("opening a place: the URL holds a NUL byte");
  TSNAP_TRY(LoadLibrary().status().While("opening", url));
  const std::string path(rest);
  const std::string beside = fmt::format(
      "{}/.{}.tsnap", posix::ParentOf(path) == "/" ? "" : posix::ParentOf(path), NameIn(path));
  TSNAP_ASSIGN(std::unique_ptr<Store> store,
               OpenPosixStore(beside, session->knobs(), /*create=*/false));
  StoreTraits traits;
  traits.slab_bytes = uint64_t{64} << 30;
  traits.chunk_bytes = uint64_t{64} << 20;
  traits.datasets = true;
  return std::unique_ptr<Store>(
      std::make_unique<Hdf5FileStore>(std::string(url), path, session, std::move(store), traits));
}

OneFileStore* AsOneFile(Store& store) { return dynamic_cast<OneFileStore*>(&store); }

namespace {

void Append(Bytes* out, const auto& value) {
  // Not insert(), in which optimizing GCC 12 sees an overflow that is none.
  const size_t at = out->size();
  out->resize(at + sizeof(value));
  std::memcpy(out->data() + at, &value, sizeof(value));
}

bool Take(ConstByteSpan* from, auto* value) {
  if (from->size() < sizeof(*value)) return false;
  std::memcpy(value, from->data(), sizeof(*value));
  *from = from->subspan(sizeof(*value));
  return true;
}

template <class T>
bool TakeList(ConstByteSpan* from, uint64_t count, std::vector<T>* out) {
  if (count > from->size() / sizeof(T)) return false;
  out->resize(count);
  for (T& value : *out)
    if (!Take(from, &value)) return false;
  return true;
}

}  // namespace

Bytes EncodeMap(const FileMap& map) {
  Bytes out;
  Append(&out, uint64_t{map.datasets.size()});
  Append(&out, uint64_t{map.index.size()});
  Append(&out, map.record);
  Append(&out, map.version);
  for (const DatasetPlace& place : map.datasets) Append(&out, place);
  for (const Place& place : map.index) Append(&out, place);
  return out;
}

Result<FileMap> DecodeMap(ConstByteSpan bytes) {
  FileMap map;
  uint64_t datasets = 0, parts = 0;
  if (Take(&bytes, &datasets) && Take(&bytes, &parts) && Take(&bytes, &map.record) &&
      Take(&bytes, &map.version) && TakeList(&bytes, datasets, &map.datasets) &&
      TakeList(&bytes, parts, &map.index) && bytes.empty())
    return map;
  return Internal("the map of a file did not arrive whole");
}

}  // namespace tsnap::one_file
