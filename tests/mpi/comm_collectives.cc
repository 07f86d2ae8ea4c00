// The communicator when all is well: every operation gives what its name says, on any number of
// ranks.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "comm/mpi/node_ring.h"
#include "comm_cases.h"
#include "pmpi_probe.h"

namespace tsnap::test {
namespace {

Bytes Pattern(uint64_t seed, size_t count) {
  Bytes bytes(count);
  uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (std::byte& byte : bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<std::byte>(state >> 56);
  }
  return bytes;
}

void KnowsItsRanks() {
  auto comm = Open();
  CHECK(comm->rank() == WorldRank());
  CHECK(comm->size() == WorldSize());
  CHECK(comm->local_ranks() == WorldSize());  // the tests run on one machine
  CHECK(!comm->broken());
}

// What one rank writes all read; another communicator has another memory, and the background none.
void SharesMemoryOnANode() {
  auto comm = Open(), other = Open();
  const std::shared_ptr<NodeMemory> memory = comm->node_memory();
  CHECK(memory != nullptr && other->node_memory() != nullptr);
  const auto place = memory->bytes().subspan(static_cast<size_t>(comm->rank()), 1);
  CHECK(place[0] == std::byte{0});
  place[0] = static_cast<std::byte>(comm->rank() + 1);
  CHECK_OK(comm->Barrier());
  for (int rank = 0; rank < comm->size(); ++rank)
    CHECK(memory->bytes()[static_cast<size_t>(rank)] == static_cast<std::byte>(rank + 1));
  CHECK(other->node_memory()->bytes()[0] == std::byte{0});
  Result<std::unique_ptr<Comm>> twin = comm->MakeTwin();
  CHECK_OK(twin.status());
  CHECK((*twin)->node_memory() == nullptr);
}

void Reductions() {
  auto comm = Open();
  const uint64_t rank = static_cast<uint64_t>(comm->rank());
  const uint64_t size = static_cast<uint64_t>(comm->size());
  for (size_t count :
       {size_t{0}, size_t{1}, size_t{7}, size_t{8192}, size_t{8193}, size_t{20000}}) {
    std::vector<uint64_t> sums(count), least(count), most(count);
    for (size_t i = 0; i < count; ++i) {
      sums[i] = rank * i;
      least[i] = UINT64_MAX - (rank + i) % size;
      most[i] = (rank + i) % size;
    }
    CHECK_OK(comm->Allreduce(sums, Comm::Op::kSum));
    CHECK_OK(comm->Allreduce(least, Comm::Op::kMin));
    CHECK_OK(comm->Allreduce(most, Comm::Op::kMax));
    for (size_t i = 0; i < count; ++i) {
      CHECK(sums[i] == i * (size * (size - 1) / 2));
      CHECK(least[i] == UINT64_MAX - (size - 1));
      CHECK(most[i] == size - 1);
    }
  }
}

void Gather() {
  auto comm = Open();
  std::vector<uint64_t> all(100, 5);  // whatever was in it is gone
  for (uint64_t round = 0; round < 100; ++round) {
    CHECK_OK(comm->Allgather(round * 1000 + static_cast<uint64_t>(comm->rank()), &all));
    CHECK(all.size() == static_cast<size_t>(comm->size()));
    for (size_t i = 0; i < all.size(); ++i) CHECK(all[i] == round * 1000 + i);
    CHECK_OK(comm->Barrier());
  }
}

void Broadcasts() {
  auto comm = Open();
  const size_t piece = size_t{1} << 20;
  uint64_t seed = 0;
  for (size_t bytes : {size_t{0}, size_t{1}, size_t{4096}, piece - 1, piece, piece + 1, 2 * piece,
                       3 * piece + 5, 17 * piece + 3}) {
    for (int root = 0; root < comm->size(); ++root) {
      const Bytes expected = Pattern(++seed, bytes);
      Bytes got = comm->rank() == root ? expected : Bytes(bytes);
      CHECK_OK(comm->Bcast(got, root));
      CHECK(got == expected);
    }
  }
}

// The ranks stand for those of several nodes, one after the other and in turns.
std::vector<std::string> NodeNames() {
  const int rank = WorldRank();
  return {"one", std::to_string(rank / 2), std::to_string(rank / 3), std::to_string(rank % 2),
          std::to_string(rank % 3), rank == 0 ? "first" : "others"};
}

// No barrier between them: who takes the pieces of one slowly meets the next, by another relay.
void BroadcastsByWayOfNodes() {
  const size_t piece = NodeRing::kPieceBytes;
  const uint64_t given = Seed();
  for (const std::string& name : NodeNames()) {
    auto comm = Open(60, name);
    std::mt19937_64 random(given), own(given + static_cast<uint64_t>(comm->rank()));
    for (uint64_t round = 0; round < 60; ++round) {
      const size_t bytes = random() % 2 == 0 ? random() % (20 * piece) : random() % 20 * piece;
      const int root = static_cast<int>(random() % static_cast<uint64_t>(comm->size()));
      const Bytes expected = Pattern(given + round, bytes);
      Bytes got = comm->rank() == root ? expected : Bytes(bytes);
      if (own() % 8 == 0) usleep(static_cast<useconds_t>(own() % 5000));
      CHECK_OK(comm->Bcast(got, root));
      CHECK(got == expected);
    }
  }
}

// What all ranks send together is the message once for each node beside the root's.
void BroadcastReachesANodeOnce() {
  const size_t bytes = 33 * NodeRing::kPieceBytes + 5;
  for (const std::string& name : NodeNames()) {
    auto comm = Open(60, name);
    std::vector<uint64_t> locals;
    CHECK_OK(comm->Allgather(static_cast<uint64_t>(comm->local_ranks()), &locals));
    if (std::count(locals.begin(), locals.end(), 1) == comm->size()) continue;  // one rank each: MPI's
    double nodes = 0;
    for (const uint64_t ranks : locals) nodes += 1 / static_cast<double>(ranks);
    for (int root = 0; root < comm->size(); ++root) {
      Bytes message(bytes, static_cast<std::byte>(root));
      Traffic() = {};
      CHECK_OK(comm->Bcast(message, root));
      CHECK(Traffic().collectives == 0);
      std::vector<uint64_t> sent = {Traffic().message_bytes};
      CHECK_OK(comm->Allreduce(sent, Comm::Op::kSum));
      CHECK(sent[0] == (static_cast<uint64_t>(nodes + 0.5) - 1) * bytes);
    }
  }
}

// Who sends what to whom in a round, drawn from the seed: the same on every rank.
struct Planned {
  int from, to;
  uint64_t seed;
  size_t bytes;
};

std::vector<Planned> Draw(std::mt19937_64* random, int ranks, size_t most_messages) {
  std::vector<Planned> plan(most_messages == 0 ? 0 : (*random)() % (most_messages + 1));
  for (Planned& one : plan) {
    one.from = static_cast<int>((*random)() % static_cast<uint64_t>(ranks));
    one.to = static_cast<int>((*random)() % static_cast<uint64_t>(ranks));
    one.seed = (*random)();
    const size_t sizes[] = {0, 1, 100, 4087, 4088, 4089, 70000, (1 << 20) + 4088, (1 << 20) + 4089};
    one.bytes = (*random)() % 4 == 0 ? sizes[(*random)() % std::size(sizes)] : (*random)() % 3000;
  }
  return plan;
}

void ExchangeAndCheck(Comm* comm, const std::vector<Planned>& plan) {
  std::vector<Message> outgoing;
  std::vector<const Planned*> expected;
  for (const Planned& one : plan) {
    if (one.from == comm->rank()) outgoing.push_back({one.to, Pattern(one.seed, one.bytes)});
    if (one.to == comm->rank()) expected.push_back(&one);
  }
  std::stable_sort(expected.begin(), expected.end(),
                   [](const Planned* a, const Planned* b) { return a->from < b->from; });
  Result<std::vector<Message>> got = comm->Exchange(std::move(outgoing));
  CHECK_OK(got.status());
  CHECK(got->size() == expected.size());
  for (size_t i = 0; i < expected.size();
       ++i) {  // of one source in the order in which they were sent
    CHECK((*got)[i].peer == expected[i]->from);
    CHECK((*got)[i].bytes == Pattern(expected[i]->seed, expected[i]->bytes));
  }
}

void ExchangePatterns() {
  std::mt19937_64 random(Seed());
  auto comm = Open();
  for (int round = 0; round < 40; ++round) {
    ExchangeAndCheck(comm.get(), Draw(&random, comm->size(), round % 5 == 0 ? 2 : 60));
  }
}

void ExchangeOfNothing() {
  auto comm = Open();
  const MpiTraffic before = Traffic();
  for (int round = 0; round < 50; ++round) {
    Result<std::vector<Message>> got = comm->Exchange({});
    CHECK_OK(got.status());
    CHECK(got->empty());
  }
  CHECK(Traffic().messages == before.messages);
  CHECK(Traffic().collectives == before.collectives + 50);
}

void ExchangeWithItself() {
  auto comm = Open();
  const MpiTraffic before = Traffic();
  Result<std::vector<Message>> got =
      comm->Exchange({{comm->rank(), Pattern(1, 5 << 20)}, {comm->rank(), Pattern(2, 3)}});
  CHECK_OK(got.status());
  CHECK(got->size() == 2 && (*got)[0].bytes == Pattern(1, 5 << 20) &&
        (*got)[1].bytes == Pattern(2, 3));
  CHECK(Traffic().messages == before.messages);
}

void ExchangeOfLongMessages() {
  auto comm = Open();
  std::vector<Planned> plan;
  for (int from = 0; from < comm->size(); ++from) {
    for (int to = 0; to < comm->size(); ++to) {
      plan.push_back({from, to, static_cast<uint64_t>(from * 100 + to),
                      (5u << 20) + static_cast<size_t>(from)});
      plan.push_back({from, to, static_cast<uint64_t>(from * 100 + to + 50), 9});
    }
  }
  ExchangeAndCheck(comm.get(), plan);
}

void ExchangeOfManyMessages() {
  auto comm = Open();
  std::vector<Planned> plan;
  for (uint64_t i = 0; i < 2000; ++i) {  // all to one rank: many more than are sent at a time
    plan.push_back({static_cast<int>(i % static_cast<uint64_t>(comm->size())), 0, i, i % 300});
  }
  const MpiTraffic before = Traffic();
  ExchangeAndCheck(comm.get(), plan);
  CHECK(Traffic().messages - before.messages <= 2000);
}

// Ranks that are an exchange ahead of others must not mix up the two.
void ExchangesOfFastAndSlowRanks() {
  std::mt19937_64 random(Seed());
  auto comm = Open();
  for (int round = 0; round < 150; ++round) {
    const std::vector<Planned> plan = Draw(&random, comm->size(), 10);
    const int slow = static_cast<int>(random() % static_cast<uint64_t>(comm->size()));
    if (slow == comm->rank())
      usleep(static_cast<useconds_t>(random() % 3000));
    else
      static_cast<void>(random());  // all ranks draw alike
    ExchangeAndCheck(comm.get(), plan);
  }
}

void TwoCommunicatorsDoNotMeet() {
  std::mt19937_64 random(Seed());
  auto first = Open();
  auto second = Open();
  for (int round = 0; round < 30; ++round) {
    ExchangeAndCheck(first.get(), Draw(&random, first->size(), 10));
    ExchangeAndCheck(second.get(), Draw(&random, second->size(), 10));
  }
  first.reset();
  CHECK_OK(second->Barrier());
}

void IdleIsCalledAboutOnceASecond() {
  auto comm = Open();
  int calls = 0;
  comm->set_idle([&calls] { ++calls; });
  if (comm->rank() == 0) sleep(3);
  CHECK_OK(comm->Barrier());
  CHECK(comm->rank() == 0 ? calls <= 1 : calls >= 2 && calls <= 4);
}

// A rank that waits for seconds leaves the core to others.
void WaitingTakesLittleProcessorTime() {
  auto comm = Open();
  const std::clock_t begin = std::clock();
  if (comm->rank() == 0) sleep(4);
  CHECK_OK(comm->Barrier());
  const double used_seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  CHECK(used_seconds < 1);
}

// The communicator of one process keeps the same promises.
void AloneWithoutMpi() {
  auto comm = MakeSelfComm();
  CHECK(comm->rank() == 0 && comm->size() == 1 && comm->local_ranks() == 1);
  std::vector<uint64_t> values = {3, 4};
  CHECK_OK(comm->Allreduce(values, Comm::Op::kSum));
  CHECK(values[0] == 3 && values[1] == 4);
  CHECK_OK(comm->Allgather(7, &values));
  CHECK(values.size() == 1 && values[0] == 7);
  Bytes bytes = Pattern(1, 100);
  CHECK_OK(comm->Bcast(bytes, 0));
  CHECK(bytes == Pattern(1, 100));
  CHECK_OK(comm->Barrier());
  Result<std::vector<Message>> got = comm->Exchange({{0, Pattern(1, 9)}, {0, {}}});
  CHECK_OK(got.status());
  CHECK(got->size() == 2 && (*got)[0].bytes == Pattern(1, 9) && (*got)[1].bytes.empty());
  CHECK(!comm->Exchange({{1, {}}}).ok());
  comm->Break();
  CHECK(comm->broken());
  CHECK(comm->Barrier().code() == Code::kTimeout);
  CHECK(comm->Exchange({}).status().code() == Code::kTimeout);
}

constexpr Case kCases[] = {
    {"alone_without_mpi", 1, AloneWithoutMpi},
    {"knows_its_ranks", 1, KnowsItsRanks},
    {"shares_memory_on_a_node", 1, SharesMemoryOnANode},
    {"reductions", 1, Reductions},
    {"gather", 1, Gather},
    {"broadcasts", 1, Broadcasts},
    {"broadcasts_by_way_of_nodes", 1, BroadcastsByWayOfNodes},
    {"broadcast_reaches_a_node_once", 1, BroadcastReachesANodeOnce},
    {"exchange_patterns", 1, ExchangePatterns},
    {"exchange_of_nothing", 1, ExchangeOfNothing},
    {"exchange_with_itself", 1, ExchangeWithItself},
    {"exchange_of_long_messages", 1, ExchangeOfLongMessages},
    {"exchange_of_many_messages", 1, ExchangeOfManyMessages},
    {"exchanges_of_fast_and_slow_ranks", 1, ExchangesOfFastAndSlowRanks},
    {"two_communicators_do_not_meet", 1, TwoCommunicatorsDoNotMeet},
    {"idle_is_called_about_once_a_second", 2, IdleIsCalledAboutOnceASecond},
    {"waiting_takes_little_processor_time", 2, WaitingTakesLittleProcessorTime},
};

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::RunCase(argc, argv, tsnap::test::kCases); }
