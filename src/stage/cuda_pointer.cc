#include "stage/cuda_pointer.h"

#include <array>

namespace tsnap::cuda {

// One call for all: an attribute that does not apply comes back as 0 or null, and so do all of an
// address that is not the driver's.
Result<PointerFacts> FactsOf(const Driver& driver, const void* pointer) {
  unsigned memory_type = 0;
  unsigned is_managed = 0;
  PointerFacts facts;
  std::array<int, 4> names = {kPointerMemoryType, kPointerIsManaged, kPointerContext,
                              kPointerDeviceOrdinal};
  std::array<void*, 4> values = {&memory_type, &is_managed, &facts.context, &facts.device};
  const DriverCode code =
      driver.PointerGetAttributes(names.size(), names.data(), values.data(), AddressOf(pointer));
  // Nobody has initialized it, so nothing is its memory.
  if (code == kNotInitialized) return PointerFacts();
  TSNAP_TRY(driver.Check(code, "asking what kind of memory an address names"));
  if (is_managed != 0) {
    facts.kind = MemoryKind::kManaged;
  } else if (memory_type == kMemoryHost) {
    facts.kind = MemoryKind::kPinned;
  } else if (memory_type == kMemoryDevice) {
    facts.kind = MemoryKind::kDevice;
  }
  return facts;
}

}  // namespace tsnap::cuda
