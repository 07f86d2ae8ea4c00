#include "stage/device_notes.h"

#include <atomic>
#include <mutex>
#include <utility>

namespace tsnap {
namespace {

constexpr size_t kMostNotes = 16;

struct Notes {
  std::atomic<bool> some{false};
  std::mutex mutex;
  std::vector<DeviceNote> list;  // guarded by mutex
};

Notes& TheNotes() {
  static Notes* const notes = new Notes;  // operations may outlive statics
  return *notes;
}

}  // namespace

void NoteOfDevices(bool is_warning, const std::string& text) noexcept {
  try {
    Notes& notes = TheNotes();
    const std::lock_guard lock(notes.mutex);
    if (notes.list.size() == kMostNotes) return;
    notes.list.push_back({is_warning, text});
    notes.some = true;
  } catch (...) {  // no memory for a note: it is only that
  }
}

std::vector<DeviceNote> TakeDeviceNotes() noexcept {
  std::vector<DeviceNote> taken;
  try {
    Notes& notes = TheNotes();
    if (!notes.some) return taken;
    const std::lock_guard lock(notes.mutex);
    taken.swap(notes.list);
    notes.some = false;
  } catch (...) {  // they are taken the next time
  }
  return taken;
}

}  // namespace tsnap
