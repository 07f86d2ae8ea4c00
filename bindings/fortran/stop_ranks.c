/*
 * stop_ranks.c - a program that stops for a failure of one rank stops on all ranks.
 *
 * In libtsnap_fortran_mpi.so, which hands it to the other library as soon as it is loaded: a failure
 * can come before a context is opened. A launcher alone does not always end the other ranks.
 */
#include <tsnap/mpi.h>

#include "message.h"

static void StopAllRanks(void) {
  int begun = 0, over = 0;
  MPI_Initialized(&begun);
  MPI_Finalized(&over);
  if (begun && !over) MPI_Abort(MPI_COMM_WORLD, 1);
}

__attribute__((constructor)) static void HandOver(void) {
  tsnap_fortran_set_before_stop(StopAllRanks);
}
