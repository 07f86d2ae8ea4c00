/* read.h - reads an object of a snapshot into any Fortran variable. */
#ifndef TSNAP_FORTRAN_READ_H_
#define TSNAP_FORTRAN_READ_H_

#include <ISO_Fortran_binding.h>
#include <tsnap/snapshot.h>

#include "descriptor.h"

/* offset_count 0 = the whole array, whose shape value must have. */
int32_t tsnap_fortran_read(tsnap_snapshot *snapshot, const char *path, const CFI_cdesc_t *value,
                           int32_t dtype, const int64_t *offset, int64_t offset_count,
                           const tsnap_read_options *options);
int32_t tsnap_fortran_read_box(tsnap_snapshot *snapshot, const char *path,
                               const tsnap_fortran_box *box, const tsnap_read_options *options);

#endif
