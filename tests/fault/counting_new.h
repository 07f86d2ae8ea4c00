// Makes chosen allocations of C++ fail: link counting_new.cc into the program, and operator new is replaced for it and for the
// library. malloc is left alone, so MPI and the system notice nothing.
#pragma once

#include <cstdint>
#include <cstring>

#include <tsnap.h>

namespace tsnap::test {

enum class Shortage { kOnce, kFromThenOn };

// The nth allocation from here, counted from 1 over all threads, throws std::bad_alloc; or it and every one after it.
void FailAllocation(int64_t nth, Shortage shortage);
// Ends that; returns how many allocations there were since.
int64_t AllocationsSeen();

// Where a describe callback was what found no memory, and handed that on: its code is in the text.
inline bool CallbackWithoutMemory(int32_t code) {
  return code == TSNAP_E_CALLBACK && std::strstr(tsnap_last_error(), "returned -2") != nullptr;
}

// Which allocations are tried: each of the first, then ever fewer.
inline int64_t NextAllocation(int64_t nth, int64_t each_until) { return nth < each_until ? nth + 1 : nth + nth / 20 + 1; }

}  // namespace tsnap::test
