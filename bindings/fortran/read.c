/* read.c - see read.h. */
#include "read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

/* A shape as it is written in Fortran, such as (100,8). */
static const char *Shape(const int64_t *shape, int ndim, char *text, size_t capacity) {
  size_t used = (size_t)snprintf(text, capacity, "(");
  int axis;
  for (axis = 0; axis < ndim && used < capacity; axis++)
    used += (size_t)snprintf(text + used, capacity - used, "%s%" PRId64, axis == 0 ? "" : ",",
                             shape[axis]);
  if (used < capacity) snprintf(text + used, capacity - used, ")");
  return text;
}

static int32_t WrongVariable(const char *path, const char *what) {
  return tsnap_fortran_fail(TSNAP_E_MISMATCH, "reading %s: it is %s", path, what);
}

static int32_t ReadText(tsnap_snapshot *snapshot, const char *path, const CFI_cdesc_t *value) {
  size_t needed = 0;
  char *buffer;
  int32_t status = tsnap_read_string(snapshot, path, NULL, 0, &needed);
  if (needed == 0) return status;
  if (needed - 1 > value->elem_len)
    return tsnap_fortran_fail(TSNAP_E_MISMATCH,
                              "reading %s: the string has %zu characters and the variable %zu; "
                              "read_text takes one of any length",
                              path, needed - 1, value->elem_len);
  buffer = malloc(needed);
  if (buffer == NULL)
    return tsnap_fortran_fail(TSNAP_E_NO_MEMORY, "out of memory while reading %s", path);
  status = tsnap_read_string(snapshot, path, buffer, needed, NULL);
  if (status == TSNAP_OK) {
    memset(value->base_addr, ' ', value->elem_len);
    memcpy(value->base_addr, buffer, needed - 1);
  }
  free(buffer);
  return status;
}

/* Any kind of logical: 1 in the lowest byte is what its compiler takes for true, 0 for false. */
static int32_t ReadLogical(tsnap_snapshot *snapshot, const char *path, const CFI_cdesc_t *value) {
  int32_t truth = 0;
  const int32_t status = tsnap_read_bool(snapshot, path, &truth);
  if (status != TSNAP_OK) return status;
  if (value->elem_len == 1) *(int8_t *)value->base_addr = (int8_t)truth;
  if (value->elem_len == 2) *(int16_t *)value->base_addr = (int16_t)truth;
  if (value->elem_len == 4) *(int32_t *)value->base_addr = truth;
  if (value->elem_len == 8) *(int64_t *)value->base_addr = truth;
  return status;
}

static int32_t ReadScalar(tsnap_snapshot *snapshot, const char *path, const CFI_cdesc_t *value,
                          int32_t type) {
  const int is = value->rank == 0 ? tsnap_fortran_class(value) : FORTRAN_OTHER;
  switch (type) {
    case TSNAP_OBJECT_INT64:
      if (is != FORTRAN_INTEGER || value->elem_len != sizeof(int64_t))
        return WrongVariable(path, "one integer(int64)");
      return tsnap_read_int64(snapshot, path, value->base_addr);
    case TSNAP_OBJECT_FLOAT64:
      if (is != FORTRAN_REAL || value->elem_len != sizeof(double))
        return WrongVariable(path, "one real(real64)");
      return tsnap_read_float64(snapshot, path, value->base_addr);
    case TSNAP_OBJECT_BOOL:
      if (is != FORTRAN_LOGICAL) return WrongVariable(path, "one logical");
      return ReadLogical(snapshot, path, value);
    case TSNAP_OBJECT_STRING:
      if (is != FORTRAN_CHARACTER) return WrongVariable(path, "one string");
      return ReadText(snapshot, path, value);
    case TSNAP_OBJECT_BYTES:
      return WrongVariable(path, "a block of bytes: read_bytes reads it");
    default:
      return tsnap_fortran_fail(
          TSNAP_E_UNSUPPORTED, "reading %s: it is of a type that this binding does not know", path);
  }
}

int32_t tsnap_fortran_read(tsnap_snapshot *snapshot, const char *path, const CFI_cdesc_t *value,
                           int32_t dtype, const int64_t *offset, int64_t offset_count,
                           const tsnap_read_options *options) {
  tsnap_fortran_box box;
  tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
  const int32_t status = tsnap_snapshot_find(snapshot, path, &info);
  if (status != TSNAP_OK) return status;
  if (info.type != TSNAP_OBJECT_ARRAY) return ReadScalar(snapshot, path, value, info.type);
  box = tsnap_fortran_box_of(value, dtype, offset, offset_count);
  if (box.problem == NULL && offset_count == 0 && box.array.ndim == info.ndim &&
      memcmp(box.array.shape, info.shape, (size_t)info.ndim * sizeof(int64_t)) != 0) {
    char there[200], here[200];
    return tsnap_fortran_fail(TSNAP_E_MISMATCH,
                              "reading %s: its shape is %s and the variable's %s; a part of it is "
                              "read with an offset",
                              path, Shape(info.shape, info.ndim, there, sizeof(there)),
                              Shape(box.array.shape, box.array.ndim, here, sizeof(here)));
  }
  return tsnap_fortran_read_box(snapshot, path, &box, options);
}

int32_t tsnap_fortran_read_box(tsnap_snapshot *snapshot, const char *path,
                               const tsnap_fortran_box *box, const tsnap_read_options *options) {
  if (box->problem != NULL)
    return tsnap_fortran_fail(TSNAP_E_INVALID, "reading %s: %s", path, box->problem);
  return tsnap_read(snapshot, path, &box->array, options);
}
