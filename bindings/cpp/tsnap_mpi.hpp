// tsnap_mpi.hpp - tsnap for C++ with contexts of an MPI communicator; it includes mpi.h and
// tsnap.hpp. Link libtsnap_mpi and libtsnap.
#ifndef TSNAP_MPI_HPP_
#define TSNAP_MPI_HPP_

#include <tsnap/mpi.h>

#include <cstdint>
#include <utility>

#include <tsnap.hpp>

namespace tsnap {

// Opens a context of the ranks of comm, which is duplicated.
//
// Collective over comm. The context is closed before MPI_Finalize: by close(), or where it goes out
// of scope.
inline Context open_context(MPI_Comm comm, Config config = {}) {
  int rank = 0, ranks = 1;
  int initialized = 0, finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  // What cannot be asked for its ranks is refused by the library, which says why.
  if (initialized && !finalized && comm != MPI_COMM_NULL) {
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
  }
  return detail::ContextAccess::Make(std::move(config), rank, ranks,
                                     [comm](const tsnap_config *c, tsnap_context **out) {
                                       return tsnap_context_open(comm, c, out);
                                     });
}

}  // namespace tsnap

#endif
