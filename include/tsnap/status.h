/*
 * status.h - status codes and the text of the last error.
 *
 * A value is never reused for another meaning, and new ones may come: treat an unknown negative
 * value as a failure. When ranks fail differently in a collective call, all of them get one status:
 * a root cause beats TSNAP_E_CANCELLED and TSNAP_E_TIMEOUT, then the lowest rank's counts.
 */
#ifndef TSNAP_STATUS_H_
#define TSNAP_STATUS_H_

#include <stdint.h>

#include <tsnap/export.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  TSNAP_OK = 0,
  TSNAP_E_INVALID = -1,     /* a bad argument, or a handle of the parent process after fork() */
  TSNAP_E_NO_MEMORY = -2,   /* an allocation failed, or the memory budget is too small */
  TSNAP_E_NOT_FOUND = -3,   /* no such snapshot, object or attribute */
  TSNAP_E_EXISTS = -4,      /* the place holds a snapshot, or the path an object */
  TSNAP_E_IO = -5,          /* the storage failed to read, write or sync */
  TSNAP_E_NO_SPACE = -6,    /* the storage is full, or a quota is */
  TSNAP_E_CORRUPT = -7,     /* a checksum or the format is wrong */
  TSNAP_E_MISMATCH = -8,    /* shape, dtype, kind, missing or unexpected objects; ranks disagree */
  TSNAP_E_UNSUPPORTED = -9, /* not built in, or of a newer format or program */
  TSNAP_E_AUTH = -10,       /* the storage refuses permission */
  TSNAP_E_NETWORK = -11,    /* the storage cannot be reached */
  TSNAP_E_TIMEOUT = -12,    /* another rank or the storage did not answer in time */
  TSNAP_E_CANCELLED = -13,  /* the operation was cancelled */
  TSNAP_E_CALLBACK = -14,   /* a callback of the application returned an error */
  TSNAP_E_DEVICE = -15,     /* an accelerator failed */
  TSNAP_E_MPI = -16,        /* an MPI call failed */
  TSNAP_E_BUSY = -17,       /* the handle is in use: called from inside its own callback */
  TSNAP_E_INTERNAL = -99    /* a bug in tsnap */
};

/*
 * The name of a status, such as "TSNAP_E_NOT_FOUND"; of an unknown value a text that says so, never
 * NULL.
 *
 * Not collective; any thread; a static string, not to be freed; never fails.
 */
TSNAP_API const char *tsnap_status_name(int32_t status);

/*
 * The message of the last call that failed in the calling thread: one line of UTF-8 that names the
 * action, the object, the rank and the cause. Never NULL; empty when no call has failed in this
 * thread. Never contains secrets.
 *
 * Not collective; any thread, each has its own; valid until the thread's next tsnap call, not to be
 * freed; never fails.
 */
TSNAP_API const char *tsnap_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
