/*
 * descriptor.h - from the descriptor of any Fortran array or scalar to a tsnap_array.
 *
 * Index order stays the application's: the first index of the Fortran array is axis 0. Offsets
 * count from 1 in Fortran and from 0 in C.
 */
#ifndef TSNAP_FORTRAN_DESCRIPTOR_H_
#define TSNAP_FORTRAN_DESCRIPTOR_H_

#include <ISO_Fortran_binding.h>
#include <stdint.h>
#include <tsnap/array.h>
#include <tsnap/export.h>

/* type(tsnap_box) in Fortran. */
typedef struct tsnap_fortran_box {
  tsnap_array array;
  const char *problem; /* why it cannot be used, a static text; NULL = it can */
} tsnap_fortran_box;

/* What is to be told apart of a Fortran type; sizes are in elem_len. */
enum {
  FORTRAN_OTHER,
  FORTRAN_INTEGER,
  FORTRAN_REAL,
  FORTRAN_COMPLEX,
  FORTRAN_LOGICAL,
  FORTRAN_CHARACTER,
  FORTRAN_DERIVED
};
int tsnap_fortran_class(const CFI_cdesc_t *value);

/* dtype 0 = that of the Fortran type; else elements of the same size are taken for it. Returns
   NULL, or what is wrong. */
const char *tsnap_fortran_describe(const CFI_cdesc_t *value, int32_t dtype, tsnap_array *out);

/* offset_count 0 = no offset: the box begins where the whole array does. */
tsnap_fortran_box tsnap_fortran_box_of(const CFI_cdesc_t *value, int32_t dtype,
                                       const int64_t *offset, int64_t offset_count);

/* tsnap_box(array, offset, dtype) in Fortran, for integer(int32) and integer(int64); dtype may be
   NULL. Programs call these themselves. */
TSNAP_API tsnap_fortran_box tsnap_fortran_box_whole(const CFI_cdesc_t *array, const int32_t *dtype);
TSNAP_API tsnap_fortran_box tsnap_fortran_box_at_32(const CFI_cdesc_t *array,
                                                    const CFI_cdesc_t *offset,
                                                    const int32_t *dtype);
TSNAP_API tsnap_fortran_box tsnap_fortran_box_at_64(const CFI_cdesc_t *array,
                                                    const CFI_cdesc_t *offset,
                                                    const int32_t *dtype);

#endif
