// What is more than a copy (byte order, hashes, fill items) goes through the host in pieces: the
// processor does it once in the life of a snapshot, if ever.
#include "stage/cuda_stager.h"

#include <algorithm>

#include <fmt/format.h>

#include "stage/clipped_pieces.h"
#include "stage/cuda_context.h"
#include "stage/cuda_kernels.h"
#include "stage/cuda_pinner.h"
#include "stage/cuda_pointer.h"
#include "stage/cuda_queue.h"
#include "stage/host.h"

namespace tsnap::cuda {
namespace {

constexpr uint64_t kPieceBytes = 1 << 20;

// Whole items, at least one.
uint64_t PieceBytes(const ArrayView& memory) {
  const auto item_bytes = static_cast<uint64_t>(memory.item_bytes);
  const uint64_t bytes = std::max<uint64_t>(kPieceBytes / item_bytes, 1) * item_bytes;
  return std::min(bytes, ViewBytes(memory));
}

// Calls visit(begin, bytes) for the pieces of the view's serialisation.
template <class Visit>
Status ForEachRange(const ArrayView& memory, uint64_t piece_bytes, Visit visit) {
  const uint64_t total_bytes = ViewBytes(memory);
  for (uint64_t begin = 0; begin < total_bytes; begin += piece_bytes)
    TSNAP_TRY(visit(begin, std::min(piece_bytes, total_bytes - begin)));
  return Status::Ok();
}

ArrayView ItemsIn(const ArrayView& memory, ByteSpan buffer) {
  const Index shape = {static_cast<int64_t>(buffer.size()) / memory.item_bytes};
  return ContiguousView(memory.dtype, memory.item_bytes, 1, shape, buffer.data());
}

}  // namespace

Status CudaStager::Gather(const Mapping& mapping, uint64_t begin, ByteSpan out) {
  CudaQueue queue(driver_);
  TSNAP_TRY(queue.Gather(mapping, begin, out));
  return queue.WaitForAll();
}

Status CudaStager::Scatter(const Mapping& mapping, uint64_t begin, ConstByteSpan in) {
  CudaQueue queue(driver_);
  TSNAP_TRY(queue.Scatter(mapping, begin, in));
  return queue.WaitForAll();
}

Status CudaStager::Fill(const ArrayView& memory, ConstByteSpan item) {
  if (item.size() != static_cast<uint64_t>(memory.item_bytes))
    return Internal(fmt::format("filling an array: the item has {} bytes instead of {}",
                                item.size(), memory.item_bytes));
  const uint64_t piece_bytes = PieceBytes(memory);
  Bytes piece(piece_bytes);
  for (uint64_t at = 0; at < piece_bytes; at += item.size())
    std::copy(item.begin(), item.end(), piece.begin() + static_cast<ptrdiff_t>(at));
  const Mapping mapping = MappingOf(memory, StorageOrder(memory));
  CudaQueue queue(driver_);
  TSNAP_TRY(ForEachRange(memory, piece_bytes, [&](uint64_t begin, uint64_t bytes) {
    return queue.Scatter(mapping, begin, ConstByteSpan(piece).first(bytes));
  }));
  return queue.WaitForAll();
}

Status CudaStager::SwapByteOrder(const ArrayView& memory) {
  if (SwapUnitBytes(memory.dtype) == 1) return Status::Ok();
  const Mapping mapping = MappingOf(memory, StorageOrder(memory));
  Bytes piece(PieceBytes(memory));
  HostStager host;
  CudaQueue queue(driver_);
  return ForEachRange(memory, piece.size(), [&](uint64_t begin, uint64_t bytes) -> Status {
    const ByteSpan part = ByteSpan(piece).first(bytes);
    TSNAP_TRY(queue.Gather(mapping, begin, part));
    TSNAP_TRY(queue.WaitForAll());
    TSNAP_TRY(host.SwapByteOrder(ItemsIn(memory, part)));
    TSNAP_TRY(queue.Scatter(mapping, begin, part));
    return queue.WaitForAll();
  });
}

// The copy of the next piece is under way while one is hashed.
Result<Hash128> CudaStager::Hash(const ArrayView& memory) {
  const Mapping mapping = MappingOf(memory, RowMajor());
  const uint64_t total_bytes = ViewBytes(memory), piece_bytes = PieceBytes(memory);
  Bytes pieces[2] = {Bytes(piece_bytes), Bytes(piece_bytes)};
  uint64_t marks[2] = {0, 0};
  ContentHasher hasher;
  CudaQueue queue(driver_);  // waits, before the pieces go
  const auto begin_copy = [&](uint64_t begin, size_t side) -> Status {
    if (begin >= total_bytes) return Status::Ok();
    const ByteSpan part = ByteSpan(pieces[side]).first(std::min(piece_bytes, total_bytes - begin));
    TSNAP_TRY(queue.Gather(mapping, begin, part));
    TSNAP_ASSIGN(marks[side], queue.Mark());
    return Status::Ok();
  };
  TSNAP_TRY(begin_copy(0, 0));
  size_t side = 0;
  TSNAP_TRY(ForEachRange(memory, piece_bytes, [&](uint64_t begin, uint64_t bytes) -> Status {
    TSNAP_TRY(begin_copy(begin + piece_bytes, 1 - side));
    TSNAP_TRY(queue.Wait(marks[side]));
    hasher.Add(ByteSpan(pieces[side]).first(bytes));
    side = 1 - side;
    return Status::Ok();
  }));
  return hasher.Finish();
}

Result<std::unique_ptr<CopyQueue>> CudaStager::MakeQueue() {
  return std::unique_ptr<CopyQueue>(std::make_unique<CudaQueue>(driver_));
}

Result<std::shared_ptr<Pinner>> CudaStager::MakePinner(const void* memory) {
  TSNAP_ASSIGN(const PointerFacts facts, FactsOf(driver_, memory));
  TSNAP_ASSIGN(ContextUse context, ContextUse::Of(driver_, facts));
  return std::shared_ptr<Pinner>(std::make_shared<CudaPinner>(driver_, std::move(context)));
}

// Managed memory moves, and that of a pool belongs to no context: both are not for cuFile.
std::byte* CudaStager::InDevice(const Mapping& mapping, uint64_t begin, uint64_t bytes) {
  std::byte* memory = Contiguous(mapping, begin, bytes);
  if (memory == nullptr) return nullptr;
  const Result<PointerFacts> facts = FactsOf(driver_, memory);
  const bool fits = facts.ok() && facts->kind == MemoryKind::kDevice && facts->context != nullptr;
  return fits ? memory : nullptr;
}

Status CudaStager::CheckFiles(const void* memory, bool checksums, bool insists) {
  TSNAP_ASSIGN(const PointerFacts facts, FactsOf(driver_, memory));
  TSNAP_ASSIGN(const ContextUse context, ContextUse::Of(driver_, facts));
  CurrentContext current(driver_);
  TSNAP_TRY(current.Push(context.get()));
  TSNAP_TRY(OpenFileDriver(insists));
  if (!checksums) return Status::Ok();
  const Result<const Kernels*> kernels = Kernels::Of(driver_, context.get());
  if (kernels.ok()) return Status::Ok();
  return Unsupported(
      fmt::format("checksums cannot be made on the GPU: {}", kernels.status().message()));
}

Result<bool> IsCudaMemory(const void* pointer) {
  const Driver* driver = FoundDriver();
  if (driver == nullptr || pointer == nullptr) return false;
  TSNAP_ASSIGN(const PointerFacts facts, FactsOf(*driver, pointer));
  return IsDeviceKind(facts.kind);
}

Result<Stager*> CudaStagerHere() {
#ifdef TSNAP_HAS_CUDA
  static CudaStager* const stager =
      new CudaStager(*FoundDriver());  // operations may outlive statics
  return stager;
#else
  return Unsupported(
      "staging an array: its address names GPU memory, and this library was built without CUDA: "
      "build it with -Dcuda=auto, or copy the array to host memory");
#endif
}

}  // namespace tsnap::cuda
