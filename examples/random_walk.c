/* Particles that walk at random, on generators whose state goes into the snapshots (rng.h).
 *
 *   mpirun -n 3 random_walk                the whole walk: the reference
 *   mpirun -n 3 random_walk --take URL     takes a snapshot half way, walks to the end, goes back
 * to the snapshot, and walks the second half once more mpirun -n 5 random_walk --from URL     walks
 * the second half, on any number of ranks
 *
 * On as many ranks as took the snapshot the walk ends as the reference did, bit for bit: all three
 * generators of every rank go on where they were. What to look at for your own code:
 *
 *   RegisterState   the particles, the generators, and two numbers that all ranks share
 *   Seed            how a rank's generators get numbers that no other rank draws
 *   Restart         what ranks do that the snapshot does not know: they take streams that have
 * never been used, in this run or in any restart of it. Seeding them with their rank would not do:
 * 4 ranks, then 2, then 4 again, and rank 3 would draw for the second time what rank 3 drew at the
 * beginning.
 *
 * drand48 has one generator for the process, and neither it nor random_r has streams: their seeds
 * of 32 bits are drawn from the stream of PCG32, and two of many ranks may get the same (of 9,300
 * ranks with a chance of one in a hundred). A new code does best with PCG32 or its like alone. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tsnap.h>

#include "rng.h"

#define CHECK(call) Check((call), #call, __LINE__)

static void Check(int32_t status, const char *call, int line) {
  if (status == TSNAP_OK) return;
  fprintf(stderr, "random_walk.c:%d: %s\n  %s: %s\n", line, call, tsnap_status_name(status),
          tsnap_last_error());
  MPI_Abort(MPI_COMM_WORLD, 1);
}

static void Stop(const char *message) {
  fprintf(stderr, "random_walk: %s\n", message);
  MPI_Abort(MPI_COMM_WORLD, 2);
}

/* ---- The walk ---- */

static const uint64_t kSeed = UINT64_C(20140905);

typedef struct {
  double x, y;
} Particle;

typedef struct {
  int rank, ranks;
  int64_t particles;   /* in all */
  int64_t first, mine; /* this rank's */
  Particle *here;
  int64_t step;
  struct random_data random; /* random_r */
  int32_t random_buffer[32];
  Pcg32 pcg;
  int64_t ranks_before; /* how many ranks the walk has had last: equal on all ranks, in the state */
  int64_t next_stream;  /* streams from here on have never been used: the same */
  Drand48Registration drand48_registration;
  RandomRRegistration random_registration;
  Pcg32Registration pcg_registration;
} Walk;

static void Seed(Walk *walk, int64_t stream) {
  SeedPcg32(&walk->pcg, kSeed, (uint64_t)stream);
  srand48((long)DrawPcg32(&walk->pcg));
  memset(&walk->random, 0, sizeof(walk->random));
  if (initstate_r(DrawPcg32(&walk->pcg), (char *)walk->random_buffer, sizeof(walk->random_buffer),
                  &walk->random) != 0) {
    Stop("initstate_r failed");
  }
}

static void CreateWalk(Walk *walk, int64_t particles) {
  memset(walk, 0, sizeof(*walk));
  MPI_Comm_rank(MPI_COMM_WORLD, &walk->rank);
  MPI_Comm_size(MPI_COMM_WORLD, &walk->ranks);
  walk->particles = particles;
  walk->first = particles * walk->rank / walk->ranks;
  walk->mine = particles * (walk->rank + 1) / walk->ranks - walk->first;
  walk->here = calloc((size_t)walk->mine + 1, sizeof(*walk->here));
  if (walk->here == NULL) Stop("out of memory");
  Seed(walk, walk->rank);
  walk->ranks_before = walk->next_stream = walk->ranks;
}

/* Drawn from all three in an order that does not depend on what was drawn. */
static void Step(Walk *walk) {
  int64_t i;
  for (i = 0; i < walk->mine; i++) {
    const double length = DrawPcg32Uniform(&walk->pcg);
    int32_t turn;
    random_r(&walk->random, &turn);
    walk->here[i].x += length * (drand48() - 0.5);
    walk->here[i].y += length * (turn % 1001 - 500) / 1000.0;
  }
  walk->step++;
}

static void WalkTo(Walk *walk, int64_t step) {
  while (walk->step < step) Step(walk);
}

/* Of all particles as they lie in memory; integer sums wrap and do not care about order. */
static uint64_t Fingerprint(const Walk *walk) {
  uint64_t mine = 0, all = 0, words[2];
  int64_t i;
  for (i = 0; i < walk->mine; i++) {
    memcpy(words, &walk->here[i], sizeof(words));
    words[0] ^= (words[1] << 31 | words[1] >> 33) +
                (uint64_t)(walk->first + i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    words[0] *= UINT64_C(0xD6E8FEB86659FD93);
    mine += (words[0] ^ (words[0] >> 32)) * UINT64_C(0xD6E8FEB86659FD93);
  }
  MPI_Allreduce(&mine, &all, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
  return all;
}

/* ---- Its state, for tsnap ---- */

static tsnap_state *RegisterState(Walk *walk) {
  tsnap_state *state = NULL;
  tsnap_array box = TSNAP_ARRAY_INIT;
  int64_t global_shape[2];
  global_shape[0] = walk->particles;
  global_shape[1] = 2;
  box.dtype = TSNAP_FLOAT64;
  box.ndim = 2;
  box.shape[0] = walk->mine;
  box.shape[1] = 2;
  box.offset[0] = walk->first;
  box.data = walk->here;
  CHECK(tsnap_state_create(&state));
  CHECK(tsnap_state_add_sharded(state, "particles", global_shape, &box, 1));
  CHECK(tsnap_state_add_int64(state, "step", TSNAP_REPLICATED, &walk->step));
  CHECK(tsnap_state_add_int64(state, "ranks", TSNAP_REPLICATED, &walk->ranks_before));
  CHECK(tsnap_state_add_int64(state, "next_stream", TSNAP_REPLICATED, &walk->next_stream));
  CHECK(AddDrand48(state, "random/drand48", TSNAP_PRIVATE, &walk->drand48_registration));
  CHECK(AddRandomR(state, "random/random_r", TSNAP_PRIVATE, &walk->random,
                   &walk->random_registration));
  CHECK(AddPcg32(state, "random/pcg32", TSNAP_PRIVATE, &walk->pcg, &walk->pcg_registration));
  return state;
}

/* Ranks that the snapshot knows go on with their generators. Those that are new are left alone by
 * the restore (rank 0's numbers twice would be worse than none), and take the next streams. The
 * streams of ranks that are gone end: nobody takes them up again. */
static void Restart(tsnap_context *context, tsnap_state *state, Walk *walk, const char *url) {
  tsnap_restore_options options = TSNAP_RESTORE_OPTIONS_INIT;
  options.new_ranks = TSNAP_NEW_RANKS_LEAVE;
  options.lost_ranks = TSNAP_LOST_RANKS_IGNORE;
  CHECK(tsnap_restore(context, url, state, &options));
  if (walk->rank >= walk->ranks_before) {
    Seed(walk, walk->next_stream + walk->rank - walk->ranks_before);
  }
  if (walk->ranks > walk->ranks_before) walk->next_stream += walk->ranks - walk->ranks_before;
  if (walk->rank == 0) {
    printf("  step %" PRId64 ": restored %s, taken by %" PRId64 " ranks\n", walk->step, url,
           walk->ranks_before);
  }
  walk->ranks_before = walk->ranks;
}

static void SayStreams(const Walk *walk) {
  uint64_t mine = walk->pcg.increment >> 1, *all = NULL;
  int i;
  if (walk->rank == 0) all = calloc((size_t)walk->ranks, sizeof(*all));
  MPI_Gather(&mine, 1, MPI_UINT64_T, all, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
  if (all == NULL) return;
  printf("  streams");
  for (i = 0; i < walk->ranks; i++) printf(" %" PRIu64, all[i]);
  printf(", next %" PRId64 "\n", walk->next_stream);
  free(all);
}

/* ---- The run ---- */

typedef struct {
  int64_t particles, steps;
  const char *take, *from;
} Arguments;

static const char kUsage[] =
    "usage: mpirun -n RANKS random_walk [options]\n"
    "  --particles N   of all ranks (1000)\n"
    "  --steps N       of the whole walk (100)\n"
    "  --take URL      take a snapshot half way, and go back to it once; exit status 3 when the\n"
    "                  second half is not the same the second time\n"
    "  --from URL      begin with the snapshot there\n"
    "  --help          this text\n";

static int64_t Number(const char *option, const char *text) {
  char *end;
  const long long value = strtoll(text, &end, 10);
  if (*text == '\0' || *end != '\0' || value < 1 || value > 100000000) {
    fprintf(stderr, "random_walk: %s wants a whole number from 1 to 100000000, not \"%s\"\n",
            option, text);
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  return value;
}

/* Returns 0 when there is nothing to run. */
static int Parse(int argc, char **argv, Arguments *arguments, int rank) {
  int i;
  arguments->particles = 1000;
  arguments->steps = 100;
  arguments->take = arguments->from = NULL;
  for (i = 1; i < argc; i += 2) {
    const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(option, "--help") == 0) {
      if (rank == 0) fputs(kUsage, stdout);
      return 0;
    }
    if (strcmp(option, "--particles") == 0)
      arguments->particles = Number(option, value);
    else if (strcmp(option, "--steps") == 0)
      arguments->steps = Number(option, value);
    else if (strcmp(option, "--take") == 0 && *value != '\0')
      arguments->take = value;
    else if (strcmp(option, "--from") == 0 && *value != '\0')
      arguments->from = value;
    else {
      if (rank == 0) {
        fprintf(stderr, "random_walk: \"%s\" is no option, or lacks its value\n%s", option, kUsage);
      }
      MPI_Abort(MPI_COMM_WORLD, 2);
    }
  }
  return 1;
}

static int Run(const Arguments *arguments) {
  Walk walk;
  tsnap_context *context = NULL;
  tsnap_state *state;
  uint64_t fingerprint;
  int is_same = 1;
  CreateWalk(&walk, arguments->particles);
  state = RegisterState(&walk);
  CHECK(tsnap_context_open(MPI_COMM_WORLD, NULL, &context));
  if (arguments->from != NULL) Restart(context, state, &walk, arguments->from);
  if (arguments->take != NULL) {
    tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
    options.overwrite = TSNAP_ON;
    WalkTo(&walk, arguments->steps / 2);
    CHECK(tsnap_take(context, arguments->take, state, &options));
    if (walk.rank == 0) printf("  step %" PRId64 ": took %s\n", walk.step, arguments->take);
  }
  WalkTo(&walk, arguments->steps);
  fingerprint = Fingerprint(&walk);
  if (walk.rank == 0) {
    printf("  step %" PRId64 ": fingerprint of the particles %016" PRIx64 "\n", walk.step,
           fingerprint);
  }
  if (arguments->take != NULL) {
    Restart(context, state, &walk, arguments->take);
    WalkTo(&walk, arguments->steps);
    is_same = Fingerprint(&walk) == fingerprint;
    if (walk.rank == 0) {
      printf("  step %" PRId64 ": %s\n", walk.step,
             is_same ? "the same once more" : "NOT the same as before the restore");
    }
  }
  SayStreams(&walk);
  CHECK(tsnap_context_close(&context));
  tsnap_state_destroy(&state);
  free(walk.here);
  return is_same ? 0 : 3;
}

int main(int argc, char **argv) {
  Arguments arguments;
  int rank, code = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (Parse(argc, argv, &arguments, rank)) code = Run(&arguments);
  MPI_Finalize();
  return code;
}
