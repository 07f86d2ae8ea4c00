#include "core/trace_events.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "base/status.h"
#include "catalog/object.h"

namespace tsnap {

namespace {

struct Label {
  const char* category;
  const char* name;
};

Label LabelOf(Activity activity) {
  switch (activity) {
    case Activity::kOperation:
      return {"operation", "operation"};
    case Activity::kPhase:
      return {"phase", "phase"};
    case Activity::kStage:
      return {"transfer", "stage"};
    case Activity::kWrite:
      return {"transfer", "write"};
    case Activity::kRead:
      return {"transfer", "read"};
    case Activity::kVerify:
      return {"transfer", "verify"};
    case Activity::kWaitRanks:
      return {"wait", "ranks"};
    case Activity::kWaitMemory:
      return {"wait", "memory"};
    case Activity::kWaitStaging:
      return {"wait", "staging"};
  }
  return {"transfer", "unknown"};
}

class Writer {
 public:
  Writer(int rank, int64_t origin_ns, size_t piece_bytes)
      : rank_(rank), origin_ns_(origin_ns), piece_bytes_(piece_bytes) {}

  void Name(uint16_t lane) {
    const std::string name = lane == Timeline::kCallsLane ? "calls"
                             : lane == Timeline::kBackgroundLane
                                 ? "background"
                                 : fmt::format("transfers {}", lane - 1);
    Add(fmt::format(R"({{"ph":"M","pid":{},"tid":{},"name":"thread_name","args":{{"name":"{}"}}}})",
                    rank_, lane, name));
  }

  void NameRank() {
    Add(fmt::format(
        R"({{"ph":"M","pid":{0},"tid":0,"name":"process_name","args":{{"name":"rank {0}"}}}})",
        rank_));
    Add(fmt::format(
        R"({{"ph":"M","pid":{0},"tid":0,"name":"process_sort_index","args":{{"sort_index":{0}}}}})",
        rank_));
  }

  void AddSpan(const Span& span) {
    const Label label = LabelOf(span.activity);
    const char* name = span.activity == Activity::kPhase ? PhaseName(span.phase) : label.name;
    std::string more;
    if (span.status != 0) more = fmt::format(R"(,"status":"{}")", CodeName(span.status));
    Complete(span, label.category, name,
             fmt::format(R"("operation":{},"bytes":{}{})", span.operation, span.bytes, more));
  }

  void AddOperation(const Span& span, const OperationNote& note) {
    Complete(
        span, "operation", OperationName(note.kind),
        fmt::format(R"("number":{},"url":{},"status":"{}","bytes":{},"stored_bytes":{})",
                    note.number, JsonString(note.url), CodeName(static_cast<int32_t>(note.status)),
                    note.bytes, note.stored_bytes));
    std::string objects;
    for (const NamedBytes& object : note.largest) {
      objects += fmt::format(R"({}{{"path":{},"bytes":{}}})", objects.empty() ? "" : ",",
                             JsonString(object.path), object.bytes);
    }
    Add(fmt::format(
        R"({{"ph":"i","s":"t","cat":"objects","name":"largest objects","pid":{},"tid":0,"ts":{:.3f},)"
        R"("args":{{"operation":{},"objects":[{}]}}}})",
        rank_, Microseconds(span.begin_ns - origin_ns_), note.number, objects));
  }

  std::vector<std::string> Take() { return std::move(pieces_); }

 private:
  static double Microseconds(int64_t ns) { return static_cast<double>(ns) / 1000; }

  void Complete(const Span& span, const char* category, const char* name, const std::string& args) {
    const int lane = span.activity == Activity::kOperation ? Timeline::kCallsLane : span.lane;
    Add(fmt::format(
        R"({{"ph":"X","cat":"{}","name":"{}","pid":{},"tid":{},"ts":{:.3f},"dur":{:.3f},)"
        R"("args":{{{}}}}})",
        category, name, rank_, lane, Microseconds(span.begin_ns - origin_ns_),
        Microseconds(std::max<int64_t>(0, span.end_ns - span.begin_ns)), args));
  }

  void Add(std::string_view event) {
    if (pieces_.empty() || pieces_.back().size() + event.size() > piece_bytes_)
      pieces_.emplace_back();
    pieces_.back().append(event).append(",\n");
  }

  const int rank_;
  const int64_t origin_ns_;
  const size_t piece_bytes_;
  std::vector<std::string> pieces_;
};

}  // namespace

std::string JsonString(const std::string& text) {
  std::string json = "\"";
  for (std::string_view rest = text; !rest.empty();) {
    const char c = rest.front();
    const size_t length = Utf8Length(rest);
    if (length == 0) {
      json += "\xef\xbf\xbd";
    } else if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(json), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      json += rest.substr(0, length);
    }
    rest.remove_prefix(std::max<size_t>(length, 1));
  }
  return json + '"';
}

std::vector<std::string> TraceEvents(const std::vector<Span>& spans,
                                     const std::vector<OperationNote>& notes, int rank,
                                     int64_t origin_ns, size_t piece_bytes) {
  Writer writer(rank, origin_ns, piece_bytes);
  writer.NameRank();
  std::vector<uint16_t> lanes = {Timeline::kCallsLane};
  for (const Span& span : spans) lanes.push_back(span.lane);
  std::sort(lanes.begin(), lanes.end());
  lanes.erase(std::unique(lanes.begin(), lanes.end()), lanes.end());
  for (const uint16_t lane : lanes) writer.Name(lane);
  for (const Span& span : spans) {
    if (span.operation == 0) continue;  // of the opening of the context
    auto note = notes.end();
    if (span.activity == Activity::kOperation) {
      note = std::find_if(notes.begin(), notes.end(),
                          [&](const OperationNote& one) { return one.number == span.operation; });
    }
    if (note != notes.end()) {
      writer.AddOperation(span, *note);
    } else {
      writer.AddSpan(span);
    }
  }
  return writer.Take();
}

}  // namespace tsnap
