/* Random number generators whose state goes into snapshots: copy what you need into your code.
 *
 *   rng_drand48.c    the global generator of drand48, lrand48 and mrand48 (POSIX)
 *   rng_random_r.c   a struct random_data, with a state buffer of any size (glibc)
 *   rng_pcg32.c      PCG32, a generator of your own, with as many streams as there are ranks (C99)
 *
 * Each has a function that registers a generator in a state (tsnap_state_add_rng). From then on
 * numbers drawn after a take are those drawn after a restore of it, and those of a run that never
 * took one: also when other statefuls draw numbers while they describe themselves, or fail to.
 *
 * kind says whose generator it is:
 *
 *   TSNAP_PRIVATE      each rank draws its own numbers. On ranks that the snapshot lacks the policy
 *                      new_ranks decides. Prefer TSNAP_NEW_RANKS_LEAVE, and seed them with streams
 *                      that no rank has ever used: TSNAP_NEW_RANKS_COPY_RANK_0 makes them draw
 *                      the numbers that rank 0 draws, until you seed them anew.
 *   TSNAP_REPLICATED   all ranks draw the same numbers. It is stored once and reaches new ranks by
 *                      itself; TSNAP_REPLICATED_CHECK_CONTENT finds ranks that have drifted apart.
 *
 * The ..._registration structs hold what is captured while a take or restore runs. One for each
 * generator; it must live as long as the state does. Callbacks of one that is used for two fail
 * with TSNAP_E_BUSY. No other thread may draw from a generator during a take or restore.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef EXAMPLES_RNG_H_
#define EXAMPLES_RNG_H_

#include <stddef.h>
#include <stdint.h>
#include <tsnap/state.h>
#include <tsnap/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- drand48 ---- */

typedef struct Drand48Registration {
  int32_t kind, is_captured;
  uint16_t captured[7]; /* as lcong48 takes them: the 48 bits X, the multiplier, the addend */
} Drand48Registration;

/*
 * Registers the process's drand48 generator under path: X, and also the multiplier and addend that
 * lcong48 may have set. Not part of it: arrays that you give to erand48, nrand48 and jrand48 (they
 * are yours to register; their multiplier and addend are the ones that are kept here), and what the
 * pointer that seed48 returned points to, which a take overwrites: copy it, as POSIX asks for.
 *
 * Returns what tsnap_state_add_rng does.
 */
int32_t AddDrand48(tsnap_state *state, const char *path, int32_t kind,
                   Drand48Registration *registration);

/* ---- random_r ---- */

struct random_data;

/* Words of the largest state buffer that random_r makes use of: 256 bytes. */
#define RANDOM_R_MOST_WORDS 64

typedef struct RandomRRegistration {
  struct random_data *data;
  int32_t kind, is_captured;
  int32_t words;
  int32_t captured[RANDOM_R_MOST_WORDS]; /* the state buffer, in the form that setstate_r reads */
} RandomRRegistration;

/*
 * Registers a generator that initstate_r has set up (before the first take or restore, also in a
 * process that only restores). It is kept without addresses: a restore fills the buffer that data
 * uses then. That must be of the same one of the five sizes (8, 32, 64, 128, 256 bytes; initstate_r
 * rounds down) as when it was taken, or the restore is TSNAP_E_MISMATCH.
 *
 * Callbacks fail with TSNAP_E_INVALID when data has no buffer, TSNAP_E_CORRUPT when what is stored
 * is no state of random_r. Returns what tsnap_state_add_rng does.
 */
int32_t AddRandomR(tsnap_state *state, const char *path, int32_t kind, struct random_data *data,
                   RandomRRegistration *registration);

/* ---- PCG32 ---- */

/*
 * PCG-XSH-RR 64/32: M. E. O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good
 * Algorithms for Random Number Generation" (2014). Period 2^64 in each of 2^63 streams.
 */
typedef struct Pcg32 {
  uint64_t state;
  uint64_t increment; /* odd; it is the stream */
} Pcg32;

/* Equal seeds and different streams give different numbers: the rank may be the stream. */
void SeedPcg32(Pcg32 *generator, uint64_t seed, uint64_t stream);

/* 32 random bits. */
uint32_t DrawPcg32(Pcg32 *generator);

/* A number from 0 to below 1, a multiple of 2^-32. */
double DrawPcg32Uniform(Pcg32 *generator);

typedef struct Pcg32Registration {
  Pcg32 *generator;
  int32_t kind, is_captured;
  uint64_t captured[2]; /* state, increment */
} Pcg32Registration;

/*
 * Registers a generator. A restore brings its stream back as well as its place in it. Callbacks
 * fail with TSNAP_E_CORRUPT when what is stored is no state of PCG32. Returns what
 * tsnap_state_add_rng does.
 */
int32_t AddPcg32(tsnap_state *state, const char *path, int32_t kind, Pcg32 *generator,
                 Pcg32Registration *registration);

/* ---- What they share ---- */

/* Registers the words of a captured generator in the child that describe was given. */
static inline int32_t AddCaptured(tsnap_state *child, const char *name, int32_t kind, int32_t dtype,
                                  void *words, int64_t count) {
  tsnap_array array = TSNAP_ARRAY_INIT;
  array.dtype = dtype;
  array.ndim = 1;
  array.shape[0] = count;
  array.data = words;
  return kind == TSNAP_REPLICATED ? tsnap_state_add_replicated(child, name, &array)
                                  : tsnap_state_add_private(child, name, &array);
}

#ifdef __cplusplus
}
#endif

#endif
