// One rank's part of a trace: valid JSON whatever names hold, in pieces of a bounded size.
#include <criterion/criterion.h>

#include <algorithm>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/trace_events.h"
#include "seeded.h"

using namespace tsnap;
using Json = nlohmann::json;

namespace {

// The events of all pieces, each of which must hold whole ones.
Json Parse(const std::vector<std::string>& pieces) {
  Json all = Json::array();
  for (const std::string& piece : pieces) {
    cr_assert(piece.size() > 2 && piece.ends_with(",\n"));
    const Json events = Json::parse("[" + piece.substr(0, piece.size() - 2) + "]", nullptr, false);
    cr_assert(!events.is_discarded(), "%s", piece.c_str());
    for (const Json& event : events) all.push_back(event);
  }
  return all;
}

Span SpanOf(Activity activity, uint16_t lane, int64_t begin_ns, int64_t end_ns, int64_t operation = 1) {
  Span span;
  span.activity = activity;
  span.lane = lane;
  span.begin_ns = begin_ns;
  span.end_ns = end_ns;
  span.operation = operation;
  return span;
}

}  // namespace

Test(trace_events, any_text_becomes_a_json_string) {
  const std::pair<std::string, std::string> known[] = {
      {"", "\"\""},
      {"plain/path", "\"plain/path\""},
      {"a\"b\\c", "\"a\\\"b\\\\c\""},
      {std::string("\0\n\x1f", 3), "\"\\u0000\\u000a\\u001f\""},
      {"\xc3\xa9\xf0\x9f\x98\x80", "\"\xc3\xa9\xf0\x9f\x98\x80\""},
      {"\xff", "\"\xef\xbf\xbd\""},
      {"a\xc3", "\"a\xef\xbf\xbd\""},
      {"\xc3(", "\"\xef\xbf\xbd(\""},
      {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
  };
  for (const auto& [text, json] : known) cr_assert_eq(JsonString(text), json, "%s", JsonString(text).c_str());
  test::Seeded random;
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (int64_t k = random.Int(0, 12); k > 0; --k) {
      text += static_cast<char>(random.Chance(0.5) ? random.Int(0, 255) : random.Int(0xc0, 0xff));
    }
    const Json parsed = Json::parse(JsonString(text), nullptr, false);
    cr_assert(parsed.is_string(), "seed %llu", random.seed());
  }
}

Test(trace_events, spans_become_complete_events_with_times_in_microseconds) {
  Span phase = SpanOf(Activity::kPhase, 1, 2500, 4000, 3);
  phase.phase = static_cast<uint8_t>(Phase::kCommit);
  phase.status = static_cast<int32_t>(Code::kIo);
  phase.bytes = 9;
  OperationNote note;
  note.number = 3;
  note.kind = OperationKind::kTakeAsync;
  note.url = "mem://\"x";
  note.status = Code::kIo;
  note.bytes = 100;
  note.stored_bytes = 50;
  note.largest = {{"0/a\\b", 70}, {"c", 30}};
  const std::vector<Span> spans = {SpanOf(Activity::kOperation, 5, 1000, 9000, 3), phase, SpanOf(Activity::kWaitMemory, 2, 3000, 2000)};
  const Json events = Parse(TraceEvents(spans, {note}, 7, 1000, 1 << 16));
  Json operation, objects, commit, wait;
  std::vector<std::string> lanes;
  for (const Json& event : events) {
    cr_assert_eq(event.at("pid"), 7);
    if (event.at("name") == "take_async") operation = event;
    if (event.at("name") == "largest objects") objects = event;
    if (event.at("name") == "commit") commit = event;
    if (event.at("name") == "memory") wait = event;
    if (event.at("name") == "thread_name") lanes.push_back(event.at("args").at("name"));
  }
  cr_assert(operation.at("ph") == "X" && operation.at("tid") == Timeline::kCallsLane);
  cr_assert(operation.at("ts") == 0.0 && operation.at("dur") == 8.0);
  const Json said = {{"number", 3}, {"url", "mem://\"x"}, {"status", "TSNAP_E_IO"}, {"bytes", 100}, {"stored_bytes", 50}};
  cr_assert(operation.at("args") == said);
  cr_assert(objects.at("ph") == "i" && objects.at("args").at("objects")[0] == Json({{"path", "0/a\\b"}, {"bytes", 70}}));
  cr_assert(commit.at("ts") == 1.5 && commit.at("dur") == 1.5 && commit.at("tid") == 1 && commit.at("args").at("status") == "TSNAP_E_IO");
  cr_assert(wait.at("cat") == "wait" && wait.at("dur") == 0.0);   // a clock that was set back
  cr_assert(std::find(lanes.begin(), lanes.end(), "background") != lanes.end());
}

// An operation of which no note was kept is told all the same.
Test(trace_events, what_has_no_note_is_still_an_event) {
  const Json events = Parse(TraceEvents({SpanOf(Activity::kOperation, 0, 0, 5, 9)}, {}, 0, 0, 100));
  cr_assert(events.back().at("name") == "operation" && events.back().at("args").at("operation") == 9);
  cr_assert(!Parse(TraceEvents({}, {}, 0, 0, 100)).empty());   // its name
}

Test(trace_events, pieces_are_bounded_and_lose_nothing) {
  std::vector<Span> spans;
  for (int i = 0; i < 5000; ++i) spans.push_back(SpanOf(Activity::kWrite, static_cast<uint16_t>(2 + i % 3), i * 1000, i * 1000 + 10));
  const std::vector<std::string> pieces = TraceEvents(spans, {}, 0, 0, 4096);
  cr_assert_gt(pieces.size(), 50u);
  for (const std::string& piece : pieces) cr_assert_leq(piece.size(), 4096u + 2);
  int writes = 0;
  for (const Json& event : Parse(pieces)) writes += event.at("name") == "write";
  cr_assert_eq(writes, 5000);
}
