// tsnap.hpp - tsnap for C++17 and later: snapshots of running programs, and their restore on any
// number of ranks.
//
// Header only, over the C interface (tsnap/*.h, which is the reference: who may call what, which
// error means what). What C++ adds: handles that close themselves, exceptions, types that find
// their element type and shape, lambdas. Link libtsnap; with <tsnap_mpi.hpp>, which brings contexts
// of a communicator, libtsnap_mpi as well. No header of MPI is included here. docs/cpp.md shows how
// to use it.
#ifndef TSNAP_HPP_
#define TSNAP_HPP_

#include <tsnap/cpp/config.hpp>
#include <tsnap/cpp/context.hpp>
#include <tsnap/cpp/dtype.hpp>
#include <tsnap/cpp/error.hpp>
#include <tsnap/cpp/object.hpp>
#include <tsnap/cpp/place.hpp>
#include <tsnap/cpp/request.hpp>
#include <tsnap/cpp/snapshot.hpp>
#include <tsnap/cpp/state.hpp>
#include <tsnap/cpp/view.hpp>

#endif
