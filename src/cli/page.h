// Puts the elements of an array on paper as they come, in row-major order.
#pragma once

#include <tsnap.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "cli/box.h"

namespace tsnap::cli {

// Text: one row of the last axis a line, an empty line between planes; one element a line where
// there is one axis. JSON: nested lists. Raw: the bytes.
class Page {
 public:
  enum Look { kText, kJson, kRaw };

  Page(const tsnap_object_info& object, const Box& box, Look look)
      : object_(object), box_(box), look_(look) {}

  void Add(const std::byte* elements, int64_t count);
  // After the last element.
  void Finish();
  // Whether there is no element.
  bool IsEmpty() const;

 private:
  void AddText(const std::byte* element);
  void AddJson(const std::byte* element);
  int Advance();
  std::string EmptyJson(int axis) const;
  void Write();
  int64_t length(int axis) const { return box_.shape[static_cast<size_t>(axis)]; }

  const tsnap_object_info object_;
  const Box box_;
  const Look look_;
  std::array<int64_t, TSNAP_MAX_DIMS> index_{};  // of the next element, in the box
  std::string text_;                             // not written yet
};

}  // namespace tsnap::cli
