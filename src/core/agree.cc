#include "core/agree.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include <fmt/format.h>

#include "base/protect.h"

namespace tsnap {

namespace {

constexpr uint64_t kAllWell = ~uint64_t{0};
constexpr size_t kTextBytes = 2048;

// The smallest key wins the reduction.
uint64_t KeyOf(const Comm& comm, const Status& status) {
  if (status.ok()) return kAllWell;
  const bool consequence = status.code() == Code::kCancelled || status.code() == Code::kTimeout;
  return (uint64_t{consequence} << 32) | static_cast<uint32_t>(comm.rank());
}

const char* CallName(uint64_t call) {
  switch (static_cast<Call>(call)) {
    case Call::kClose:
      return "tsnap_context_close";
    case Call::kTake:
      return "tsnap_take";
    case Call::kRestore:
      return "tsnap_restore";
    case Call::kSnapshotOpen:
      return "tsnap_snapshot_open_all";
    case Call::kTakeAsync:
      return "tsnap_take_async";
  }
  return "another function";
}

// The winner tells its code and text.
Status Spread(Comm& comm, uint64_t key, const Status& local) {
  const int winner = static_cast<int>(key & 0xffffffffu);
  std::array<char, kTextBytes> wire{};
  if (comm.rank() == winner) {
    const int32_t code = static_cast<int32_t>(local.code());
    std::memcpy(wire.data(), &code, sizeof code);
    const size_t length = std::min(local.message().size(), wire.size() - sizeof code - 1);
    std::memcpy(wire.data() + sizeof code, local.message().data(), length);
  }
  TSNAP_TRY(comm.Bcast(std::as_writable_bytes(std::span(wire)), winner));
  int32_t code = 0;
  std::memcpy(&code, wire.data(), sizeof code);
  const char* text = wire.data() + sizeof code;
  const Status named = Protect([&]() -> Status {
    if (comm.size() == 1) return {static_cast<Code>(code), text};
    return {static_cast<Code>(code), fmt::format("rank {}: {}", winner, text)};
  });
  // Without memory for the text the code is the same all the same.
  return named.code() == static_cast<Code>(code) ? named : Status(static_cast<Code>(code), {});
}

}  // namespace

Status AgreeOnCall(Context& context, Call call, uint64_t arguments_hash, const Status& local,
                   std::span<uint64_t> smallest) {
  Comm& comm = context.comm();
  if (comm.broken()) return Agree(comm, local);
  const uint64_t sequence = context.NextSequence();
  const uint64_t name = static_cast<uint64_t>(call);
  // Of one size whatever is called, for the ranks may have called different things.
  std::array<uint64_t, 7 + kMostShared> wire = {
      name, ~name, sequence, ~sequence, arguments_hash, ~arguments_hash, KeyOf(comm, local)};
  const auto shared = std::span(wire).last(kMostShared).first(smallest.size());
  std::copy(smallest.begin(), smallest.end(), shared.begin());
  TSNAP_TRY(comm.Allreduce(wire, Comm::Op::kMin));
  std::copy(shared.begin(), shared.end(), smallest.begin());
  if (wire[0] != ~wire[1]) {
    // A rank that closes is gone after this: the others would wait for it in vain.
    if (wire[0] == static_cast<uint64_t>(Call::kClose)) comm.Break();
    return Mismatch(
        fmt::format("the ranks called different functions, {} and {}, at the same time: every "
                    "collective call must be "
                    "made by all ranks in the same order",
                    CallName(wire[0]), CallName(~wire[1])));
  }
  if (wire[6] != kAllWell) return Spread(comm, wire[6], local);
  if (wire[2] != ~wire[3] || wire[4] != ~wire[5]) {
    return Mismatch(fmt::format(
        "the ranks called {} with different URLs or options: every rank must pass the same",
        CallName(name)));
  }
  return Status::Ok();
}

Status Agree(Comm& comm, const Status& local) {
  if (comm.broken()) {
    // What broke it, where that was just met: an exchange of messages that failed.
    if (local.code() == Code::kMpi || local.code() == Code::kTimeout) return CopyOf(local);
    return Timeout(
        "the context is broken: an earlier call found a rank dead, stopped or in another call; "
        "close the context and "
        "restart the job");
  }
  uint64_t key = KeyOf(comm, local);
  TSNAP_TRY(comm.Allreduce(std::span(&key, 1), Comm::Op::kMin));
  return key == kAllWell ? Status::Ok() : Spread(comm, key, local);
}

Status SettleStall(Comm& comm, const Engine& engine, Status outcome) {
  uint64_t stuck = engine.stuck();
  if (outcome.code() != Code::kTimeout && !comm.broken()) {
    if (Status reduced = comm.Allreduce(std::span(&stuck, 1), Comm::Op::kMax); !reduced.ok()) {
      outcome = std::move(reduced);
    } else if (stuck != 0) {
      outcome = Status(Code::kTimeout,
                       std::move(outcome).While("a transfer hangs in the storage;").message());
    }
  }
  if (outcome.code() == Code::kTimeout) comm.Break();
  return outcome;
}

Status BroadcastBytes(Comm& comm, const Status& local, Bytes* bytes) {
  TSNAP_TRY(Agree(comm, local));
  uint64_t size = bytes->size();
  TSNAP_TRY(comm.Bcast(std::as_writable_bytes(std::span(&size, 1)), 0));
  TSNAP_TRY(Agree(comm, Protect([&] {
                    bytes->resize(size);
                    return Status::Ok();
                  })));
  return comm.Bcast(*bytes, 0);
}

}  // namespace tsnap
