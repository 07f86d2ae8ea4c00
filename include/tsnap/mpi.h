/*
 * mpi.h - contexts of an MPI communicator; the only header that names MPI.
 *
 * These functions are in libtsnap_mpi, which is built for one MPI implementation: MPI_Comm is not
 * the same type in all of them. Needs MPI 3.1. MPI must be initialised, with any thread level.
 */
#ifndef TSNAP_MPI_H_
#define TSNAP_MPI_H_

/* The removed C++ bindings are not wanted: they do not compile cleanly and need another library. */
#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1
#endif
#ifndef MPICH_SKIP_MPICXX
#define MPICH_SKIP_MPICXX 1
#endif
#include <mpi.h>
#include <stdint.h>

#include <tsnap/config.h>
#include <tsnap/context.h>
#include <tsnap/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Opens a context of the ranks of comm, an intracommunicator. comm is duplicated; its error handler
 * and the messages on it are left alone. config may be NULL, and may differ between ranks where no
 * plan depends on it.
 *
 * Collective over comm; one thread; the caller owns *out and closes it before MPI_Finalize, config
 * is borrowed for the call; errors: TSNAP_E_INVALID (MPI is not initialised or is finalised,
 * MPI_COMM_NULL, an intercommunicator, a field out of range), TSNAP_E_UNSUPPORTED (unknown fields
 * of config), TSNAP_E_MPI, TSNAP_E_TIMEOUT.
 */
TSNAP_API int32_t tsnap_context_open(MPI_Comm comm, const tsnap_config *config,
                                     tsnap_context **out);

/*
 * tsnap_context_open for Fortran: *comm is a Fortran communicator handle (an INTEGER, or
 * comm%MPI_VAL of mpi_f08).
 *
 * Collective over *comm; one thread; the caller owns *out and closes it before MPI_Finalize, comm
 * and config are borrowed for the call; errors: those of tsnap_context_open.
 */
TSNAP_API int32_t tsnap_context_open_f(const MPI_Fint *comm, const tsnap_config *config,
                                       tsnap_context **out);

#ifdef __cplusplus
}
#endif

#endif
