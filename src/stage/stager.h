// Stager: turns user memory (host, strided host, CUDA) into stable host bytes, and back.
// Everything is said in bytes of an extent's serialisation: the box's elements in the extent's axis
// order, each item's bytes as they lie in memory.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/status.h"
#include "catalog/array_view.h"
#include "catalog/box.h"
#include "stage/copy_queue.h"

namespace tsnap {

class DeviceFile;
class DeviceRoom;
class Pinner;

// How an extent lies over user memory: both boxes in the object's index space.
struct Mapping {
  ArrayView memory;
  Box memory_box;     // what `memory` covers
  Box extent_box;     // what the extent holds
  AxisOrder order{};  // the extent's axis order
};

class Stager {
 public:
  virtual ~Stager() = default;
  // Copies bytes [begin, begin + out.size()) of the extent's serialisation out of memory
  // (memory_box contains extent_box).
  virtual Status Gather(const Mapping& mapping, uint64_t begin, ByteSpan out) = 0;
  // Copies them back: only what memory_box has of extent_box is written. Items may be cut at both
  // ends of the range.
  virtual Status Scatter(const Mapping& mapping, uint64_t begin, ConstByteSpan in) = 0;
  // The address where the range lies contiguously in host memory (and wholly inside memory_box), or
  // nullptr.
  virtual std::byte* Direct(const Mapping& mapping, uint64_t begin, uint64_t bytes) = 0;
  // Sets every element to one item.
  virtual Status Fill(const ArrayView& memory, ConstByteSpan item) = 0;
  // Reverses the byte order of every unit (SwapUnitBytes of the dtype) in place.
  virtual Status SwapByteOrder(const ArrayView& memory) = 0;
  // Content hash of the elements in row-major index order.
  virtual Result<Hash128> Hash(const ArrayView& memory) = 0;

  // Memory that the processor does not reach: its copies are begun in queues, from and into buffers
  // that are better pinned.
  virtual bool is_device() const { return false; }
  virtual Result<std::unique_ptr<CopyQueue>> MakeQueue();
  // Pins buffers for copies from and to the device that holds the memory; nullptr: nothing does.
  virtual Result<std::shared_ptr<Pinner>> MakePinner(const void* memory);
  // For spare memory of that device, which is not taken yet; nullptr: there is none.
  virtual Result<std::unique_ptr<DeviceRoom>> MakeRoom(const void* memory);
  // Where the range lies contiguously (and wholly inside memory_box) in memory that files are
  // written from and read to without the host; nullptr: it does not.
  virtual std::byte* InDevice(const Mapping& mapping, uint64_t begin, uint64_t bytes);
  // Whether such transfers can be, for the device of the memory; kUnsupported says why not.
  // checksums: those of its blocks are to be made on it as well. insists: also where nothing is
  // expected to be gained.
  virtual Status CheckFiles(const void* memory, bool checksums, bool insists);
  // A file for them, of a descriptor that stays open; after CheckFiles. kUnsupported says why not.
  virtual Result<std::unique_ptr<DeviceFile>> OpenFile(int descriptor, bool insists);
};

// The stager for the memory that a pointer names. The table of stagers; the result lives as long as
// the process. kUnsupported where it is a device's and this build has nothing for it.
Result<Stager*> StagerFor(const void* pointer);

}  // namespace tsnap
