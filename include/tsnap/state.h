/*
 * state.h - a state: what the application registers, by name and address, to be taken and restored.
 *
 * A state is built once and used for every take and restore. It copies paths, shapes and
 * descriptors, and keeps the addresses of data, values and sizes. It knows nothing of ranks or
 * storage: each rank builds its own.
 *
 * Paths are 1 to 4096 bytes of UTF-8, parts separated by "/", no empty part, no "." or ".."; an
 * object's path is never a prefix (by parts) of another's. When registering, the first part is not
 * all digits and does not begin with ".". Anything else goes in and comes out byte for byte ("a b",
 * "%41", "x:y").
 *
 * Kinds. Private: each rank has its own, stored as "<rank>/<path>". Replicated: equal on all ranks,
 * stored once. Sharded: one global array of which each rank holds boxes, stored as the global
 * array.
 */
#ifndef TSNAP_STATE_H_
#define TSNAP_STATE_H_

#include <stddef.h>
#include <stdint.h>

#include <tsnap/array.h>
#include <tsnap/export.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tsnap_state tsnap_state;

/* Kinds of scalars, strings and bytes; and, of stored objects, TSNAP_SHARDED (tsnap/snapshot.h). */
enum { TSNAP_PRIVATE = 1, TSNAP_REPLICATED = 2 };

/*
 * How the boxes of a sharded object lie in its global shape. EXACT: they tile it. SPARSE: they do
 * not overlap, and the rest reads as fill_item (AMR patches). DUPLICATES: they cover it, and equal
 * values may be held twice (shared mesh nodes); one is stored.
 */
enum { TSNAP_COVER_EXACT = 1, TSNAP_COVER_SPARSE = 2, TSNAP_COVER_DUPLICATES = 3 };

/*
 * A part of the application that describes itself when it is taken or restored. A callback returns
 * TSNAP_OK; anything else ends the call with TSNAP_E_CALLBACK on all ranks. Callbacks run on the
 * thread that calls take or restore.
 */
typedef struct tsnap_stateful {
  size_t struct_size;
  /* Registers objects in child, under the stateful's path; at take and at restore. child must not
     be used after describe returns; what it registered stays until release. Must not be NULL. */
  int32_t (*describe)(tsnap_state *child, void *user);
  /* After the objects are restored; may be NULL. Not called when one of them is not restored. */
  int32_t (*loaded)(void *user);
  /* What describe allocated is no longer needed; called once for each describe; may be NULL. */
  void (*release)(void *user);
  void *user;
} tsnap_stateful;

/* clang-format off */
#define TSNAP_STATEFUL_INIT  \
  {                          \
    sizeof(tsnap_stateful),  \
    NULL, /* describe */     \
    NULL, /* loaded */       \
    NULL, /* release */      \
    NULL  /* user */         \
  }
/* clang-format on */

/*
 * Creates an empty state.
 *
 * Not collective; any thread; the caller owns *out and destroys it; errors: TSNAP_E_NO_MEMORY.
 */
TSNAP_API int32_t tsnap_state_create(tsnap_state **out);

/*
 * Destroys a state, and no memory of the application. state and *state may be NULL; *state is NULL
 * afterwards. Inside a callback of the state nothing happens, and *state stays.
 *
 * Not collective; one thread; frees *state; never fails.
 */
TSNAP_API void tsnap_state_destroy(tsnap_state **state);

/*
 * Registers an array that each rank has its own of; shape and dtype may differ between ranks.
 *
 * Not collective; one thread for state; copies path and *array, keeps the address array->data;
 * errors: TSNAP_E_INVALID (bad path or array; the path is a prefix of another's, or the other way
 * round), TSNAP_E_EXISTS (the path is registered), TSNAP_E_UNSUPPORTED (unknown fields),
 * TSNAP_E_BUSY.
 */
TSNAP_API int32_t tsnap_state_add_private(tsnap_state *state, const char *path,
                                          const tsnap_array *array);

/*
 * Registers an array that is equal on all ranks; every rank registers it, with the same shape and
 * dtype. It is stored once, and restored on every rank.
 *
 * Not collective; one thread for state; copies path and *array, keeps the address array->data;
 * errors: those of tsnap_state_add_private.
 */
TSNAP_API int32_t tsnap_state_add_replicated(tsnap_state *state, const char *path,
                                             const tsnap_array *array);

/*
 * Registers this rank's boxes of a global array. global_shape has as many entries as the boxes have
 * dimensions, in elements; each box has the same dtype, item_bytes and ndim, its start in offset,
 * its size in shape. Over all ranks the boxes tile the global shape exactly, unless
 * tsnap_state_set_coverage says otherwise; that is checked at take, before a byte is written.
 * box_count may be 0, and boxes NULL then; a rank that does not register the object holds zero
 * boxes of it. At restore the boxes are what this rank asks for: any, also overlapping those of
 * other ranks.
 *
 * With box_count 0 global_shape is not read: the number of dimensions is unknown here.
 *
 * Not collective; one thread for state; copies path, global_shape and the boxes, keeps the
 * addresses in data; errors: those of tsnap_state_add_private, and TSNAP_E_INVALID for boxes of
 * unequal struct_size, dtype, item_bytes or ndim, or outside of the global shape.
 */
TSNAP_API int32_t tsnap_state_add_sharded(tsnap_state *state, const char *path,
                                          const int64_t *global_shape, const tsnap_array *boxes,
                                          size_t box_count);

/*
 * Says how the boxes of a registered sharded object cover its global shape: TSNAP_COVER_EXACT,
 * SPARSE or DUPLICATES, on all ranks that register it the same. fill_item is one element, what is
 * read where no box is; NULL = zeros; only for SPARSE. Where the object has 0 boxes fill_item is
 * not read, since its size is unknown there; the ranks that hold boxes give it.
 *
 * Not collective; one thread for state; copies fill_item; errors: TSNAP_E_NOT_FOUND (no such path),
 * TSNAP_E_INVALID (not sharded; unknown coverage; a fill_item with another coverage), TSNAP_E_BUSY.
 */
TSNAP_API int32_t tsnap_state_set_coverage(tsnap_state *state, const char *path, int32_t coverage,
                                           const void *fill_item);

/*
 * Registers one integer; kind is TSNAP_PRIVATE or TSNAP_REPLICATED.
 *
 * Not collective; one thread for state; copies path, keeps the address value; errors: those of
 * tsnap_state_add_private, and TSNAP_E_INVALID for another kind.
 */
TSNAP_API int32_t tsnap_state_add_int64(tsnap_state *state, const char *path, int32_t kind,
                                        int64_t *value);

/*
 * Registers one floating-point number, kept bit for bit; kind is TSNAP_PRIVATE or TSNAP_REPLICATED.
 *
 * Not collective; one thread for state; copies path, keeps the address value; errors: those of
 * tsnap_state_add_int64.
 */
TSNAP_API int32_t tsnap_state_add_float64(tsnap_state *state, const char *path, int32_t kind,
                                          double *value);

/*
 * Registers one truth value, 0 or 1 (other values are stored as 1); kind is TSNAP_PRIVATE or
 * TSNAP_REPLICATED.
 *
 * Not collective; one thread for state; copies path, keeps the address value; errors: those of
 * tsnap_state_add_int64.
 */
TSNAP_API int32_t tsnap_state_add_bool(tsnap_state *state, const char *path, int32_t kind,
                                       int32_t *value);

/*
 * Registers a string in a buffer of capacity bytes, its NUL included; kind is TSNAP_PRIVATE or
 * TSNAP_REPLICATED. It is stored without the NUL and restored with it. When capacity is too small
 * at restore, nothing is written to text and the restore is TSNAP_E_MISMATCH. A text without a NUL
 * within capacity is TSNAP_E_INVALID at take.
 *
 * Not collective; one thread for state; copies path, keeps the address text; errors: those of
 * tsnap_state_add_int64, and TSNAP_E_INVALID for capacity 0.
 */
TSNAP_API int32_t tsnap_state_add_string(tsnap_state *state, const char *path, int32_t kind,
                                         char *text, size_t capacity);

/*
 * Registers a block of *size bytes in a buffer of capacity bytes; kind is TSNAP_PRIVATE or
 * TSNAP_REPLICATED. *size is read at take and set at restore. When capacity is too small at
 * restore, nothing is written to bytes, the restore is TSNAP_E_MISMATCH, and *size tells what is
 * needed. *size above capacity is TSNAP_E_INVALID at take.
 *
 * Not collective; one thread for state; copies path, keeps the addresses bytes and size; errors:
 * those of tsnap_state_add_int64.
 */
TSNAP_API int32_t tsnap_state_add_bytes(tsnap_state *state, const char *path, int32_t kind,
                                        void *bytes, size_t capacity, size_t *size);

/*
 * Gives a registered object an attribute, a UTF-8 text under a name (such as "units"); an attribute
 * of the same name is replaced. Attributes are stored with the object and read with
 * tsnap_snapshot_attribute; a restore ignores them. Of replicated and sharded objects, set them on
 * all ranks the same.
 *
 * Not collective; one thread for state; copies path, name and value; errors: TSNAP_E_NOT_FOUND (no
 * such path), TSNAP_E_INVALID (an empty name; not UTF-8), TSNAP_E_BUSY.
 */
TSNAP_API int32_t tsnap_state_set_attribute(tsnap_state *state, const char *path, const char *name,
                                            const char *value);

/*
 * At take, treats the private arrays and scalars (integers, numbers, truth values) whose path
 * matches glob as replicated; not strings and bytes, and nothing of an RNG. "*" matches within a
 * part, "**" across parts. The same on all ranks. May be called before the objects are added; a
 * glob that matches nothing is TSNAP_E_INVALID at take.
 *
 * Not collective; one thread for state; copies glob; errors: TSNAP_E_INVALID (a bad glob),
 * TSNAP_E_BUSY.
 */
TSNAP_API int32_t tsnap_state_replicate(tsnap_state *state, const char *glob);

/*
 * Registers a part of the application that describes itself. Its objects are under path.
 *
 * Not collective; one thread for state; copies path and *callbacks, keeps user; errors: those of
 * tsnap_state_add_private, and TSNAP_E_INVALID for a NULL describe.
 */
TSNAP_API int32_t tsnap_state_add_stateful(tsnap_state *state, const char *path,
                                           const tsnap_stateful *callbacks);

/*
 * Registers the state of a random number generator, as a stateful. It is described first and its
 * loaded is called last, at take too: what describe captured is put back, so that a take leaves the
 * generator as it was.
 *
 * Not collective; one thread for state; copies path and *callbacks, keeps user; errors: those of
 * tsnap_state_add_stateful.
 */
TSNAP_API int32_t tsnap_state_add_rng(tsnap_state *state, const char *path,
                                      const tsnap_stateful *callbacks);

/*
 * Removes a registered object or stateful. Its attributes go with it; its memory is left alone.
 *
 * Not collective; one thread for state; lets go of the addresses it kept; errors:
 * TSNAP_E_NOT_FOUND, TSNAP_E_BUSY.
 */
TSNAP_API int32_t tsnap_state_remove(tsnap_state *state, const char *path);

#ifdef __cplusplus
}
#endif

#endif
