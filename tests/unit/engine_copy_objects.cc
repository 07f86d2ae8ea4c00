// Copying objects between stores of every kind: the rules of an object store are kept, the service copies where it can, the budget is
// obeyed; and a whole snapshot goes through such a store and back.
#include <criterion/criterion.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "core/commit.h"
#include "core/copy.h"
#include "core/snapshot.h"
#include "engine/copy_objects.h"
#include "forwarding_store.h"
#include "store/memory/memory_store.h"
#include "uploads.h"
#define TSNAP_NO_MPI
#include "tsnap.h"

using namespace tsnap;

namespace {

constexpr uint64_t kMiB = 1 << 20;

// What a store allows, and what was seen of it.
struct Rules {
  uint64_t least_part_bytes = 0;      // an object store
  uint64_t write_alignment = 1;
  std::string service;                // copies from others of the same one
  int copies_before_refusal = 1 << 30;
  Code refusal = Code::kUnsupported;
  int fail_write = 0;                 // the nth; 0 = none
  uint64_t shorter_by = 0;            // objects are listed larger than they are
  std::atomic<int> writes{0}, creates{0}, service_copies{0}, removes{0};
  std::atomic<uint64_t> largest_write{0};
  test::Uploads uploads;              // that were begun and never completed
};

// Refuses whatever an object store, or a file with direct I/O, would refuse.
class StrictWriter final : public StoreWriter {
 public:
  StrictWriter(std::unique_ptr<StoreWriter> writer, Rules& rules, WriteLayout layout)
      : writer_(std::move(writer)), rules_(rules), layout_(std::move(layout)) {}

  Status WriteAt(uint64_t offset, ConstByteSpan bytes, std::optional<uint32_t> crc32c) override {
    if (++rules_.writes == rules_.fail_write) return {Code::kNoSpace, "the disk is full"};
    for (uint64_t seen = rules_.largest_write; seen < bytes.size();) rules_.largest_write.compare_exchange_weak(seen, bytes.size());
    const uint64_t address = reinterpret_cast<uintptr_t>(bytes.data());
    if ((offset | bytes.size() | address) % rules_.write_alignment != 0) return Internal("unaligned");
    if (rules_.least_part_bytes > 0) {
      if (!crc32c || *crc32c != Crc32c(bytes)) return Internal("no checksum, or a wrong one");
      const std::lock_guard lock(mutex_);
      if (!parts_.emplace(offset, bytes.size()).second) return Internal("a part twice");
    }
    return writer_->WriteAt(offset, bytes, crc32c);
  }
  Status Finish(uint64_t size_bytes, bool durable) override {
    if (!durable) return Internal("not durable");
    if (rules_.least_part_bytes > 0) TSNAP_TRY(CheckParts(size_bytes));
    return writer_->Finish(size_bytes, durable);
  }

 private:
  Status CheckParts(uint64_t size_bytes) {
    uint64_t end = 0;
    size_t number = 0;
    for (const auto& [offset, bytes] : parts_) {
      if (offset != end) return Internal("parts do not tile the object");
      if (parts_.size() > 1 && (number >= layout_.offsets.size() || layout_.offsets[number] != offset))
        return Internal("not as the layout says");
      if (++number < parts_.size() && bytes < rules_.least_part_bytes) return Internal("a part is too small");
      end += bytes;
    }
    if (end != size_bytes || parts_.size() > 10000 || layout_.bytes != size_bytes) return Internal("another size");
    return parts_.size() == layout_.offsets.size() ? Status::Ok() : Internal("a part is missing");
  }

  std::unique_ptr<StoreWriter> writer_;
  Rules& rules_;
  const WriteLayout layout_;
  std::mutex mutex_;
  std::map<uint64_t, uint64_t> parts_;
};

class StrictStore final : public test::ForwardingStore {
 public:
  StrictStore(const std::string& name, Rules& rules) : ForwardingStore(OpenMemoryStore(name)), rules_(rules), traits_(store().traits()) {
    traits_.least_part_bytes = rules.least_part_bytes;
    traits_.wants_checksums = rules.least_part_bytes > 0;
    traits_.write_alignment = rules.write_alignment;
  }
  const StoreTraits& traits() const override { return traits_; }
  Result<std::unique_ptr<StoreWriter>> Create(const std::string& key, const WriteLayout& layout) override {
    ++rules_.creates;
    if (traits_.whole_objects()) TSNAP_TRY(store().Remove(key));   // whoever finishes last wins
    TSNAP_ASSIGN(std::unique_ptr<StoreWriter> writer, store().Create(key, layout));
    return std::unique_ptr<StoreWriter>(std::make_unique<StrictWriter>(std::move(writer), rules_, layout));
  }
  Status CopyFrom(Store& source, const std::string& key, uint64_t bytes) override {
    auto* other = dynamic_cast<StrictStore*>(&source);
    if (rules_.service.empty() || other == nullptr || other->rules_.service != rules_.service) return Store::CopyFrom(source, key, bytes);
    if (++rules_.service_copies > rules_.copies_before_refusal) return {rules_.refusal, "no"};
    TSNAP_ASSIGN(const Bytes whole, other->store().Get(key, bytes, nullptr));
    return store().Put(key, whole, true);
  }
  Status Remove(const std::string& key) override {
    ++rules_.removes;
    return store().Remove(key);
  }
  Status List(const std::string& prefix, const std::function<Status(const Entry&)>& visit) override {
    return store().List(prefix, [&](const Entry& entry) {
      return visit({entry.key, entry.bytes + rules_.shorter_by, entry.modified_unix_seconds});
    });
  }
  Status RemoveLeftovers(const std::string& prefix, int64_t before_unix_seconds,
                         const std::function<bool(std::string_view)>& dead) override {
    rules_.uploads.Remove(prefix, before_unix_seconds, dead);
    return Status::Ok();
  }

 private:
  Rules& rules_;
  StoreTraits traits_;
};

Bytes Pattern(uint64_t bytes, uint64_t seed) {
  Bytes pattern(bytes);
  for (uint64_t i = 0; i < bytes; ++i) pattern[i] = static_cast<std::byte>((i * 2654435761u + seed) >> 13);
  return pattern;
}

// Objects of these sizes in one store, to be copied to another one.
struct Job {
  Rules from_rules, to_rules;
  std::vector<Entry> objects;
  std::shared_ptr<StrictStore> from, to;
  uint64_t told_bytes = 0;
  std::vector<Entry> told;
  bool within_service = false;

  void Make(const std::vector<uint64_t>& sizes) {
    from = std::make_shared<StrictStore>("copy-from", from_rules);
    to = std::make_shared<StrictStore>("copy-to", to_rules);
    cr_assert(from->RemoveAll("").ok() && to->RemoveAll("").ok());
    for (size_t i = 0; i < sizes.size(); ++i) {
      objects.push_back({"data/" + std::to_string(i), sizes[i], 0});
      cr_assert(from->Put(objects.back().key, Pattern(sizes[i], i), false).ok());
    }
  }
  Status Run(Engine& engine) {
    return CopyObjects(engine, {from, to, objects, {}}, [this](std::vector<Entry> finished, uint64_t arrived) {
      for (Entry& entry : finished) told.push_back(std::move(entry));
      cr_assert_geq(arrived, told_bytes);
      told_bytes = arrived;
    }, &within_service);
  }
  void CheckCopied(const std::vector<Entry>& which) {
    for (const Entry& object : which) {
      const Result<Bytes> copy = to->Get(object.key, object.bytes, nullptr);
      cr_assert(copy.ok(), "%s", copy.status().message().c_str());
      cr_assert(*copy == Pattern(object.bytes, std::stoull(object.key.substr(5))));
    }
  }
  void CheckAll(const Status& status) {
    cr_assert(status.ok(), "%s", status.ToString().c_str());
    cr_assert_eq(told.size(), objects.size());
    uint64_t bytes = 0;
    for (const Entry& object : objects) bytes += object.bytes;
    cr_assert_eq(told_bytes, bytes);
    CheckCopied(objects);
  }
};

Knobs SomeKnobs(int concurrency = 0) {
  Knobs knobs;
  knobs.io_concurrency = concurrency;
  knobs.io_timeout_seconds = 20;
  knobs.memory_budget_bytes = 64 * kMiB;
  return knobs;
}

const std::vector<uint64_t> kSizes = {0, 1, 4095, 4096, 5 * kMiB, 5 * kMiB + 1, 33 * kMiB + 77};

}  // namespace

Test(copy_objects, every_size_arrives_at_a_plain_store) {
  for (const uint64_t alignment : {1, 4096}) {
    for (const uint64_t budget : {kMiB / 2, 16 * kMiB}) {
      Job job;
      job.to_rules.write_alignment = alignment;
      job.Make(kSizes);
      Engine engine(SomeKnobs(), budget);
      job.CheckAll(job.Run(engine));
      cr_assert(!job.within_service);
      cr_assert_leq(engine.buffers()->peak_bytes(), budget);
    }
  }
}

Test(copy_objects, parts_keep_the_rules_of_object_stores) {
  for (const uint64_t budget : {kMiB, 16 * kMiB, 256 * kMiB}) {
    Job job;
    job.to_rules.least_part_bytes = 5 * kMiB;
    job.Make(kSizes);
    Engine engine(SomeKnobs(), budget);
    job.CheckAll(job.Run(engine));
    // At least one part, whatever the budget is.
    cr_assert_leq(engine.buffers()->peak_bytes(), std::max(budget, 5 * kMiB));
    cr_assert_leq(job.to_rules.largest_write, 16 * kMiB);
  }
}

Test(copy_objects, the_service_copies_where_it_can) {
  Job job;
  job.from_rules.service = job.to_rules.service = "a";
  job.Make(kSizes);
  Engine engine(SomeKnobs(), 16 * kMiB);
  job.CheckAll(job.Run(engine));
  cr_assert(job.within_service);
  cr_assert_eq(job.to_rules.creates, 0);
  cr_assert_eq(engine.buffers()->peak_bytes(), 0);
}

Test(copy_objects, what_the_service_refuses_is_streamed_from_then_on) {
  for (const Code refusal : {Code::kUnsupported, Code::kAuth}) {
    Job job;
    job.from_rules.service = job.to_rules.service = "a";
    job.to_rules.copies_before_refusal = 3;
    job.to_rules.refusal = refusal;
    job.Make(kSizes);
    Engine engine(SomeKnobs(1), 16 * kMiB);
    job.CheckAll(job.Run(engine));
    cr_assert(!job.within_service);
    cr_assert_eq(job.to_rules.service_copies, 4);
    cr_assert_eq(job.to_rules.creates, static_cast<int>(kSizes.size()) - 3);
  }
}

Test(copy_objects, what_a_failure_leaves_finished_is_told) {
  Job job;
  job.to_rules.fail_write = 3;
  job.Make({4096, 4096, 4096, 4096, 4096});
  Engine engine(SomeKnobs(1), 16 * kMiB);
  const Status status = job.Run(engine);
  cr_assert_eq(status.code(), Code::kNoSpace);
  cr_assert_eq(job.told.size(), 2u);
  job.CheckCopied(job.told);
}

Test(copy_objects, an_object_that_is_shorter_than_listed_is_corrupt) {
  Job job;
  job.Make({4096});
  job.objects[0].bytes += 1;
  Engine engine(SomeKnobs(), 16 * kMiB);
  cr_assert_eq(job.Run(engine).code(), Code::kCorrupt);
}

namespace {

// A snapshot in a memory store of this name.
void TakeSnapshot(const std::string& url, int64_t value) {
  tsnap_context* context = nullptr;
  tsnap_state* state = nullptr;
  std::vector<double> cells(3 << 17, static_cast<double>(value));   // 3 MiB
  tsnap_array array = TSNAP_ARRAY_INIT;
  array.dtype = TSNAP_FLOAT64;
  array.ndim = 1;
  array.shape[0] = static_cast<int64_t>(cells.size());
  array.data = cells.data();
  tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
  options.overwrite = TSNAP_ON;
  options.slab_bytes = options.chunk_bytes = 256 << 10;
  cr_assert_eq(tsnap_context_open_self(nullptr, &context), TSNAP_OK);
  cr_assert_eq(tsnap_state_create(&state), TSNAP_OK);
  cr_assert_eq(tsnap_state_add_replicated(state, "cells", &array), TSNAP_OK);
  cr_assert_eq(tsnap_state_add_int64(state, "value", TSNAP_REPLICATED, &value), TSNAP_OK);
  cr_assert_eq(tsnap_take(context, url.c_str(), state, &options), TSNAP_OK);
  tsnap_state_destroy(&state);
  tsnap_context_close(&context);
}

int64_t ValueAt(const std::string& url) {
  tsnap_snapshot* snapshot = nullptr;
  int64_t value = 0, bad = 0;
  cr_assert_eq(tsnap_snapshot_open(url.c_str(), nullptr, &snapshot), TSNAP_OK, "%s", tsnap_last_error());
  cr_assert_eq(tsnap_read_int64(snapshot, "value", &value), TSNAP_OK);
  cr_assert_eq(tsnap_snapshot_verify(snapshot, &bad, nullptr), TSNAP_OK, "%s", tsnap_last_error());
  tsnap_snapshot_close(&snapshot);
  return value;
}

CopyEnd End(const std::string& name, Rules& rules) {
  return {"mem://" + name, "", [name, &rules]() -> Result<std::unique_ptr<Store>> {
            return std::unique_ptr<Store>(std::make_unique<StrictStore>(name, rules));
          }};
}

}  // namespace

Test(copy_snapshot, goes_through_an_object_store_and_goes_on_by_sizes) {
  TakeSnapshot("mem://source", 7);
  Rules plain, object;
  object.least_part_bytes = 5 * kMiB;
  object.fail_write = 6;
  CopyResult result;
  CopyOptions options;
  options.verify = true;
  const Status failed = CopySnapshot(End("source", plain), End("bucket", object), SomeKnobs(1), {}, options, &result);
  cr_assert_eq(failed.code(), Code::kNoSpace, "%s", failed.ToString().c_str());
  const Status copied = CopySnapshot(End("source", plain), End("bucket", object), SomeKnobs(1), {}, options, &result);
  cr_assert(copied.ok(), "%s", copied.ToString().c_str());
  cr_assert_eq(result.objects_skipped, 5);
  cr_assert_gt(result.objects_copied, 5);
  cr_assert_eq(ValueAt("mem://bucket"), 7);
  const std::unique_ptr<Store> bucket = OpenMemoryStore("bucket");
  cr_assert(bucket->List("", [](const Entry& entry) {
    cr_assert(entry.key.find("/copied/") == std::string::npos && entry.key.find("/taking") == std::string::npos, "%s", entry.key.c_str());
    return Status::Ok();
  }).ok());
  // Within one service, and back.
  Rules here, there;
  here.least_part_bytes = there.least_part_bytes = 5 * kMiB;
  here.service = there.service = "a";
  cr_assert(CopySnapshot(End("bucket", here), End("other bucket", there), SomeKnobs(), {}, options, &result).ok());
  cr_assert(result.within_service);
  cr_assert_eq(there.creates, 0);
  cr_assert(CopySnapshot(End("other bucket", there), End("back", plain), SomeKnobs(), {}, options, &result).ok());
  cr_assert(!result.within_service);
  cr_assert_eq(ValueAt("mem://back"), 7);
}

Test(copy_snapshot, uploads_that_an_interrupted_copy_left_are_aborted_and_those_of_others_are_not) {
  TakeSnapshot("mem://uploading", 7);
  Rules plain, object;
  object.least_part_bytes = 5 * kMiB;
  const std::unique_ptr<Store> source = OpenMemoryStore("uploading");
  const Result<native::CommitRecord> record = ReadRecord(*source, nullptr);
  cr_assert(record.ok());
  object.uploads.Begin(record->id + "/data/0/0.0", 1000);
  object.uploads.Begin("elsewhere/data/0/0.0", 1000);
  CopyResult result;
  cr_assert(CopySnapshot(End("uploading", plain), End("uploaded", object), SomeKnobs(), {}, {}, &result).ok());
  cr_assert(object.uploads.keys() == std::vector<std::string>{"elsewhere/data/0/0.0"});
}

Test(copy_snapshot, a_source_that_lies_about_sizes_is_corrupt) {
  TakeSnapshot("mem://liar", 7);
  Rules liar, plain;
  liar.shorter_by = 1;
  CopyResult result;
  const Status status = CopySnapshot(End("liar", liar), End("copy of a liar", plain), SomeKnobs(), {}, {}, &result);
  cr_assert_eq(status.code(), Code::kCorrupt, "%s", status.ToString().c_str());
}

Test(copy_snapshot, one_url_of_two_services_is_two_places) {
  TakeSnapshot("mem://same", 7);
  Rules plain;
  CopyResult result;
  CopyEnd from = End("same", plain), to = End("same", plain);
  cr_assert_eq(CopySnapshot(from, to, SomeKnobs(), {}, {}, &result).code(), Code::kInvalid);
  to.service = "another";
  cr_assert(CopySnapshot(from, to, SomeKnobs(), {}, {}, &result).ok());
  cr_assert_eq(result.objects_copied, 0);
}
