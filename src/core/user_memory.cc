#include "core/user_memory.h"

#include <string>
#include <utility>
#include <vector>

#include "stage/device_notes.h"
#include "stage/reach.h"

namespace tsnap {

namespace {

// An address for each box that holds something, and whose it is. Blocks of bytes have no box before
// it is known what is stored.
struct Addresses {
  std::vector<const void*> all;
  std::vector<const std::string*> paths;

  void Add(const void* address, const LocalObject& object) {
    all.push_back(address);
    paths.push_back(&object.meta.path);
  }
};

Addresses AddressesOf(const Description& description) {
  Addresses addresses;
  for (const LocalObject& object : description.objects) {
    for (const LocalBox& local : object.boxes)
      if (!IsEmpty(local.box)) addresses.Add(local.memory.data, object);
    if (object.meta.type == Type::kBytes && object.value.capacity > 0)
      addresses.Add(object.value.data, object);
  }
  return addresses;
}

}  // namespace

Status LookAtMemory(const Description& description, void* stream, DeviceOrder* order) {
  const Addresses addresses = AddressesOf(description);
  size_t failed = 0;
  if (Status reached = CheckReach(addresses.all, &failed); !reached.ok())
    return addresses.paths.empty()
               ? std::move(reached)
               : std::move(reached).While("describing object", *addresses.paths[failed]);
  if (stream != nullptr) TSNAP_TRY(order->NameStream(stream));
  for (const void* address : addresses.all) TSNAP_TRY(order->Add(address));
  return Status::Ok();
}

void TellDeviceNotes(const Log& log) noexcept {
  for (const DeviceNote& note : TakeDeviceNotes())
    log.Write(note.is_warning ? LogLevel::kWarning : LogLevel::kInfo, note.text);
}

}  // namespace tsnap
