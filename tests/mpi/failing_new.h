// Replaces operator new of the test program, so that a chosen allocation fails. Link failing_new.cc
// into it.
#pragma once

#include <cstddef>

namespace tsnap::test {

// Allocations of exactly so many bytes throw std::bad_alloc; 0 = none does. And how many have.
extern std::size_t failing_bytes;
extern std::size_t failures;

}  // namespace tsnap::test
