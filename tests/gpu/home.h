// Where the bytes of a TestArray are, for tests of the host that are built once more: in the memory of GPUs, of each kind in turn,
// neighbours on different ones.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "gpu.h"

namespace tsnap::test {

// A few large allocations, of which arrays get parts.
class GpuRooms {
 public:
  struct Part {
    const GpuMemory* memory = nullptr;
    size_t offset = 0;
  };

  Part Take(size_t bytes) {
    Room& room = rooms_[next_++ % kRooms];
    const size_t aligned = (bytes + 15) / 16 * 16 + 16;
    if (room.memory.empty() || room.used + aligned > room.memory.back()->bytes()) {
      room.memory.push_back(std::make_unique<GpuMemory>(contexts_[room.context], std::max(kRoomBytes, aligned), room.kind));
      room.used = 0;
    }
    room.used += aligned;
    return {room.memory.back().get(), room.used - aligned};
  }

 private:
  static constexpr size_t kRoomBytes = size_t{4} << 20, kRooms = 4;
  struct Room {
    size_t context = 0;
    GpuKind kind = GpuKind::kDevice;
    std::vector<std::unique_ptr<GpuMemory>> memory;
    size_t used = 0;
  };
  GpuContext contexts_[2] = {GpuContext(0), GpuContext(1)};
  Room rooms_[kRooms] = {{0, GpuKind::kDevice, {}, 0}, {1, GpuKind::kDevice, {}, 0}, {0, GpuKind::kManaged, {}, 0}, {1, GpuKind::kManaged, {}, 0}};
  size_t next_ = 0;
};

inline GpuRooms& TheRooms() {
  static GpuRooms* const rooms = new GpuRooms;   // to the end of the process, as the driver is
  return *rooms;
}

class Home {
 public:
  // Here is what the test sees; there is what the library is given.
  uint8_t* Address(std::vector<uint8_t>& here) {
    if (part_.memory == nullptr) part_ = TheRooms().Take(here.size());
    return static_cast<uint8_t*>(part_.memory->data()) + part_.offset;
  }
  void Put(std::vector<uint8_t>& here) {
    Address(here);
    part_.memory->Put(part_.offset, here.data(), here.size());
  }
  void Get(std::vector<uint8_t>& here) const {
    if (part_.memory != nullptr) part_.memory->Get(part_.offset, here.data(), here.size());
  }

 private:
  GpuRooms::Part part_;
};

}  // namespace tsnap::test
