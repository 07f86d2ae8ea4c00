// CredentialCache and its board: one fetch per node whatever the number of processes and threads, refreshed in time, and
// nobody waits for the dead.
#include <criterion/criterion.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <thread>
#include <vector>

#include "store/http/credential_cache.h"

using namespace tsnap;
using namespace tsnap::http;
using namespace std::chrono_literals;

namespace {

// What the processes of a test share beside the board: a service that counts, and a clock.
struct World {
  std::atomic<int> fetches, refusals, lives;
  std::atomic<int64_t> clock;       // what the caches take for the time
  std::atomic<int> lifetime;        // of what is fetched; 0: for ever
  std::atomic<int> fetch_ms;        // how long the service takes
  std::atomic<int> failing;         // so many of the next fetches fail
  std::atomic<int> failure;         // with this code
  std::atomic<bool> same;           // the service gives the same key again and again
  std::atomic<int> kill_in_fetch;   // the process of this fetch dies
};

World* NewWorld() {
  void* memory = mmap(nullptr, sizeof(World), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  cr_assert_neq(memory, MAP_FAILED);
  auto* world = new (memory) World{};
  world->clock = 1'700'000'000;
  world->lifetime = 3600;
  world->failure = static_cast<int>(Code::kNetwork);
  return world;
}

class CountingSource final : public CredentialSource {
 public:
  explicit CountingSource(World* world, std::string token = "token") : world_(world), token_(std::move(token)) {}
  Result<Credentials> Fetch() override {
    const int number = ++world_->fetches;
    if (world_->kill_in_fetch == number) raise(SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(world_->fetch_ms.load()));
    if (world_->failing > 0) {
      --world_->failing;
      return Status(static_cast<Code>(world_->failure.load()), "the service is out of order");
    }
    Credentials credentials;
    credentials.access_key = world_->same ? "key" : "key-" + std::to_string(number);
    credentials.secret_key = "secret";
    credentials.token = token_;
    if (world_->lifetime != 0) credentials.expires_unix_seconds = world_->clock + world_->lifetime;
    return credentials;
  }
  std::string Describe() const override { return "the counting service"; }

 private:
  World* const world_;
  const std::string token_;
};

std::shared_ptr<CredentialProvider> NewCache(World* world, const std::shared_ptr<NodeMemory>& node, std::string identity = "a",
                                             std::string token = "token") {
  CacheOptions options;
  options.identity = std::move(identity);
  options.most_fetch_seconds = 2;
  options.first_delay_seconds = options.most_delay_seconds = 0.02;
  options.unix_now = [world] { return static_cast<double>(world->clock.load()); };
  auto cache = CredentialCache::Make(std::make_unique<CountingSource>(world, std::move(token)), node, options);
  cr_assert(cache.ok(), "%s", cache.status().ToString().c_str());
  return *cache;
}

std::shared_ptr<NodeMemory> NewNode() {
  auto memory = NodeMemory::Create();
  cr_assert(memory.ok());
  return *memory;
}

pid_t Start(const std::function<bool()>& body) {
  const pid_t child = fork();
  cr_assert_geq(child, 0);
  if (child == 0) _exit(body() ? 0 : 1);
  return child;
}

int Wait(pid_t child) {
  int status = 0;
  cr_assert_eq(waitpid(child, &status, 0), child);
  return status;
}

// So many processes at once, each with a cache of its own on the node's board.
void OnRanks(int count, const std::function<bool(int)>& body) {
  std::vector<pid_t> ranks;
  for (int i = 0; i < count; ++i) ranks.push_back(Start([&] { return body(i); }));
  for (size_t i = 0; i < ranks.size(); ++i) cr_assert_eq(Wait(ranks[i]), 0, "rank %zu", i);
}

// All of them are here before any goes on.
void Barrier(std::atomic<int>* arrived, int count) {
  ++*arrived;
  while (*arrived < count) std::this_thread::sleep_for(1ms);
}

bool Has(const std::shared_ptr<CredentialProvider>& cache, const std::string& access_key) {
  auto credentials = cache->Get();
  return credentials.ok() && credentials->access_key == access_key && credentials->secret_key == "secret" &&
         credentials->token == "token";
}

double SecondsOf(const std::function<void()>& body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

Test(credential_cache, eight_ranks_of_a_node_fetch_once) {
  World* world = NewWorld();
  world->fetch_ms = 50;
  const auto node = NewNode();
  OnRanks(8, [&](int) {
    const auto cache = NewCache(world, node);
    return Has(cache, "key-1") && Has(cache, "key-1");
  });
  cr_assert_eq(world->fetches, 1);
}

Test(credential_cache, a_rank_that_opens_the_memory_by_its_address_shares_what_was_fetched) {
  World* world = NewWorld();
  const auto node = NewNode();
  cr_assert(Has(NewCache(world, node), "key-1"));
  const NodeMemory::Address address = node->address();
  cr_assert_eq(Wait(Start([&] {
                 auto opened = NodeMemory::Open(address);
                 return opened.ok() && Has(NewCache(world, *opened), "key-1");
               })),
               0);
  cr_assert_eq(world->fetches, 1);
}

Test(credential_cache, threads_without_a_node_fetch_once) {
  World* world = NewWorld();
  world->fetch_ms = 50;
  const auto cache = NewCache(world, nullptr);
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { good += Has(cache, "key-1"); });
  for (std::thread& thread : threads) thread.join();
  cr_assert_eq(good, 8);
  cr_assert_eq(world->fetches, 1);
}

Test(credential_cache, each_expiry_is_met_by_one_fetch_per_node) {
  World* world = NewWorld();
  world->fetch_ms = 20;
  const auto node = NewNode();
  for (int round = 1; round <= 5; ++round) {
    OnRanks(8, [&](int) { return Has(NewCache(world, node), "key-" + std::to_string(round)); });
    cr_assert_eq(world->fetches, round);
    world->clock += 3600;
  }
}

Test(credential_cache, a_refresh_begins_before_the_end_and_nobody_waits_for_it) {
  World* world = NewWorld();
  const auto node = NewNode();
  const auto cache = NewCache(world, node), neighbour = NewCache(world, node);
  cr_assert(Has(cache, "key-1"));
  world->clock += 3600 - 361;  // a minute of jitter before five
  cr_assert(Has(cache, "key-1"));
  cr_assert_eq(world->fetches, 1);
  world->clock += 62;  // five minutes are left
  world->fetch_ms = 600;
  std::thread refresher([&] { cr_assert(Has(cache, "key-2")); });
  while (world->fetches < 2) std::this_thread::sleep_for(1ms);
  cr_assert_lt(SecondsOf([&] {
                 cr_assert(Has(cache, "key-1"));
                 cr_assert(Has(neighbour, "key-1"));
               }),
               0.4);
  refresher.join();
  cr_assert(Has(neighbour, "key-2"));
  cr_assert_eq(world->fetches, 2);
}

Test(credential_cache, nodes_do_not_all_refresh_at_one_moment) {
  World* world = NewWorld();
  int due = 0;
  constexpr int kNodes = 40;
  std::vector<std::shared_ptr<CredentialProvider>> nodes;
  for (int i = 0; i < kNodes; ++i) {
    nodes.push_back(NewCache(world, NewNode()));
    cr_assert(nodes.back()->Get().ok());
  }
  world->clock += 3600 - 330;  // in the middle of the jitter
  for (const auto& cache : nodes) {
    const int before = world->fetches;
    cr_assert(cache->Get().ok());
    due += world->fetches - before;
  }
  cr_assert_gt(due, 0);
  cr_assert_lt(due, kNodes);
}

Test(credential_cache, short_lived_ones_are_refreshed_at_half_of_their_time) {
  World* world = NewWorld();
  world->lifetime = 100;
  const auto cache = NewCache(world, nullptr);
  cr_assert(Has(cache, "key-1"));
  world->clock += 49;
  cr_assert(Has(cache, "key-1"));
  world->clock += 2;
  cr_assert(Has(cache, "key-2"));
}

Test(credential_cache, what_never_expires_is_fetched_once) {
  World* world = NewWorld();
  world->lifetime = 0;
  const auto cache = NewCache(world, nullptr);
  cr_assert(Has(cache, "key-1"));
  world->clock += int64_t{100} * 365 * 86400;
  cr_assert(Has(cache, "key-1"));
}

Test(credential_cache, a_rank_killed_while_it_fetches_stops_nobody) {
  World* world = NewWorld();
  world->kill_in_fetch = 1;
  const auto node = NewNode();
  const pid_t victim = Start([&] { return Has(NewCache(world, node), "never"); });
  while (world->fetches < 1) std::this_thread::sleep_for(1ms);
  const double seconds = SecondsOf([&] { OnRanks(8, [&](int) { return Has(NewCache(world, node), "key-2"); }); });
  cr_assert(WIFSIGNALED(Wait(victim)));
  cr_assert_lt(seconds, 5.0);
  cr_assert_eq(world->fetches, 2);
}

Test(credential_cache, ranks_killed_at_any_moment_leave_a_board_that_works) {
  World* world = NewWorld();
  world->lifetime = 12;  // nearly every look at it fetches
  const auto node = NewNode();
  for (int i = 0; i < 30; ++i) {
    const pid_t victim = Start([&] {
      const auto cache = NewCache(world, node);
      for (;;) {
        auto credentials = cache->Get();
        if (!credentials.ok()) return false;
        cache->Refuse(*credentials);
        world->clock += 1;
      }
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(3 + i % 7));
    kill(victim, SIGKILL);
    cr_assert(WIFSIGNALED(Wait(victim)));
    auto credentials = NewCache(world, node)->Get();
    cr_assert(credentials.ok(), "%s", credentials.status().ToString().c_str());
    cr_assert_eq(credentials->secret_key, "secret");
  }
}

Test(credential_cache, a_refusal_by_all_at_once_leads_to_one_fetch) {
  World* world = NewWorld();
  const auto node = NewNode();
  std::atomic<int>* arrived = &world->lives;
  OnRanks(8, [&](int) {
    const auto cache = NewCache(world, node);
    auto credentials = cache->Get();
    if (!credentials.ok() || credentials->access_key != "key-1") return false;
    Barrier(arrived, 8);
    cache->Refuse(*credentials);
    return Has(cache, "key-2");
  });
  cr_assert_eq(world->fetches, 2);
}

Test(credential_cache, a_service_that_gives_out_again_what_was_refused_is_not_asked_by_all) {
  World* world = NewWorld();
  world->same = true;
  const auto node = NewNode();
  std::atomic<int>* arrived = &world->lives;
  OnRanks(8, [&](int) {
    const auto cache = NewCache(world, node);
    auto credentials = cache->Get();
    Barrier(arrived, 8);
    cache->Refuse(*credentials);
    return Has(cache, "key");
  });
  cr_assert_eq(world->fetches, 2);
  world->clock += 11;
  const auto cache = NewCache(world, node);
  cache->Refuse(*cache->Get());
  cr_assert(Has(cache, "key"));
  cr_assert_eq(world->fetches, 3);
}

Test(credential_cache, what_was_refused_long_ago_does_not_take_down_what_is_new) {
  World* world = NewWorld();
  const auto cache = NewCache(world, nullptr);
  const auto first = cache->Get();
  cache->Refuse(*first);
  cr_assert(Has(cache, "key-2"));
  cache->Refuse(*first);
  cr_assert(Has(cache, "key-2"));
}

Test(credential_cache, a_service_out_of_order_is_tried_again_for_a_bounded_time) {
  World* world = NewWorld();
  world->failing = 3;
  cr_assert(Has(NewCache(world, nullptr), "key-4"));
  world->failing = 1 << 30;
  const auto cache = NewCache(world, nullptr);
  const double seconds = SecondsOf([&] {
    auto credentials = cache->Get();
    cr_assert(credentials.status().code() == Code::kNetwork);
  });
  cr_assert_lt(seconds, 10.0);
}

Test(credential_cache, a_refusal_by_the_service_is_final_and_told_to_all_who_wait) {
  World* world = NewWorld();
  world->failing = 1 << 30;
  world->failure = static_cast<int>(Code::kAuth);
  world->fetch_ms = 200;
  const auto node = NewNode();
  OnRanks(8, [&](int) {
    auto credentials = NewCache(world, node)->Get();
    return credentials.status().code() == Code::kAuth && credentials.status().message() == "the service is out of order";
  });
  cr_assert_eq(world->fetches, 1);
  world->clock += 2;  // who asks later gets an answer of his own
  world->failing = 0;
  cr_assert(Has(NewCache(world, node), "key-2"));
}

Test(credential_cache, a_refresh_that_fails_leaves_the_old_ones_and_is_tried_again_later) {
  World* world = NewWorld();
  const auto node = NewNode();
  const auto cache = NewCache(world, node);
  cr_assert(Has(cache, "key-1"));
  world->clock += 3600 - 250;
  world->failing = 1 << 30;
  for (int i = 0; i < 20; ++i) cr_assert(Has(cache, "key-1"));
  cr_assert_eq(world->fetches, 2);
  world->clock += 61;
  world->failing = 0;
  cr_assert(Has(cache, "key-3"));
}

Test(credential_cache, what_has_expired_already_is_no_credential) {
  World* world = NewWorld();
  world->lifetime = -5;
  auto credentials = NewCache(world, nullptr)->Get();
  cr_assert(credentials.status().code() == Code::kAuth);
  cr_assert(credentials.status().message().find("clock") != std::string::npos);
}

Test(credential_cache, other_sources_have_other_places_and_a_full_board_is_no_failure) {
  World* world = NewWorld();
  const auto node = NewNode();
  for (int i = 1; i <= CredentialBoard::kSlots + 2; ++i)
    cr_assert(Has(NewCache(world, node, "source " + std::to_string(i)), "key-" + std::to_string(i)));
  cr_assert(Has(NewCache(world, node, "source 1"), "key-1"));
}

Test(credential_cache, the_longest_tokens_pass_and_longer_ones_are_told) {
  World* world = NewWorld();
  const std::string token(12000, 'x');
  const auto node = NewNode();
  const auto cache = NewCache(world, node, "long", token);
  cr_assert_eq(cache->Get()->token, token);
  cr_assert_eq(cache->Get()->token, token);
  cr_assert_eq(world->fetches, 1);
  auto longer = NewCache(world, node, "longer", token + token)->Get();
  cr_assert(longer.status().code() == Code::kUnsupported, "%s", longer.status().ToString().c_str());
  cr_assert(longer.status().message().find("xxxx") == std::string::npos);
}

Test(credential_cache, a_rank_that_is_stopped_with_the_claim_holds_up_the_others_for_a_bounded_time, .timeout = 120) {
  World* world = NewWorld();
  world->fetch_ms = 100;
  const auto node = NewNode();
  auto board = CredentialBoard::Open(node);
  cr_assert(board.ok());
  auto slot = (*board)->SlotOf("a");
  cr_assert(slot.ok());
  std::atomic<int>* held = &world->refusals;
  const pid_t stopped = Start([&] {
    const bool mine = slot->Claim(0);
    *held = 1;
    raise(SIGSTOP);
    return mine;
  });
  while (*held == 0) std::this_thread::sleep_for(1ms);
  cr_assert_not(slot->Claim(0.05));
  CacheOptions options;
  options.identity = "a";
  options.most_fetch_seconds = -14;  // so that the wait is two seconds
  auto cache = CredentialCache::Make(std::make_unique<CountingSource>(world), node, options);
  world->lifetime = 0;
  cr_assert(Has(*cache, "key-1"));
  kill(stopped, SIGKILL);
  Wait(stopped);
  cr_assert(slot->Claim(1));
  slot->EndClaim();
}

Test(credential_cache, a_board_full_of_noise_is_survived) {
  World* world = NewWorld();
  const auto node = NewNode();
  const auto cache = NewCache(world, node);
  cr_assert(Has(cache, "key-1"));
  // Everything behind the board's own locks: lengths, texts and codes that make no sense.
  for (std::byte& byte : node->bytes().subspan(13 << 10)) byte = std::byte{0xff};
  auto credentials = NewCache(world, node)->Get();
  cr_assert(credentials.ok(), "%s", credentials.status().ToString().c_str());
  auto slot = (*CredentialBoard::Open(node))->SlotOf("another");
  if (slot.ok()) {
    auto posted = slot->Read();
    cr_assert(!posted.ok() || !posted->usable);
  }
}
