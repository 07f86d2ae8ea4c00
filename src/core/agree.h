// Agreement: how all ranks come to one status. Every function here is collective.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"
#include "comm/comm.h"
#include "core/context.h"

namespace tsnap {

// The collective calls of the public interface.
enum class Call : uint64_t { kClose = 1, kTake, kRestore, kSnapshotOpen, kTakeAsync };

// Step 0 of every collective call: one reduction of fixed size, in which all ranks learn whether
// they made the same call with the same arguments (their hash), and whether each could start it.
// kMismatch on all when they did not. `smallest` goes with it: up to kMostShared numbers, of each
// of which all ranks get the smallest (what one rank only has to say, the others give as all ones).
inline constexpr size_t kMostShared = 5;
Status AgreeOnCall(Context& context, Call call, uint64_t arguments_hash, const Status& local,
                   std::span<uint64_t> smallest = {});

// One status for all: OK when every rank's is; otherwise the same failure everywhere, with the text
// of the rank that has it. A root cause beats CANCELLED and TIMEOUT, then the lowest rank's wins. A
// broken communicator is kTimeout at once, or local's kMpi.
Status Agree(Comm& comm, const Status& local);

// Called at the end of a failed operation. A transfer that hangs on any rank outweighs whatever
// else went wrong: its thread may still touch the user's memory, so the context is broken on all
// ranks and the status is kTimeout.
Status SettleStall(Comm& comm, const Engine& engine, Status outcome);

// Rank 0's bytes, of a length that only it knows, on all ranks. `local` is what happened while rank
// 0 made them.
Status BroadcastBytes(Comm& comm, const Status& local, Bytes* bytes);

}  // namespace tsnap
