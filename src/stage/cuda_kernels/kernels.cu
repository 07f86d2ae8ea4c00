// The kernels as devices know them: their names, and which thread does what. Compiled to PTX by
// clang without a toolkit, or by nvcc.
#include "bodies.h"

#define TSNAP_KERNEL extern "C" __attribute__((global)) void

namespace {

using namespace tsnap::cuda::kernel;

#define TSNAP_REGISTER(name, register)                      \
  __attribute__((device)) inline Word name() {              \
    Word value;                                             \
    asm volatile("mov.u32 %0, %%" register ";" : "=r"(value)); \
    return value;                                           \
  }
TSNAP_REGISTER(ThreadInBlock, "tid.x")
TSNAP_REGISTER(Block, "ctaid.x")
TSNAP_REGISTER(Blocks, "nctaid.x")
#undef TSNAP_REGISTER

__attribute__((device)) inline Long Thread() {
  return static_cast<Long>(Block()) * kThreads + ThreadInBlock();
}
__attribute__((device)) inline Long Threads() { return static_cast<Long>(Blocks()) * kThreads; }

}  // namespace

TSNAP_KERNEL tsnap_copy_units_1(BoxTask task) {
  CopyUnits<unsigned char>(task, Thread(), Threads());
}
TSNAP_KERNEL tsnap_copy_units_2(BoxTask task) {
  CopyUnits<unsigned short>(task, Thread(), Threads());
}
TSNAP_KERNEL tsnap_copy_units_4(BoxTask task) { CopyUnits<Word>(task, Thread(), Threads()); }
TSNAP_KERNEL tsnap_copy_units_8(BoxTask task) { CopyUnits<Long>(task, Thread(), Threads()); }
TSNAP_KERNEL tsnap_copy_units_16(BoxTask task) { CopyUnits<Pair>(task, Thread(), Threads()); }

TSNAP_KERNEL tsnap_checksum_slices(Long data, Long bytes, Long slices) {
  ChecksumSlices(data, bytes, slices, Thread(), Threads());
}
TSNAP_KERNEL tsnap_fold_checksums(Long from, Long to, Word count, Word shift) {
  FoldChecksums(from, to, count, shift, Thread(), Threads());
}
