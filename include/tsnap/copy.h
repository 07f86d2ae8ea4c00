/*
 * copy.h - copies a snapshot to another place, in the same store or in another one.
 */
#ifndef TSNAP_COPY_H_
#define TSNAP_COPY_H_

#include <stddef.h>
#include <stdint.h>

#include <tsnap/config.h>
#include <tsnap/export.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tsnap_copy_options {
  size_t struct_size;
  int32_t overwrite; /* switch, default off: replace another snapshot that is there */
  /* Switch, default off: read back and check every block at the destination before the copy is
     committed there. A damaged one is not: it is removed again, and a snapshot that was to be
     replaced stays. */
  int32_t verify;
  /* What is at the destination by now, what was there before among it; with verify, then what was
     verified as well. Called from the thread that calls tsnap_copy, about ten times a second; may
     be NULL. */
  void (*progress)(uint64_t done_bytes, uint64_t total_bytes, void *user);
  void *progress_user;
} tsnap_copy_options;

/* clang-format off */
#define TSNAP_COPY_OPTIONS_INIT    \
  {                                \
    sizeof(tsnap_copy_options),    \
    0,    /* overwrite */          \
    0,    /* verify */             \
    NULL, /* progress */           \
    NULL  /* progress_user */      \
  }
/* clang-format on */

/* Of the files, or stored objects, that hold the snapshot's data and index; an HDF5 file is one. */
typedef struct tsnap_copy_result {
  size_t struct_size;
  int64_t objects_copied;
  int64_t objects_skipped; /* were at the destination before */
  uint64_t bytes_copied;
  uint64_t bytes_skipped;
  int32_t
      server_side; /* 1: the service copied them, and none passed through this process; else 0 */
  int32_t reserved;
} tsnap_copy_result;

/* clang-format off */
#define TSNAP_COPY_RESULT_INIT    \
  {                               \
    sizeof(tsnap_copy_result),    \
    0, /* objects_copied */       \
    0, /* objects_skipped */      \
    0, /* bytes_copied */         \
    0, /* bytes_skipped */        \
    0, /* server_side */          \
    0  /* reserved */             \
  }
/* clang-format on */

/*
 * Copies the snapshot at from_url to the place to_url. Between folders, memory and object stores
 * the copy has the same id and is the same byte for byte; it exists if and only if this call
 * commits it, and until then a snapshot that was there before stays whole. Bytes are copied as they
 * are: whether they are good, only verify asks.
 *
 * A copy that failed or was killed is taken up again by the same call: what had arrived whole is
 * not copied twice. Where it is not, tsnap_gc removes it after a day. When this snapshot is at
 * to_url already, nothing is copied and the call succeeds (with verify, when that one is good).
 * Between two places of one service the service copies; else the bytes pass through this process,
 * within to_config's memory budget. Of two copies of one snapshot to one place at once, the one
 * that began first fails.
 *
 * Where one of the two is an HDF5 file ("hdf5://run.h5", or a path that ends in ".h5"), the bytes
 * lie otherwise at the copy, so it is converted: the same objects with the same values, ranks,
 * attributes and metadata, under a new id, without a codec. All of it is checked as it is read, and
 * passes through this process; every element is stored once. A failed conversion leaves nothing,
 * and begins anew when it is asked for again; a snapshot that is at to_url needs overwrite. Files
 * that tsnap has not written can be copied from (they have no checksums; the copy has), and are
 * never replaced.
 *
 * Each place has a configuration of its own: from_config says how from_url is reached, to_config
 * how to_url is, and what else there is to say (budget, concurrency, timeouts, log). Both, options
 * and out may be NULL.
 *
 * Not collective, needs no MPI; any thread; borrows everything for the call; errors:
 * TSNAP_E_NOT_FOUND (no snapshot at from_url, or it was replaced or removed meanwhile),
 * TSNAP_E_EXISTS (another snapshot is at to_url and overwrite is off, or another job was faster),
 * TSNAP_E_CORRUPT (the commit record is damaged, a file is missing or truncated, or verify or a
 * conversion found damage), TSNAP_E_INVALID (bad URL; both are the same place), TSNAP_E_UNSUPPORTED
 * (URL not built in; HDF5 is not installed; newer format; the bytes are of the other byte order,
 * which no HDF5 file of tsnap's holds), TSNAP_E_IO, TSNAP_E_NO_SPACE, TSNAP_E_AUTH,
 * TSNAP_E_NETWORK, TSNAP_E_TIMEOUT.
 */
TSNAP_API int32_t tsnap_copy(const char *from_url, const tsnap_config *from_config,
                             const char *to_url, const tsnap_config *to_config,
                             const tsnap_copy_options *options, tsnap_copy_result *out);

#ifdef __cplusplus
}
#endif

#endif
