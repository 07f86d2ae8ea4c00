/*
 * array.h - an n-d array in the application's memory: what take reads, and restore and read fill.
 *
 * It describes memory and owns none. Elements are never converted; byte order is, except inside
 * TSNAP_OPAQUE records.
 */
#ifndef TSNAP_ARRAY_H_
#define TSNAP_ARRAY_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The largest number of dimensions. Part of the ABI: it is the length of arrays in structs. */
#define TSNAP_MAX_DIMS 8

/*
 * Element types. FLOAT8 are the E4M3 (finite, no infinities) and E5M2 formats of Micikevicius et
 * al., "FP8 Formats for Deep Learning" (2022); FLOAT16, 32, 64 are IEEE 754 binary16, 32, 64;
 * BFLOAT16 is the upper half of a binary32; COMPLEX64 and COMPLEX128 are two FLOAT32 or FLOAT64,
 * real part first. A BOOL is one byte, 0 or 1.
 */
enum {
  TSNAP_BOOL = 1,
  TSNAP_INT8 = 2,
  TSNAP_INT16 = 3,
  TSNAP_INT32 = 4,
  TSNAP_INT64 = 5,
  TSNAP_UINT8 = 6,
  TSNAP_UINT16 = 7,
  TSNAP_UINT32 = 8,
  TSNAP_UINT64 = 9,
  TSNAP_FLOAT8_E4M3 = 10,
  TSNAP_FLOAT8_E5M2 = 11,
  TSNAP_FLOAT16 = 12,
  TSNAP_BFLOAT16 = 13,
  TSNAP_FLOAT32 = 14,
  TSNAP_FLOAT64 = 15,
  TSNAP_COMPLEX64 = 16,
  TSNAP_COMPLEX128 = 17,
  TSNAP_OPAQUE = 18 /* fixed-size records of item_bytes bytes, stored as they are */
};

/*
 * A box of elements in memory. The element with index (i0, i1, ...) lies at
 * data + i0 * strides_bytes[0] + i1 * strides_bytes[1] + ...
 *
 * Strides may be negative (a reversed view: data is still the first element, at index 0). An
 * interior with ghost cells is a box with the strides of the whole. A Fortran array is the same box
 * with column-major strides: index order is the application's own and is never transposed. A box
 * with a zero in its shape is legal and holds nothing; its data may be NULL. Entries of shape,
 * strides_bytes and offset from ndim on are ignored.
 *
 * TSNAP_E_INVALID: dtype or ndim unknown, a negative shape or offset, a product that overflows,
 * data NULL although there are elements, item_bytes below 1 with TSNAP_OPAQUE; on restore and read
 * also elements that overlap (such as a zero stride on an axis longer than 1).
 */
typedef struct tsnap_array {
  size_t struct_size;
  int32_t dtype;                         /* TSNAP_BOOL to TSNAP_OPAQUE */
  int32_t ndim;                          /* 0 to TSNAP_MAX_DIMS; 0 = one element */
  int64_t shape[TSNAP_MAX_DIMS];         /* of this box, in elements */
  int64_t strides_bytes[TSNAP_MAX_DIMS]; /* all zero = contiguous in row-major (C) order */
  void *data;                            /* first element; host, pinned, managed or device memory */
  int64_t item_bytes;                    /* TSNAP_OPAQUE: bytes of a record; else ignored */
  int64_t offset[TSNAP_MAX_DIMS];        /* sharded, tsnap_read: start in the whole array */
} tsnap_array;

/* clang-format off */
#define TSNAP_ARRAY_INIT                          \
  {                                               \
    sizeof(tsnap_array),                          \
    0,                        /* dtype */         \
    0,                        /* ndim */          \
    {0, 0, 0, 0, 0, 0, 0, 0}, /* shape */         \
    {0, 0, 0, 0, 0, 0, 0, 0}, /* strides_bytes */ \
    NULL,                     /* data */          \
    0,                        /* item_bytes */    \
    {0, 0, 0, 0, 0, 0, 0, 0}  /* offset */        \
  }
/* clang-format on */

#ifdef __cplusplus
}
#endif

#endif
