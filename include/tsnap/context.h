/*
 * context.h - a context: one application's use of tsnap, with its ranks, threads and buffers.
 *
 * A context of an MPI communicator is opened with tsnap_context_open (tsnap/mpi.h), one of a single
 * process here. All other calls are the same for both.
 */
#ifndef TSNAP_CONTEXT_H_
#define TSNAP_CONTEXT_H_

#include <stdint.h>

#include <tsnap/config.h>
#include <tsnap/export.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tsnap_context tsnap_context;

/*
 * Opens a context of one process, without MPI: rank 0 of 1. config may be NULL.
 *
 * Not collective; any thread; the caller owns *out and closes it, config is borrowed for the call;
 * errors: TSNAP_E_INVALID (a field or environment variable is out of range), TSNAP_E_UNSUPPORTED
 * (unknown fields of config).
 */
TSNAP_API int32_t tsnap_context_open_self(const tsnap_config *config, tsnap_context **out);

/*
 * Closes a context and frees its threads, buffers and communicators. Waits for what is pending; how
 * that ended is what its request returns, and not what this call returns. Writes the trace, if one
 * was asked for. Before MPI_Finalize. ctx and *ctx may be NULL; *ctx is NULL afterwards whatever is
 * returned, except with TSNAP_E_BUSY.
 *
 * Collective, except when the context is broken by a TSNAP_E_TIMEOUT: then local; one thread; frees
 * *ctx and what tsnap_restore_report gave out; errors: TSNAP_E_BUSY (inside a callback of the
 * context), TSNAP_E_INVALID (after fork), TSNAP_E_MISMATCH (other ranks are in another call),
 * TSNAP_E_TIMEOUT, TSNAP_E_MPI, and those of a file that cannot be written, for the trace.
 */
TSNAP_API int32_t tsnap_context_close(tsnap_context **ctx);

#ifdef __cplusplus
}
#endif

#endif
