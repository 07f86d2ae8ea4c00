// The planner for a huge job on one machine: what each of a sample of virtual ranks computes in the
// plan step of a take, and what owners of index parts check of the claims that they receive.
// Nothing is sent, written or touched: addresses are never followed. Prints a table, and one line
// of JSON for run.py.
#include <malloc.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/knobs.h"
#include "catalog/placement.h"
#include "core/write_plan.h"
#include "plan/tiling.h"

namespace {

// --- bytes in use now and at most, of all that goes through operator new ---

uint64_t bytes_now = 0, bytes_peak = 0;

void* Counted(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  bytes_now += malloc_usable_size(memory);
  bytes_peak = std::max(bytes_peak, bytes_now);
  return memory;
}

void Uncounted(void* memory) {
  bytes_now -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

// Not inlined: a compiler that sees free() behind new takes it for a mistake.
[[gnu::noinline]] void* operator new(size_t bytes) {
  return Counted(std::malloc(std::max<size_t>(bytes, 1)));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { Uncounted(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { Uncounted(memory); }

namespace {

using namespace tsnap;

constexpr int64_t kItemBytes = 8;
constexpr int64_t kBoxEdge = 64;  // a rank's box of a sharded array: 64^3 float64, 2 MiB
constexpr int64_t kReplicatedItems = 128 << 20;  // 1 GiB
constexpr int64_t kPrivateItems = 1 << 16;       // 512 KiB
constexpr uint64_t kChunkBytes = 64 << 20, kSlabBytes = uint64_t{1} << 30;
constexpr uint64_t kEntryBytes = 160;  // of an extent in the index

// What was measured of one phase over the sample: the slowest and the largest.
struct Phase {
  double seconds = 0;
  uint64_t peak_bytes = 0;
};

template <class Work>
void Measure(Phase* phase, Work&& work) {
  const uint64_t before = bytes_now;
  bytes_peak = before;
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  phase->seconds = std::max(phase->seconds, took.count());
  phase->peak_bytes = std::max(phase->peak_bytes, bytes_peak - before);
}

// A process grid as close to a cube as the number of ranks allows.
std::array<int64_t, 3> ProcessGrid(int64_t ranks) {
  std::array<int64_t, 3> best = {ranks, 1, 1};
  for (int64_t a = 1; a * a * a <= ranks; ++a) {
    if (ranks % a != 0) continue;
    for (int64_t b = a; b * b <= ranks / a; ++b)
      if (ranks / a % b == 0 && ranks / a / b < best[0]) best = {ranks / a / b, b, a};
  }
  return best;
}

class VirtualJob {
 public:
  VirtualJob(int64_t ranks, int64_t objects)
      : ranks_(ranks),
        objects_(objects),
        replicated_(objects / 5),
        private_(objects / 5),
        grid_(ProcessGrid(ranks)) {
    const int64_t sharded = objects_ - replicated_ - private_;
    const uint64_t entries = static_cast<uint64_t>(ranks_ * (sharded + private_));
    placement_.parts = std::max<uint64_t>(1, CeilDiv(entries * kEntryBytes, kIndexPartBytes));
    const uint64_t tiles =
        CeilDiv(static_cast<uint64_t>(ranks_ * sharded) * kEntryBytes, kIndexPartBytes);
    placement_.tile_bytes =
        tiles <= 1 ? 0 : static_cast<uint64_t>(ranks_ * sharded) * BoxBytes() / tiles;
  }

  const Placement& placement() const { return placement_; }
  int64_t sharded_count() const { return objects_ - replicated_ - private_; }

  ObjectMeta Meta(int64_t number, int64_t rank) const {
    ObjectMeta meta;
    meta.path = fmt::format("fields/{:05}", number);
    meta.dtype = Dtype::kFloat64;
    meta.item_bytes = kItemBytes;
    meta.ndim = 1;
    if (number < sharded_count()) {
      meta.kind = Kind::kSharded;
      meta.ndim = 3;
      for (size_t axis = 0; axis < 3; ++axis) meta.shape[axis] = grid_[axis] * kBoxEdge;
    } else if (number < sharded_count() + replicated_) {
      meta.kind = Kind::kReplicated;
      meta.shape[0] = kReplicatedItems;
    } else {
      meta.kind = Kind::kPrivate;
      meta.rank = rank;
      meta.shape[0] = kPrivateItems;
    }
    return meta;
  }

  Box BoxOf(int64_t rank) const {
    Box box;
    box.ndim = 3;
    for (size_t axis = 3; axis-- > 0; rank /= grid_[axis]) {
      box.offset[axis] = rank % grid_[axis] * kBoxEdge;
      box.shape[axis] = kBoxEdge;
    }
    return box;
  }

  std::vector<LocalObject> Describe(int64_t rank) const {
    std::vector<LocalObject> objects;
    for (int64_t number = 0; number < objects_; ++number) {
      LocalObject& object = objects.emplace_back();
      object.meta = Meta(number, rank);
      const Box box = object.meta.kind == Kind::kSharded
                          ? BoxOf(rank)
                          : WholeBox(object.meta.ndim, object.meta.shape);
      object.boxes.push_back(
          {box, ContiguousView(object.meta.dtype, kItemBytes, box.ndim, box.shape, nullptr)});
    }
    return objects;
  }

  // Which owners a rank talks to about its boxes. Returns their number.
  size_t Place(const std::vector<LocalObject>& objects) const {
    std::map<int, size_t> tiles_by_owner;
    for (const LocalObject& object : objects) {
      if (object.meta.kind != Kind::kSharded) continue;
      const TileCounts grid = TileGrid(object.meta, placement_.tile_bytes);
      for (const uint64_t tile : TilesMeeting(object.meta, grid, object.boxes[0].box))
        ++tiles_by_owner[Owner(object.meta, tile)];
    }
    return tiles_by_owner.size();
  }

  Survey MakeSurvey() const {
    Survey survey;
    survey.placement = placement_;
    survey.replicated_orders_agree = survey.any_sharded = true;
    // Uneven on purpose: the partition has something to level out.
    const uint64_t own = static_cast<uint64_t>(sharded_count()) * BoxBytes() +
                         static_cast<uint64_t>(private_ * kPrivateItems * kItemBytes);
    for (int64_t rank = 0; rank < ranks_; ++rank)
      survey.loads.push_back(own + static_cast<uint64_t>(rank % 7) * BoxBytes());
    return survey;
  }

  // The tiles of sharded arrays that an owner checks.
  struct Tile {
    ObjectMeta meta;
    Box box;
    std::vector<Claim> claims;
  };

  std::vector<Tile> TilesOf(int owner) const {
    std::vector<Tile> tiles;
    for (int64_t number = 0; number < sharded_count(); ++number) {
      const ObjectMeta meta = Meta(number, -1);
      const TileCounts grid = TileGrid(meta, placement_.tile_bytes);
      for (uint64_t tile = 0; tile < TileCount(meta, grid); ++tile) {
        if (Owner(meta, tile) != owner) continue;
        const Box box = TileBox(meta, grid, tile);
        tiles.push_back({meta, box, ClaimsOn(box)});
      }
    }
    return tiles;
  }

 private:
  static uint64_t BoxBytes() {
    return static_cast<uint64_t>(kBoxEdge * kBoxEdge * kBoxEdge * kItemBytes);
  }

  int Owner(const ObjectMeta& meta, uint64_t tile) const {
    return OwnerOf(PartOfTile(placement_, meta.path, tile), placement_.parts,
                   static_cast<int>(ranks_));
  }

  std::vector<Claim> ClaimsOn(const Box& tile) const {
    std::array<int64_t, 3> first{}, end{};
    size_t count = 1;
    for (size_t axis = 0; axis < 3; ++axis) {
      first[axis] = tile.offset[axis] / kBoxEdge;
      end[axis] = (tile.offset[axis] + tile.shape[axis] + kBoxEdge - 1) / kBoxEdge;
      count *= static_cast<size_t>(end[axis] - first[axis]);
    }
    std::vector<Claim> claims;
    claims.reserve(count);
    for (int64_t a = first[0]; a < end[0]; ++a)
      for (int64_t b = first[1]; b < end[1]; ++b)
        for (int64_t c = first[2]; c < end[2]; ++c) {
          const int64_t rank = (a * grid_[1] + b) * grid_[2] + c;
          claims.push_back({BoxOf(rank), static_cast<int>(rank), 0});
        }
    return claims;
  }

  const int64_t ranks_, objects_, replicated_, private_;
  const std::array<int64_t, 3> grid_;
  Placement placement_;
};

struct Figures {
  Phase describe, place, survey, plan, tiling;
  size_t extents = 0, peers = 0, claims = 0;
};

bool MeasureRank(const VirtualJob& job, int64_t rank, int64_t ranks, Figures* figures) {
  std::vector<LocalObject> objects;
  Survey survey;
  LocalWritePlan plan;
  Measure(&figures->describe, [&] { objects = job.Describe(rank); });
  Measure(&figures->place, [&] { figures->peers = std::max(figures->peers, job.Place(objects)); });
  Measure(&figures->survey, [&] { survey = job.MakeSurvey(); });
  Measure(&figures->plan, [&] {
    plan = PlanWrites(objects, {}, survey, static_cast<int>(rank), static_cast<int>(ranks),
                      {kChunkBytes, kSlabBytes, false});
  });
  figures->extents = std::max(figures->extents, plan.plan.extents.size());
  return plan.plan.extents.size() >= static_cast<size_t>(job.sharded_count());
}

bool MeasureOwner(const VirtualJob& job, int owner, Figures* figures) {
  bool ok = true;
  Measure(&figures->tiling, [&] {
    std::vector<VirtualJob::Tile> tiles = job.TilesOf(owner);
    size_t claims = 0;
    for (const auto& tile : tiles) {
      claims += tile.claims.size();
      ok = ok && CheckTiling(tile.meta, tile.box, tile.claims).ok();
    }
    figures->claims = std::max(figures->claims, claims);
  });
  return ok;
}

void PrintRow(const char* name, const Phase& phase, const std::string& note) {
  fmt::print("{:<34}{:>12.6f}{:>16}   {}\n", name, phase.seconds, phase.peak_bytes, note);
}

void Print(const Figures& f, int64_t ranks, int64_t objects, uint64_t parts) {
  fmt::print(
      "{} virtual ranks x {} objects, {} index parts; the slowest and the largest of the sample\n",
      ranks, objects, parts);
  fmt::print("{:<34}{:>12}{:>16}\n", "phase, per rank", "seconds", "peak bytes");
  PrintRow("describe the state", f.describe, "");
  PrintRow("find the owners of its tiles", f.place, fmt::format("{} owners", f.peers));
  PrintRow("hold the loads of all ranks", f.survey, "");
  PrintRow("partition, chunk, batch", f.plan, fmt::format("{} extents of its own", f.extents));
  PrintRow("check the tiles that it owns", f.tiling, fmt::format("{} claims", f.claims));
  const double seconds =
      f.describe.seconds + f.place.seconds + f.survey.seconds + f.plan.seconds + f.tiling.seconds;
  const uint64_t bytes = f.describe.peak_bytes + f.survey.peak_bytes +
                         std::max({f.place.peak_bytes, f.plan.peak_bytes, f.tiling.peak_bytes});
  PrintRow("all, of a rank that owns a part", {seconds, bytes}, "");
  fmt::print(
      "{{\"seconds\": {:.6f}, \"peak_bytes\": {}, \"place_seconds\": {:.6f}, \"plan_seconds\": "
      "{:.6f}, "
      "\"plan_peak_bytes\": {}, \"tiling_seconds\": {:.6f}, \"tiling_peak_bytes\": {}, "
      "\"tiling_claims\": {}}}\n",
      seconds, bytes, f.place.seconds, f.plan.seconds, f.plan.peak_bytes, f.tiling.seconds,
      f.tiling.peak_bytes, f.claims);
}

int64_t Argument(int argc, char** argv, const char* name, int64_t otherwise) {
  for (int i = 1; i + 1 < argc; i += 2)
    if (std::strcmp(argv[i], name) == 0) return std::strtoll(argv[i + 1], nullptr, 10);
  return otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t ranks = Argument(argc, argv, "--ranks", 100'000),
                objects = Argument(argc, argv, "--objects", 100);
  const int64_t sample = std::min<int64_t>(Argument(argc, argv, "--sample", 8), ranks);
  if (ranks < 1 || ranks > 10'000'000 || objects < 1 || objects > 100'000 || sample < 1) {
    std::fprintf(stderr, "usage: plan [--ranks N] [--objects M] [--sample K]\n");
    return 2;
  }
  const VirtualJob job(ranks, objects);
  Figures figures;
  bool ok = true;
  for (int64_t i = 0; i < sample; ++i)
    ok = MeasureRank(job, i * ranks / sample, ranks, &figures) && ok;
  const auto parts = static_cast<int64_t>(job.placement().parts);
  for (int64_t i = 0; i < std::min(sample, parts); ++i) {
    const auto part = static_cast<uint64_t>(i * parts / std::min(sample, parts));
    ok = MeasureOwner(job, OwnerOf(part, job.placement().parts, static_cast<int>(ranks)),
                      &figures) &&
         ok;
  }
  if (!ok) {
    std::fprintf(stderr,
                 "plan: the plan misses an extent, or boxes that tile their arrays were refused\n");
    return 1;
  }
  Print(figures, ranks, objects, job.placement().parts);
  return 0;
}
