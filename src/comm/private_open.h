// The one function through which libtsnap_mpi.so hands a communicator to libtsnap.so of the same
// release: exported under the private version node, in no public header, and free to change in any
// release. Knows no MPI.
#pragma once

#include <cstdint>

#include "tsnap/config.h"
#include "tsnap/context.h"
#include "tsnap/export.h"

extern "C" {

// comm is a tsnap::Comm*; the callee owns it from the call on, whatever it returns. When there is
// none (null), failure says why and failure_code is the TSNAP_E_* code to return; else failure is
// null.
TSNAP_API int32_t tsnap_private_context_open_comm(void* comm, const tsnap_config* config,
                                                  const char* failure, int32_t failure_code,
                                                  tsnap_context** out);
}
