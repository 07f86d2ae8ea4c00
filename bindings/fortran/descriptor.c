/* descriptor.c - see descriptor.h. */
#include "descriptor.h"

#include <stddef.h>
#include <stdint.h>

static const char kWrongOffset[] = "the offset has not as many entries as the array has dimensions";

static int IsInteger(CFI_type_t type) {
  return type == CFI_type_int8_t || type == CFI_type_int16_t || type == CFI_type_int32_t ||
         type == CFI_type_int64_t || type == CFI_type_signed_char || type == CFI_type_short ||
         type == CFI_type_int || type == CFI_type_long || type == CFI_type_long_long ||
         type == CFI_type_size_t || type == CFI_type_intptr_t || type == CFI_type_ptrdiff_t;
}

/* The standard knows logical(c_bool) only; compilers that tell the other kinds have a name for it.
 */
static int IsLogical(CFI_type_t type) {
#ifdef CFI_type_Logical
  if ((type & CFI_type_mask) == CFI_type_Logical) return 1;
#endif
  return type == CFI_type_Bool;
}

int tsnap_fortran_class(const CFI_cdesc_t *value) {
  const CFI_type_t type = value->type;
  if (IsLogical(type)) return FORTRAN_LOGICAL;
  if (IsInteger(type)) return FORTRAN_INTEGER;
  if (type == CFI_type_float || type == CFI_type_double) return FORTRAN_REAL;
  if (type == CFI_type_float_Complex || type == CFI_type_double_Complex) return FORTRAN_COMPLEX;
  if (type == CFI_type_char) return FORTRAN_CHARACTER;
  if (type == CFI_type_struct) return FORTRAN_DERIVED;
  return FORTRAN_OTHER;
}

/* Logicals wider than a byte have no dtype of their own: they are integers of their size. */
static const char *OwnDtype(const CFI_cdesc_t *value, int32_t *dtype) {
  const size_t bytes = value->elem_len;
  switch (tsnap_fortran_class(value)) {
    case FORTRAN_LOGICAL:
      if (bytes == 1) {
        *dtype = TSNAP_BOOL;
        return NULL;
      } /* fall through */
    case FORTRAN_INTEGER:
      *dtype = bytes == 1   ? TSNAP_INT8
               : bytes == 2 ? TSNAP_INT16
               : bytes == 4 ? TSNAP_INT32
                            : TSNAP_INT64;
      return bytes <= 8 ? NULL : "integers and logicals of 16 bytes have no type in tsnap";
    case FORTRAN_REAL:
      *dtype = bytes == 4 ? TSNAP_FLOAT32 : TSNAP_FLOAT64;
      return NULL;
    case FORTRAN_COMPLEX:
      *dtype = bytes == 8 ? TSNAP_COMPLEX64 : TSNAP_COMPLEX128;
      return NULL;
    case FORTRAN_CHARACTER:
      *dtype = TSNAP_OPAQUE;
      return NULL;
    case FORTRAN_DERIVED:
      return "a derived type is kept only byte for byte, and when you say so: name its type "
             "TSNAP_OPAQUE (add_as, read_as), if it has no pointers and nothing allocatable";
    default:
      return "this type and kind has none in tsnap; bytes can be kept as they are with the type "
             "TSNAP_OPAQUE (add_as, read_as)";
  }
}

/* 0 = any. */
static size_t BytesOf(int32_t dtype) {
  switch (dtype) {
    case TSNAP_BOOL:
    case TSNAP_INT8:
    case TSNAP_UINT8:
    case TSNAP_FLOAT8_E4M3:
    case TSNAP_FLOAT8_E5M2:
      return 1;
    case TSNAP_INT16:
    case TSNAP_UINT16:
    case TSNAP_FLOAT16:
    case TSNAP_BFLOAT16:
      return 2;
    case TSNAP_INT32:
    case TSNAP_UINT32:
    case TSNAP_FLOAT32:
      return 4;
    case TSNAP_INT64:
    case TSNAP_UINT64:
    case TSNAP_FLOAT64:
    case TSNAP_COMPLEX64:
      return 8;
    case TSNAP_COMPLEX128:
      return 16;
    default:
      return 0;
  }
}

const char *tsnap_fortran_describe(const CFI_cdesc_t *value, int32_t dtype, tsnap_array *out) {
  const tsnap_array empty = TSNAP_ARRAY_INIT;
  const char *problem = NULL;
  int axis;
  *out = empty;
  if (dtype == 0) problem = OwnDtype(value, &dtype);
  if (problem != NULL) return problem;
  if (BytesOf(dtype) != 0 && BytesOf(dtype) != value->elem_len)
    return "the elements have not the size of the type that was named for them";
  if (value->rank > TSNAP_MAX_DIMS) return "an array has more than 8 dimensions (TSNAP_MAX_DIMS)";
  if (value->rank > 0 && value->dim[value->rank - 1].extent < 0)
    return "an assumed-size array does not know how long it is: pass a section with its last bound";
  out->dtype = dtype;
  out->ndim = value->rank;
  out->data = value->base_addr;
  out->item_bytes = (int64_t)value->elem_len; /* not looked at, but for TSNAP_OPAQUE */
  for (axis = 0; axis < value->rank; axis++) {
    out->shape[axis] = value->dim[axis].extent;
    out->strides_bytes[axis] = value->dim[axis].sm;
  }
  return NULL;
}

tsnap_fortran_box tsnap_fortran_box_of(const CFI_cdesc_t *value, int32_t dtype,
                                       const int64_t *offset, int64_t offset_count) {
  tsnap_fortran_box box;
  int64_t axis;
  box.problem = tsnap_fortran_describe(value, dtype, &box.array);
  if (box.problem != NULL || offset_count == 0) return box;
  if (offset_count != box.array.ndim) {
    box.problem = kWrongOffset;
    return box;
  }
  for (axis = 0; axis < offset_count; axis++) {
    if (offset[axis] < 1) box.problem = "an offset is below 1: in Fortran they count from 1";
    box.array.offset[axis] = offset[axis] - 1;
  }
  return box;
}

static int32_t Given(const int32_t *dtype) { return dtype == NULL ? 0 : *dtype; }

tsnap_fortran_box tsnap_fortran_box_whole(const CFI_cdesc_t *array, const int32_t *dtype) {
  return tsnap_fortran_box_of(array, Given(dtype), NULL, 0);
}

static tsnap_fortran_box BoxAt(const CFI_cdesc_t *array, const CFI_cdesc_t *offset,
                               const int32_t *dtype) {
  int64_t starts[TSNAP_MAX_DIMS];
  const int64_t count = offset->dim[0].extent;
  int64_t axis;
  tsnap_fortran_box box;
  for (axis = 0; axis < count && axis < TSNAP_MAX_DIMS; axis++) {
    const char *start = (const char *)offset->base_addr + axis * offset->dim[0].sm;
    starts[axis] =
        offset->elem_len == sizeof(int32_t) ? *(const int32_t *)start : *(const int64_t *)start;
  }
  box = tsnap_fortran_box_of(array, Given(dtype), starts, count);
  if (box.problem == NULL && count == 0 && box.array.ndim > 0) box.problem = kWrongOffset;
  return box;
}

tsnap_fortran_box tsnap_fortran_box_at_32(const CFI_cdesc_t *array, const CFI_cdesc_t *offset,
                                          const int32_t *dtype) {
  return BoxAt(array, offset, dtype);
}

tsnap_fortran_box tsnap_fortran_box_at_64(const CFI_cdesc_t *array, const CFI_cdesc_t *offset,
                                          const int32_t *dtype) {
  return BoxAt(array, offset, dtype);
}
