/* message.h - what the binding itself finds wrong, and the version of the library that it runs
 * with. */
#ifndef TSNAP_FORTRAN_MESSAGE_H_
#define TSNAP_FORTRAN_MESSAGE_H_

#include <stdint.h>
#include <tsnap/export.h>
#include <tsnap/status.h>

/* Keeps a text for tsnap_fortran_last_error in this thread, and returns the status. */
int32_t tsnap_fortran_fail(int32_t status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for a text of Fortran's, with a NUL at its end. */
int32_t tsnap_fortran_fail_with(int32_t status, const char *text);

/* Every call of the binding ends in this: it settles whose text tells of the failure. */
void tsnap_fortran_settle(int32_t status);

const char *tsnap_fortran_last_error(void);

/* What is done before a program stops for a failure; NULL = nothing. */
TSNAP_API void tsnap_fortran_set_before_stop(void (*before_stop)(void));
void tsnap_fortran_before_stop(void);

/* TSNAP_OK, or TSNAP_E_UNSUPPORTED for a library that is not the one of the headers, nor newer. */
int32_t tsnap_fortran_check_version(void);

#endif
