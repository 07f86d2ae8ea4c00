#include "core/structure.h"

#include <algorithm>
#include <cstddef>
#include <span>

#include "base/checksum.h"

namespace tsnap {

namespace {

template <class Value>
void Add(const Value& value, std::vector<uint64_t>* words) {
  words->push_back(static_cast<uint64_t>(value));
}

}  // namespace

uint64_t HashStructure(const std::vector<LocalObject>& objects) {
  std::vector<uint64_t> words;
  words.reserve(objects.size() * 8);
  for (const LocalObject& object : objects) {
    const int ndim = object.meta.ndim;
    Add(HashMeta(object.meta), &words);
    Add(object.shape_known, &words);
    Add(object.boxes.size(), &words);
    for (const LocalBox& local : object.boxes) {
      for (int axis = 0; axis < ndim; ++axis) {
        const auto i = static_cast<size_t>(axis);
        Add(local.box.offset[i], &words);
        Add(local.box.shape[i], &words);
        Add(local.memory.strides_bytes[i], &words);
      }
    }
  }
  return std::max<uint64_t>(1, Hash64(std::as_bytes(std::span(words))));
}

}  // namespace tsnap
