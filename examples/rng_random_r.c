/* Keeps generators of random_r in snapshots (see rng.h). glibc only.
 *
 * A struct random_data has pointers into a state buffer, and the place of the next number is in the
 * pointers alone. setstate_r writes it into the first word of the buffer that it leaves, and reads
 * it from that of the buffer that it enters. Called with the buffer that is in use it changes no
 * number, and the buffer alone is the whole generator then: words without any address, which may be
 * put into a buffer elsewhere.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>
#include <string.h>

#include "rng.h"

/* The first word of a buffer is 5 * place + type. A type has this many words behind it. */
enum { kTypes = 5 };
static const int32_t kWords[kTypes] = {1, 7, 15, 31, 63};

static int32_t *BufferOf(const struct random_data *data) { return data->state - 1; }

static int IsState(const int32_t *buffer, int32_t words) {
  const int32_t type = buffer[0] % kTypes, place = buffer[0] / kTypes;
  if (buffer[0] < 0 || words != 1 + kWords[type]) return 0;
  return type == 0 ? place == 0 : place < kWords[type];
}

static int32_t Describe(tsnap_state *child, void *user) {
  RandomRRegistration *registration = user;
  struct random_data *data = registration->data;
  if (registration->is_captured) return TSNAP_E_BUSY;
  if (data->state == NULL) return TSNAP_E_INVALID;
  registration->is_captured = 1;
  if (setstate_r((char *)BufferOf(data), data) != 0) return TSNAP_E_INVALID;
  registration->words = 1 + kWords[BufferOf(data)[0] % kTypes];
  memcpy(registration->captured, BufferOf(data), (size_t)registration->words * sizeof(int32_t));
  return AddCaptured(child, "random_r", registration->kind, TSNAP_INT32, registration->captured,
                     registration->words);
}

/* At the end of a take, captured is what describe filled; after a restore, what was stored. */
static int32_t Loaded(void *user) {
  const RandomRRegistration *registration = user;
  int32_t *buffer = BufferOf(registration->data), small_buffer[2];
  struct random_data entering;
  if (!IsState(registration->captured, registration->words)) return TSNAP_E_CORRUPT;
  memcpy(buffer, registration->captured, (size_t)registration->words * sizeof(int32_t));
  /* setstate_r would write into the first word if it left this buffer: it must come from another.
   */
  memset(&entering, 0, sizeof(entering));
  if (initstate_r(1, (char *)small_buffer, sizeof(small_buffer), &entering) != 0 ||
      setstate_r((char *)buffer, &entering) != 0) {
    return TSNAP_E_INVALID;
  }
  *registration->data = entering;
  return TSNAP_OK;
}

static void Release(void *user) { ((RandomRRegistration *)user)->is_captured = 0; }

int32_t AddRandomR(tsnap_state *state, const char *path, int32_t kind, struct random_data *data,
                   RandomRRegistration *registration) {
  tsnap_stateful callbacks = TSNAP_STATEFUL_INIT;
  memset(registration, 0, sizeof(*registration));
  registration->data = data;
  registration->kind = kind;
  callbacks.describe = Describe;
  callbacks.loaded = Loaded;
  callbacks.release = Release;
  callbacks.user = registration;
  return tsnap_state_add_rng(state, path, &callbacks);
}
