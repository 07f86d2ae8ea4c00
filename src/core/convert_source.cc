#include "core/convert_source.h"

#include <algorithm>
#include <utility>

#include "core/commit.h"
#include "core/convert_batches.h"
#include "core/copy_end.h"

namespace tsnap {

Status ConvertSource::Open(Engine& engine, std::shared_ptr<Store> store) {
  struct Opened {
    std::unique_ptr<Snapshot> snapshot;
    Bytes text;
  };
  store_ = std::move(store);
  const auto opened = std::make_shared<Opened>();
  TSNAP_TRY(engine.Watched(
      [opened, from = store_, knobs = engine.knobs()] {
        TSNAP_ASSIGN(native::CommitRecord record, ReadRecord(*from, nullptr, &opened->text));
        opened->snapshot = Snapshot::OverStore(from, std::move(record), knobs);
        return Status::Ok();
      },
      store_));
  text_ = std::shared_ptr<const Bytes>(opened, &opened->text);
  snapshot_ = std::move(opened->snapshot);
  Status loaded = LoadIndex(engine).While("reading the index of", store_->url());
  if (!loaded.ok()) return Explained(engine, std::move(loaded));
  // What HDF5 has to read, or holds in one piece, is cut as a take cuts it.
  uint64_t most = BatchBytes(engine.knobs());
  if (store_->traits().datasets) most = std::min(most, store_->traits().chunk_bytes);
  const auto plan = std::make_shared<ConvertPlan>();
  TSNAP_TRY(PlanConversion(*snapshot_, most, plan.get()).While("copying", store_->url()));
  plan_ = plan;
  return Status::Ok();
}

// Part by part, each of which is progress.
Status ConvertSource::LoadIndex(Engine& engine) const {
  for (uint64_t number = 0; number < record().parts.size(); ++number) {
    TSNAP_TRY(engine.Watched(
        [snapshot = snapshot_, number] { return snapshot->LoadIndexPart(number); }, store_));
  }
  return Status::Ok();
}

Status ConvertSource::CheckIsThere(Engine& engine) const {
  return tsnap::CheckIsThere(engine, store_, text_);
}

Status ConvertSource::Explained(Engine& engine, Status failure) const {
  return ExplainMissing(engine, store_, text_, std::move(failure));
}

}  // namespace tsnap
