// Checks and converts the options; the zeros of C become named defaults here and nowhere else.
#include "capi/options.h"

#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "capi/config.h"
#include "capi/structs.h"
#include "catalog/object.h"

namespace tsnap::capi {
namespace {

// The commit record, which each rank receives, has to stay small.
constexpr size_t kMaxMetadataBytes = size_t{8} << 20;

// 0 is the first value, as 1 is.
template <class Choice, size_t kCount>
Status ReadChoice(int32_t value, const Choice (&choices)[kCount], const char* name, Choice* out) {
  if (value < 0 || value > static_cast<int32_t>(kCount))
    return Invalid(
        fmt::format("checking the options: {} is {}, it must be 0 to {}", name, value, kCount));
  *out = choices[value == 0 ? 0 : value - 1];
  return Status::Ok();
}

Status ReadCodec(int32_t codec, Codec* out) {
  if (codec < TSNAP_CODEC_NONE || codec > TSNAP_CODEC_DEFLATE)
    return Invalid(
        fmt::format("checking the options: codec is {}, it must be a TSNAP_CODEC_ value", codec));
  *out = static_cast<Codec>(codec);
  return Status::Ok();
}

Status CheckReserved(int32_t reserved) {
  if (reserved == 0) return Status::Ok();
  return Unsupported(fmt::format("checking the options: reserved is {}, it must be 0", reserved));
}

// What would only be found when all data is written.
Status CheckMetadata(std::string_view text) {
  if (text.size() > kMaxMetadataBytes)
    return Invalid(fmt::format("checking the options: metadata has {} bytes, at most {} are kept",
                               text.size(), kMaxMetadataBytes));
  return IsUtf8(text) ? Status::Ok() : Invalid("checking the options: metadata is not UTF-8");
}

}  // namespace

Status ReadTakeOptions(const tsnap_take_options* options, TakeOptions* out) {
  tsnap_take_options full;
  TSNAP_TRY(ReadStruct(options, &full, "tsnap_take_options"));
  TSNAP_TRY(ReadSwitch(full.overwrite, false, "overwrite", &out->overwrite));
  TSNAP_TRY(ReadCodec(full.codec, &out->codec));
  static constexpr ReplicatedCheck kChecks[] = {ReplicatedCheck::kShape, ReplicatedCheck::kNone,
                                                ReplicatedCheck::kContent};
  TSNAP_TRY(
      ReadChoice(full.verify_replicated, kChecks, "verify_replicated", &out->replicated_check));
  TSNAP_TRY(ReadSwitch(full.sync, true, "sync", &out->durable));
  out->chunk_bytes = full.chunk_bytes;
  out->slab_bytes = full.slab_bytes;
  if (full.metadata != nullptr) TSNAP_TRY(CheckMetadata(full.metadata));
  out->has_metadata = full.metadata != nullptr;
  if (out->has_metadata) out->metadata = full.metadata;
  TSNAP_TRY(ReadSwitch(full.device_staging, false, "device_staging", &out->device_staging));
  TSNAP_TRY(CheckReserved(full.reserved));
  out->cuda_stream = full.cuda_stream;
  if (full.progress != nullptr)
    out->progress = [call = full.progress, user = full.progress_user](
                        uint64_t staged, uint64_t moved, uint64_t total) {
      call(staged, moved, total, user);
    };
  return Status::Ok();
}

Status ReadRestoreOptions(const tsnap_restore_options* options, RestoreOptions* out) {
  tsnap_restore_options full;
  TSNAP_TRY(ReadStruct(options, &full, "tsnap_restore_options"));
  TSNAP_TRY(ReadSwitch(full.strict, true, "strict", &out->strict));
  static constexpr NewRanks kNew[] = {NewRanks::kError, NewRanks::kCopyRank0, NewRanks::kLeave};
  TSNAP_TRY(ReadChoice(full.new_ranks, kNew, "new_ranks", &out->new_ranks));
  static constexpr LostRanks kLost[] = {LostRanks::kError, LostRanks::kIgnore};
  TSNAP_TRY(ReadChoice(full.lost_ranks, kLost, "lost_ranks", &out->lost_ranks));
  TSNAP_TRY(ReadSwitch(full.verify, true, "verify", &out->verify));
  out->cuda_stream = full.cuda_stream;
  if (full.progress != nullptr)
    out->progress = [call = full.progress, user = full.progress_user](
                        uint64_t staged, uint64_t moved, uint64_t total) {
      call(staged, moved, total, user);
    };
  return Status::Ok();
}

Status ReadReadOptions(const tsnap_read_options* options, ReadOptions* out) {
  tsnap_read_options full;
  TSNAP_TRY(ReadStruct(options, &full, "tsnap_read_options"));
  TSNAP_TRY(CheckReserved(full.reserved));
  out->memory_budget_bytes = full.memory_budget_bytes;
  out->cuda_stream = full.cuda_stream;
  return ReadSwitch(full.verify, true, "verify", &out->verify);
}

Status ReadGcOptions(const tsnap_gc_options* options, GcOptions* out) {
  tsnap_gc_options full;
  TSNAP_TRY(ReadStruct(options, &full, "tsnap_gc_options"));
  TSNAP_TRY(CheckReserved(full.reserved));
  if (!std::isfinite(full.min_age_seconds) || full.min_age_seconds < 0)
    return Invalid(fmt::format(
        "checking the options: min_age_seconds is {}, it must be a finite number, 0 or more",
        full.min_age_seconds));
  out->min_age_seconds = full.min_age_seconds;
  TSNAP_TRY(ReadSwitch(full.dry_run, false, "dry_run", &out->dry_run));
  if (full.removed != nullptr)
    out->removed = [call = full.removed, user = full.removed_user](
                       const std::string& key, uint64_t bytes) { call(key.c_str(), bytes, user); };
  return Status::Ok();
}

Status ReadCopyOptions(const tsnap_copy_options* options, CopyOptions* out) {
  tsnap_copy_options full;
  TSNAP_TRY(ReadStruct(options, &full, "tsnap_copy_options"));
  TSNAP_TRY(ReadSwitch(full.overwrite, false, "overwrite", &out->overwrite));
  TSNAP_TRY(ReadSwitch(full.verify, false, "verify", &out->verify));
  if (full.progress != nullptr)
    out->progress = [call = full.progress, user = full.progress_user](
                        uint64_t done, uint64_t total) { call(done, total, user); };
  return Status::Ok();
}

}  // namespace tsnap::capi
