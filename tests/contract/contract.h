// The contract of a store: what every one of them promises, as cases that take a place of that store. stores.cc runs all cases on
// all stores; a new store is accepted when it passes. Knows nothing of any store, but that those of whole objects (StoreTraits) promise
// less of an object that is being written, and ask for more.
#pragma once

#include <criterion/criterion.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "store/store.h"

namespace tsnap::contract {

// An empty place of its own for one case.
class Place {
 public:
  virtual ~Place() = default;
  // Another store of the same place each time, as another process would open it.
  virtual std::unique_ptr<Store> Open() = 0;
};

// function, and the promise as a name.
#define TSNAP_CONTRACT(X)                                                              \
  X(CreateOnce, an_object_is_created_once)                                             \
  X(CreateIsSilent, where_objects_are_whole_creating_asks_for_nothing)                 \
  X(PushChangesNothing, pushing_is_a_hint_that_changes_nothing)                        \
  X(PlaceIsThereOnceUsed, a_place_is_there_once_something_is_stored)                   \
  X(CreateRace, of_many_that_create_one_object_one_wins)                               \
  X(ConcurrentWrites, concurrent_writes_at_any_offset_make_the_object)                 \
  X(Parts, parts_of_a_layout_in_any_order_make_the_object)                             \
  X(Checksums, a_checksum_that_comes_with_the_bytes_changes_nothing)                   \
  X(FinishSize, finish_sets_the_exact_size)                                            \
  X(ManyWriters, objects_that_are_written_at_once_do_not_mix)                          \
  X(Abandon, an_abandoned_object_leaves_nothing)                                       \
  X(RemovedWhileWritten, an_abandoned_object_that_was_removed_leaves_nothing)          \
  X(Ranges, any_range_can_be_read)                                                     \
  X(Announced, announcing_a_read_changes_nothing)                                      \
  X(Truncated, reading_past_the_end_is_corrupt)                                        \
  X(Missing, what_is_missing_is_not_found)                                             \
  X(FreshReads, reading_sees_what_was_replaced)                                        \
  X(GetLimit, get_gives_the_whole_object_within_its_limit)                             \
  X(PutAtomic, readers_never_see_half_of_a_put)                                        \
  X(PutNewOnce, put_if_nothing_is_there_succeeds_once)                                 \
  X(PutNewRace, of_many_that_put_a_new_object_one_wins)                                \
  X(PutOver, put_if_over_a_version_needs_that_version)                                 \
  X(PutOverRace, of_many_that_overwrite_one_version_one_wins)                          \
  X(Versions, a_version_stays_until_the_object_changes)                                \
  X(List, list_names_every_object_with_its_size)                                       \
  X(ListPrefix, a_prefix_is_a_folder_and_not_the_beginning_of_a_name)                  \
  X(ListStops, listing_stops_at_the_first_failure)                                     \
  X(ListVisitor, a_visitor_may_use_the_store)                                          \
  X(ListParts, list_parts_gives_folders_and_objects_once)                              \
  X(OddKeys, odd_keys_come_back_as_they_were)                                          \
  X(Remove, remove_can_be_repeated)                                                    \
  X(RemoveIf, remove_if_needs_the_version_that_was_seen)                               \
  X(RemoveIfRace, of_one_who_removes_and_one_who_overwrites_a_version_one_wins)        \
  X(RemoveAll, remove_all_removes_what_is_below_and_nothing_else)                      \
  X(Stats, stat_tells_size_and_time)                                                   \
  X(Traits, the_traits_make_sense)                                                     \
  X(Counters, the_counters_count_what_was_moved)                                       \
  X(Durable, durable_or_not_the_bytes_are_the_same)                                    \
  X(SeenByOthers, another_store_of_the_same_place_sees_it)

#define TSNAP_DECLARE(function, promise) void function(Place& place);
TSNAP_CONTRACT(TSNAP_DECLARE)
#undef TSNAP_DECLARE

// --- what the cases share ---

// Fails the test unless the status, or that of a result, is the code.
#define EXPECT_CODE(expression, expected)                                                                  \
  do {                                                                                                     \
    const ::tsnap::Status contract_status = ::tsnap::contract::StatusOf(expression);                       \
    cr_assert(contract_status.code() == ::tsnap::Code::expected, "%s: %s", #expression,                    \
              contract_status.ToString().c_str());                                                         \
    cr_assert(contract_status.ok() || contract_status.message().size() > 10, "%s: no text", #expression);  \
  } while (false)
#define EXPECT_OK(expression) EXPECT_CODE(expression, kOk)

inline const Status& StatusOf(const Status& status) { return status; }
template <class T>
const Status& StatusOf(const Result<T>& result) {
  return result.status();
}

// Bytes that tell objects, versions and offsets apart.
Bytes Pattern(uint64_t size, uint64_t seed);

// Memory as direct I/O wants it.
class AlignedBytes {
 public:
  explicit AlignedBytes(ConstByteSpan content);   // padded with zeros to a multiple of 4096
  ConstByteSpan span() const { return {data_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* data) const;
  };
  uint64_t size_;
  std::unique_ptr<std::byte[], Free> data_;
};

// All at once; a case judges what they returned after they have ended, since an assertion may not fail on another thread.
void InThreads(int count, const std::function<void(int)>& function);

std::unique_ptr<StoreWriter> MustCreate(Store& store, const std::string& key, uint64_t expected_bytes = 0);
std::unique_ptr<StoreWriter> MustCreate(Store& store, const std::string& key, const WriteLayout& layout);
// The content in one write, as the store wants it: padded, or exactly and not at all when it is empty.
Status WriteWhole(Store& store, StoreWriter& writer, ConstByteSpan content);
// Create, write, Finish; the size is exact.
void WriteObject(Store& store, const std::string& key, ConstByteSpan content, bool durable = false);
void PutText(Store& store, const std::string& key, const std::string& text);
std::string GetText(Store& store, const std::string& key, Version* version = nullptr);
Bytes ReadRange(Store& store, const std::string& key, uint64_t offset, uint64_t size);
// Sorted.
std::vector<std::string> Keys(Store& store, const std::string& prefix);
std::vector<std::string> Parts(Store& store, const std::string& prefix);

}  // namespace tsnap::contract
