/* message.c - see message.h. The library keeps the text of its own failures (tsnap_last_error). */
#include "message.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <tsnap/version.h>

static _Thread_local char own_text[1024];
static _Thread_local int own_is_new, own_counts;

int32_t tsnap_fortran_fail(int32_t status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(own_text, sizeof(own_text), format, arguments);
  va_end(arguments);
  own_is_new = 1;
  return status;
}

int32_t tsnap_fortran_fail_with(int32_t status, const char *text) {
  return tsnap_fortran_fail(status, "%s", text);
}

void tsnap_fortran_settle(int32_t status) {
  if (status != TSNAP_OK) own_counts = own_is_new;
  own_is_new = 0;
}

const char *tsnap_fortran_last_error(void) { return own_counts ? own_text : tsnap_last_error(); }

static void (*before_stop_)(void);

void tsnap_fortran_set_before_stop(void (*before_stop)(void)) { before_stop_ = before_stop; }

void tsnap_fortran_before_stop(void) {
  if (before_stop_ != NULL) before_stop_();
}

int32_t tsnap_fortran_check_version(void) {
  const char *there = tsnap_version();
  int major = -1, minor = -1, patch = -1;
  const int read = sscanf(there, "%d.%d.%d", &major, &minor, &patch);
  if (read == 3 && major == TSNAP_VERSION_MAJOR &&
      (minor > TSNAP_VERSION_MINOR ||
       (minor == TSNAP_VERSION_MINOR && patch >= TSNAP_VERSION_PATCH)))
    return TSNAP_OK;
  return tsnap_fortran_fail(TSNAP_E_UNSUPPORTED,
                            "the Fortran binding was built for tsnap " TSNAP_VERSION
                            " and runs with libtsnap %s: install the two from one build, and look "
                            "at LD_LIBRARY_PATH",
                            there);
}
