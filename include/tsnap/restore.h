/*
 * restore.h - restores a state from a snapshot, on any number of ranks.
 */
#ifndef TSNAP_RESTORE_H_
#define TSNAP_RESTORE_H_

#include <stddef.h>
#include <stdint.h>

#include <tsnap/context.h>
#include <tsnap/export.h>
#include <tsnap/state.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Private and RNG state of ranks that the snapshot lacks. */
enum { TSNAP_NEW_RANKS_ERROR = 1, TSNAP_NEW_RANKS_COPY_RANK_0 = 2, TSNAP_NEW_RANKS_LEAVE = 3 };

/* Private objects in the snapshot of ranks that are gone. */
enum { TSNAP_LOST_RANKS_ERROR = 1, TSNAP_LOST_RANKS_IGNORE = 2 };

/* Equal on all ranks, except progress, progress_user and cuda_stream. All are borrowed for the
   call. */
typedef struct tsnap_restore_options {
  size_t struct_size;
  /* Switch, default on: every registered object exists, and every stored object of this rank, and
     every shared one, is asked for. */
  int32_t strict;
  int32_t new_ranks;  /* TSNAP_NEW_RANKS_...; 0 = error, whatever strict says */
  int32_t lost_ranks; /* TSNAP_LOST_RANKS_...; 0 = error, whatever strict says */
  int32_t verify;     /* switch, default on: checksums of the data */
  /* Of this rank; called from the thread that calls tsnap_restore, about ten times a second; may be
     NULL. */
  void (*progress)(uint64_t staged_bytes, uint64_t read_bytes, uint64_t total_bytes, void *user);
  void *progress_user;
  /* A CUstream or cudaStream_t: what it was given before the call is waited for before device
     memory of its context is written. NULL = everything that the context was given. */
  void *cuda_stream;
} tsnap_restore_options;

/* clang-format off */
#define TSNAP_RESTORE_OPTIONS_INIT  \
  {                                 \
    sizeof(tsnap_restore_options),  \
    0,    /* strict */              \
    0,    /* new_ranks */           \
    0,    /* lost_ranks */          \
    0,    /* verify */              \
    NULL, /* progress */            \
    NULL, /* progress_user */       \
    NULL  /* cuda_stream */         \
  }
/* clang-format on */

/*
 * What a restore found on this rank; lists of paths. missing: registered but not stored.
 * unexpected: stored but not asked for. mismatched: of another shape, dtype or kind. not_restored:
 * registered objects whose contents are now undefined or unchanged.
 */
typedef struct tsnap_report {
  size_t struct_size;
  size_t missing_count;
  size_t unexpected_count;
  size_t mismatched_count;
  size_t not_restored_count;
  const char *const *missing;
  const char *const *unexpected;
  const char *const *mismatched;
  const char *const *not_restored;
} tsnap_report;

/* clang-format off */
#define TSNAP_REPORT_INIT            \
  {                                  \
    sizeof(tsnap_report),            \
    0,    /* missing_count */        \
    0,    /* unexpected_count */     \
    0,    /* mismatched_count */     \
    0,    /* not_restored_count */   \
    NULL, /* missing */              \
    NULL, /* unexpected */           \
    NULL, /* mismatched */           \
    NULL  /* not_restored */         \
  }
/* clang-format on */

/*
 * Fills the registered objects of state from the snapshot at url. Sharded arrays may be cut
 * differently than at the take, replicated objects reach every rank, private ones their rank.
 * Success means that every byte that was asked for was read, verified and delivered. Without
 * strict, objects that the snapshot lacks are left alone and reported. options may be NULL.
 *
 * A failed restore leaves the contents of the objects that its report lists as not restored
 * undefined, and calls no `loaded` for them. An RNG's loaded is called last.
 *
 * Collective; one thread for ctx and state; borrows everything for the call; errors:
 * TSNAP_E_NOT_FOUND (no snapshot at url), TSNAP_E_MISMATCH (shape, dtype or kind; missing or
 * unexpected objects; new or lost ranks; capacity too small; ranks pass different URLs or options
 * or call different functions), TSNAP_E_CORRUPT, TSNAP_E_INVALID (bad URL; overlapping elements),
 * TSNAP_E_UNSUPPORTED (URL, codec not built in; newer format; GPU memory that cannot be reached),
 * TSNAP_E_IO, TSNAP_E_AUTH,
 * TSNAP_E_NETWORK, TSNAP_E_CALLBACK, TSNAP_E_DEVICE, TSNAP_E_MPI, TSNAP_E_BUSY, and
 * TSNAP_E_TIMEOUT: a rank is dead or stalled, and the context is broken: it can only be closed.
 * Where it was the storage that stalled, a thread may still write to the state's memory: neither
 * use nor unmap it before the process ends.
 */
TSNAP_API int32_t tsnap_restore(tsnap_context *ctx, const char *url, tsnap_state *state,
                                const tsnap_restore_options *options);

/*
 * Tells what the context's last restore, failed or not, found on this rank. Before the first
 * restore all lists are empty.
 *
 * Not collective; one thread for ctx; the context owns the lists and strings, they live until its
 * next restore or close; errors: TSNAP_E_INVALID, TSNAP_E_BUSY.
 */
TSNAP_API int32_t tsnap_restore_report(tsnap_context *ctx, tsnap_report *out);

#ifdef __cplusplus
}
#endif

#endif
