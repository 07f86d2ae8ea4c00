// Notes: what the stage has to tell the user about devices and is no failure. It has no log: who
// has one takes the notes there.
#pragma once

#include <string>
#include <vector>

namespace tsnap {

struct DeviceNote {
  bool is_warning = false;  // else for those who want to know
  std::string text;
};

// Kept until the next TakeDeviceNotes, a few of them; never fails.
void NoteOfDevices(bool is_warning, const std::string& text) noexcept;
std::vector<DeviceNote> TakeDeviceNotes() noexcept;

}  // namespace tsnap
