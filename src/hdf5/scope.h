// Scope: how the module enters HDF5: one thread at a time, and without its printing to stderr.
// Handle: an id of HDF5 that closes itself. Failure: HDF5's last error as one line of text.
#pragma once

#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

#include "base/status.h"

namespace tsnap::hdf5 {

// Every entry of the module holds one as long as it uses HDF5 or a Handle. Not to be nested. What
// the application has set for HDF5's error printing is back afterwards. It does not guard against
// an application that uses HDF5 on another thread at the same time.
class Scope {
 public:
  Scope();
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  std::lock_guard<std::mutex> lock_;
  bool saved_ = false;
  unsigned is_v2_ = 1;  // HDF5 has two ways of setting it
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
#ifndef H5_NO_DEPRECATED_SYMBOLS
  H5E_auto1_t old_function_ = nullptr;
#endif
};

class Handle {
 public:
  using Closer = herr_t (*)(hid_t);

  Handle() = default;
  Handle(hid_t id, Closer closer) : id_(id), closer_(closer) {}
  Handle(Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), closer_(other.closer_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(closer_, other.closer_);
    return *this;
  }
  ~Handle() { Close(); }

  bool ok() const { return id_ >= 0; }
  hid_t get() const { return id_; }
  // Negative when that failed, as of a file whose last bytes do not fit on the device.
  herr_t Close() { return id_ < 0 ? 0 : closer_(std::exchange(id_, H5I_INVALID_HID)); }

 private:
  hid_t id_ = H5I_INVALID_HID;
  Closer closer_ = nullptr;
};

// What the call that has just failed says: "<action>: <HDF5's words>". The code is that of the
// system's error if there was one, else `code`. To be called before anything else of HDF5.
Status Failure(Code code, const std::string& action);

}  // namespace tsnap::hdf5
