/* PCG32, a generator of your own, kept in snapshots (see rng.h). C99, no 128-bit arithmetic.
 *
 * Any generator whose state is a few words that you can read and set is kept in the same way: copy
 * them in describe, set them in loaded.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "rng.h"

uint32_t DrawPcg32(Pcg32 *generator) {
  const uint64_t old = generator->state;
  const uint32_t shifted = (uint32_t)(((old >> 18) ^ old) >> 27);
  const uint32_t turn = (uint32_t)(old >> 59);
  generator->state = old * UINT64_C(6364136223846793005) + generator->increment;
  return shifted >> turn | shifted << ((32 - turn) & 31);
}

void SeedPcg32(Pcg32 *generator, uint64_t seed, uint64_t stream) {
  generator->state = 0;
  generator->increment = stream << 1 | 1;
  DrawPcg32(generator);
  generator->state += seed;
  DrawPcg32(generator);
}

double DrawPcg32Uniform(Pcg32 *generator) {
  return (double)DrawPcg32(generator) * (1.0 / 4294967296.0);
}

/* What is registered is a copy: other statefuls may draw between describe and loaded. */
static int32_t Describe(tsnap_state *child, void *user) {
  Pcg32Registration *registration = user;
  if (registration->is_captured) return TSNAP_E_BUSY;
  registration->is_captured = 1;
  registration->captured[0] = registration->generator->state;
  registration->captured[1] = registration->generator->increment;
  return AddCaptured(child, "pcg32", registration->kind, TSNAP_UINT64, registration->captured, 2);
}

/* At the end of a take, captured is what describe filled; after a restore, what was stored. */
static int32_t Loaded(void *user) {
  Pcg32Registration *registration = user;
  if (registration->captured[1] % 2 == 0) return TSNAP_E_CORRUPT;
  registration->generator->state = registration->captured[0];
  registration->generator->increment = registration->captured[1];
  return TSNAP_OK;
}

static void Release(void *user) { ((Pcg32Registration *)user)->is_captured = 0; }

int32_t AddPcg32(tsnap_state *state, const char *path, int32_t kind, Pcg32 *generator,
                 Pcg32Registration *registration) {
  tsnap_stateful callbacks = TSNAP_STATEFUL_INIT;
  memset(registration, 0, sizeof(*registration));
  registration->generator = generator;
  registration->kind = kind;
  callbacks.describe = Describe;
  callbacks.loaded = Loaded;
  callbacks.release = Release;
  callbacks.user = registration;
  return tsnap_state_add_rng(state, path, &callbacks);
}
