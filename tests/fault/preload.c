/* Faults of system calls: the nth call of a kind, on one rank, on paths that hold a text, fails, is cut short, is late, or is the
 * last one of the process. Knows nothing of tsnap. Preloaded (LD_PRELOAD) or linked into a test program; from the environment
 *
 *   TSNAP_FAULT="op=pwrite,n=3,errno=EIO[,rank=1][,path=TEXT][,count=1|all][,short=1][,sleep=SECONDS][,kill=1]"
 *
 * or, while the program runs, by tsnap_fault_arm with such a text. Commas separate, so that TEXT holds none.
 *   op     open pwrite pread fsync fdatasync ftruncate fallocate link rename renameat2 unlink mkdir close write fadvise, or any
 *   n      which matching call, from 1; 0: none, they are only counted
 *   errno  a name or a number; EIO when nothing else is asked for. A close that fails has closed.
 *   rank   only there (OMPI_COMM_WORLD_RANK or PMI_RANK; a program without them is rank 0)
 *   path   only paths that hold it; those of descriptors are looked up. Without it: all but pipes, sockets, devices.
 *   count  how many calls from the nth on; all: every later one too
 *   short  half of the bytes are moved (pwrite, pread, write)
 *   sleep  the call waits before it goes on
 *   kill   SIGKILL instead of the call
 * TSNAP_FAULT_COUNT=FILE appends "op count" lines to FILE when the process exits. */
#undef _FILE_OFFSET_BITS   /* both names of every call are defined here */
#undef _FORTIFY_SOURCE
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT void tsnap_fault_arm(const char *spec);
EXPORT long tsnap_fault_seen(void);
EXPORT void tsnap_fault_disarm(void);

enum Op { kOpen, kPwrite, kPread, kFsync, kFdatasync, kFtruncate, kFallocate, kLink, kRename, kRenameat2, kUnlink, kMkdir, kClose,
          kWrite, kFadvise, kOps, kAny = kOps };
static const char *const kOpNames[] = {"open", "pwrite", "pread", "fsync", "fdatasync", "ftruncate", "fallocate", "link", "rename",
                                       "renameat2", "unlink", "mkdir", "close", "write", "fadvise",
                                       "any"};

struct ErrorName { const char *name; int value; };
#define ERROR_NAME(name) {#name, name}
static const struct ErrorName kErrorNames[] = {
    ERROR_NAME(EIO), ERROR_NAME(ENOSPC), ERROR_NAME(EDQUOT), ERROR_NAME(EFBIG), ERROR_NAME(EINTR), ERROR_NAME(EAGAIN),
    ERROR_NAME(EACCES), ERROR_NAME(EPERM), ERROR_NAME(EROFS), ERROR_NAME(ENOENT), ERROR_NAME(EEXIST), ERROR_NAME(ENOTDIR),
    ERROR_NAME(EISDIR), ERROR_NAME(ENOTEMPTY), ERROR_NAME(EXDEV), ERROR_NAME(EMLINK), ERROR_NAME(ELOOP), ERROR_NAME(EOPNOTSUPP),
    ERROR_NAME(ENOSYS), ERROR_NAME(EINVAL), ERROR_NAME(EBADF), ERROR_NAME(EBUSY), ERROR_NAME(EMFILE), ERROR_NAME(ENFILE),
    ERROR_NAME(ENOMEM), ERROR_NAME(ENOLCK), ERROR_NAME(ESTALE), ERROR_NAME(ETIMEDOUT), ERROR_NAME(ENAMETOOLONG)};

struct Fault {
  int op;
  long n;
  long count;      /* -1: all */
  int error;       /* 0: none */
  int rank;        /* -1: every one */
  int is_short;
  int kills;
  double sleep_seconds;
  char path[512];
};

/* What a call that was chosen is to do. */
struct Verdict {
  int error;
  int is_short;
};

static int watching;                     /* atomic: is there anything to look at; all that a call reads when disarmed */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int armed;                        /* guarded by mutex, as what follows is */
static struct Fault fault;
static long seen;
static long calls[kOps];
static int counts_at_exit;
static char count_path[4096];
static __thread int inside;              /* calls that are made in here are not faulted */

/* --- the text ---------------------------------------------------------------------------------- */

static void Wrong(const char *what, const char *spec) {
  fprintf(stderr, "preload.c: %s in \"%s\"\n", what, spec);
  abort();
}

static long NumberOf(const char *text, const char *spec) {
  char *end = NULL;
  const long number = strtol(text, &end, 10);
  if (end == text || *end != '\0') Wrong("a number was expected", spec);
  return number;
}

static int OpOf(const char *text, const char *spec) {
  int op;
  for (op = 0; op <= kAny; ++op) {
    if (strcmp(text, kOpNames[op]) == 0) return op;
  }
  Wrong("unknown op", spec);
  return kAny;
}

static int ErrorOf(const char *text, const char *spec) {
  size_t i;
  for (i = 0; i < sizeof kErrorNames / sizeof kErrorNames[0]; ++i) {
    if (strcmp(text, kErrorNames[i].name) == 0) return kErrorNames[i].value;
  }
  if (text[0] == 'E') Wrong("unknown errno", spec);
  return (int)NumberOf(text, spec);
}

static void SetField(struct Fault *out, const char *name, const char *value, const char *spec) {
  if (strcmp(name, "op") == 0) {
    out->op = OpOf(value, spec);
  } else if (strcmp(name, "n") == 0) {
    out->n = NumberOf(value, spec);
  } else if (strcmp(name, "errno") == 0) {
    out->error = ErrorOf(value, spec);
  } else if (strcmp(name, "rank") == 0) {
    out->rank = (int)NumberOf(value, spec);
  } else if (strcmp(name, "path") == 0) {
    if (strlen(value) >= sizeof out->path) Wrong("too long a path", spec);
    strcpy(out->path, value);
  } else if (strcmp(name, "count") == 0) {
    out->count = strcmp(value, "all") == 0 ? -1 : NumberOf(value, spec);
  } else if (strcmp(name, "short") == 0) {
    out->is_short = NumberOf(value, spec) != 0;
  } else if (strcmp(name, "kill") == 0) {
    out->kills = NumberOf(value, spec) != 0;
  } else if (strcmp(name, "sleep") == 0) {
    char *end = NULL;
    out->sleep_seconds = strtod(value, &end);
    if (end == value || *end != '\0' || out->sleep_seconds < 0) Wrong("seconds were expected", spec);
  } else {
    Wrong("unknown field", spec);
  }
}

static struct Fault Parse(const char *spec) {
  struct Fault out = {-1, 1, 1, 0, -1, 0, 0, 0, ""};
  char copy[1024];
  char *field, *rest = NULL;
  if (strlen(spec) >= sizeof copy) Wrong("too long a text", spec);
  strcpy(copy, spec);
  for (field = strtok_r(copy, ",", &rest); field != NULL; field = strtok_r(NULL, ",", &rest)) {
    char *value = strchr(field, '=');
    if (value == NULL) Wrong("a field without a value", spec);
    *value = '\0';
    SetField(&out, field, value + 1, spec);
  }
  if (out.op < 0) Wrong("no op", spec);
  if (out.error == 0 && !out.is_short && !out.kills && out.sleep_seconds == 0) out.error = EIO;
  return out;
}

static int Rank(void) {
  const char *text = getenv("OMPI_COMM_WORLD_RANK");
  if (text == NULL) text = getenv("PMI_RANK");
  return text == NULL ? 0 : atoi(text);
}

/* --- arming ------------------------------------------------------------------------------------ */

static void Watch(void) { __atomic_store_n(&watching, armed || counts_at_exit, __ATOMIC_RELEASE); }

void tsnap_fault_arm(const char *spec) {
  const struct Fault parsed = Parse(spec);
  pthread_mutex_lock(&mutex);
  fault = parsed;
  seen = 0;
  armed = fault.rank < 0 || fault.rank == Rank();
  Watch();
  pthread_mutex_unlock(&mutex);
}

/* Matching calls since the arming, those that were failed among them; it stays after disarming. */
long tsnap_fault_seen(void) {
  long result;
  pthread_mutex_lock(&mutex);
  result = seen;
  pthread_mutex_unlock(&mutex);
  return result;
}

void tsnap_fault_disarm(void) {
  pthread_mutex_lock(&mutex);
  armed = 0;
  Watch();
  pthread_mutex_unlock(&mutex);
}

__attribute__((constructor)) static void Begin(void) {
  const char *spec = getenv("TSNAP_FAULT"), *file = getenv("TSNAP_FAULT_COUNT");
  if (file != NULL && *file != '\0') {
    if (strlen(file) >= sizeof count_path) Wrong("too long a TSNAP_FAULT_COUNT", file);
    strcpy(count_path, file);
    counts_at_exit = 1;
    Watch();
  }
  if (spec != NULL && *spec != '\0') tsnap_fault_arm(spec);
}

__attribute__((destructor)) static void End(void) {
  char text[1024];
  size_t size = 0;
  int op, file;
  if (!counts_at_exit) return;
  inside = 1;
  pthread_mutex_lock(&mutex);
  for (op = 0; op < kOps; ++op) {
    if (calls[op] > 0) size += (size_t)snprintf(text + size, sizeof text - size, "%s %ld\n", kOpNames[op], calls[op]);
  }
  pthread_mutex_unlock(&mutex);
  file = open(count_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0 || write(file, text, size) != (ssize_t)size) fprintf(stderr, "preload.c: cannot write %s\n", count_path);
  if (file >= 0) close(file);
}

/* --- judging a call ---------------------------------------------------------------------------- */

static int IsDevice(const char *path) {
  if (strncmp(path, "/dev/shm/", 9) == 0) return 0;
  return strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/sys/", 5) == 0;
}

/* A path as it was given; of a descriptor when `name` is null; in the folder of a descriptor when it is relative. */
static int MatchesPath(int fd, const char *name) {
  char link[64], path[8192];
  ssize_t size = 0;
  if (name != NULL && (name[0] == '/' || fd == AT_FDCWD)) {
    return fault.path[0] != '\0' ? strstr(name, fault.path) != NULL : !IsDevice(name);
  }
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  size = readlink(link, path, 4096);
  if (size <= 0 || path[0] != '/') return 0;
  path[size] = '\0';
  if (name != NULL) snprintf(path + size, sizeof path - (size_t)size, "/%s", name);
  return fault.path[0] != '\0' ? strstr(path, fault.path) != NULL : !IsDevice(path);
}

static void Sleep(double seconds) {
  struct timespec left;
  left.tv_sec = (time_t)seconds;
  left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
  while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
}

/* Counts the call and finds whether it is one to disturb; waits and kills here. */
static struct Verdict JudgeSlowly(enum Op op, int fd, const char *name, int fd2, const char *name2) {
  struct Verdict verdict = {0, 0};
  double sleep_seconds = 0;
  int kills = 0;
  const int saved = errno;
  inside = 1;
  pthread_mutex_lock(&mutex);
  if (MatchesPath(fd, name) || (name2 != NULL && MatchesPath(fd2, name2))) {
    ++calls[op];
    if (armed && (fault.op == kAny || fault.op == (int)op)) {
      ++seen;
      if (fault.n > 0 && seen >= fault.n && (fault.count < 0 || seen - fault.n < fault.count)) {
        verdict.error = fault.error;
        verdict.is_short = fault.is_short;
        sleep_seconds = fault.sleep_seconds;
        kills = fault.kills;
      }
    }
  }
  pthread_mutex_unlock(&mutex);
  if (sleep_seconds > 0) Sleep(sleep_seconds);
  if (kills) kill(getpid(), SIGKILL);
  inside = 0;
  errno = saved;
  return verdict;
}

static inline struct Verdict Judge(enum Op op, int fd, const char *name, int fd2, const char *name2) {
  const struct Verdict fine = {0, 0};
  if (__builtin_expect(!__atomic_load_n(&watching, __ATOMIC_ACQUIRE), 1) || inside) return fine;
  return JudgeSlowly(op, fd, name, fd2, name2);
}
static inline struct Verdict JudgeFd(enum Op op, int fd) { return Judge(op, fd, NULL, 0, NULL); }

/* Half of a transfer; for direct I/O in whole blocks, as a device would do it. */
static size_t HalfOf(int fd, size_t size) {
  const size_t half = size / 2, block = 4096;
  const int flags = fcntl(fd, F_GETFL);
  if (half >= block) return half / block * block;
  return half == 0 || (flags >= 0 && (flags & O_DIRECT) != 0) ? size : half;
}

/* --- the calls --------------------------------------------------------------------------------- */

/* The next definition of a function: libc's, or that of a sanitizer. What dlsym gives is turned into a function by a copy: ISO C
 * has no cast for it. */
static void *Next(void **cache, const char *name) {
  void *found = __atomic_load_n(cache, __ATOMIC_RELAXED);
  if (found != NULL) return found;
  found = dlsym(RTLD_NEXT, name);
  if (found == NULL) abort();
  __atomic_store_n(cache, found, __ATOMIC_RELAXED);
  return found;
}

#define NEXT(type, name)                           \
  type call;                                       \
  do {                                             \
    static void *cache;                            \
    void *const next = Next(&cache, name);         \
    memcpy(&call, &next, sizeof call);             \
  } while (0)

#define FAIL_IF(verdict)       \
  do {                         \
    if ((verdict).error != 0) { \
      errno = (verdict).error; \
      return -1;               \
    }                          \
  } while (0)

typedef int (*Open)(const char *, int, ...);
typedef int (*OpenAt)(int, const char *, int, ...);
typedef int (*Open2)(const char *, int);
typedef int (*OpenAt2)(int, const char *, int);
typedef int (*Creat)(const char *, mode_t);
typedef ssize_t (*Pwrite)(int, const void *, size_t, off_t);
typedef ssize_t (*Pread)(int, void *, size_t, off_t);
typedef ssize_t (*PreadChecked)(int, void *, size_t, off_t, size_t);
typedef ssize_t (*Write)(int, const void *, size_t);
typedef int (*OnFd)(int);
typedef int (*OnFdAndSize)(int, off_t);
typedef int (*Fallocate)(int, int, off_t, off_t);
typedef int (*PosixFallocate)(int, off_t, off_t);
typedef int (*Fadvise)(int, off_t, off_t, int);
typedef int (*OnPath)(const char *);
typedef int (*OnPathAndMode)(const char *, mode_t);
typedef int (*OnTwo)(const char *, const char *);
typedef int (*LinkAt)(int, const char *, int, const char *, int);
typedef int (*RenameAt)(int, const char *, int, const char *);
typedef int (*RenameAt2)(int, const char *, int, const char *, unsigned);
typedef int (*UnlinkAt)(int, const char *, int);
typedef int (*MkdirAt)(int, const char *, mode_t);

#define READ_MODE(flags, mode)                                       \
  mode_t mode = 0;                                                   \
  if (((flags) & O_CREAT) != 0 || ((flags) & O_TMPFILE) == O_TMPFILE) { \
    va_list more;                                                    \
    va_start(more, flags);                                           \
    mode = (mode_t)va_arg(more, unsigned);                           \
    va_end(more);                                                    \
  }

#define DEFINE_OPEN(name)                                       \
  EXPORT int name(const char *path, int flags, ...) {           \
    READ_MODE(flags, mode)                                      \
    const struct Verdict verdict = Judge(kOpen, AT_FDCWD, path, 0, NULL); \
    NEXT(Open, #name);                                          \
    FAIL_IF(verdict);                                           \
    return call(path, flags, mode);                             \
  }
#define DEFINE_OPENAT(name)                                     \
  EXPORT int name(int folder, const char *path, int flags, ...) { \
    READ_MODE(flags, mode)                                      \
    const struct Verdict verdict = Judge(kOpen, folder, path, 0, NULL); \
    NEXT(OpenAt, #name);                                        \
    FAIL_IF(verdict);                                           \
    return call(folder, path, flags, mode);                     \
  }
/* What a fortified open without a mode becomes. */
#define DEFINE_OPEN_2(name)                                     \
  EXPORT int name(const char *path, int flags);                 \
  int name(const char *path, int flags) {                       \
    const struct Verdict verdict = Judge(kOpen, AT_FDCWD, path, 0, NULL); \
    NEXT(Open2, #name);                                         \
    FAIL_IF(verdict);                                           \
    return call(path, flags);                                   \
  }
#define DEFINE_OPENAT_2(name)                                   \
  EXPORT int name(int folder, const char *path, int flags);     \
  int name(int folder, const char *path, int flags) {           \
    const struct Verdict verdict = Judge(kOpen, folder, path, 0, NULL); \
    NEXT(OpenAt2, #name);                                       \
    FAIL_IF(verdict);                                           \
    return call(folder, path, flags);                           \
  }
#define DEFINE_CREAT(name)                                      \
  EXPORT int name(const char *path, mode_t mode) {              \
    const struct Verdict verdict = Judge(kOpen, AT_FDCWD, path, 0, NULL); \
    NEXT(Creat, #name);                                         \
    FAIL_IF(verdict);                                           \
    return call(path, mode);                                    \
  }
#define DEFINE_PWRITE(name)                                                      \
  EXPORT ssize_t name(int fd, const void *from, size_t size, off_t offset) {     \
    const struct Verdict verdict = JudgeFd(kPwrite, fd);                         \
    NEXT(Pwrite, #name);                                                         \
    FAIL_IF(verdict);                                                            \
    return call(fd, from, verdict.is_short ? HalfOf(fd, size) : size, offset);   \
  }
#define DEFINE_PREAD(name)                                                       \
  EXPORT ssize_t name(int fd, void *to, size_t size, off_t offset) {             \
    const struct Verdict verdict = JudgeFd(kPread, fd);                          \
    NEXT(Pread, #name);                                                          \
    FAIL_IF(verdict);                                                            \
    return call(fd, to, verdict.is_short ? HalfOf(fd, size) : size, offset);     \
  }
#define DEFINE_PREAD_CHECKED(name)                                               \
  EXPORT ssize_t name(int fd, void *to, size_t size, off_t offset, size_t room); \
  ssize_t name(int fd, void *to, size_t size, off_t offset, size_t room) {       \
    const struct Verdict verdict = JudgeFd(kPread, fd);                          \
    NEXT(PreadChecked, #name);                                                   \
    FAIL_IF(verdict);                                                            \
    return call(fd, to, verdict.is_short ? HalfOf(fd, size) : size, offset, room); \
  }
#define DEFINE_ON_FD(name, op)                     \
  EXPORT int name(int fd) {                        \
    const struct Verdict verdict = JudgeFd(op, fd); \
    NEXT(OnFd, #name);                             \
    FAIL_IF(verdict);                              \
    return call(fd);                               \
  }
#define DEFINE_FTRUNCATE(name)                             \
  EXPORT int name(int fd, off_t size) {                    \
    const struct Verdict verdict = JudgeFd(kFtruncate, fd); \
    NEXT(OnFdAndSize, #name);                              \
    FAIL_IF(verdict);                                      \
    return call(fd, size);                                 \
  }
#define DEFINE_FALLOCATE(name)                                  \
  EXPORT int name(int fd, int mode, off_t offset, off_t size) { \
    const struct Verdict verdict = JudgeFd(kFallocate, fd);     \
    NEXT(Fallocate, #name);                                     \
    FAIL_IF(verdict);                                           \
    return call(fd, mode, offset, size);                        \
  }
/* It returns its error. */
#define DEFINE_POSIX_FALLOCATE(name)                        \
  EXPORT int name(int fd, off_t offset, off_t size) {       \
    const struct Verdict verdict = JudgeFd(kFallocate, fd); \
    NEXT(PosixFallocate, #name);                            \
    return verdict.error != 0 ? verdict.error : call(fd, offset, size); \
  }

/* It returns its error too. */
#define DEFINE_FADVISE(name)                                            \
  EXPORT int name(int fd, off_t offset, off_t size, int advice) {       \
    const struct Verdict verdict = JudgeFd(kFadvise, fd);               \
    NEXT(Fadvise, #name);                                               \
    return verdict.error != 0 ? verdict.error : call(fd, offset, size, advice); \
  }

DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)
DEFINE_OPEN_2(__open_2)
DEFINE_OPEN_2(__open64_2)
DEFINE_OPENAT_2(__openat_2)
DEFINE_OPENAT_2(__openat64_2)
DEFINE_CREAT(creat)
DEFINE_CREAT(creat64)
DEFINE_PWRITE(pwrite)
DEFINE_PWRITE(pwrite64)
DEFINE_PREAD(pread)
DEFINE_PREAD(pread64)
DEFINE_PREAD_CHECKED(__pread_chk)
DEFINE_PREAD_CHECKED(__pread64_chk)
DEFINE_ON_FD(fsync, kFsync)
DEFINE_ON_FD(fdatasync, kFdatasync)
DEFINE_FTRUNCATE(ftruncate)
DEFINE_FTRUNCATE(ftruncate64)
DEFINE_FALLOCATE(fallocate)
DEFINE_FALLOCATE(fallocate64)
DEFINE_POSIX_FALLOCATE(posix_fallocate)
DEFINE_POSIX_FALLOCATE(posix_fallocate64)
DEFINE_FADVISE(posix_fadvise)
DEFINE_FADVISE(posix_fadvise64)

EXPORT int close(int fd) {
  const struct Verdict verdict = JudgeFd(kClose, fd);
  NEXT(OnFd, "close");
  if (verdict.error != 0) call(fd);
  FAIL_IF(verdict);
  return call(fd);
}

EXPORT ssize_t write(int fd, const void *from, size_t size) {
  const struct Verdict verdict = JudgeFd(kWrite, fd);
  NEXT(Write, "write");
  FAIL_IF(verdict);
  return call(fd, from, verdict.is_short ? HalfOf(fd, size) : size);
}

EXPORT int link(const char *from, const char *to) {
  const struct Verdict verdict = Judge(kLink, AT_FDCWD, from, AT_FDCWD, to);
  NEXT(OnTwo, "link");
  FAIL_IF(verdict);
  return call(from, to);
}

EXPORT int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
  const struct Verdict verdict = Judge(kLink, from_folder, from, to_folder, to);
  NEXT(LinkAt, "linkat");
  FAIL_IF(verdict);
  return call(from_folder, from, to_folder, to, flags);
}

EXPORT int rename(const char *from, const char *to) {
  const struct Verdict verdict = Judge(kRename, AT_FDCWD, from, AT_FDCWD, to);
  NEXT(OnTwo, "rename");
  FAIL_IF(verdict);
  return call(from, to);
}

EXPORT int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  const struct Verdict verdict = Judge(kRename, from_folder, from, to_folder, to);
  NEXT(RenameAt, "renameat");
  FAIL_IF(verdict);
  return call(from_folder, from, to_folder, to);
}

EXPORT int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  const struct Verdict verdict = Judge(kRenameat2, from_folder, from, to_folder, to);
  NEXT(RenameAt2, "renameat2");
  FAIL_IF(verdict);
  return call(from_folder, from, to_folder, to, flags);
}

EXPORT int unlink(const char *path) {
  const struct Verdict verdict = Judge(kUnlink, AT_FDCWD, path, 0, NULL);
  NEXT(OnPath, "unlink");
  FAIL_IF(verdict);
  return call(path);
}

/* With AT_REMOVEDIR it is an rmdir, which is left alone. */
EXPORT int unlinkat(int folder, const char *path, int flags) {
  const struct Verdict fine = {0, 0};
  const struct Verdict verdict = (flags & AT_REMOVEDIR) != 0 ? fine : Judge(kUnlink, folder, path, 0, NULL);
  NEXT(UnlinkAt, "unlinkat");
  FAIL_IF(verdict);
  return call(folder, path, flags);
}

EXPORT int mkdir(const char *path, mode_t mode) {
  const struct Verdict verdict = Judge(kMkdir, AT_FDCWD, path, 0, NULL);
  NEXT(OnPathAndMode, "mkdir");
  FAIL_IF(verdict);
  return call(path, mode);
}

EXPORT int mkdirat(int folder, const char *path, mode_t mode) {
  const struct Verdict verdict = Judge(kMkdir, folder, path, 0, NULL);
  NEXT(MkdirAt, "mkdirat");
  FAIL_IF(verdict);
  return call(folder, path, mode);
}
