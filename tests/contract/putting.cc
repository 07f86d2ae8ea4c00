// The contract of small objects: whole or not at all, and of several writers exactly one wins.
#include <algorithm>
#include <atomic>
#include <thread>

#include "contract.h"

namespace tsnap::contract {

namespace {

// What a reader sees is one of the versions when all its bytes say so: a letter, repeated, as often as the letter tells.
std::string VersionText(int number) {
  const int letter = number % 26;
  return std::string(static_cast<size_t>(1 + letter * 977), static_cast<char>('a' + letter));
}
bool IsWhole(const std::string& text) { return !text.empty() && text == VersionText(text[0] - 'a'); }

}  // namespace

void GetLimit(Place& place) {
  const auto store = place.Open();
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, uint64_t{4096}, uint64_t{300000}}) {
    const Bytes content = Pattern(size, size);
    const std::string key = "limit/" + std::to_string(size);
    EXPECT_OK(store->Put(key, content, false));
    for (const uint64_t limit : {size, size + 1, uint64_t{1} << 30}) {
      const Result<Bytes> got = store->Get(key, limit, nullptr);
      EXPECT_OK(got);
      cr_assert(*got == content);
    }
    if (size > 0) EXPECT_CODE(store->Get(key, size - 1, nullptr), kCorrupt);
  }
  WriteObject(*store, "written", Pattern(5000, 1));
  EXPECT_CODE(store->Get("written", 4999, nullptr), kCorrupt);
  cr_assert_eq(GetText(*store, "written").size(), 5000u);
}

void PutAtomic(Place& place) {
  const auto store = place.Open(), other = place.Open();
  PutText(*store, "a/record", VersionText(0));
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0}, reads{0};
  Status failed;
  InThreads(4, [&](int i) {
    if (i == 0) {
      while (reads == 0) std::this_thread::yield();   // else all is written before anybody reads
      for (int n = 1; n < 400; ++n) {
        if (Status put = store->Put("a/record", AsBytes(VersionText(n)), false); !put.ok()) failed = std::move(put);
      }
      while (reads <= 10) std::this_thread::yield();
      done = true;
      return;
    }
    Store& reader = i == 1 ? *store : *other;
    while (!done) {
      const Result<Bytes> got = reader.Get("a/record", 1 << 20, nullptr);
      if (!got.ok() || !IsWhole(std::string(AsText(*got)))) ++wrong;
      ++reads;
    }
  });
  EXPECT_OK(failed);
  cr_assert_eq(wrong.load(), 0);
  cr_assert(reads > 10);
  cr_assert_eq(GetText(*store, "a/record"), VersionText(399));
  cr_assert(Keys(*store, "") == std::vector<std::string>{"a/record"});   // nothing temporary is seen
}

void PutNewOnce(Place& place) {
  const auto store = place.Open();
  EXPECT_OK(store->PutIf("a/b", AsBytes("first"), {}, false));
  EXPECT_CODE(store->PutIf("a/b", AsBytes("second"), {}, false), kExists);
  EXPECT_CODE(store->PutIf("a/b", AsBytes(""), {}, false), kExists);
  EXPECT_CODE(store->PutIf("a/b", AsBytes("first and more"), {}, false), kExists);
  cr_assert_eq(GetText(*store, "a/b"), "first");
  WriteObject(*store, "created", Pattern(10, 1));
  EXPECT_CODE(store->PutIf("created", AsBytes("x"), {}, false), kExists);
  cr_assert(ReadRange(*store, "created", 0, 10) == Pattern(10, 1));
  EXPECT_OK(store->Remove("a/b"));
  EXPECT_OK(store->PutIf("a/b", AsBytes("third"), {}, false));
  cr_assert_eq(GetText(*store, "a/b"), "third");
  cr_assert(Keys(*store, "") == (std::vector<std::string>{"a/b", "created"}));
}

void PutNewRace(Place& place) {
  std::vector<std::unique_ptr<Store>> stores;
  for (int i = 0; i < 6; ++i) stores.push_back(place.Open());
  for (int round = 0; round < 30; ++round) {
    const std::string key = "race/" + std::to_string(round);
    std::vector<Code> codes(stores.size());
    InThreads(static_cast<int>(stores.size()), [&](int i) {
      const auto at = static_cast<size_t>(i);
      codes[at] = stores[at]->PutIf(key, AsBytes(VersionText(i)), {}, round % 5 == 0).code();
    });
    cr_assert_eq(std::count(codes.begin(), codes.end(), Code::kOk), 1);
    cr_assert_eq(std::count(codes.begin(), codes.end(), Code::kExists), 5);
    const auto winner = static_cast<int>(std::find(codes.begin(), codes.end(), Code::kOk) - codes.begin());
    cr_assert_eq(GetText(*stores[0], key), VersionText(winner));
  }
}

void PutOver(Place& place) {
  const auto store = place.Open();
  Version first, second, third;
  PutText(*store, "a", "one");
  GetText(*store, "a", &first);
  EXPECT_OK(store->PutIf("a", AsBytes("two"), first, false));
  EXPECT_CODE(store->PutIf("a", AsBytes("late"), first, false), kExists);
  cr_assert_eq(GetText(*store, "a", &second), "two");
  EXPECT_OK(store->PutIf("a", AsBytes("three"), second, true));
  EXPECT_CODE(store->PutIf("a", AsBytes("late"), {}, false), kExists);
  EXPECT_CODE(store->PutIf("a", AsBytes("late"), second, false), kExists);
  cr_assert_eq(GetText(*store, "a", &third), "three");
  EXPECT_OK(store->Remove("a"));
  EXPECT_CODE(store->PutIf("a", AsBytes("late"), third, false), kExists);   // what was seen is gone
  EXPECT_CODE(store->Get("a", 10, nullptr), kNotFound);
  EXPECT_CODE(store->PutIf("never/there", AsBytes("late"), third, false), kExists);
  EXPECT_CODE(store->Get("never/there", 10, nullptr), kNotFound);
  cr_assert(Keys(*store, "").empty());
}

// Each success adds one to a number: none is lost exactly when of those that saw a version one wins.
void PutOverRace(Place& place) {
  constexpr int kThreads = 5, kSteps = 60;
  const std::string key = "folder/number";
  std::vector<std::unique_ptr<Store>> stores;
  for (int i = 0; i < kThreads; ++i) stores.push_back(place.Open());
  PutText(*stores[0], key, "0");
  std::atomic<int> wins{0}, losses{0}, failures{0};
  InThreads(kThreads, [&](int i) {
    Store& store = *stores[static_cast<size_t>(i)];
    while (wins < kSteps && failures == 0) {
      Version version;
      const Result<Bytes> seen = store.Get(key, 100, &version);
      if (!seen.ok()) {
        ++failures;
        return;
      }
      const int next = std::stoi(std::string(AsText(*seen))) + 1;
      // Its own bytes, as a record has its own id: that is how a lost answer is settled.
      const std::string mine = std::to_string(next) + " by " + std::to_string(i);
      const Status put = store.PutIf(key, AsBytes(mine), version, false);
      ++(put.ok() ? wins : put.code() == Code::kExists ? losses : failures);
    }
  });
  cr_assert_eq(failures.load(), 0);
  cr_assert(wins >= kSteps);
  cr_assert_eq(std::stoi(GetText(*stores[0], key)), wins.load());

  // And with everybody having seen the same version for certain.
  for (int round = 0; round < 20; ++round) {
    Version version;
    GetText(*stores[0], key, &version);
    std::vector<Code> codes(kThreads);
    InThreads(kThreads, [&](int i) {
      const auto at = static_cast<size_t>(i);
      codes[at] = stores[at]->PutIf(key, AsBytes("r" + std::to_string(round) + " t" + std::to_string(i)), version, false).code();
    });
    cr_assert_eq(std::count(codes.begin(), codes.end(), Code::kOk), 1);
    cr_assert_eq(std::count(codes.begin(), codes.end(), Code::kExists), kThreads - 1);
    const auto winner = std::find(codes.begin(), codes.end(), Code::kOk) - codes.begin();
    cr_assert_eq(GetText(*stores[0], key), "r" + std::to_string(round) + " t" + std::to_string(winner));
  }
}

void Versions(Place& place) {
  const auto store = place.Open();
  Version first, again, second;
  PutText(*store, "a", "one");
  GetText(*store, "a", &first);
  GetText(*store, "a", &again);
  cr_assert(!first.tag.empty());   // empty means that nothing was there
  cr_assert(first == again);
  PutText(*store, "b", "other");
  GetText(*store, "a", &again);
  cr_assert(first == again);
  PutText(*store, "a", "two");   // as long as before, within the same second
  GetText(*store, "a", &second);
  cr_assert(!(first == second));
  PutText(*store, "empty", "");
  Version empty;
  GetText(*store, "empty", &empty);
  cr_assert(!empty.tag.empty());
  EXPECT_OK(store->PutIf("empty", AsBytes("full"), empty, false));
}

}  // namespace tsnap::contract
