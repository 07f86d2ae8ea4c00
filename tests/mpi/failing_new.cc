// See failing_new.h. A file of its own, so that the compiler does not see both ends of an
// allocation.

#include "failing_new.h"

#include <cstdlib>
#include <new>

namespace tsnap::test {

std::size_t failing_bytes = 0;
std::size_t failures = 0;

}  // namespace tsnap::test

void* operator new(std::size_t bytes) {
  if (bytes == tsnap::test::failing_bytes && bytes != 0) {
    ++tsnap::test::failures;
    throw std::bad_alloc();
  }
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes); memory != nullptr) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
