/* How much memory a take, a restore or a read needs beyond the user's own: peak resident size
 * against the one before.
 *
 * The state is touched first and MPI has talked once, so that what grows is tsnap's: buffers,
 * catalog, threads, the context itself. The kernel's high-water mark (VmHWM) is set back through
 * /proc/self/clear_refs; where that is forbidden the mark of the whole life is used, which can only
 * be larger than the true peak, never smaller. */
#include <stdio.h>
#include <string.h>

#include "arrays_state.h"

/* A "Vm..." line of /proc/self/status, in bytes. */
static double StatusBytes(const BenchRun *run, const char *key) {
  FILE *file = fopen("/proc/self/status", "r");
  if (file == NULL) BenchFail(run, "/proc/self/status", "cannot be read");
  char line[256];
  unsigned long kib = 0;
  int found = 0;
  while (!found && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, key, strlen(key)) == 0) found = sscanf(line + strlen(key), " %lu", &kib) == 1;
  }
  fclose(file);
  if (!found) BenchFail(run, key, "is not in /proc/self/status");
  return (double)kib * 1024.0;
}

static int ResetPeak(void) {
  FILE *file = fopen("/proc/self/clear_refs", "w");
  if (file == NULL) return 0;
  int written = fputs("5", file) >= 0;
  return fclose(file) == 0 && written;
}

/* MPI's own buffers are not tsnap's: let them appear before the measure. */
static void WarmMpi(const BenchRun *run) {
  char sent[65536], received[65536];
  memset(sent, 1, sizeof sent);
  MPI_Bcast(sent, (int)sizeof sent, MPI_BYTE, 0, MPI_COMM_WORLD);
  MPI_Allreduce(sent, received, (int)sizeof sent, MPI_BYTE, MPI_BOR, MPI_COMM_WORLD);
  if (received[0] != 1) BenchFail(run, "MPI_Allreduce", "gave a wrong result");
  BenchMeet();
}

/* Every array of this rank by tsnap_read, without MPI, into the user's memory. */
static void ReadAll(const BenchRun *run, const char *url) {
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.memory_budget_bytes = run->budget_bytes;
  tsnap_snapshot *snapshot = NULL;
  ExpectOk(run, tsnap_snapshot_open(url, &config, &snapshot), "tsnap_snapshot_open");
  for (size_t i = 0; i < run->array_count; ++i) {
    char name[64], path[128];
    ArrayPath(i, name, sizeof name);
    if (strcmp(run->kind, "private") == 0)
      snprintf(path, sizeof path, "%d/%s", run->rank, name);
    else
      snprintf(path, sizeof path, "%s", name);
    tsnap_array array = DescribeArray(run, i);
    ExpectOk(run, tsnap_read(snapshot, path, &array, NULL), "tsnap_read");
  }
  tsnap_snapshot_close(&snapshot);
}

static void Measured(const BenchRun *run, const char *url) {
  if (strcmp(run->op, "read") == 0) {
    ReadAll(run, url);
    return;
  }
  tsnap_context *context = OpenContext(run);
  tsnap_state *state = BuildState(run);
  if (strcmp(run->op, "take") == 0)
    Take(run, context, url, state);
  else
    Restore(run, context, url, state);
  tsnap_state_destroy(&state);
  ExpectOk(run, tsnap_context_close(&context), "tsnap_context_close");
}

int main(int argc, char **argv) {
  BenchRun run;
  BenchStart(&argc, &argv, &run);
  char url[4096];
  BenchPath(&run, "snapshot", url, sizeof url);
  const int takes = strcmp(run.op, "take") == 0;
  if (takes)
    BenchFill(&run);
  else
    BenchPoison(&run);
  WarmMpi(&run);
  const double reset = ResetPeak();
  const double before = StatusBytes(&run, "VmRSS:");
  double begin = BenchMeet();
  Measured(&run, url);
  double seconds = BenchMeet() - begin;
  double mine[2] = {StatusBytes(&run, "VmHWM:") - before, -reset}, worst[2];
  MPI_Allreduce(mine, worst, 2, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  if (!takes) BenchCheck(&run); /* a take is proved by the restore and the read that follow it */
  BenchMeet();
  const char *names[] = {"seconds", "growth_bytes", "peak_was_reset"};
  const double values[] = {seconds, worst[0], -worst[1]};
  BenchReport(&run, 3, names, values);
  BenchFinish(&run);
  return 0;
}
