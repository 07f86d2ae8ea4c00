// The communicator when a rank is missing, stopped or out of memory, or MPI fails: nobody waits for
// ever, every rank that notices says so, and what was broken stays so without harm.

#include <signal.h>
#include <unistd.h>

#include <functional>
#include <new>
#include <string>
#include <vector>

#include "comm_cases.h"
#include "failing_new.h"
#include "pmpi_probe.h"

namespace tsnap::test {
namespace {

constexpr double kTimeoutSeconds = 1.5;
constexpr double kSlackSeconds = 5;  // of a loaded machine

double Now() { return MPI_Wtime(); }
int LastRank() { return WorldSize() - 1; }

// The ranks that were left alone tell the missing one, on the world communicator, that they are
// done with it.
void TellTheMissingRank() { MPI_Send(nullptr, 0, MPI_BYTE, LastRank(), 1, MPI_COMM_WORLD); }
void SleepUntilTheOthersAreDone() {
  for (int heard = 0; heard < WorldSize() - 1;) {
    int found = 0;
    MPI_Iprobe(MPI_ANY_SOURCE, 1, MPI_COMM_WORLD, &found, MPI_STATUS_IGNORE);
    if (found) {
      MPI_Recv(nullptr, 0, MPI_BYTE, MPI_ANY_SOURCE, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      ++heard;
    } else {
      usleep(2000);
    }
  }
}

void CheckTimeout(const Status& status, double begin, const char* operation) {
  const double waited = Now() - begin;
  CHECK(status.code() == Code::kTimeout);
  CHECK(waited > kTimeoutSeconds * 0.9 && waited < kTimeoutSeconds + kSlackSeconds);
  // It says how long that was, to a tenth of a second: on a loaded machine a little more than it was told to wait.
  const std::string waits = "rank " + std::to_string(WorldRank()) + " waited ";
  CHECK(status.message().find(waits) == 0);
  size_t length = 0;
  const double said = std::stod(status.message().substr(waits.size()), &length);
  CHECK(said > kTimeoutSeconds - 0.05 && said < waited + 0.1);
  CHECK(status.message().find(std::string(" s for the other ranks in ") + operation) == waits.size() + length);
}

void CheckBroken(Comm* comm) {
  const double begin = Now();
  std::vector<uint64_t> values(3);
  Bytes bytes(100);
  CHECK(comm->broken());
  CHECK(comm->Barrier().code() == Code::kTimeout);
  CHECK(comm->Allreduce(values, Comm::Op::kSum).code() == Code::kTimeout);
  CHECK(comm->Allgather(1, &values).code() == Code::kTimeout);
  CHECK(comm->Bcast(bytes, 0).code() == Code::kTimeout);
  CHECK(comm->Exchange({}).status().code() == Code::kTimeout);
  CHECK(Now() - begin < 1);
}

// All but the last rank call the operation.
void RankNeverJoins(const char* name, const std::function<Status(Comm*)>& operation) {
  auto comm = Open();
  comm->set_timeout_seconds(kTimeoutSeconds);
  if (comm->rank() == LastRank()) {
    SleepUntilTheOthersAreDone();
    comm->Break();
    CheckBroken(comm.get());
  } else {
    const double begin = Now();
    CheckTimeout(operation(comm.get()), begin, name);
    CheckBroken(comm.get());
    TellTheMissingRank();
  }
  const double begin = Now();
  comm.reset();
  CHECK(Now() - begin < 1);
}

void RankNeverReduces() {
  RankNeverJoins("a reduction", [](Comm* comm) {
    std::vector<uint64_t> values(10000, 1);
    return comm->Allreduce(values, Comm::Op::kSum);
  });
}
void RankNeverGathers() {
  RankNeverJoins("a gather", [](Comm* comm) {
    std::vector<uint64_t> values;
    return comm->Allgather(1, &values);
  });
}
void RankNeverEntersTheBarrier() {
  RankNeverJoins("a barrier", [](Comm* comm) { return comm->Barrier(); });
}
void RankNeverExchanges() {
  RankNeverJoins("an exchange of messages", [](Comm* comm) { return comm->Exchange({}).status(); });
}
void RankNeverTakesItsMessages() {
  RankNeverJoins("an exchange of messages", [](Comm* comm) {
    return comm->Exchange({{LastRank(), Bytes(3 << 20)}, {0, Bytes(5)}, {LastRank(), Bytes(5)}})
        .status();
  });
}

void RankNeverDuplicates() {
  if (WorldRank() == LastRank()) {
    SleepUntilTheOthersAreDone();
    return;
  }
  const double begin = Now();
  CheckTimeout(MakeMpiComm(MPI_COMM_WORLD, kTimeoutSeconds).status(), begin,
               "duplicating the communicator");
  TellTheMissingRank();
}

// The root comes when the receivers have given up: what it sends must not land in memory that the
// user has back.
void LateBroadcastTouchesNobody() {
  auto comm = Open();
  comm->set_timeout_seconds(kTimeoutSeconds);
  Bytes bytes(3 << 20, std::byte{7});
  if (comm->rank() == LastRank()) {
    SleepUntilTheOthersAreDone();
    static_cast<void>(comm->Bcast(bytes, comm->rank()));
    comm->Break();
  } else {
    bytes.assign(bytes.size(), std::byte{1});
    const double begin = Now();
    CheckTimeout(comm->Bcast(bytes, LastRank()), begin, "a broadcast");
    comm.reset();
    TellTheMissingRank();
  }
  for (const double end = Now() + 3; Now() < end;) {  // MPI moves what it still can
    int found = 0;
    MPI_Iprobe(MPI_ANY_SOURCE, 99, MPI_COMM_WORLD, &found, MPI_STATUS_IGNORE);
    usleep(1000);
  }
  for (std::byte byte : bytes)
    CHECK(byte == (WorldRank() == LastRank() ? std::byte{7} : std::byte{1}));
}

// Whoever it is: the root, a relay, or a rank that takes pieces from its node's ring.
void RankNeverBroadcasts() {
  for (const char* const layout : {"blocks", "turns"}) {
    for (int missing = 0; missing < WorldSize(); ++missing) {
      const int node = *layout == 'b' ? WorldRank() / 2 : WorldRank() % 2;
      auto comm = Open(60, std::to_string(node));
      comm->set_timeout_seconds(kTimeoutSeconds);
      Bytes bytes(size_t{16} << 20, std::byte{1});
      const double begin = Now();
      Status status = comm->rank() == missing ? Status::Ok() : comm->Bcast(bytes, 0);
      // Those that nobody waits for may have what they want; the next operation finds the rank
      // missing.
      if (comm->rank() != missing && status.ok()) status = comm->Barrier();
      CHECK(comm->rank() == missing || status.code() == Code::kTimeout);
      CHECK(Now() - begin < 3 * kTimeoutSeconds + kSlackSeconds);
      comm->Break();
      comm.reset();
      MPI_Barrier(MPI_COMM_WORLD);
    }
  }
}

void StoppedRank() {
  auto comm = Open();
  std::vector<uint64_t> pids;
  CHECK_OK(comm->Allgather(static_cast<uint64_t>(getpid()), &pids));
  comm->set_timeout_seconds(kTimeoutSeconds);
  const pid_t stopped = static_cast<pid_t>(pids.back());
  CHECK_OK(comm->Barrier());
  const double begin = Now();
  if (comm->rank() == LastRank()) {
    kill(getpid(), SIGSTOP);
    static_cast<void>(
        comm->Exchange({{0, Bytes(9)}}));  // it may find the others gone: bounded all the same
    CHECK(Now() - begin < 4 * kTimeoutSeconds + 2 * kSlackSeconds);
    comm->Break();
    return;
  }
  usleep(300000);
  const double exchange_begin = Now();
  CheckTimeout(comm->Exchange({{LastRank(), Bytes(100000)}}).status(), exchange_begin,
               "an exchange of messages");
  CheckBroken(comm.get());
  comm.reset();
  if (WorldRank() == 0) {
    usleep(700000);
    CHECK(kill(stopped, SIGCONT) == 0);
  }
}

void ReceiverWithoutMemory() {
  auto comm = Open();
  const size_t hard = (3u << 20) + 17;
  for (int round = 0; round < 3; ++round) {
    std::vector<Message> outgoing;
    for (int peer = 0; peer < comm->size(); ++peer) {
      outgoing.push_back({peer, Bytes(hard, std::byte{1})});
      outgoing.push_back({peer, Bytes(10, std::byte{2})});
    }
    failing_bytes = comm->rank() == LastRank() ? hard : 0;
    Result<std::vector<Message>> got = comm->Exchange(std::move(outgoing));
    failing_bytes = 0;
    if (comm->rank() == LastRank()) {
      CHECK(got.status().code() == Code::kNoMemory);
      CHECK(failures == static_cast<size_t>(comm->size() - 1) * static_cast<size_t>(round + 1));
    } else {
      CHECK_OK(got.status());
      CHECK(got->size() == 2 * static_cast<size_t>(comm->size()));
    }
    CHECK(!comm->broken());
    got = comm->Exchange({{(comm->rank() + 1) % comm->size(), Bytes(hard)}});
    CHECK_OK(got.status());
    CHECK(got->size() == 1 && (*got)[0].bytes.size() == hard);
  }
}

void OpeningWithoutMemory() {
  failing_bytes = WorldRank() == LastRank() ? 1 << 20 : 0;
  const Status status = MakeMpiComm(MPI_COMM_WORLD, 30).status();
  failing_bytes = 0;
  CHECK(failures == (WorldRank() == LastRank() ? 1 : 0));
  CHECK(status.code() == Code::kNoMemory);
  auto comm = Open();
  CHECK_OK(comm->Barrier());
}

void MessageToNobody() {
  auto comm = Open();
  const bool wrong = comm->rank() == LastRank();
  Result<std::vector<Message>> got = comm->Exchange({{wrong ? comm->size() : 0, Bytes(3)}});
  CHECK(got.ok() != wrong);
  CHECK_OK(comm->Barrier());  // the others were not left alone
}

void MpiThatFails() {
  for (MpiCall call : {MpiCall::kIbarrier, MpiCall::kIssend}) {
    auto comm = Open();
    comm->set_timeout_seconds(kTimeoutSeconds);
    const bool fails = comm->rank() == LastRank();
    if (fails) FailNext(call);
    const double begin = Now();
    const Status status = comm->Exchange({{(comm->rank() + 1) % comm->size(), Bytes(3)}}).status();
    if (fails) {
      CHECK(status.code() == Code::kMpi);
      CHECK(status.message().find("rank " + std::to_string(comm->rank()) +
                                  ": MPI failed in an exchange") == 0);
    } else {
      CheckTimeout(status, begin, "an exchange of messages");
    }
    CheckBroken(comm.get());
  }
}

void IdleThatThrows() {
  auto comm = Open();
  comm->set_idle([] { throw std::bad_alloc(); });
  if (comm->rank() == 0) sleep(2);
  CHECK_OK(comm->Barrier());
  comm->set_idle(nullptr);
  CHECK_OK(comm->Barrier());
}

// The user's communicator is his own: its error handler stays.
void UserCommunicatorIsLeftAlone() {
  MPI_Comm mine = MPI_COMM_NULL;
  MPI_Comm_dup(MPI_COMM_WORLD, &mine);
  {
    Result<std::unique_ptr<Comm>> made = MakeMpiComm(mine, 30);
    CHECK_OK(made.status());
    MPI_Errhandler handler = MPI_ERRHANDLER_NULL;
    MPI_Comm_get_errhandler(mine, &handler);
    CHECK(handler == MPI_ERRORS_ARE_FATAL);
    MPI_Comm_free(&mine);  // ours does not depend on it
    CHECK_OK((*made)->Barrier());
  }
}

constexpr Case kCases[] = {
    {"rank_never_reduces", 2, RankNeverReduces},
    {"rank_never_gathers", 2, RankNeverGathers},
    {"rank_never_enters_the_barrier", 2, RankNeverEntersTheBarrier},
    {"rank_never_exchanges", 2, RankNeverExchanges},
    {"rank_never_takes_its_messages", 2, RankNeverTakesItsMessages},
    {"rank_never_duplicates", 2, RankNeverDuplicates},
    {"late_broadcast_touches_nobody", 2, LateBroadcastTouchesNobody},
    {"rank_never_broadcasts", 2, RankNeverBroadcasts},
    {"stopped_rank", 2, StoppedRank},
    {"receiver_without_memory", 2, ReceiverWithoutMemory},
    {"opening_without_memory", 1, OpeningWithoutMemory},
    {"message_to_nobody", 1, MessageToNobody},
    {"mpi_that_fails", 2, MpiThatFails},
    {"idle_that_throws", 2, IdleThatThrows},
    {"user_communicator_is_left_alone", 1, UserCommunicatorIsLeftAlone},
};

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::RunCase(argc, argv, tsnap::test::kCases); }
