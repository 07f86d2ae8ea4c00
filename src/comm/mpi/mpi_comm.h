// Comm over MPI 3.1: a duplicate of the application's communicator with MPI_ERRORS_RETURN on it, on
// which every wait is a nonblocking operation that is tested. Must be called by one thread at a
// time, at any MPI thread level; where that is below MPI_THREAD_MULTIPLE, a twin makes its MPI
// calls on the thread that visits it (gate.h).
#pragma once

#include <memory>
#include <string_view>

#include "comm/comm.h"
#include "tsnap/mpi.h"

namespace tsnap {

// Collective over user, an intracommunicator. Fails with kTimeout, kMpi, or kNoMemory on all ranks
// when one has too little. Destruction is local in practice (MPI_Comm_free of a healthy
// communicator, before MPI_Finalize); a broken one is left to MPI for good, with all memory that
// operations in flight may still write to. node_name: ranks with the same share a node; empty: the
// system is asked.
Result<std::unique_ptr<Comm>> MakeMpiComm(MPI_Comm user, double timeout_seconds,
                                          std::string_view node_name = {});

}  // namespace tsnap
