/* The contender: tsnap takes a snapshot of the arrays, synced, or restores it, with everything at
 * its default; in mode "h5" to or from one HDF5 file.
 *
 * The context is opened before the clock starts, as a program opens it once; building the state is
 * timed apart. */
#include <string.h>

#include "arrays_state.h"

int main(int argc, char **argv) {
  BenchRun run;
  BenchStart(&argc, &argv, &run);
  char url[4096];
  BenchPath(&run, strcmp(run.mode, "h5") == 0 ? "snapshot.h5" : "snapshot", url, sizeof url);
  const int writes = strcmp(run.op, "write") == 0;
  if (writes)
    BenchFill(&run);
  else
    BenchPoison(&run);
  double begin_open = BenchMeet();
  tsnap_context *context = OpenContext(&run);
  double begin_build = BenchMeet();
  tsnap_state *state = BuildState(&run);
  double begin = BenchMeet();
  if (writes)
    Take(&run, context, url, state);
  else
    Restore(&run, context, url, state);
  double end = BenchMeet();
  if (writes) {
    BenchPoison(&run);
    Restore(&run, context, url, state);
  }
  BenchCheck(&run);
  BenchMeet();
  tsnap_state_destroy(&state);
  ExpectOk(&run, tsnap_context_close(&context), "tsnap_context_close");
  const char *names[] = {"seconds", "build_seconds", "open_seconds"};
  const double values[] = {end - begin, begin - begin_build, begin_build - begin_open};
  BenchReport(&run, 3, names, values);
  BenchFinish(&run);
  return 0;
}
