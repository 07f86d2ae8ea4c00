/* Keeps the global generator of drand48, lrand48 and mrand48 in snapshots (see rng.h).
 *
 * It steps X to aX + c modulo 2^48. POSIX gives no call that reads X, a or c, and some that tell:
 *
 *   nrand48   steps the caller's own 48 bits with the a and c of the process: 0 becomes c, and 1
 *             becomes a + c. X is not touched.
 *   seed48    returns X. It sets another one, and a and c to their defaults.
 *   lcong48   sets all three: it puts back what seed48 has changed.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 600
#endif
#include <stdlib.h>
#include <string.h>

#include "rng.h"

static uint64_t Number48(const unsigned short *words) {
  return (uint64_t)words[2] << 32 | (uint64_t)words[1] << 16 | words[0];
}

/* Sets the generator to what it was when `captured` was filled. */
static void PutBack(const uint16_t *captured) {
  unsigned short parameters[7];
  int i;
  for (i = 0; i < 7; i++) parameters[i] = captured[i];
  lcong48(parameters);
}

/* Reads all of the generator, and leaves it as it was. */
static void Capture(uint16_t *captured) {
  unsigned short from_0[3] = {0, 0, 0}, from_1[3] = {1, 0, 0}, any[3] = {0, 0, 0};
  const unsigned short *x;
  uint64_t multiplier;
  int i;
  nrand48(from_0);
  nrand48(from_1);
  multiplier = Number48(from_1) - Number48(from_0);
  x = seed48(any);
  for (i = 0; i < 3; i++) {
    captured[i] = x[i];
    captured[3 + i] = (uint16_t)(multiplier >> (16 * i));
  }
  captured[6] = from_0[0]; /* an addend has 16 bits */
  PutBack(captured);
}

static int32_t Describe(tsnap_state *child, void *user) {
  Drand48Registration *registration = user;
  if (registration->is_captured) return TSNAP_E_BUSY;
  registration->is_captured = 1;
  Capture(registration->captured);
  return AddCaptured(child, "lcong48", registration->kind, TSNAP_UINT16, registration->captured, 7);
}

/* At the end of a take, captured is what describe filled; after a restore, what was stored. */
static int32_t Loaded(void *user) {
  const Drand48Registration *registration = user;
  PutBack(registration->captured);
  return TSNAP_OK;
}

static void Release(void *user) { ((Drand48Registration *)user)->is_captured = 0; }

int32_t AddDrand48(tsnap_state *state, const char *path, int32_t kind,
                   Drand48Registration *registration) {
  tsnap_stateful callbacks = TSNAP_STATEFUL_INIT;
  memset(registration, 0, sizeof(*registration));
  registration->kind = kind;
  callbacks.describe = Describe;
  callbacks.loaded = Loaded;
  callbacks.release = Release;
  callbacks.user = registration;
  return tsnap_state_add_rng(state, path, &callbacks);
}
