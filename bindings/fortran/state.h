/*
 * state.h - what a Fortran state registers.
 *
 * A string of Fortran ends in blanks and not in NUL, so a state keeps a buffer for each, which is
 * filled before a take, and read after a restore. Of sharded arrays it remembers how
 * large an element is: a fill item that is not of their type would be read past its end.
 */
#ifndef TSNAP_FORTRAN_STATE_H_
#define TSNAP_FORTRAN_STATE_H_

#include <ISO_Fortran_binding.h>
#include <stdint.h>
#include <tsnap/state.h>

#include "descriptor.h"

typedef struct tsnap_fortran_note tsnap_fortran_note;

/* Registers a scalar, a string or an array, by what the descriptor says. */
int32_t tsnap_fortran_add(tsnap_state *state, tsnap_fortran_note **notes, const char *path,
                          const CFI_cdesc_t *value, int32_t kind, int32_t dtype);
int32_t tsnap_fortran_add_box(tsnap_state *state, const char *path, const tsnap_fortran_box *box,
                              int32_t kind);
int32_t tsnap_fortran_add_boxes(tsnap_state *state, tsnap_fortran_note **notes, const char *path,
                                const int64_t *global_shape, int64_t axes,
                                const tsnap_fortran_box *boxes, int64_t box_count);
int32_t tsnap_fortran_add_bytes(tsnap_state *state, const char *path, int32_t kind,
                                const CFI_cdesc_t *bytes, size_t *size);
/* fill_item may be NULL: zeros. */
int32_t tsnap_fortran_set_coverage(tsnap_state *state, tsnap_fortran_note *notes, const char *path,
                                   int32_t coverage, const CFI_cdesc_t *fill_item);
int32_t tsnap_fortran_remove_object(tsnap_state *state, tsnap_fortran_note **notes,
                                    const char *path);

/* All strings, from the variables for a take; TSNAP_E_INVALID for one with a NUL in it. */
int32_t tsnap_fortran_gather_texts(tsnap_fortran_note *notes);
/* Before a restore, and after it into the variables; what is not restored is left as it is. */
void tsnap_fortran_await_texts(tsnap_fortran_note *notes);
void tsnap_fortran_spread_texts(tsnap_fortran_note *notes);
/* After a timeout: those that there are now are never freed. */
void tsnap_fortran_keep_notes(tsnap_fortran_note *notes);
void tsnap_fortran_free_notes(tsnap_fortran_note **notes);

#endif
