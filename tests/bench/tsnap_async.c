/* How long tsnap_take_async holds its caller, against memcpy of the same bytes into warm memory and
 * against tsnap_take.
 *
 * Each round does all of it, beginning with another one each time, in this one process, so that all
 * have the same machine. In the takes with warm memory the arrays change as soon as
 * tsnap_take_async has returned; what it stored is then restored and compared with what they were
 * at the call. With --mode throttled only what a slow store matters for is done. A time is that of
 * the slowest rank, from a barrier on. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arrays_state.h"

enum {
  kMemcpy,
  kMemcpyHuge,
  kLater,
  kSync,
  kFirst,
  kPrefaulted,
  kOpenPrefaulted,
  kLaterStatistics,
  kLaterStage,
  kLaterTotal,
  kFirstStatistics,
  kFirstTotal,
  kPrefaultedStatistics,
  kPrefaultedTotal,
  kValues
};
static const char *const kNames[kValues] = {"memcpy",
                                            "memcpy_huge",
                                            "later",
                                            "sync",
                                            "first",
                                            "prefaulted",
                                            "open_prefaulted",
                                            "later_statistics",
                                            "later_stage",
                                            "later_total",
                                            "first_statistics",
                                            "first_total",
                                            "prefaulted_statistics",
                                            "prefaulted_total"};

typedef struct Session {
  BenchRun run;
  tsnap_context *context; /* its staging memory is warm */
  tsnap_state *state;
  unsigned char *block, *huge_block; /* warm memory of the state's size: malloc's, in huge pages */
  char url[4096];
} Session;

/* As a program would do it: arrays at once, those with ghost layers row by row. */
static void CopyArrays(const BenchRun *run, unsigned char *to) {
  for (size_t i = 0; i < run->array_count; ++i) {
    const size_t row = run->row_bytes == 0 ? run->array_bytes : run->row_bytes;
    const size_t used = run->row_bytes == 0 ? run->array_bytes : run->row_used_bytes;
    for (size_t begin = 0; begin < run->array_bytes; begin += row, to += used)
      memcpy(to, run->arrays[i] + begin, used);
  }
}

static void MeasureMemcpy(Session *session, double *values) {
  double begin = BenchMeet();
  CopyArrays(&session->run, session->block);
  values[kMemcpy] = BenchSlowest(MPI_Wtime() - begin);
}

static void MeasureMemcpyHuge(Session *session, double *values) {
  double begin = BenchMeet();
  CopyArrays(&session->run, session->huge_block);
  values[kMemcpyHuge] = BenchSlowest(MPI_Wtime() - begin);
}

/* A wish, as malloc's memory has none. */
static unsigned char *AllocateHuge(uint64_t bytes) {
  const size_t page = (size_t)2 << 20;
  void *block = NULL;
  if (posix_memalign(&block, page, bytes) != 0) return NULL;
  madvise(block, bytes, MADV_HUGEPAGE);
  return block;
}

static void MeasureSync(Session *session, double *values) {
  double begin = BenchMeet();
  Take(&session->run, session->context, session->url, session->state);
  values[kSync] = BenchSlowest(MPI_Wtime() - begin);
  RemoveSnapshot(&session->run, session->url);
}

/* What a take in the background costs its caller: blocked, what the library says of it, and until
 * it is committed. With `proves` the arrays change at once, and what was stored is compared. */
static tsnap_statistics MeasureAsync(Session *session, tsnap_context *context, int proves,
                                     double *blocked, double *by_statistics, double *total) {
  BenchRun *run = &session->run;
  double begin = BenchMeet();
  tsnap_request *request = TakeAsync(run, context, session->url, session->state);
  *blocked = BenchSlowest(MPI_Wtime() - begin);
  if (proves) BenchPoison(run);
  FinishTake(run, &request);
  *total = BenchSlowest(MPI_Wtime() - begin);
  tsnap_statistics statistics = StatisticsOf(run, context);
  *by_statistics = BenchSlowest(statistics.blocked_seconds);
  if (proves) {
    Restore(run, session->context, session->url, session->state);
    BenchCheck(run);
  }
  RemoveSnapshot(run, session->url);
  return statistics;
}

static void MeasureLater(Session *session, double *values) {
  tsnap_statistics statistics = MeasureAsync(session, session->context, 1, &values[kLater],
                                             &values[kLaterStatistics], &values[kLaterTotal]);
  values[kLaterStage] = BenchSlowest(statistics.phase_seconds[TSNAP_PHASE_STAGE]);
}

static void MeasureFirst(Session *session, double *values) {
  tsnap_context *context = OpenContextForState(&session->run, 0);
  MeasureAsync(session, context, 0, &values[kFirst], &values[kFirstStatistics],
               &values[kFirstTotal]);
  ExpectOk(&session->run, tsnap_context_close(&context), "tsnap_context_close");
}

static void MeasurePrefaulted(Session *session, double *values) {
  double begin = BenchMeet();
  /* Segments need not fill their buffers: all that the budget allows is touched. */
  tsnap_context *context = OpenContextForState(&session->run, UINT64_MAX);
  values[kOpenPrefaulted] = BenchSlowest(MPI_Wtime() - begin);
  MeasureAsync(session, context, 0, &values[kPrefaulted], &values[kPrefaultedStatistics],
               &values[kPrefaultedTotal]);
  ExpectOk(&session->run, tsnap_context_close(&context), "tsnap_context_close");
}

typedef void (*Measure)(Session *session, double *values);
/* Two that make contexts do not follow each other: the second would get the first one's pages back
 * while they are warm. */
static const Measure kMeasures[] = {MeasureMemcpy, MeasureLater,      MeasureSync,
                                    MeasureFirst,  MeasureMemcpyHuge, MeasurePrefaulted};

int main(int argc, char **argv) {
  Session session;
  BenchRun *run = &session.run;
  BenchStart(&argc, &argv, run);
  BenchPath(run, "snapshot", session.url, sizeof session.url);
  const size_t measures = strcmp(run->mode, "throttled") == 0 ? 3 : 6;
  session.block = malloc(StateBytes(run));
  session.huge_block = AllocateHuge(StateBytes(run));
  double *values = calloc((run->rounds + 1) * kValues, sizeof *values);
  if (session.block == NULL || session.huge_block == NULL || values == NULL)
    BenchFail(run, "allocating", "out of memory");
  BenchFill(run);
  session.state = BuildState(run);
  session.context = OpenContextForState(run, 0);
  for (size_t round = 0; round <= run->rounds; ++round) /* 0 makes everything warm */
    for (size_t i = 0; i < measures; ++i)
      kMeasures[(round + i) % measures](&session, values + round * kValues);
  BenchMeet();
  tsnap_state_destroy(&session.state);
  ExpectOk(run, tsnap_context_close(&session.context), "tsnap_context_close");
  BenchReportRounds(run, kValues, kNames, values + kValues);
  free(values);
  free(session.block);
  free(session.huge_block);
  BenchFinish(run);
  return 0;
}
