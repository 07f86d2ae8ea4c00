// The C entry points of libtsnap_mpi.so: check the communicator, duplicate it, hand it to libtsnap.
// Everything else, the config and the last error included, is libtsnap's.

#include <cstddef>
#include <memory>
#include <new>

#include "base/knobs.h"
#include "comm/mpi/mpi_comm.h"
#include "comm/private_open.h"

namespace {

using tsnap::Code;
using tsnap::Comm;
using tsnap::Result;
using tsnap::Status;

int32_t Refuse(const Status& status, const tsnap_config* config, tsnap_context** out) {
  return tsnap_private_context_open_comm(nullptr, config, status.message().c_str(),
                                         static_cast<int32_t>(status.code()), out);
}

// How long to wait for the others in the duplication itself, and on which node this is. What is
// wrong with the config or the environment is said by libtsnap, on all ranks: a rank that stops
// here would leave them waiting.
tsnap::Knobs KnobsToOpen(const tsnap_config* config) try {
  tsnap::Knobs knobs;
  knobs.collective_timeout_seconds = 0;
  constexpr size_t kEnd = offsetof(tsnap_config, collective_timeout_seconds) + sizeof(double);
  if (config != nullptr && config->struct_size >= kEnd) {
    knobs.collective_timeout_seconds = config->collective_timeout_seconds;
  }
  if (!tsnap::ResolveKnobs(&knobs).ok() || !(knobs.collective_timeout_seconds > 0))
    return tsnap::Knobs();
  return knobs;
} catch (const std::bad_alloc&) {
  return tsnap::Knobs();
}

Status CheckMpiRuns() {
  int initialized = 0;
  int finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  if (!initialized)
    return tsnap::Invalid("cannot open a context: MPI is not initialised: call MPI_Init first");
  if (finalized)
    return tsnap::Invalid("cannot open a context: MPI is finalised: open it before MPI_Finalize");
  return Status::Ok();
}

Status CheckComm(MPI_Comm comm) {
  if (comm == MPI_COMM_NULL) return tsnap::Invalid("cannot open a context: comm is MPI_COMM_NULL");
  int is_inter = 0;
  if (MPI_Comm_test_inter(comm, &is_inter) != MPI_SUCCESS) {
    return tsnap::Invalid("cannot open a context: comm is not a communicator");
  }
  if (is_inter) {
    return tsnap::Invalid(
        "cannot open a context: comm is an intercommunicator: merge it by MPI_Intercomm_merge "
        "first");
  }
  return Status::Ok();
}

Result<std::unique_ptr<Comm>> Duplicate(MPI_Comm comm, const tsnap_config* config) {
  TSNAP_TRY(CheckMpiRuns());
  TSNAP_TRY(CheckComm(comm));
  const tsnap::Knobs knobs = KnobsToOpen(config);
  return tsnap::MakeMpiComm(comm, knobs.collective_timeout_seconds, knobs.node_name);
}

}  // namespace

extern "C" TSNAP_API int32_t tsnap_context_open(MPI_Comm comm, const tsnap_config* config,
                                                tsnap_context** out) try {
  Result<std::unique_ptr<Comm>> made = Duplicate(comm, config);
  if (!made.ok()) return Refuse(made.status(), config, out);
  return tsnap_private_context_open_comm(made.value().release(), config, nullptr, 0, out);
} catch (...) {
  return Refuse(Status::NoMemory(), config, out);
}

extern "C" TSNAP_API int32_t tsnap_context_open_f(const MPI_Fint* comm, const tsnap_config* config,
                                                  tsnap_context** out) try {
  // Handles can be converted only while MPI runs.
  if (Status runs = CheckMpiRuns(); !runs.ok()) return Refuse(runs, config, out);
  if (comm == nullptr)
    return Refuse(tsnap::Invalid("cannot open a context: comm is NULL"), config, out);
  return tsnap_context_open(MPI_Comm_f2c(*comm), config, out);
} catch (...) {
  return Refuse(Status::NoMemory(), config, out);
}
