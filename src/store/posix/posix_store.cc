#include "store/posix/posix_store.h"

#include <dirent.h>

#include <cerrno>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "store/posix/direct_io.h"
#include "store/posix/files.h"
#include "store/posix/posix_writer.h"
#include "store/posix/publish.h"

namespace tsnap {

namespace {

using posix::Descriptor;
using posix::FailedTo;

constexpr size_t kMostOpenFiles = 64;

// The files that were read last, kept open.
class OpenFiles {
 public:
  Result<std::shared_ptr<Descriptor>> Get(const std::string& path) {
    std::lock_guard lock(mutex_);
    for (auto entry = recent_.begin(); entry != recent_.end(); ++entry) {
      if (entry->first != path) continue;
      recent_.splice(recent_.begin(), recent_, entry);
      return entry->second;
    }
    TSNAP_ASSIGN(Descriptor file, posix::Open(path, O_RDONLY, "opening"));
    ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    recent_.emplace_front(path, std::make_shared<Descriptor>(std::move(file)));
    if (recent_.size() > kMostOpenFiles) recent_.pop_back();
    return recent_.front().second;
  }

  void Clear() {
    std::lock_guard lock(mutex_);
    recent_.clear();
  }

 private:
  std::mutex mutex_;
  std::list<std::pair<std::string, std::shared_ptr<Descriptor>>> recent_;  // guarded by mutex_
};

struct FolderCloser {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

struct Name {
  std::string name;
  bool is_folder = false;
};

// The folder of a store may be a link of the user's; a link below it is never entered.
enum class Links { kFollowed, kNotFollowed };

// What a folder holds, "." and ".." left out. A folder that is gone holds nothing.
Result<std::vector<Name>> NamesIn(const std::string& folder, Links links) {
  std::vector<Name> names;
  const int flags =
      O_RDONLY | O_DIRECTORY | O_CLOEXEC | (links == Links::kFollowed ? 0 : O_NOFOLLOW);
  const int fd = ::open(folder.c_str(), flags);
  const std::unique_ptr<DIR, FolderCloser> open(fd < 0 ? nullptr : ::fdopendir(fd));
  if (!open) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    if (error == ENOENT || error == ENOTDIR || error == ELOOP) return names;
    return FailedTo("listing folder", folder, error);
  }
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(open.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat info {};
    // Links are not followed: nothing outside the place is ever listed or removed.
    if (::fstatat(::dirfd(open.get()), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      continue;  // removed meanwhile
    names.push_back({name, S_ISDIR(info.st_mode)});
  }
  if (errno != 0) return FailedTo("listing folder", folder, errno);
  return names;
}

class PosixStore final : public Store {
 public:
  PosixStore(std::string root, StoreTraits traits) : root_(std::move(root)), traits_(traits) {}

  const StoreTraits& traits() const override { return traits_; }
  const std::string& url() const override { return root_; }

  Result<std::unique_ptr<StoreWriter>> Create(const std::string& key,
                                              uint64_t expected_bytes) override {
    return posix::PosixWriter::Create(PathOf(key), expected_bytes, traits_.write_alignment > 1,
                                      &counters());
  }

  Status ReadAt(const std::string& key, uint64_t offset, ByteSpan out) override {
    const std::string path = PathOf(key);
    TSNAP_ASSIGN(const std::shared_ptr<Descriptor> file, open_files_.Get(path));
    uint64_t got = 0;
    TSNAP_TRY(posix::ReadAll(file->get(), offset, out, path, &got));
    ++counters().read_calls;
    counters().read_bytes += got;
    if (got == out.size()) return Status::Ok();
    return Corrupt(
        fmt::format("reading {}: the file is truncated: it ends at byte {}, {} were recorded", path,
                    offset + got, offset + out.size()));
  }

  Result<Bytes> Get(const std::string& key, uint64_t max_bytes, Version* version) override {
    TSNAP_ASSIGN(Bytes bytes, posix::ReadWhole(PathOf(key), max_bytes));
    ++counters().read_calls;
    counters().read_bytes += bytes.size();
    if (version != nullptr) *version = posix::VersionOf(bytes);
    return bytes;
  }

  Status Put(const std::string& key, ConstByteSpan bytes, bool durable) override {
    const Status put = posix::Put(PathOf(key), bytes, durable);
    open_files_.Clear();  // also after a failure: the file may have been replaced before it
    TSNAP_TRY(put);
    return Count(bytes);
  }

  Status PutIf(const std::string& key, ConstByteSpan bytes, const Version& expected,
               bool durable) override {
    const Status put = posix::PutIf(PathOf(key), bytes, expected, durable);
    open_files_.Clear();
    TSNAP_TRY(put);
    return Count(bytes);
  }

  Result<Entry> Stat(const std::string& key) override {
    struct stat info {};
    if (::lstat(PathOf(key).c_str(), &info) != 0) return FailedTo("asking for", PathOf(key), errno);
    if (S_ISDIR(info.st_mode))
      return NotFound(fmt::format("asking for {}: it is a folder", PathOf(key)));
    return Entry{key, static_cast<uint64_t>(info.st_size), info.st_mtim.tv_sec};
  }

  Status Remove(const std::string& key) override {
    const int error = ::unlink(PathOf(key).c_str()) == 0 ? 0 : errno;
    open_files_.Clear();
    if (error == 0 || error == ENOENT || error == ENOTDIR) return Status::Ok();
    return FailedTo("removing", PathOf(key), error);
  }

  Status List(const std::string& prefix,
              const std::function<Status(const Entry&)>& visit) override {
    TSNAP_ASSIGN(const std::vector<Name> names, NamesIn(FolderOf(prefix), LinksOf(prefix)));
    for (const Name& name : names) {
      if (posix::IsInternalName(name.name)) continue;
      if (name.is_folder) {
        TSNAP_TRY(List(prefix + name.name + "/", visit));
        continue;
      }
      Result<Entry> entry = Stat(prefix + name.name);
      if (!entry.ok() && entry.status().code() == Code::kNotFound) continue;  // removed meanwhile
      if (!entry.ok()) return std::move(entry).status();
      TSNAP_TRY(visit(*entry));
    }
    return Status::Ok();
  }

  Status ListParts(const std::string& prefix,
                   const std::function<Status(const std::string&)>& visit) override {
    TSNAP_ASSIGN(const std::vector<Name> names, NamesIn(FolderOf(prefix), LinksOf(prefix)));
    for (const Name& name : names) {
      if (!posix::IsInternalName(name.name)) TSNAP_TRY(visit(name.name));
    }
    return Status::Ok();
  }

  Status RemoveAll(const std::string& prefix) override {
    if (LeadsThroughLink(prefix)) return Status::Ok();
    open_files_.Clear();  // a network file system keeps the folder of a file that is open
    const Status removed = RemoveFolder(FolderOf(prefix), LinksOf(prefix));
    open_files_.Clear();  // what was opened meanwhile
    return removed;
  }

  Status RemoveLeftovers(const std::string& prefix, int64_t before_unix_seconds) override {
    TSNAP_ASSIGN(const std::vector<Name> names, NamesIn(FolderOf(prefix), LinksOf(prefix)));
    for (const Name& name : names) {
      if (!posix::IsTemporaryName(name.name) || name.is_folder) continue;
      const std::string path = FolderOf(prefix) + "/" + name.name;
      struct stat info {};
      if (::lstat(path.c_str(), &info) != 0 || info.st_mtim.tv_sec >= before_unix_seconds) continue;
      if (::unlink(path.c_str()) != 0 && errno != ENOENT) return FailedTo("removing", path, errno);
    }
    return Status::Ok();
  }

  Status RemoveEmptyFolders(const std::string& prefix, int64_t before_unix_seconds) override {
    struct stat info {};
    const bool old =
        ::lstat(FolderOf(prefix).c_str(), &info) == 0 && info.st_mtim.tv_sec < before_unix_seconds;
    TSNAP_ASSIGN(const std::vector<Name> names, NamesIn(FolderOf(prefix), LinksOf(prefix)));
    for (const Name& name : names) {
      if (name.is_folder)
        TSNAP_TRY(RemoveEmptyFolders(prefix + name.name + "/", before_unix_seconds));
    }
    TSNAP_TRY(RemoveLeftovers(prefix, before_unix_seconds));
    if (old) ::rmdir(FolderOf(prefix).c_str());  // it stays when something is in it
    return Status::Ok();
  }

  Status SyncFolder(const std::string& folder) override {
    if (!folder.empty()) return posix::SyncFolderOf(PathOf(folder));
    return posix::SyncFolderAndAbove(root_);
  }

 private:
  std::string PathOf(const std::string& key) const { return root_ + "/" + key; }
  std::string FolderOf(const std::string& prefix) const {
    return prefix.empty() ? root_ : PathOf(prefix.substr(0, prefix.size() - 1));
  }

  // A folder on the way to a prefix may be a link, too.
  bool LeadsThroughLink(const std::string& prefix) const {
    for (size_t slash = prefix.find('/'); slash != std::string::npos;
         slash = prefix.find('/', slash + 1)) {
      struct stat info {};
      if (::lstat(PathOf(prefix.substr(0, slash)).c_str(), &info) == 0 && S_ISLNK(info.st_mode))
        return true;
    }
    return false;
  }

  static Links LinksOf(const std::string& prefix) {
    return prefix.empty() ? Links::kFollowed : Links::kNotFollowed;
  }

  Status Count(ConstByteSpan bytes) {
    ++counters().write_calls;
    counters().written_bytes += bytes.size();
    return Status::Ok();
  }

  static Status RemoveFolder(const std::string& folder, Links links) {
    TSNAP_ASSIGN(const std::vector<Name> names, NamesIn(folder, links));
    for (const Name& name : names) {
      const std::string path = folder + "/" + name.name;
      if (name.is_folder) {
        TSNAP_TRY(RemoveFolder(path, Links::kNotFollowed));
      } else if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        return FailedTo("removing", path, errno);
      }
    }
    // Others may be writing there (ENOTEMPTY): then the folder stays. So does what is none: a link,
    // a file (ENOTDIR).
    if (::rmdir(folder.c_str()) == 0 || errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST ||
        errno == EBUSY || errno == ENOTDIR) {
      return Status::Ok();
    }
    return FailedTo("removing folder", folder, errno);
  }

  const std::string root_;
  const StoreTraits traits_;
  OpenFiles open_files_;
};

}  // namespace

Result<std::unique_ptr<Store>> OpenPosixStore(const std::string& root, const Knobs& knobs,
                                              bool create) {
  StoreTraits traits;
  traits.slab_bytes = uint64_t{64} << 30;
  traits.chunk_bytes = uint64_t{64} << 20;
  if (create) {
    TSNAP_TRY(posix::MakeFolders(root));
    TSNAP_ASSIGN(const bool direct, posix::UseDirectIo(root, knobs.direct_io));
    if (direct) traits.write_alignment = posix::kDirectAlignment;
  }
  return std::unique_ptr<Store>(std::make_unique<PosixStore>(root, traits));
}

}  // namespace tsnap
