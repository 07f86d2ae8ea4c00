#include "store/posix/tree.h"

#include <dirent.h>

#include <cerrno>
#include <memory>

#include "store/posix/files.h"

namespace tsnap::posix {

namespace {

struct FolderCloser {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, FolderCloser>;

bool MeansGone(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP; }

// Empty when it is gone or a link that is not to be followed.
Result<Folder> OpenFolder(const std::string& path, IfLink if_link) {
  const int flags =
      O_RDONLY | O_DIRECTORY | O_CLOEXEC | (if_link == IfLink::kIgnore ? O_NOFOLLOW : 0);
  Descriptor descriptor(::open(path.c_str(), flags));
  if (!descriptor && MeansGone(errno)) return Folder();
  if (!descriptor) return FailedTo("listing folder", path, errno);
  Folder folder(::fdopendir(descriptor.get()));
  if (!folder) return FailedTo("listing folder", path, errno);
  descriptor.release();  // the folder closes it
  return folder;
}

NameKind KindOf(int folder_fd, const dirent& entry) {
  if (entry.d_type == DT_DIR) return NameKind::kFolder;
  if (entry.d_type == DT_REG) return NameKind::kFile;
  if (entry.d_type != DT_UNKNOWN) return NameKind::kOther;
  struct stat info {};
  if (::fstatat(folder_fd, entry.d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) return NameKind::kOther;
  return S_ISDIR(info.st_mode)   ? NameKind::kFolder
         : S_ISREG(info.st_mode) ? NameKind::kFile
                                 : NameKind::kOther;
}

}  // namespace

Result<std::vector<Name>> NamesIn(const std::string& path, IfLink if_link) {
  std::vector<Name> names;
  TSNAP_ASSIGN(const Folder folder, OpenFolder(path, if_link));
  if (!folder) return names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back({name, KindOf(::dirfd(folder.get()), *entry)});
  }
  if (errno != 0 && errno != ENOENT)
    return FailedTo("listing folder", path, errno);  // ENOENT: removed under our feet
  return names;
}

Status RemoveTree(const std::string& folder, IfLink if_link, std::atomic<uint64_t>* removed) {
  TSNAP_ASSIGN(const std::vector<Name> names, NamesIn(folder, if_link));
  for (const Name& name : names) {
    const std::string path = folder + "/" + name.name;
    if (name.kind == NameKind::kFolder) {
      TSNAP_TRY(RemoveTree(path, IfLink::kIgnore, removed));
    } else if (::unlink(path.c_str()) != 0 && !MeansGone(errno)) {
      return FailedTo("removing", path, errno);
    }
    ++*removed;
  }
  if (::rmdir(folder.c_str()) == 0 || MeansGone(errno))
    return Status::Ok();  // ENOTDIR: a file, or a link to the place
  if (errno == ENOTEMPTY || errno == EEXIST || errno == EBUSY || errno == EINVAL)
    return Status::Ok();  // in use; EINVAL: "."
  return FailedTo("removing folder", folder, errno);
}

bool HasFolders(const std::string& folder, const std::string& prefix) {
  for (size_t end = prefix.find('/'); end != std::string::npos; end = prefix.find('/', end + 1)) {
    struct stat info {};
    if (::lstat((folder + "/" + prefix.substr(0, end)).c_str(), &info) != 0)
      return errno != ENOENT && errno != ENOTDIR;
    if (!S_ISDIR(info.st_mode)) return false;
  }
  return true;
}

}  // namespace tsnap::posix
