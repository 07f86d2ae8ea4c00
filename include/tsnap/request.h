/*
 * request.h - takes that go on in the background.
 *
 * tsnap_take_async returns as soon as the state's memory may change: what it holds then has been
 * copied into memory of the context. Writing, index and commit go on in a thread of the library.
 *
 *     tsnap_request *request = NULL;
 *     check(tsnap_take_async(ctx, url, state, NULL, &request));
 *     ... time steps; the state may change ...
 *     check(tsnap_request_wait(request));          the snapshot exists from here on, on all ranks
 *     check(tsnap_request_free(&request));
 *
 * Where MPI was initialised with MPI_THREAD_MULTIPLE the background goes on by itself. At lower
 * levels it writes by itself, but talks to the other ranks only inside tsnap_request_test, _wait,
 * _cancel and _free, later collective calls of the context, and its close: call
 * tsnap_request_test now and then (a call that finds nothing to do takes about a microsecond).
 *
 * One take at a time: a collective call on a context whose last take is pending first waits for it,
 * so that takes and restores happen in the order of the calls.
 */
#ifndef TSNAP_REQUEST_H_
#define TSNAP_REQUEST_H_

#include <stdint.h>

#include <tsnap/context.h>
#include <tsnap/export.h>
#include <tsnap/state.h>
#include <tsnap/take.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tsnap_request tsnap_request;

/*
 * Begins a take of the state as it is now, and returns when its memory may change. When the state
 * does not fit into the memory budget (tsnap_config), the call lasts until the part that does not
 * fit has been written. The first call of a context touches the memory that it stages into, later
 * ones find it warm (staging_prefault_bytes touches it in advance). What is said of url, options
 * and the state at tsnap_take holds here as well; url, options and the state are needed for the
 * call only: the state may change and be destroyed while the request is pending. Statefuls are
 * released before the call returns. The progress callback is called from the calling thread during
 * the call, later from the library's; never two calls at a time.
 *
 * A failure that is met before anything is staged is returned here, on all ranks, and *out is NULL.
 * Later ones are returned by tsnap_request_wait, on all ranks as well, with the codes of
 * tsnap_take; then nothing was committed, unless the text says so or the code is TSNAP_E_TIMEOUT or
 * TSNAP_E_MPI (the snapshot may or may not exist), and the earlier snapshot is whole.
 *
 * Collective; one thread for ctx and state; the caller owns *out and frees it, before or after the
 * context is closed; errors: those of tsnap_take.
 */
TSNAP_API int32_t tsnap_take_async(tsnap_context *ctx, const char *url, tsnap_state *state,
                                   const tsnap_take_options *options, tsnap_request **out);

/*
 * Lets the background talk where it cannot by itself, and sets *done to 1 when the request has
 * ended, well or not, else to 0. How it ended is what tsnap_request_wait returns. Does not wait for
 * other ranks.
 *
 * Not collective (but see above: at lower thread levels every rank must call something); the
 * thread that uses the context; errors: TSNAP_E_BUSY (inside a callback of the request).
 */
TSNAP_API int32_t tsnap_request_test(tsnap_request *request, int32_t *done);

/*
 * Waits until the request has ended and returns how, with its message: TSNAP_OK when the snapshot
 * exists. Idempotent: every later call returns the same at once.
 *
 * Collective at thread levels below MPI_THREAD_MULTIPLE, else not; the thread that uses the
 * context; borrows request; errors: those of tsnap_take; TSNAP_E_CANCELLED after
 * tsnap_request_cancel; TSNAP_E_TIMEOUT when a rank is dead or stopped, or never calls where it
 * must; TSNAP_E_BUSY (inside a callback of the request).
 */
TSNAP_API int32_t tsnap_request_wait(tsnap_request *request);

/*
 * Ends a request early: either nothing is committed, and tsnap_request_wait returns
 * TSNAP_E_CANCELLED on all ranks (or the failure that was met before), or the snapshot was
 * committed already, and it returns TSNAP_OK. Waits until it is known which. One rank that cancels
 * is enough to end the request on all; at thread levels below MPI_THREAD_MULTIPLE the others must
 * call something meanwhile.
 *
 * Collective; the thread that uses the context; borrows request; errors: TSNAP_E_TIMEOUT and
 * TSNAP_E_MPI (those of the take), TSNAP_E_BUSY (inside a callback of the request).
 */
TSNAP_API int32_t tsnap_request_cancel(tsnap_request *request);

/*
 * Waits as tsnap_request_wait does, returns what it returns, and frees the request. request and
 * *request may be NULL; *request is NULL afterwards, except with TSNAP_E_BUSY.
 *
 * Collective at thread levels below MPI_THREAD_MULTIPLE, else not; the thread that uses the context;
 * frees *request; errors: those of tsnap_request_wait.
 */
TSNAP_API int32_t tsnap_request_free(tsnap_request **request);

#ifdef __cplusplus
}
#endif

#endif
