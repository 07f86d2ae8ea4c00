/*
 * take.h - takes a snapshot of a state.
 */
#ifndef TSNAP_TAKE_H_
#define TSNAP_TAKE_H_

#include <stddef.h>
#include <stdint.h>

#include <tsnap/context.h>
#include <tsnap/export.h>
#include <tsnap/state.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Compression of stored bytes. In HDF5 files these are filters, shuffle before them: 32015 (zstd),
 * 32004 (LZ4), and deflate, which every HDF5 reads, and which is for HDF5 files only. */
enum { TSNAP_CODEC_NONE = 0, TSNAP_CODEC_ZSTD = 1, TSNAP_CODEC_LZ4 = 2, TSNAP_CODEC_DEFLATE = 3 };

/*
 * How a take checks that replicated objects are equal on all ranks. SHAPE compares paths, dtypes
 * and shapes, CONTENT also the contents, by a 128-bit hash. NONE asks for no check; the one of
 * SHAPE is made all the same, since it costs nothing measurable and unequal sets would make a
 * snapshot that cannot be restored.
 */
enum {
  TSNAP_REPLICATED_CHECK_SHAPE = 1,
  TSNAP_REPLICATED_CHECK_NONE = 2,
  TSNAP_REPLICATED_CHECK_CONTENT = 3
};

/* Equal on all ranks, except progress, progress_user, device_staging and cuda_stream. All are
   borrowed for the call. */
typedef struct tsnap_take_options {
  size_t struct_size;
  int32_t overwrite;         /* switch, default off: replace a snapshot that is there */
  int32_t codec;             /* TSNAP_CODEC_... */
  int32_t verify_replicated; /* TSNAP_REPLICATED_CHECK_...; 0 = shape */
  /* Switch, default on: durable when the take has ended well. Off with overwrite, a crash of the
     machine soon after can lose both snapshots: the old one is removed and the new one not yet on
     the disk. */
  int32_t sync;
  uint64_t chunk_bytes; /* large arrays are cut into chunks of about this; 0 = by store */
  uint64_t slab_bytes;  /* small things are packed into files of about this; 0 = by store */
  const char *metadata; /* any UTF-8 text up to 8 MiB, kept; NULL = none */
  /* Of this rank; called from the thread that calls tsnap_take; after tsnap_take_async has
     returned, from the library's; one call at a time, about ten a second; may be NULL. */
  void (*progress)(uint64_t staged_bytes, uint64_t written_bytes, uint64_t total_bytes, void *user);
  void *progress_user;
  /* Switch, default off; of tsnap_take_async: device memory is copied into spare memory of its
     device first, where there is room, so that the call returns sooner. That is given back when the
     take has ended; until then the context of the memory must live. */
  int32_t device_staging;
  int32_t reserved;
  /* A CUstream or cudaStream_t: what it was given before the call is waited for before device
     memory of its context is read. NULL = everything that the context was given. */
  void *cuda_stream;
} tsnap_take_options;

/* clang-format off */
#define TSNAP_TAKE_OPTIONS_INIT    \
  {                                \
    sizeof(tsnap_take_options),    \
    0,    /* overwrite */          \
    0,    /* codec */              \
    0,    /* verify_replicated */  \
    0,    /* sync */               \
    0,    /* chunk_bytes */        \
    0,    /* slab_bytes */         \
    NULL, /* metadata */           \
    NULL, /* progress */           \
    NULL, /* progress_user */      \
    0,    /* device_staging */     \
    0,    /* reserved */           \
    NULL  /* cuda_stream */        \
  }
/* clang-format on */

/*
 * Takes a snapshot of the state at url (see snapshot.h for what it may be). The snapshot exists if
 * and only if this call commits it; until then, and after a failure, a snapshot that was there
 * before stays whole. options may be NULL. The state's data must not change during the call.
 *
 * Stateful objects are described at the call; an RNG first, and put back at the end, so that a take
 * leaves it as it was.
 *
 * Collective; one thread for ctx and state; borrows everything for the call; errors: TSNAP_E_EXISTS
 * (a snapshot is there and overwrite is off, or another take was faster), TSNAP_E_MISMATCH (ranks
 * pass different URLs or options or call different functions; boxes leave gaps or overlap;
 * replicated objects differ), TSNAP_E_INVALID (a bad URL; a replicate glob that matches nothing),
 * TSNAP_E_UNSUPPORTED (URL or codec not built in; deflate outside of an HDF5 file; GPU memory that
 * cannot be reached), TSNAP_E_IO, TSNAP_E_NO_SPACE, TSNAP_E_AUTH, TSNAP_E_NETWORK,
 * TSNAP_E_CALLBACK, TSNAP_E_DEVICE, TSNAP_E_MPI, TSNAP_E_BUSY, and TSNAP_E_TIMEOUT: a rank is dead
 * or stalled, the snapshot may or may not exist, and the context is broken: it can only be closed.
 * Where it was the storage that stalled, a thread may still read the state's memory: do not unmap
 * it before the process ends.
 */
TSNAP_API int32_t tsnap_take(tsnap_context *ctx, const char *url, tsnap_state *state,
                             const tsnap_take_options *options);

#ifdef __cplusplus
}
#endif

#endif
