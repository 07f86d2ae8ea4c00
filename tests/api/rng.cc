// The generators of examples/rng.h: a take changes no draw that comes after it, and a restore brings back those that came then.
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "rng_sources.h"

namespace tsnap::test {
namespace {

constexpr int kDraws = 200;

void At(const Way& way, const Source& source, const std::string& what = "") {
  Where() = std::string(way.name) + ", " + source.name() + (what.empty() ? "" : ", ") + what;
}

// Nothing else is in the state. Wherever in its sequence the generator is, also at its very beginning.
void DrawsAfterTakeAreThoseAfterRestoreAndWithoutEither() {
  const Folder folder(NewFolder());
  Self context;
  int number = 0;
  for (const Way& way : kWays) {
    for (const auto& source : EverySource()) {
      State state;
      CHECK_OK(source->Add(state, "rng"));
      for (const int before : {0, 1, 30, 31, 64, 157}) {
        At(way, *source, "after " + std::to_string(before));
        const std::string url = folder / std::to_string(number++);
        source->Seed(7);
        source->DrawMany(before);
        const Draws expected = source->DrawMany(kDraws);   // the run that never took a snapshot

        source->Seed(7);
        source->DrawMany(before);
        CHECK_OK(way.take(context, url, state));
        CHECK(source->DrawMany(kDraws) == expected);
        CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));   // from where it went on to
        CHECK(source->DrawMany(kDraws) == expected);
        source->Seed(99);                                                // from somewhere else
        source->DrawMany(5);
        CHECK(source->DrawMany(kDraws) != expected);
        CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
        CHECK(source->DrawMany(kDraws) == expected);
      }
    }
  }
}

void DescribeThatDrawsChangesNothing() {
  const Folder folder(NewFolder());
  Self context;
  int number = 0;
  for (const Way& way : kWays) {
    for (const bool own_parameters : {false, true}) {
      Where() = way.name;
      const Sources sources = SourcesTogether(own_parameters);
      State state;
      Gambler first(sources), last(sources);
      first.Add(state, "a");   // before and after the generators by name, and by order of registration
      AddAll(sources, state);
      last.Add(state, "z");
      SeedAll(sources, 5);
      DrawFromAll(sources, 11);
      const Draws expected = DrawFromAll(sources, kDraws);

      SeedAll(sources, 5);
      DrawFromAll(sources, 11);
      const std::string url = folder / std::to_string(number++);
      CHECK_OK(way.take(context, url, state));
      CHECK(first.describes == 1 && last.describes == 1 && first.weights() != last.weights());
      const Draws stored = first.weights();
      CHECK(DrawFromAll(sources, kDraws) == expected);
      CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
      CHECK(DrawFromAll(sources, kDraws) == expected);
      CHECK(first.weights() == stored);   // what was drawn for the take is what it stored
    }
  }
}

void FailedTakeLeavesGeneratorsAsTheyWere() {
  const Folder folder(NewFolder());
  Self context;
  int number = 0;
  for (const Way& way : kWays) {
    Where() = way.name;
    const Sources sources = SourcesTogether();
    State state;
    Gambler first(sources), last(sources);
    first.Add(state, "a");
    AddAll(sources, state);
    last.Add(state, "z");
    const std::string url = folder / std::to_string(number++);
    SeedAll(sources, 8);
    const Draws expected = DrawFromAll(sources, 3 * kDraws);

    for (Gambler* failing : {&first, &last}) {
      SeedAll(sources, 8);
      failing->describe_returns = 7;
      CHECK_CODE(way.take(context, url, state), TSNAP_E_CALLBACK);
      failing->describe_returns = TSNAP_OK;
      CHECK(DrawFromAll(sources, 3 * kDraws) == expected);
    }
    SeedAll(sources, 8);
    CHECK_OK(way.take(context, url, state));                     // the context and the state are usable
    CHECK_CODE(way.take(context, url, state), TSNAP_E_EXISTS);   // a failure after all have described themselves
    CHECK_CODE(way.take(context, "nowhere://x", state), TSNAP_E_INVALID);
    CHECK(DrawFromAll(sources, 3 * kDraws) == expected);
    CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
    CHECK(DrawFromAll(sources, 3 * kDraws) == expected);
  }
}

// A restore has generators describe themselves as well: one that brings nothing back leaves them alone.
void FailedRestoreLeavesGeneratorsAsTheyWere() {
  const Folder folder(NewFolder());
  Self context;
  for (const bool own_parameters : {false, true}) {
    const Sources sources = SourcesTogether(own_parameters);
    State empty, state;
    AddAll(sources, state);
    CHECK_OK(TakeQuick(context, folder / (own_parameters ? "a" : "b"), empty));
    SeedAll(sources, 9);
    const Draws expected = DrawFromAll(sources, kDraws);
    SeedAll(sources, 9);
    CHECK_CODE(tsnap_restore(context, (folder / "none").c_str(), state, nullptr), TSNAP_E_NOT_FOUND);
    CHECK_CODE(tsnap_restore(context, (folder / (own_parameters ? "a" : "b")).c_str(), state, nullptr), TSNAP_E_MISMATCH);
    CHECK_OK(RestoreLoose(context, folder / (own_parameters ? "a" : "b"), state));
    CHECK(DrawFromAll(sources, kDraws) == expected);
  }
}

void SeveralGeneratorsInOneStateDoNotMeet() {
  const Folder folder(NewFolder());
  Self context;
  int number = 0;
  for (const Way& way : kWays) {
    Where() = way.name;
    const Sources sources = SourcesTogether(), unregistered = OwnedSources();
    State state;
    double time = 3;
    CHECK_OK(tsnap_state_add_float64(state, "time", TSNAP_PRIVATE, &time));
    AddAll(sources, state);
    SeedAll(sources, 21);
    SeedAll(unregistered, 22);
    for (size_t i = 0; i < sources.size(); ++i) sources[i]->DrawMany(static_cast<int>(i));   // each is elsewhere
    const std::string url = folder / std::to_string(number++);
    CHECK_OK(way.take(context, url, state));
    const Draws expected = DrawFromAll(sources, kDraws), of_others = DrawFromAll(unregistered, kDraws);
    SeedAll(sources, 1);
    time = 0;
    CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
    CHECK(time == 3);
    CHECK(DrawFromAll(sources, kDraws) == expected);
    const Draws further = DrawFromAll(unregistered, kDraws);   // what is not in the state goes on
    SeedAll(unregistered, 22);
    CHECK(DrawFromAll(unregistered, kDraws) == of_others);
    CHECK(DrawFromAll(unregistered, kDraws) == further);
  }
}

void TwoTakesInARowHoldTheSame() {
  const Folder folder(NewFolder());
  Self context;
  int number = 0;
  for (const Way& way : kWays) {
    Where() = way.name;
    const Sources sources = SourcesTogether();
    State state;
    AddAll(sources, state);
    Gambler gambler(sources);
    gambler.Add(state, "gambler");
    const std::string first = folder / std::to_string(number++), second = folder / std::to_string(number++);
    const std::string later = folder / std::to_string(number++);
    SeedAll(sources, 3);
    CHECK_OK(way.take(context, first, state));
    CHECK_OK(way.take(context, second, state));
    const Draws expected = DrawFromAll(sources, kDraws);
    CHECK_OK(way.take(context, later, state));
    const Draws further = DrawFromAll(sources, kDraws);
    for (const std::string& url : {first, second, first}) {
      CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
      CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
      CHECK(DrawFromAll(sources, kDraws) == expected);
      CHECK(DrawFromAll(sources, kDraws) == further);
    }
    CHECK_OK(tsnap_restore(context, later.c_str(), state, nullptr));
    CHECK(DrawFromAll(sources, kDraws) == further);
    // What was restored is taken again, and is the same.
    CHECK_OK(tsnap_restore(context, first.c_str(), state, nullptr));
    const std::string again = folder / std::to_string(number++);
    CHECK_OK(way.take(context, again, state));
    SeedAll(sources, 4);
    CHECK_OK(tsnap_restore(context, again.c_str(), state, nullptr));
    CHECK(DrawFromAll(sources, kDraws) == expected);
  }
}

// The program runs itself: the other process restores into generators that it has just set up, and tells what it draws.
void OtherProcessGoesOnWithTheSameDraws() {
  if (const char* url = std::getenv("TSNAP_RNG_TEST_URL")) {
    Self context;
    State state;
    const Sources sources = SourcesTogether();
    AddAll(sources, state);
    CHECK_OK(tsnap_restore(context, url, state, nullptr));
    std::ofstream file(std::string(url) + ".draws");
    for (const uint64_t draw : DrawFromAll(sources, kDraws)) file << draw << '\n';
    return;
  }
  const Folder folder(NewFolder());
  Self context;
  int number = 0;
  for (const Way& way : kWays) {
    Where() = way.name;
    const Sources sources = SourcesTogether();
    State state;
    AddAll(sources, state);
    SeedAll(sources, 77);
    DrawFromAll(sources, 45);
    const std::string url = folder / std::to_string(number++);
    CHECK_OK(way.take(context, url, state));
    const Draws expected = DrawFromAll(sources, kDraws);

    CHECK(setenv("TSNAP_RNG_TEST_URL", url.c_str(), 1) == 0);
    const pid_t child = fork();
    if (child == 0) {
      execl("/proc/self/exe", "rng", "other_process_goes_on_with_the_same_draws", static_cast<char*>(nullptr));
      _exit(9);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    std::ifstream file(url + ".draws");
    Draws drawn;
    for (uint64_t draw = 0; file >> draw;) drawn.push_back(draw);
    CHECK_SAME_INT(drawn.size(), expected.size());
    CHECK(drawn == expected);
  }
}

void MultiplierAndAddendAreKept() {
  const Folder folder(NewFolder());
  Self context;
  int number = 0;
  for (const Way& way : kWays) {
    Where() = way.name;
    State state;
    Drand48Source source(true), plain(false);
    CHECK_OK(source.Add(state, "rng", TSNAP_PRIVATE));
    const std::string url = folder / std::to_string(number++), default_url = folder / std::to_string(number++);
    source.Seed(4);
    unsigned short own[3] = {9, 9, 9};
    CHECK_OK(way.take(context, url, state));
    nrand48(own);   // steps by the parameters of the process
    const Draws expected = source.DrawMany(kDraws);
    plain.Seed(4);
    CHECK_OK(way.take(context, default_url, state));
    const Draws expected_plain = plain.DrawMany(kDraws);
    CHECK(expected_plain != expected);

    CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
    unsigned short again[3] = {9, 9, 9};
    nrand48(again);
    CHECK(std::memcmp(own, again, sizeof own) == 0);
    CHECK(source.DrawMany(kDraws) == expected);
    CHECK_OK(tsnap_restore(context, default_url.c_str(), state, nullptr));   // and the usual ones after others
    CHECK(plain.DrawMany(kDraws) == expected_plain);

    // What is stored are the numbers that were given to lcong48.
    Opened snapshot(url);
    uint16_t stored[7] = {};
    const tsnap_array array = Line(TSNAP_UINT16, stored, 7);
    CHECK_OK(tsnap_read(snapshot, "0/rng/lcong48", &array, nullptr));
    const uint16_t given[7] = {4, 2, 3, 0x4bb5, 0x5db5, 0x2a1c, 0x8765};
    CHECK(std::memcmp(stored, given, sizeof given) == 0);
  }

}

void SharedGeneratorIsStoredOnce() {
  const Folder folder(NewFolder());
  Self context;
  int number = 0;
  for (const Way& way : kWays) {
    for (const auto& source : EverySource()) {
      At(way, *source);
      const std::string url = folder / std::to_string(number++);
      State state;
      CHECK_OK(source->Add(state, "rng", TSNAP_REPLICATED));
      source->Seed(2);
      CHECK_OK(way.take(context, url, state));
      const Draws expected = source->DrawMany(kDraws);
      source->Seed(1);
      CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
      CHECK(source->DrawMany(kDraws) == expected);
      Opened snapshot(url);
      tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
      CHECK_OK(tsnap_snapshot_object(snapshot, 0, &info));
      CHECK_SAME_INT(info.kind, TSNAP_REPLICATED);
      CHECK_CODE(tsnap_snapshot_object(snapshot, 1, &info), TSNAP_E_NOT_FOUND);
    }
  }
}

// Struct and callbacks of one generator, used for another as well: found at the first take, not in wrong numbers later.
void OneRegistrationForTwoGeneratorsIsRefused() {
  const Folder folder(NewFolder());
  Self context;
  State state;
  Pcg32 first, second;
  SeedPcg32(&first, 1, 1);
  SeedPcg32(&second, 2, 2);
  Pcg32Registration registration;
  CHECK_OK(AddPcg32(state, "a", TSNAP_PRIVATE, &first, &registration));
  CHECK_OK(AddPcg32(state, "b", TSNAP_PRIVATE, &second, &registration));
  CHECK_CODE(TakeQuick(context, folder / "snap", state), TSNAP_E_CALLBACK);
  CHECK_SAYS("\"b\"");
  CHECK_OK(tsnap_state_remove(state, "a"));
  CHECK_OK(TakeQuick(context, folder / "snap", state));
}

// The numbers that the author's own program prints for this seed and stream.
void Pcg32IsTheOneOfThePaper() {
  Pcg32 generator;
  SeedPcg32(&generator, 42, 54);
  for (const uint32_t expected : {0xa15c02b7u, 0x7b47f409u, 0xba1d3330u, 0x83d2f293u, 0xbfa4784bu, 0xcbed606eu}) {
    CHECK_SAME_INT(DrawPcg32(&generator), expected);
  }
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double number = DrawPcg32Uniform(&generator);
    CHECK(number >= 0 && number < 1);
    sum += number;
  }
  CHECK(sum > 4800 && sum < 5200);
}

// What another program has stored under the generator's path is no state of it: loaded refuses it, and the generator goes on.
void StoredNonsenseIsRefused() {
  const Folder folder(NewFolder());
  Self context;
  int number = 0;
  const auto refuse = [&](Source& source, const char* path, const tsnap_array& nonsense) {
    Where() = source.name();
    const std::string url = folder / std::to_string(number++);
    State writing, reading;
    CHECK_OK(tsnap_state_add_private(writing, path, &nonsense));
    CHECK_OK(TakeQuick(context, url, writing));
    CHECK_OK(source.Add(reading, "rng", TSNAP_PRIVATE));
    source.Seed(6);
    const Draws expected = source.DrawMany(kDraws);
    source.Seed(6);
    CHECK_CODE(tsnap_restore(context, url.c_str(), reading, nullptr), TSNAP_E_CALLBACK);
    CHECK_SAYS("rng");
    CHECK(source.DrawMany(kDraws) == expected);
  };
  uint64_t even[2] = {3, 4};
  Pcg32Source pcg(1);
  refuse(pcg, "rng/pcg32", Line(TSNAP_UINT64, even, 2));
#ifdef __GLIBC__
  RandomRSource random(128), smallest(8);
  int32_t words[32] = {};
  for (const int32_t header : {-1, 0, 5 * 3 + 2, 5 * 31 + 3, 5 * 1000 + 3, INT32_MIN, INT32_MAX}) {
    words[0] = header;
    refuse(random, "rng/random_r", Line(TSNAP_INT32, words, 32));
    if (header != 0) refuse(smallest, "rng/random_r", Line(TSNAP_INT32, words, 2));
  }
#endif
}

// What is stored is the state at the call; the take is over for the generators when the call returns.
void DrawsWhileATakeIsPendingAreNotInIt() {
  const Folder folder(NewFolder());
  Self context;
  const Sources sources = SourcesTogether();
  State state;
  Gambler gambler(sources);
  gambler.Add(state, "a");
  AddAll(sources, state);
  std::vector<double> bulk(1 << 20, 1.5);   // so that there is something to write meanwhile
  const tsnap_array array = Line(TSNAP_FLOAT64, bulk.data(), 1 << 20);
  CHECK_OK(tsnap_state_add_private(state, "bulk", &array));
  SeedAll(sources, 31);
  const Draws expected = DrawFromAll(sources, kDraws);

  for (int number = 0; number < 5; ++number) {
    const std::string url = folder / std::to_string(number);
    const tsnap_take_options options = Quick();
    tsnap_request* request = nullptr;
    SeedAll(sources, 31);
    CHECK_OK(tsnap_take_async(context, url.c_str(), state, &options, &request));
    CHECK(DrawFromAll(sources, kDraws) == expected);   // pending
    SeedAll(sources, 32);
    const Draws other = DrawFromAll(sources, kDraws);
    SeedAll(sources, 32);
    CHECK_OK(tsnap_request_wait(request));             // puts nothing back
    CHECK_OK(tsnap_request_free(&request));
    CHECK(DrawFromAll(sources, kDraws) == other);
    CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
    CHECK(DrawFromAll(sources, kDraws) == expected);
  }
  // A take right after one that is pending captures what is then, and leaves what the first one staged alone.
  tsnap_request* first = nullptr;
  tsnap_request* second = nullptr;
  SeedAll(sources, 31);
  CHECK_OK(tsnap_take_async(context, (folder / "first").c_str(), state, nullptr, &first));
  CHECK(DrawFromAll(sources, kDraws) == expected);
  CHECK_OK(tsnap_take_async(context, (folder / "second").c_str(), state, nullptr, &second));
  const Draws further = DrawFromAll(sources, kDraws);
  CHECK_OK(tsnap_request_free(&first));
  CHECK_OK(tsnap_request_free(&second));
  CHECK_OK(tsnap_restore(context, (folder / "first").c_str(), state, nullptr));
  CHECK(DrawFromAll(sources, kDraws) == expected);
  CHECK_OK(tsnap_restore(context, (folder / "second").c_str(), state, nullptr));
  CHECK(DrawFromAll(sources, kDraws) == further);
}

#ifdef __GLIBC__
// Nothing of what is restored points to where it came from.
void RandomRGoesIntoABufferElsewhere() {
  const Folder folder(NewFolder());
  Self context;
  int number = 0;
  for (const Way& way : kWays) {
    for (const size_t bytes : {8, 32, 64, 128, 256}) {
      const std::string url = folder / std::to_string(number++);
      State state, other_state;
      auto source = std::make_unique<RandomRSource>(bytes);
      At(way, *source);
      CHECK_OK(source->Add(state, "rng", TSNAP_PRIVATE));
      source->Seed(12);
      source->DrawMany(40);
      CHECK_OK(way.take(context, url, state));
      CHECK(source->data()->state == source->buffer() + 1);
      const Draws expected = source->DrawMany(kDraws);
      RandomRSource other(bytes);
      CHECK(other.buffer() != source->buffer());
      source.reset();   // its buffer is gone, as the process that took the snapshot would be
      CHECK_OK(other.Add(other_state, "rng", TSNAP_PRIVATE));
      CHECK_OK(tsnap_restore(context, url.c_str(), other_state, nullptr));
      CHECK(other.data()->state == other.buffer() + 1);
      CHECK(other.DrawMany(kDraws) == expected);

      // Also when the program has changed the buffer since it registered the generator.
      const int32_t* const before = other.buffer();
      other.Seed(1);
      CHECK(other.buffer() != before);
      CHECK_OK(tsnap_restore(context, url.c_str(), other_state, nullptr));
      CHECK(other.DrawMany(kDraws) == expected);
    }
  }
}

void RandomROfAnotherSizeIsAMismatch() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  State state, other_state;
  RandomRSource source(128), other(256);
  CHECK_OK(source.Add(state, "rng", TSNAP_PRIVATE));
  CHECK_OK(other.Add(other_state, "rng", TSNAP_PRIVATE));
  CHECK_OK(TakeQuick(context, url, state));
  other.Seed(3);
  const Draws expected = other.DrawMany(kDraws);
  other.Seed(3);
  CHECK_CODE(tsnap_restore(context, url.c_str(), other_state, nullptr), TSNAP_E_MISMATCH);
  CHECK_REPORT(context, {.mismatched = {"0/rng/random_r"}, .not_restored = {"0/rng/random_r"}});
  CHECK(other.DrawMany(kDraws) == expected);

  // Sizes between two of the five are those of the smaller.
  State between_state;
  alignas(int32_t) char buffer[200] = {};
  random_data between = {};
  RandomRRegistration registration;
  CHECK(initstate_r(1, buffer, sizeof buffer, &between) == 0);
  CHECK_OK(AddRandomR(between_state, "rng", TSNAP_PRIVATE, &between, &registration));
  CHECK_OK(tsnap_restore(context, url.c_str(), between_state, nullptr));
}

void RandomRWithoutABufferIsRefused() {
  const Folder folder(NewFolder());
  Self context;
  State state;
  random_data none = {};
  RandomRRegistration registration;
  CHECK_OK(AddRandomR(state, "rng", TSNAP_PRIVATE, &none, &registration));
  CHECK_CODE(TakeQuick(context, folder / "snap", state), TSNAP_E_CALLBACK);
  CHECK_SAYS("rng");
}
#endif

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"draws_after_take_are_those_after_restore_and_without_either", DrawsAfterTakeAreThoseAfterRestoreAndWithoutEither},
                  {"describe_that_draws_changes_nothing", DescribeThatDrawsChangesNothing},
                  {"failed_take_leaves_generators_as_they_were", FailedTakeLeavesGeneratorsAsTheyWere},
                  {"failed_restore_leaves_generators_as_they_were", FailedRestoreLeavesGeneratorsAsTheyWere},
                  {"several_generators_in_one_state_do_not_meet", SeveralGeneratorsInOneStateDoNotMeet},
                  {"two_takes_in_a_row_hold_the_same", TwoTakesInARowHoldTheSame},
                  {"other_process_goes_on_with_the_same_draws", OtherProcessGoesOnWithTheSameDraws},
                  {"multiplier_and_addend_are_kept", MultiplierAndAddendAreKept},
                  {"shared_generator_is_stored_once", SharedGeneratorIsStoredOnce},
                  {"one_registration_for_two_generators_is_refused", OneRegistrationForTwoGeneratorsIsRefused},
                  {"pcg32_is_the_one_of_the_paper", Pcg32IsTheOneOfThePaper},
                  {"draws_while_a_take_is_pending_are_not_in_it", DrawsWhileATakeIsPendingAreNotInIt},
#ifdef __GLIBC__
                  {"random_r_goes_into_a_buffer_elsewhere", RandomRGoesIntoABufferElsewhere},
                  {"random_r_of_another_size_is_a_mismatch", RandomROfAnotherSizeIsAMismatch},
                  {"random_r_without_a_buffer_is_refused", RandomRWithoutABufferIsRefused},
#endif
                  {"stored_nonsense_is_refused", StoredNonsenseIsRefused}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
