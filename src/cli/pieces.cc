#include "cli/pieces.h"

#include <algorithm>

namespace tsnap::cli {
namespace {

constexpr int64_t kPieceBytes = 8 << 20;

size_t At(int axis) { return static_cast<size_t>(axis); }

}  // namespace

Pieces::Pieces(const tsnap_object_info& object, const Box& box)
    : ndim_(object.ndim), whole_(box), piece_(box) {
  int64_t slice_bytes = object.item_bytes;
  cut_ = ndim_ - 1;
  for (; cut_ > 0 && slice_bytes <= kPieceBytes / whole_.shape[At(cut_)]; --cut_)
    slice_bytes *= whole_.shape[At(cut_)];
  step_ = std::max<int64_t>(1, kPieceBytes / slice_bytes);
  for (int axis = 0; axis < cut_; ++axis) piece_.shape[At(axis)] = 1;
}

std::optional<Box> Pieces::Next() {
  if (done_) return std::nullopt;
  if (ndim_ == 0) {
    done_ = true;
    return piece_;
  }
  const size_t cut = At(cut_);
  piece_.shape[cut] = std::min(step_, End(cut_) - piece_.offset[cut]);
  const Box result = piece_;
  piece_.offset[cut] += piece_.shape[cut];
  int axis = cut_;
  for (; axis >= 0 && piece_.offset[At(axis)] == End(axis); --axis) {
    piece_.offset[At(axis)] = whole_.offset[At(axis)];
    if (axis > 0) ++piece_.offset[At(axis - 1)];
  }
  done_ = axis < 0;
  return result;
}

int64_t Pieces::End(int axis) const { return whole_.offset[At(axis)] + whole_.shape[At(axis)]; }

}  // namespace tsnap::cli
