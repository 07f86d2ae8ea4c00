/* state.c - see state.h. */
#include "state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

struct tsnap_fortran_note {
  tsnap_fortran_note *next;
  int64_t item_bytes; /* of a sharded array with boxes */
  char *text;         /* a string: the variable, which is length bytes long */
  size_t length;
  char *buffer;   /* its copy with a NUL: what the state knows */
  int is_stalled; /* a thread of the library may use the buffer for good */
  char path[];
};

static tsnap_fortran_note *NewNote(const char *path) {
  tsnap_fortran_note *note = calloc(1, sizeof(*note) + strlen(path) + 1);
  if (note != NULL) strcpy(note->path, path);
  return note;
}

static void FreeNote(tsnap_fortran_note *note) {
  if (note == NULL || note->is_stalled) return;
  free(note->buffer);
  free(note);
}

static int32_t NoMemory(const char *path) {
  return tsnap_fortran_fail(TSNAP_E_NO_MEMORY, "out of memory while registering %s", path);
}

static int32_t AddArray(tsnap_state *state, const char *path, const tsnap_array *array,
                        int32_t kind) {
  if (kind == TSNAP_PRIVATE) return tsnap_state_add_private(state, path, array);
  if (kind == TSNAP_REPLICATED) return tsnap_state_add_replicated(state, path, array);
  return tsnap_fortran_fail(TSNAP_E_INVALID,
                            "registering %s: the kind is TSNAP_PRIVATE or TSNAP_REPLICATED, not "
                            "%" PRId32 "; sharded arrays are registered with add_sharded",
                            path, kind);
}

static size_t Gather(const tsnap_fortran_note *note) {
  size_t length = note->length;
  while (length > 0 && note->text[length - 1] == ' ') length--;
  memcpy(note->buffer, note->text, length);
  note->buffer[length] = '\0';
  return length;
}

static int32_t AddText(tsnap_state *state, tsnap_fortran_note **notes, const char *path,
                       const CFI_cdesc_t *value, int32_t kind) {
  int32_t status;
  tsnap_fortran_note *note = NewNote(path);
  if (note == NULL) return NoMemory(path);
  note->text = value->base_addr;
  note->length = value->elem_len;
  note->buffer = calloc(note->length + 1, 1);
  if (note->buffer == NULL) {
    FreeNote(note);
    return NoMemory(path);
  }
  (void)Gather(note); /* it need not be set yet */
  status = tsnap_state_add_string(state, path, kind, note->buffer, note->length + 1);
  if (status != TSNAP_OK) {
    FreeNote(note);
    return status;
  }
  note->next = *notes;
  *notes = note;
  return TSNAP_OK;
}

int32_t tsnap_fortran_add(tsnap_state *state, tsnap_fortran_note **notes, const char *path,
                          const CFI_cdesc_t *value, int32_t kind, int32_t dtype) {
  if (value->rank == 0 && dtype == 0) {
    const int is = tsnap_fortran_class(value);
    void *data = value->base_addr;
    if (is == FORTRAN_INTEGER && value->elem_len == sizeof(int64_t))
      return tsnap_state_add_int64(state, path, kind, data);
    if (is == FORTRAN_REAL && value->elem_len == sizeof(double))
      return tsnap_state_add_float64(state, path, kind, data);
    if (is == FORTRAN_LOGICAL && value->elem_len == sizeof(int32_t))
      return tsnap_state_add_bool(state, path, kind, data);
    if (is == FORTRAN_CHARACTER) return AddText(state, notes, path, value, kind);
  }
  {
    const tsnap_fortran_box box = tsnap_fortran_box_of(value, dtype, NULL, 0);
    return tsnap_fortran_add_box(state, path, &box, kind);
  }
}

int32_t tsnap_fortran_add_box(tsnap_state *state, const char *path, const tsnap_fortran_box *box,
                              int32_t kind) {
  if (box->problem != NULL)
    return tsnap_fortran_fail(TSNAP_E_INVALID, "registering %s: %s", path, box->problem);
  return AddArray(state, path, &box->array, kind);
}

int32_t tsnap_fortran_add_boxes(tsnap_state *state, tsnap_fortran_note **notes, const char *path,
                                const int64_t *global_shape, int64_t axes,
                                const tsnap_fortran_box *boxes, int64_t box_count) {
  int32_t status;
  int64_t i;
  tsnap_array *arrays = NULL;
  tsnap_fortran_note *note = NewNote(path);
  if (box_count > 0) arrays = malloc((size_t)box_count * sizeof(*arrays));
  if (note == NULL || (arrays == NULL && box_count > 0)) {
    FreeNote(note);
    free(arrays);
    return NoMemory(path);
  }
  for (i = 0; i < box_count; i++) {
    const char *problem = boxes[i].problem;
    if (problem == NULL && boxes[i].array.ndim != axes)
      problem = "the global shape has not as many entries as the array has dimensions";
    if (problem != NULL) {
      FreeNote(note);
      free(arrays);
      return tsnap_fortran_fail(TSNAP_E_INVALID, "registering %s: %s", path, problem);
    }
    arrays[i] = boxes[i].array;
    note->item_bytes = arrays[i].item_bytes;
  }
  status = tsnap_state_add_sharded(state, path, global_shape, arrays, (size_t)box_count);
  free(arrays);
  if (status != TSNAP_OK) {
    FreeNote(note);
    return status;
  }
  note->next = *notes;
  *notes = note;
  return TSNAP_OK;
}

int32_t tsnap_fortran_add_bytes(tsnap_state *state, const char *path, int32_t kind,
                                const CFI_cdesc_t *bytes, size_t *size) {
  int64_t capacity = (int64_t)bytes->elem_len;
  int axis;
  for (axis = 0; axis < bytes->rank; axis++) {
    if (bytes->dim[axis].extent > 1 && bytes->dim[axis].sm != capacity)
      return tsnap_fortran_fail(TSNAP_E_INVALID,
                                "registering %s: a block of bytes is contiguous in memory, and "
                                "this section is not",
                                path);
    capacity *= bytes->dim[axis].extent;
  }
  return tsnap_state_add_bytes(state, path, kind, bytes->base_addr, (size_t)capacity, size);
}

int32_t tsnap_fortran_set_coverage(tsnap_state *state, tsnap_fortran_note *notes, const char *path,
                                   int32_t coverage, const CFI_cdesc_t *fill_item) {
  const tsnap_fortran_note *note;
  if (fill_item == NULL) return tsnap_state_set_coverage(state, path, coverage, NULL);
  for (note = notes; note != NULL; note = note->next) {
    if (strcmp(note->path, path) == 0 && note->item_bytes != 0 &&
        note->item_bytes != (int64_t)fill_item->elem_len)
      return tsnap_fortran_fail(TSNAP_E_INVALID,
                                "the coverage of %s: the fill item has %zu bytes and an element "
                                "%" PRId64 ": it must be of the array's type and kind",
                                path, fill_item->elem_len, note->item_bytes);
  }
  return tsnap_state_set_coverage(state, path, coverage, fill_item->base_addr);
}

int32_t tsnap_fortran_remove_object(tsnap_state *state, tsnap_fortran_note **notes,
                                    const char *path) {
  const int32_t status = tsnap_state_remove(state, path);
  tsnap_fortran_note **at = notes;
  if (status != TSNAP_OK) return status;
  while (*at != NULL) {
    tsnap_fortran_note *note = *at;
    if (strcmp(note->path, path) != 0) {
      at = &note->next;
      continue;
    }
    *at = note->next;
    FreeNote(note);
  }
  return TSNAP_OK;
}

int32_t tsnap_fortran_gather_texts(tsnap_fortran_note *notes) {
  int32_t status = TSNAP_OK;
  for (; notes != NULL; notes = notes->next) {
    size_t length;
    if (notes->buffer == NULL) continue;
    length = Gather(notes);
    if (memchr(notes->buffer, '\0', length) != NULL)
      status =
          tsnap_fortran_fail(TSNAP_E_INVALID,
                             "taking %s: the string has the character %zu a NUL, where a text "
                             "ends in a snapshot: set the variable, or register such data with "
                             "add_bytes",
                             notes->path, strlen(notes->buffer) + 1);
  }
  return status;
}

/* No text is without a NUL in length + 1 characters. */
void tsnap_fortran_await_texts(tsnap_fortran_note *notes) {
  for (; notes != NULL; notes = notes->next)
    if (notes->buffer != NULL) memset(notes->buffer, ' ', notes->length + 1);
}

void tsnap_fortran_spread_texts(tsnap_fortran_note *notes) {
  for (; notes != NULL; notes = notes->next) {
    if (notes->buffer == NULL || memchr(notes->buffer, '\0', notes->length + 1) == NULL) continue;
    memset(notes->text, ' ', notes->length);
    memcpy(notes->text, notes->buffer, strlen(notes->buffer));
  }
}

void tsnap_fortran_keep_notes(tsnap_fortran_note *notes) {
  for (; notes != NULL; notes = notes->next) notes->is_stalled = 1;
}

void tsnap_fortran_free_notes(tsnap_fortran_note **notes) {
  while (*notes != NULL) {
    tsnap_fortran_note *note = *notes;
    *notes = note->next;
    FreeNote(note);
  }
}
