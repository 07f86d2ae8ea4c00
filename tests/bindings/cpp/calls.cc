// Calls in C++: each code is the exception of its class, callbacks never pass an exception through C, handles close once.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <tsnap.hpp>

#include "cases.h"

namespace tsnap::test {
namespace {

struct OnFire : std::runtime_error {
  OnFire() : std::runtime_error("the disk is on fire") {}
};

template <typename Expected>
bool IsNested(const std::exception& error) {
  try {
    std::rethrow_if_nested(error);
  } catch (const Expected&) {
    return true;
  }
  return false;
}

struct Fixture {
  Folder folder{NewFolder()};
  std::string url = folder / "snap";
  std::vector<double> values = std::vector<double>(1000, 1.5);
  std::int64_t step = 3;
  Context context = Context::self();
  State state;
  Fixture() {
    state.replicated("values", values);
    state.private_("step", step);
  }
};

void CodesAreExceptions() {
  Fixture f;
  CHECK_THROWS(f.context.restore(f.url, f.state), NotFound, "TSNAP_E_NOT_FOUND");
  CHECK_THROWS(Snapshot(f.url), NotFound, f.url);
  CHECK_THROWS(tsnap::remove(f.url), NotFound, f.url);
  f.context.take(f.url, f.state);
  CHECK_THROWS(f.context.take(f.url, f.state), Exists, f.url);
  CHECK_THROWS(tsnap::copy(f.url, f.url), Error, "TSNAP_E_INVALID");
  std::vector<float> other(1000);
  State wrong;
  wrong.replicated("values", other);
  wrong.private_("step", f.step);
  CHECK_THROWS(f.context.restore(f.url, wrong), Mismatch, "values");
  TakeOptions deflate;
  deflate.codec = Codec::deflate;
  CHECK_THROWS(f.context.take(f.folder / "deflate", f.state, deflate), Error, "TSNAP_E_UNSUPPORTED");
  CHECK_THROWS(f.context.take("nothing://like/this", f.state), Error, "nothing");
  std::ofstream(f.folder / "file") << "no folder";
  CHECK_THROWS(f.context.take((f.folder / "file") + "/below", f.state), Error, "TSNAP_E_");
  Config config;
  config.staging_threads = -1;
  CHECK_THROWS(Context::self(config), Error, "TSNAP_E_INVALID");
}

void ErrorsComposeWithTheStandards() {
  try {
    Snapshot("mem://nothing_here");
    CHECK(false);
  } catch (const std::system_error& error) {
    CHECK(error.code() == Code::not_found && error.code() != Code::exists);
    CHECK(error.code() == std::errc::no_such_file_or_directory);
    CHECK(&error.code().category() == &category() && std::string(error.code().category().name()) == "tsnap");
    CHECK(error.code().message() == "TSNAP_E_NOT_FOUND");
    const auto* own = dynamic_cast<const Error*>(&error);
    CHECK(own != nullptr && own->status() == Code::not_found);
    CHECK(std::string(own->what()) == own->text() + ": TSNAP_E_NOT_FOUND");
  }
  const std::pair<Code, std::errc> pairs[] = {
      {Code::invalid, std::errc::invalid_argument},   {Code::no_memory, std::errc::not_enough_memory},
      {Code::exists, std::errc::file_exists},         {Code::io, std::errc::io_error},
      {Code::no_space, std::errc::no_space_on_device}, {Code::unsupported, std::errc::not_supported},
      {Code::auth, std::errc::permission_denied},     {Code::network, std::errc::host_unreachable},
      {Code::timeout, std::errc::timed_out},          {Code::cancelled, std::errc::operation_canceled},
      {Code::busy, std::errc::device_or_resource_busy}};
  for (const auto& [code, condition] : pairs) CHECK_TEXT(make_error_code(code) == condition, name(code));
  CHECK(make_error_code(Code::corrupt).default_error_condition().category() == category());
}

// Whatever the status, the exception has its code, and the class that has a name.
void EveryCodeHasItsException() {
  int classes = 0;
  for (std::int32_t status = -99; status < 0; ++status) {
    try {
      detail::Throw(status, "text");
    } catch (const Error& error) {
      CHECK(static_cast<std::int32_t>(error.status()) == status && error.text() == "text");
      classes += dynamic_cast<const NotFound*>(&error) != nullptr ? status == TSNAP_E_NOT_FOUND : 0;
      classes += dynamic_cast<const Exists*>(&error) != nullptr ? status == TSNAP_E_EXISTS : 0;
      classes += dynamic_cast<const NoSpace*>(&error) != nullptr ? status == TSNAP_E_NO_SPACE : 0;
      classes += dynamic_cast<const Corrupt*>(&error) != nullptr ? status == TSNAP_E_CORRUPT : 0;
      classes += dynamic_cast<const Mismatch*>(&error) != nullptr ? status == TSNAP_E_MISMATCH : 0;
      classes += dynamic_cast<const Timeout*>(&error) != nullptr ? status == TSNAP_E_TIMEOUT : 0;
      classes += dynamic_cast<const Cancelled*>(&error) != nullptr ? status == TSNAP_E_CANCELLED : 0;
      classes += dynamic_cast<const CallbackFailed*>(&error) != nullptr ? status == TSNAP_E_CALLBACK : 0;
    }
  }
  CHECK(classes == 8);
}

void WhatDescribeThrowsIsNested() {
  Fixture f;
  bool fail = true;
  int released = 0;
  f.state.stateful(
      "part", [&](State& child) { child.private_("values", f.values); if (fail) throw OnFire(); }, {}, [&] { ++released; });
  try {
    f.context.take(f.url, f.state);
    CHECK(false);
  } catch (const CallbackFailed& error) {
    CHECK(Contains(error.text(), "part") && Contains(error.text(), "on fire") && IsNested<OnFire>(error));
  }
  fail = false;
  f.context.take(f.url, f.state);
  CHECK(released == 2);
  fail = true;
  CHECK_THROWS(f.context.restore(f.url, f.state), CallbackFailed, "on fire");
  f.state.remove("part");
  f.state.stateful("part", [&](State& child) { child.private_("values", f.values); }, [] { throw 5; });
  try {
    f.context.restore(f.url, f.state);
    CHECK(false);
  } catch (const CallbackFailed& error) {
    CHECK(Contains(error.text(), "it threw") && IsNested<int>(error));
  }
}

void PartsDescribeThemselves() {
  struct Solver {
    std::vector<double> x = {1, 2, 3};
    std::vector<std::unique_ptr<std::vector<double>>> temporary;
    int loaded_count = 0;
    void describe(State& child) {
      temporary.push_back(std::make_unique<std::vector<double>>(x));
      child.private_("x", *temporary.back());
    }
    void loaded() {
      x = *temporary.back();
      ++loaded_count;
    }
    void release() { temporary.clear(); }
  } solver;
  Fixture f;
  f.state.stateful("solver", solver);
  f.context.take(f.url, f.state);
  solver.x = {0, 0, 0};
  f.context.restore(f.url, f.state);
  CHECK(solver.x == (std::vector<double>{1, 2, 3}) && solver.loaded_count == 1 && solver.temporary.empty());
}

void CallsFromInsideAreBusy() {
  Fixture f;
  f.state.stateful("part", [&](State& child) {
    child.private_("values", f.values);
    f.context.take("mem://inside", f.state);
  });
  try {
    f.context.take(f.url, f.state);
    CHECK(false);
  } catch (const CallbackFailed& error) {
    try {
      std::rethrow_if_nested(error);
      CHECK(false);
    } catch (const Error& inner) {
      CHECK(inner.status() == Code::busy);
    }
  }
  // Handles that are destroyed inside of their own callback stay.
  std::unique_ptr<State> doomed = std::make_unique<State>();
  doomed->stateful("part", [&](State& child) { child.private_("values", f.values); doomed.reset(); });
  State& there = *doomed;
  f.context.take(f.url, there);
  CHECK(doomed == nullptr && Snapshot(f.url).contains("0/part/values"));
}

void ProgressThatThrowsEndsNothing() {
  Fixture f;
  int calls = 0;
  std::uint64_t last = 0;
  TakeOptions options;
  options.progress = [&](std::uint64_t, std::uint64_t written, std::uint64_t total) { CHECK(written <= total); last = written; };
  f.context.take(f.folder / "watched", f.state, options);
  CHECK(last > 0);
  options.progress = [&](std::uint64_t, std::uint64_t, std::uint64_t) { ++calls; throw OnFire(); };
  CHECK_THROWS(f.context.take(f.url, f.state, options), OnFire, "on fire");
  CHECK(calls == 1 && Snapshot(f.url).contains("values"));   // the take went on without it
  RestoreOptions restore;
  restore.progress = [&](std::uint64_t, std::uint64_t, std::uint64_t) { throw OnFire(); };
  f.values.assign(1000, 0);
  CHECK_THROWS(f.context.restore(f.url, f.state, restore), OnFire, "on fire");
  CHECK(f.values[999] == 1.5);
  // Of a call that fails as well, the failure comes first, and what was thrown is in it.
  try {
    f.context.take(f.url, f.state, options);
    CHECK(false);
  } catch (const Exists& error) {
    CHECK(calls == 1 || IsNested<OnFire>(error));
  }
}

void EventsAndLogsAreTold() {
  Fixture f;
  std::vector<Event> events;
  int lines = 0;
  Config config;
  config.log_level = LogLevel::debug;
  config.log = [&](LogLevel, std::string_view message) { lines += message.empty() ? 0 : 1; };
  config.event = [&](const Event& event) { events.push_back(event); };
  config.collective_timeout = std::chrono::minutes(2);
  config.io_timeout = std::chrono::seconds(30);
  config.direct_io = false;
  config.trace = std::filesystem::path(f.folder / "trace.json");
  Context context = Context::self(config);
  context.take(f.url, f.state);
  CHECK(events.size() > 4 && events.front().phase == Phase::whole_operation && !events.front().is_end);
  CHECK(events.back().is_end && events.back().operation == Operation::take && events.back().status == Code::ok);
  const auto age = std::chrono::system_clock::now() - events.back().time;
  CHECK(age > std::chrono::seconds(-5) && age < std::chrono::minutes(5));
  const Statistics statistics = context.statistics();
  CHECK(statistics.operation == Operation::take && statistics.status == Code::ok && statistics.operation_number == 1);
  CHECK(statistics.bytes >= 8000 && statistics.duration >= statistics.blocked && statistics.blocked.count() > 0);
  CHECK(statistics.bytes_of(Phase::write) > 0 && statistics.duration_of(Phase::write).count() >= 0);
  CHECK(std::string(name(Phase::commit)) == "commit" && lines >= 0);
  context.close();
  context.close();
  CHECK(context.handle() == nullptr && std::filesystem::exists(f.folder / "trace.json"));
  config.event = [](const Event&) { throw OnFire(); };
  config.trace.clear();
  Context bad = Context::self(config);
  CHECK_THROWS(bad.restore(f.url, f.state), OnFire, "on fire");
  CHECK(bad.report().missing.empty());   // the restore itself went well
}

void ReportsTellWhatWasFound() {
  Fixture f;
  f.context.take(f.url, f.state);
  std::vector<double> extra(3);
  f.state.private_("extra", extra);
  f.state.remove("step");
  CHECK_THROWS(f.context.restore(f.url, f.state), Mismatch, "extra");
  Report report = f.context.report();
  CHECK(report.missing == std::vector<std::string>{"0/extra"} && report.unexpected == std::vector<std::string>{"0/step"});
  RestoreOptions loose;
  loose.strict = false;
  report = f.context.restore(f.url, f.state, loose);
  CHECK(report.missing == std::vector<std::string>{"0/extra"} && report.not_restored == report.missing);
  CHECK(report.mismatched.empty());
}

void TakesGoOnInTheBackground() {
  Fixture f;
  Request none;
  CHECK(!none.valid() && none.test());
  none.wait();
  TakeOptions options;
  options.metadata = "step 3";
  Request request = f.context.take_async(f.url, f.state, options);
  f.values.assign(1000, 0);
  CHECK(request.wait_for(std::chrono::seconds(60)) && request.test());
  request.wait();
  request.wait();
  CHECK(f.context.statistics().operation == Operation::take_async);
  CHECK(Snapshot(f.url).info().metadata == "step 3" && Snapshot(f.url)["values"].read<double>()[7] == 1.5);
  CHECK_THROWS(f.context.take_async(f.url, f.state), Exists, f.url);   // found before anything is staged
  // A request may outlive its context, and a State its take.
  {
    Context context = Context::self();
    State passing;
    passing.private_("values", f.values);
    request = context.take_async(f.folder / "second", passing);
  }
  request.wait();
  CHECK(Snapshot(f.folder / "second")["0/values"].read<double>()[7] == 0);
}

// The second take is begun before anyone has asked how the first one ended: the assignment says it.
void FailureOfTheTakeBeforeIsNotDropped() {
  Fixture f;
  std::atomic<bool> go{false};
  TakeOptions held;
  held.progress = [&, caller = std::this_thread::get_id()](std::uint64_t, std::uint64_t, std::uint64_t) {
    while (std::this_thread::get_id() != caller && !go) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  Request request = f.context.take_async(f.url, f.state, held);
  std::thread releases([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    go = true;
  });
  request.cancel();
  releases.join();
  bool cancelled = false;
  try {
    request.wait();
  } catch (const Cancelled&) {
    cancelled = true;
  }
  if (cancelled) {
    CHECK_THROWS(request = f.context.take_async(f.folder / "second", f.state), Cancelled, "");
  } else {
    request = f.context.take_async(f.folder / "second", f.state);
  }
  request.wait();   // it is of the second take now
  CHECK(Snapshot(f.folder / "second").contains("values"));
}

void ProgressInTheBackgroundMayThrow() {
  Fixture f;
  TakeOptions options;
  options.progress = [](std::uint64_t, std::uint64_t, std::uint64_t) { throw OnFire(); };
  Request request = f.context.take_async(f.url, f.state, options);
  CHECK_THROWS(request.wait(), OnFire, "on fire");
  request.wait();   // told once
  CHECK(Snapshot(f.url).contains("values"));
}

// A restore waits for the pending take, and so must the look-up of what it will fill.
void RestoreSeesWhatThePendingTakeStores() {
  Fixture f;
  std::string text = "short";
  f.state.private_("text", text);
  f.context.take(f.url, f.state);
  text.assign(5000, 'x');
  TakeOptions slow;
  slow.overwrite = true;
  slow.progress = [caller = std::this_thread::get_id()](std::uint64_t, std::uint64_t, std::uint64_t) {
    if (std::this_thread::get_id() != caller) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  };
  const Request request = f.context.take_async(f.url, f.state, slow);
  text = "changed";
  f.context.restore(f.url, f.state);
  CHECK(text == std::string(5000, 'x'));
}

// What cannot be bound anew fails the call itself, on all ranks, and not this rank before the call.
void FailureBeforeTheCallIsThatOfTheCall() {
  struct Block : std::vector<char> {
    using std::vector<char>::vector;
    void resize(std::size_t) { throw std::bad_alloc(); }
  } block(100);
  Fixture f;
  f.state.private_bytes("block", block);
  f.context.take(f.url, f.state);
  int events = 0;
  Config config;
  config.event = [&](const Event& event) { events += event.operation == Operation::restore ? 1 : 0; };
  Context context = Context::self(config);
  try {
    context.restore(f.url, f.state);
    CHECK(false);
  } catch (const CallbackFailed& error) {
    CHECK(IsNested<std::bad_alloc>(error) && events > 0);
  }
  f.state.remove("block");
  RestoreOptions loose;
  loose.strict = false;
  context.restore(f.url, f.state, loose);
}

void HandlesAreMoved() {
  Fixture f;
  Context moved = std::move(f.context);
  CHECK(f.context.handle() == nullptr && f.context.rank() == 0 && moved.ranks() == 1);   // NOLINT
  moved.take(f.url, f.state);
  CHECK_THROWS(f.context.take(f.url, f.state), Error, "TSNAP_E_INVALID");   // NOLINT
  moved = Context::self();
  moved.take("mem://moved_context", f.state);
  Snapshot a("mem://moved_context"), b(f.url);
  a = std::move(b);
  CHECK(b.handle() == nullptr && a.contains("values"));   // NOLINT
  a.close();
  CHECK_THROWS(a.info(), Error, "TSNAP_E_INVALID");
  CHECK(version() == TSNAP_VERSION);
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunCase(argc, argv,
                 {{"codes_are_exceptions", CodesAreExceptions},
                  {"errors_compose_with_the_standards", ErrorsComposeWithTheStandards},
                  {"every_code_has_its_exception", EveryCodeHasItsException},
                  {"what_describe_throws_is_nested", WhatDescribeThrowsIsNested},
                  {"parts_describe_themselves", PartsDescribeThemselves},
                  {"calls_from_inside_are_busy", CallsFromInsideAreBusy},
                  {"progress_that_throws_ends_nothing", ProgressThatThrowsEndsNothing},
                  {"events_and_logs_are_told", EventsAndLogsAreTold},
                  {"reports_tell_what_was_found", ReportsTellWhatWasFound},
                  {"takes_go_on_in_the_background", TakesGoOnInTheBackground},
                  {"failure_of_the_take_before_is_not_dropped", FailureOfTheTakeBeforeIsNotDropped},
                  {"progress_in_the_background_may_throw", ProgressInTheBackgroundMayThrow},
                  {"restore_sees_what_the_pending_take_stores", RestoreSeesWhatThePendingTakeStores},
                  {"failure_before_the_call_is_that_of_the_call", FailureBeforeTheCallIsThatOfTheCall},
                  {"handles_are_moved", HandlesAreMoved}});
}
