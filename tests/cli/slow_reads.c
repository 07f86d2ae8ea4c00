/* Preloaded into the tool: each read at an offset takes SLOW_READS_MS milliseconds more, as from a
 * slow disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

typedef ssize_t (*Read)(int, void*, size_t, off_t);
typedef ssize_t (*ReadVector)(int, const struct iovec*, int, off_t);

static void* Next(const char* name) {
  const char* milliseconds = getenv("SLOW_READS_MS");
  const long long nanoseconds = milliseconds != NULL ? atoll(milliseconds) * 1000000 : 0;
  const struct timespec pause = {(time_t)(nanoseconds / 1000000000),
                                 (long)(nanoseconds % 1000000000)};
  nanosleep(&pause, NULL);
  return dlsym(RTLD_NEXT, name);
}

/* What dlsym gives is turned into a function without a cast that ISO C has no words for. */
#define SLOW_READ(name)                                         \
  ssize_t name(int file, void* to, size_t size, off_t offset) { \
    void* next = Next(#name);                                   \
    Read call;                                                  \
    memcpy(&call, &next, sizeof(call));                         \
    return call(file, to, size, offset);                        \
  }
#define SLOW_READ_VECTOR(name)                                              \
  ssize_t name(int file, const struct iovec* to, int count, off_t offset) { \
    void* next = Next(#name);                                               \
    ReadVector call;                                                        \
    memcpy(&call, &next, sizeof(call));                                     \
    return call(file, to, count, offset);                                   \
  }

#undef pread
#undef preadv
SLOW_READ(pread64)
SLOW_READ_VECTOR(preadv64)
