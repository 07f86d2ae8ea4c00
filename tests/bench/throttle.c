/* A store that takes bytes slowly: preloaded (LD_PRELOAD), it lets each process write only so fast
 * to files below a folder. A bucket of tokens: bytes come in at the rate, a write goes on when its
 * bytes are there, and what was not used is kept for 1/20 s at most. Knows nothing of tsnap.
 *
 *   TSNAP_BENCH_THROTTLE_DIR=FOLDER               an absolute path, without links in it
 *   TSNAP_BENCH_THROTTLE_BYTES_PER_SECOND=NUMBER  of each process: the node's divided by its ranks
 */
#undef _FILE_OFFSET_BITS /* both names of each call are defined here */
#undef _FORTIFY_SOURCE
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static const double kKeptSeconds = 0.05;
static const char *folder;
static double bytes_per_second;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static double paid_until; /* guarded by mutex */

/* Until then, and in a process that names no folder, nothing is throttled. */
__attribute__((constructor)) static void ReadEnvironment(void) {
  const char *rate = getenv("TSNAP_BENCH_THROTTLE_BYTES_PER_SECOND");
  bytes_per_second = rate == NULL ? 0 : strtod(rate, NULL);
  if (bytes_per_second > 0) folder = getenv("TSNAP_BENCH_THROTTLE_DIR");
}

static double Now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int IsThrottled(int fd) {
  char link[64], path[4096];
  if (folder == NULL) return 0;
  const size_t length = strlen(folder);
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t bytes = readlink(link, path, sizeof path);
  return bytes > (ssize_t)length && memcmp(path, folder, length) == 0 && path[length] == '/';
}

/* Sleeps until the bytes are there. */
static void Pay(int fd, size_t bytes) {
  const int before = errno;
  if (IsThrottled(fd)) {
    pthread_mutex_lock(&mutex);
    const double now = Now();
    if (paid_until < now - kKeptSeconds) paid_until = now - kKeptSeconds;
    paid_until += (double)bytes / bytes_per_second;
    const double wait = paid_until - now;
    pthread_mutex_unlock(&mutex);
    if (wait > 0) {
      struct timespec left = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)};
      while (nanosleep(&left, &left) != 0 && errno == EINTR) {
      }
    }
  }
  errno = before;
}

static void Find(void *function, const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  memcpy(function, &found, sizeof found);
}

EXPORT ssize_t write(int fd, const void *data, size_t bytes) {
  static ssize_t (*real)(int, const void *, size_t);
  if (real == NULL) Find(&real, "write");
  Pay(fd, bytes);
  return real(fd, data, bytes);
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset) {
  static ssize_t (*real)(int, const void *, size_t, off_t);
  if (real == NULL) Find(&real, "pwrite");
  Pay(fd, bytes);
  return real(fd, data, bytes, offset);
}

EXPORT ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset) {
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (real == NULL) Find(&real, "pwrite64");
  Pay(fd, bytes);
  return real(fd, data, bytes, offset);
}
