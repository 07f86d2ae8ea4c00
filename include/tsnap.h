/*
 * tsnap.h - snapshots (checkpoints) of running MPI programs, and their restore on any number of
 * ranks.
 *
 * This is the umbrella over tsnap/<noun>.h; those headers are the manual. With -DTSNAP_NO_MPI it
 * compiles without mpi.h and hides tsnap_context_open; link libtsnap alone then. MPI programs link
 * libtsnap_mpi too.
 *
 * Conventions, valid in all headers:
 *
 * Status.     Each call that can fail returns int32_t: TSNAP_OK (0) or a negative TSNAP_E_... code;
 *             tsnap_last_error() gives the message (tsnap/status.h). Any call may also return
 *             TSNAP_E_INVALID for a NULL where one is not allowed, TSNAP_E_NO_MEMORY and
 *             TSNAP_E_INTERNAL; each comment lists the other codes.
 * Outputs.    They come last and are set only on success; a failed create sets its handle to NULL.
 * Handles.    Opaque. close and destroy take T **, accept NULL and *h == NULL, and set *h to NULL.
 *             A handle is used by one thread at a time, except tsnap_snapshot, which any number of
 *             threads may read. Calling tsnap on a handle from inside its own callback is
 *             TSNAP_E_BUSY. After fork() the child's handles are TSNAP_E_INVALID.
 * Structs.    They start with struct_size and are filled by their ..._INIT macro, which names every
 *             member; they have no implicit padding and only grow at the end. A shorter struct of
 *             an older program works; a longer one with unknown non-zero bytes is
 *             TSNAP_E_UNSUPPORTED. In structs that the library fills, the caller sets struct_size
 *             and no more is written. In an array of structs the stride is the first one's
 *             struct_size, and all must be equal. NULL for options means all defaults. Members
 *             named reserved are zero.
 * Switches.   int32_t: 0 is the default, 1 is TSNAP_ON, 2 is TSNAP_OFF.
 * Callbacks.  They take void *user last, and must not throw or longjmp.
 * Collective. Every rank of the context makes the call, in the same order, with the same URL and
 *             options; all ranks get the same status. Not collective: no other rank is talked to.
 *
 * The library never exits, prints, installs signal handlers or touches MPI_COMM_WORLD on its own.
 * The layout of the structs is fixed for 64-bit data models (LP64 and LLP64).
 */
#ifndef TSNAP_H_
#define TSNAP_H_

#include <tsnap/array.h>
#include <tsnap/config.h>
#include <tsnap/context.h>
#include <tsnap/copy.h>
#include <tsnap/event.h>
#include <tsnap/export.h>
#include <tsnap/request.h>
#include <tsnap/restore.h>
#include <tsnap/snapshot.h>
#include <tsnap/state.h>
#include <tsnap/statistics.h>
#include <tsnap/status.h>
#include <tsnap/take.h>
#include <tsnap/version.h>

#ifndef TSNAP_NO_MPI
#include <tsnap/mpi.h>
#endif

#endif
