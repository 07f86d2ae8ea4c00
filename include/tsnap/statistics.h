/*
 * statistics.h - how long the last operation of a context took on this rank, and where the time
 * went.
 */
#ifndef TSNAP_STATISTICS_H_
#define TSNAP_STATISTICS_H_

#include <stddef.h>
#include <stdint.h>

#include <tsnap/context.h>
#include <tsnap/event.h>
#include <tsnap/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Times are of this rank, in seconds; bytes are those that this rank moved. */
typedef struct tsnap_statistics {
  size_t struct_size;
  int64_t operation_number; /* 1, 2, ... in the context; 0 = there was no operation yet */
  int32_t operation;        /* TSNAP_OPERATION_... */
  int32_t status;           /* how it ended: TSNAP_OK or TSNAP_E_... */
  int32_t plan_reused;      /* 1: the structure was that of the take before; nothing was planned */
  int32_t reserved;
  double seconds;             /* from the call to the end, the background included */
  double blocked_seconds;     /* of these, the caller was held by the call itself */
  double budget_wait_seconds; /* of the blocked: for memory, since the budget was used up */
  double rank_wait_seconds;   /* of all: for other ranks, in the calling thread or the background */
  uint64_t bytes;             /* of user data that this rank staged and wrote, or read */
  uint64_t stored_bytes;      /* what they are in the store, after compression */
  uint64_t over_budget_bytes; /* staged only after earlier bytes had been written */
  uint64_t peak_buffer_bytes; /* most that the context's buffers have held so far */
  double phase_seconds[TSNAP_PHASE_LIMIT]; /* by TSNAP_PHASE_...; [0] is unused */
  uint64_t phase_bytes[TSNAP_PHASE_LIMIT];
} tsnap_statistics;

/* clang-format off */
#define TSNAP_STATISTICS_INIT         \
  {                                   \
    sizeof(tsnap_statistics),         \
    0,     /* operation_number */     \
    0,     /* operation */            \
    0,     /* status */               \
    0,     /* plan_reused */          \
    0,     /* reserved */             \
    0.0,   /* seconds */              \
    0.0,   /* blocked_seconds */      \
    0.0,   /* budget_wait_seconds */  \
    0.0,   /* rank_wait_seconds */    \
    0,     /* bytes */                \
    0,     /* stored_bytes */         \
    0,     /* over_budget_bytes */    \
    0,     /* peak_buffer_bytes */    \
    {0.0}, /* phase_seconds */        \
    {0}    /* phase_bytes */          \
  }
/* clang-format on */

/*
 * The statistics of the last take or restore of the context that has ended, also one that failed.
 * One that goes on in the background counts once it has ended (tsnap_request_wait).
 *
 * Not collective; one thread for ctx; fills *out, of which the caller sets struct_size; errors:
 * TSNAP_E_BUSY (inside a callback of a running call).
 */
TSNAP_API int32_t tsnap_context_statistics(tsnap_context *ctx, tsnap_statistics *out);

/*
 * The name of a TSNAP_PHASE_... in lower case, such as "stage"; "unknown" for a number that is
 * none. Never NULL.
 *
 * Not collective; any thread; the text is static; never fails.
 */
TSNAP_API const char *tsnap_phase_name(int32_t phase);

#ifdef __cplusplus
}
#endif

#endif
