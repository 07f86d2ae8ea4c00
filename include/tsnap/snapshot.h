/*
 * snapshot.h - a snapshot that anyone opens, without MPI: what is in it, and any box of any array.
 *
 * The index is loaded part by part as it is asked for. Stored private objects have the path
 * "<rank>/<path>", replicated and sharded ones their own. It knows nothing of states.
 *
 * URLs: a plain path or fs://path; s3://bucket/prefix, gs://bucket/prefix (also gcs://), where they
 * are built in; hdf5://path or a path that ends in ".h5", one HDF5 file, where that is built in;
 * mem://name (this process only, for tests).
 */
#ifndef TSNAP_SNAPSHOT_H_
#define TSNAP_SNAPSHOT_H_

#include <stddef.h>
#include <stdint.h>

#include <tsnap/array.h>
#include <tsnap/config.h>
#include <tsnap/context.h>
#include <tsnap/export.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tsnap_snapshot tsnap_snapshot;

/* Types of stored objects. */
enum {
  TSNAP_OBJECT_ARRAY = 1,
  TSNAP_OBJECT_INT64 = 2,
  TSNAP_OBJECT_FLOAT64 = 3,
  TSNAP_OBJECT_BOOL = 4,
  TSNAP_OBJECT_STRING = 5,
  TSNAP_OBJECT_BYTES = 6
};

/* The third kind of stored object, beside TSNAP_PRIVATE and TSNAP_REPLICATED (tsnap/state.h). */
enum { TSNAP_SHARDED = 3 };

typedef struct tsnap_snapshot_info {
  size_t struct_size;
  const char *id;               /* unique to this snapshot; the strings live until close */
  const char *metadata;         /* of tsnap_take_options; "" if there was none */
  const char *library_version;  /* that took it */
  const char *format;           /* name and version: "native 1", "hdf5 3"; "hdf5": not tsnap's */
  int64_t created_unix_seconds; /* when it was committed */
  int64_t world_size;           /* ranks that took it */
  int64_t object_count;
  uint64_t bytes;        /* of all objects */
  uint64_t stored_bytes; /* of all objects, as stored */
} tsnap_snapshot_info;

/* clang-format off */
#define TSNAP_SNAPSHOT_INFO_INIT     \
  {                                  \
    sizeof(tsnap_snapshot_info),     \
    NULL, /* id */                   \
    NULL, /* metadata */             \
    NULL, /* library_version */      \
    NULL, /* format */               \
    0,    /* created_unix_seconds */ \
    0,    /* world_size */           \
    0,    /* object_count */         \
    0,    /* bytes */                \
    0     /* stored_bytes */         \
  }
/* clang-format on */

typedef struct tsnap_object_info {
  size_t struct_size;
  const char *path;              /* private: "<rank>/<path>"; lives until close */
  int32_t type;                  /* TSNAP_OBJECT_... */
  int32_t kind;                  /* TSNAP_PRIVATE, TSNAP_REPLICATED, TSNAP_SHARDED */
  int32_t dtype;                 /* arrays: TSNAP_BOOL to TSNAP_OPAQUE; else 0 */
  int32_t ndim;                  /* arrays; else 0 */
  int64_t rank;                  /* private: whose; else -1 */
  int64_t shape[TSNAP_MAX_DIMS]; /* of the whole array, in elements; zero from ndim on */
  int64_t item_bytes;            /* arrays: of an element; else 0 */
  uint64_t bytes;
  uint64_t stored_bytes;
  int64_t box_count; /* arrays: boxes it was taken as */
} tsnap_object_info;

/* clang-format off */
#define TSNAP_OBJECT_INFO_INIT                   \
  {                                              \
    sizeof(tsnap_object_info),                   \
    NULL,                     /* path */         \
    0,                        /* type */         \
    0,                        /* kind */         \
    0,                        /* dtype */        \
    0,                        /* ndim */         \
    0,                        /* rank */         \
    {0, 0, 0, 0, 0, 0, 0, 0}, /* shape */        \
    0,                        /* item_bytes */   \
    0,                        /* bytes */        \
    0,                        /* stored_bytes */ \
    0                         /* box_count */    \
  }
/* clang-format on */

/* Where some of an object's bytes rest: one box of it, in one run of bytes of one file. */
typedef struct tsnap_extent_info {
  size_t struct_size;
  const char *file; /* relative to the snapshot, or a dataset of it; lives until close */
  int64_t writer;   /* the rank that wrote it; -1: not recorded (shared objects in HDF5 files) */
  uint64_t offset_bytes; /* of its first byte in the file */
  uint64_t stored_bytes; /* in the file */
  uint64_t bytes;        /* of the box; more than stored_bytes where compression pays */
  int32_t codec;         /* TSNAP_CODEC_... (tsnap/take.h) */
  int32_t ndim;          /* of the box; strings and byte blocks have one axis of bytes */
  int64_t box_offset[TSNAP_MAX_DIMS]; /* in the whole array, in elements; zero from ndim on */
  int64_t box_shape[TSNAP_MAX_DIMS];
} tsnap_extent_info;

/* clang-format off */
#define TSNAP_EXTENT_INFO_INIT                   \
  {                                              \
    sizeof(tsnap_extent_info),                   \
    NULL,                     /* file */         \
    0,                        /* writer */       \
    0,                        /* offset_bytes */ \
    0,                        /* stored_bytes */ \
    0,                        /* bytes */        \
    0,                        /* codec */        \
    0,                        /* ndim */         \
    {0, 0, 0, 0, 0, 0, 0, 0}, /* box_offset */   \
    {0, 0, 0, 0, 0, 0, 0, 0}  /* box_shape */    \
  }
/* clang-format on */

typedef struct tsnap_read_options {
  size_t struct_size;
  uint64_t memory_budget_bytes; /* 0 = the config's */
  int32_t verify;               /* switch, default on: checksums */
  int32_t reserved;
  void *cuda_stream; /* waited for before device memory is written, as in tsnap_restore_options */
} tsnap_read_options;

/* clang-format off */
#define TSNAP_READ_OPTIONS_INIT      \
  {                                  \
    sizeof(tsnap_read_options),      \
    0,    /* memory_budget_bytes */  \
    0,    /* verify */               \
    0,    /* reserved */             \
    NULL  /* cuda_stream */          \
  }
/* clang-format on */

typedef struct tsnap_gc_options {
  size_t struct_size;
  /* Since the take last refreshed its marker; 0 = TSNAP_GC_AGE_SECONDS in the environment, or
     86400. Whatever it is, a take is spared until it missed five refreshes (of a minute each, or
     less where its own TSNAP_GC_AGE_SECONDS is below ten minutes). */
  double min_age_seconds;
  int32_t dry_run; /* switch, default off: say what would be removed, remove nothing */
  int32_t reserved;
  /* For each file or stored object that is removed, on the calling thread; key is relative to the
     URL; may be NULL. */
  void (*removed)(const char *key, uint64_t bytes, void *user);
  void *removed_user;
} tsnap_gc_options;

/* clang-format off */
#define TSNAP_GC_OPTIONS_INIT    \
  {                              \
    sizeof(tsnap_gc_options),    \
    0.0,  /* min_age_seconds */  \
    0,    /* dry_run */          \
    0,    /* reserved */         \
    NULL, /* removed */          \
    NULL  /* removed_user */     \
  }
/* clang-format on */

typedef struct tsnap_gc_result {
  size_t struct_size;
  int64_t takes_removed; /* takes whose data was removed (with dry_run: would be) */
  int64_t takes_kept;    /* uncommitted takes that are too young, or in progress */
  uint64_t bytes_removed;
} tsnap_gc_result;

/* clang-format off */
#define TSNAP_GC_RESULT_INIT    \
  {                             \
    sizeof(tsnap_gc_result),    \
    0, /* takes_removed */      \
    0, /* takes_kept */         \
    0  /* bytes_removed */      \
  }
/* clang-format on */

/*
 * Opens the snapshot at url for reading; config may be NULL. A snapshot that is replaced or removed
 * while it is open may become unreadable: its reads then fail with TSNAP_E_NOT_FOUND, and never
 * return the data of another.
 *
 * Not collective, needs no MPI; any thread; the caller owns *out and closes it, config is borrowed
 * for the call; errors: TSNAP_E_NOT_FOUND (no snapshot there), TSNAP_E_CORRUPT, TSNAP_E_UNSUPPORTED
 * (URL not built in; newer format), TSNAP_E_INVALID (bad URL), TSNAP_E_IO, TSNAP_E_AUTH,
 * TSNAP_E_NETWORK, TSNAP_E_TIMEOUT.
 */
TSNAP_API int32_t tsnap_snapshot_open(const char *url, const tsnap_config *config,
                                      tsnap_snapshot **out);

/*
 * Opens the snapshot at url on all ranks of ctx: the record is read once and broadcast. Reading it
 * afterwards is not collective. ctx must stay open as long as *out.
 *
 * Collective; one thread for ctx; the caller owns *out and closes it; errors: those of
 * tsnap_snapshot_open, TSNAP_E_MISMATCH (ranks pass different URLs or call different functions),
 * TSNAP_E_MPI, TSNAP_E_BUSY.
 */
TSNAP_API int32_t tsnap_snapshot_open_all(tsnap_context *ctx, const char *url,
                                          tsnap_snapshot **out);

/*
 * Closes a snapshot. snapshot and *snapshot may be NULL; *snapshot is NULL afterwards. Inside a
 * callback of the snapshot nothing happens, and *snapshot stays.
 *
 * Not collective; one thread, when no other uses it; frees *snapshot and every string it gave out;
 * never fails.
 */
TSNAP_API void tsnap_snapshot_close(tsnap_snapshot **snapshot);

/*
 * Tells about the whole snapshot.
 *
 * Not collective; any number of threads; the snapshot owns the strings, they live until close;
 * errors: TSNAP_E_INVALID.
 */
TSNAP_API int32_t tsnap_snapshot_info_get(tsnap_snapshot *snapshot, tsnap_snapshot_info *out);

/*
 * Tells about the object at index, from 0 to object_count - 1 in the order of paths (byte by byte).
 *
 * Not collective; any number of threads; the snapshot owns the path, it lives until close; errors:
 * TSNAP_E_NOT_FOUND (index is out of range), TSNAP_E_CORRUPT, TSNAP_E_IO and what else the storage
 * gives.
 */
TSNAP_API int32_t tsnap_snapshot_object(tsnap_snapshot *snapshot, int64_t index,
                                        tsnap_object_info *out);

/*
 * Tells about the object with this path.
 *
 * Not collective; any number of threads; the snapshot owns the path in *out, it lives until close;
 * errors: TSNAP_E_NOT_FOUND, TSNAP_E_CORRUPT, TSNAP_E_IO and what else the storage gives.
 */
TSNAP_API int32_t tsnap_snapshot_find(tsnap_snapshot *snapshot, const char *path,
                                      tsnap_object_info *out);

/*
 * Gives the value of an object's attribute.
 *
 * Not collective; any number of threads; the snapshot owns *value, it lives until close; errors:
 * TSNAP_E_NOT_FOUND (no such object or attribute), TSNAP_E_CORRUPT, TSNAP_E_IO and what else the
 * storage gives.
 */
TSNAP_API int32_t tsnap_snapshot_attribute(tsnap_snapshot *snapshot, const char *path,
                                           const char *name, const char **value);

/*
 * Gives an object's attribute at index, counted from 0 in the order of names (byte by byte).
 *
 * Not collective; any number of threads; the snapshot owns *name and *value, they live until close;
 * errors: TSNAP_E_NOT_FOUND (no such object, or index is past the last attribute), TSNAP_E_INVALID
 * (index below 0), TSNAP_E_CORRUPT, TSNAP_E_IO and what else the storage gives.
 */
TSNAP_API int32_t tsnap_snapshot_attribute_at(tsnap_snapshot *snapshot, const char *path,
                                              int64_t index, const char **name, const char **value);

/*
 * Tells where the bytes of the object with this path rest: its extents, counted from 0 in an order
 * that stays until close. Their boxes are disjoint and make up the object, except where a sparse
 * array has nothing stored; an object without bytes has none. One file holds extents of many
 * objects.
 *
 * Not collective; any number of threads; the snapshot owns the file name, it lives until close;
 * errors: TSNAP_E_NOT_FOUND (no such object, or index is past the last extent), TSNAP_E_INVALID
 * (index below 0), TSNAP_E_CORRUPT, TSNAP_E_IO and what else the storage gives.
 */
TSNAP_API int32_t tsnap_snapshot_extent(tsnap_snapshot *snapshot, const char *path, int64_t index,
                                        tsnap_extent_info *out);

/*
 * Sets what is called during tsnap_read and tsnap_snapshot_verify; NULL for nothing. done_bytes
 * grows to total_bytes, both in bytes of the storage. It is called from a thread of the library,
 * one call at a time for each running operation; inside, calls on this snapshot are TSNAP_E_BUSY.
 *
 * Not collective; one thread, when no other uses the snapshot; keeps progress and user until close
 * or the next set; errors: TSNAP_E_BUSY.
 */
TSNAP_API int32_t tsnap_snapshot_set_progress(tsnap_snapshot *snapshot,
                                              void (*progress)(uint64_t done_bytes,
                                                               uint64_t total_bytes, void *user),
                                              void *user);

/*
 * Fills dst with the box of the array at path that starts at dst->offset and has dst->shape: the
 * whole array or any part of it, of any rank, into host or device memory, with any strides. Reads
 * only the 256 KiB checksum blocks that it needs, and never holds more than the budget. dst->dtype,
 * ndim and (for TSNAP_OPAQUE) item_bytes are those of the array. options may be NULL. After a
 * failure the contents of dst are undefined.
 *
 * Not collective; any number of threads, into memory of their own; borrows everything for the call;
 * errors: TSNAP_E_NOT_FOUND, TSNAP_E_MISMATCH (not an array; dtype, ndim or item_bytes differ),
 * TSNAP_E_INVALID (the box is outside of the array; elements overlap), TSNAP_E_CORRUPT,
 * TSNAP_E_UNSUPPORTED (codec not built in), TSNAP_E_NO_MEMORY (the budget is too small for one
 * block), TSNAP_E_IO, TSNAP_E_AUTH, TSNAP_E_NETWORK, TSNAP_E_TIMEOUT, TSNAP_E_DEVICE, TSNAP_E_BUSY.
 */
TSNAP_API int32_t tsnap_read(tsnap_snapshot *snapshot, const char *path, const tsnap_array *dst,
                             const tsnap_read_options *options);

/*
 * Reads an integer.
 *
 * Not collective; any number of threads; writes *out only on success; errors: TSNAP_E_NOT_FOUND,
 * TSNAP_E_MISMATCH (of another type), TSNAP_E_CORRUPT, TSNAP_E_IO and what else the storage gives.
 */
TSNAP_API int32_t tsnap_read_int64(tsnap_snapshot *snapshot, const char *path, int64_t *out);

/*
 * Reads a floating-point number.
 *
 * Not collective; any number of threads; writes *out only on success; errors: those of
 * tsnap_read_int64.
 */
TSNAP_API int32_t tsnap_read_float64(tsnap_snapshot *snapshot, const char *path, double *out);

/*
 * Reads a truth value, 0 or 1.
 *
 * Not collective; any number of threads; writes *out only on success; errors: those of
 * tsnap_read_int64.
 */
TSNAP_API int32_t tsnap_read_bool(tsnap_snapshot *snapshot, const char *path, int32_t *out);

/*
 * Reads a string, with its NUL, into a buffer of capacity bytes. *needed, which may be NULL, is set
 * to the bytes that the string needs, its NUL included; also when capacity is too small: then
 * nothing is written to text and the status is TSNAP_E_MISMATCH. With capacity 0, text may be NULL.
 *
 * Not collective; any number of threads; writes at most capacity bytes; errors: those of
 * tsnap_read_int64.
 */
TSNAP_API int32_t tsnap_read_string(tsnap_snapshot *snapshot, const char *path, char *text,
                                    size_t capacity, size_t *needed);

/*
 * Reads a block of bytes into a buffer of capacity bytes. *size, which may be NULL, is set to the
 * block's size; also when capacity is too small: then nothing is written to bytes and the status is
 * TSNAP_E_MISMATCH. With capacity 0, bytes may be NULL.
 *
 * Not collective; any number of threads; writes at most capacity bytes; errors: those of
 * tsnap_read_int64.
 */
TSNAP_API int32_t tsnap_read_bytes(tsnap_snapshot *snapshot, const char *path, void *bytes,
                                   size_t capacity, size_t *size);

/*
 * Reads and checks all stored bytes. The objects with bad ones are counted and listed, also when
 * the status is TSNAP_E_CORRUPT, which it is when there is any. bad_count and bad_paths may be
 * NULL.
 *
 * Not collective; one thread at a time; the snapshot owns the list, it lives until the next verify
 * or close; errors: TSNAP_E_CORRUPT, TSNAP_E_IO, TSNAP_E_AUTH, TSNAP_E_NETWORK, TSNAP_E_TIMEOUT,
 * TSNAP_E_BUSY.
 */
TSNAP_API int32_t tsnap_snapshot_verify(tsnap_snapshot *snapshot, int64_t *bad_count,
                                        const char *const **bad_paths);

/*
 * Removes the snapshot at url: its commit record first, so that it is whole or does not exist, then
 * its data. Data of takes in progress is left alone, and so is a snapshot that another job commits
 * there meanwhile. config may be NULL.
 *
 * Not collective; any thread; borrows everything for the call; errors: TSNAP_E_NOT_FOUND (no
 * snapshot there), TSNAP_E_EXISTS (another one took its place meanwhile), TSNAP_E_INVALID (bad
 * URL), TSNAP_E_UNSUPPORTED (URL not built in), TSNAP_E_IO, TSNAP_E_AUTH, TSNAP_E_NETWORK,
 * TSNAP_E_TIMEOUT.
 */
TSNAP_API int32_t tsnap_remove(const char *url, const tsnap_config *config);

/*
 * Removes, at url, the data of takes that never committed and whose marker has not been refreshed
 * for the least age; never what the commit record names, and never a take in progress. config and
 * options may be NULL, out too.
 *
 * Not collective; any thread; borrows everything for the call; errors: TSNAP_E_INVALID (bad URL; an
 * age that is negative or not finite), TSNAP_E_CORRUPT (a commit record that cannot be read:
 * nothing is removed), TSNAP_E_UNSUPPORTED (URL not built in; newer format), TSNAP_E_IO,
 * TSNAP_E_AUTH, TSNAP_E_NETWORK, TSNAP_E_TIMEOUT.
 */
TSNAP_API int32_t tsnap_gc(const char *url, const tsnap_config *config,
                           const tsnap_gc_options *options, tsnap_gc_result *out);

#ifdef __cplusplus
}
#endif

#endif
