#include "cli/report/trace_reader.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "cli/failure.h"
#include "cli/report/large_objects.h"
#include "cli/report/trace_parser.h"
#include "cli/text.h"

namespace tsnap::cli {
namespace {

constexpr int64_t kMostRanks = int64_t{1} << 20;
constexpr size_t kMostOperations = 100'000;
constexpr size_t kMostPhaseNames = 64;
constexpr size_t kMostNameBytes = 64;
constexpr size_t kMostTextBytes = 8192;

class Builder {
 public:
  void Add(const TraceEvent& event) {
    const TraceValue &ph = event[TraceEvent::kPh], &cat = event[TraceEvent::kCat];
    if (ph.type != TraceValue::kText) RefuseMember("ph", ph, "a text");
    if (cat.type != TraceValue::kText) return;
    if (ph.text == "X" && cat.text == "operation") return AddOperation(event);
    if (ph.text == "X" && cat.text == "phase") return AddPhase(event);
    if (ph.text == "X" && (cat.text == "transfer" || cat.text == "wait")) return AddActivity(event);
    if (ph.text == "i" && cat.text == "objects") return AddObjects(event);
    ++trace_.unknown_events;
  }

  Trace Finish(const std::string& name, const TraceHeader& header) {
    const auto refuse = [&](const std::string& what) {
      throw Failure(kFailed, fmt::format("reading {}: {}", name, what));
    };
    const bool is_ours = header.tool.type == TraceValue::kText && header.tool.text == "tsnap";
    if (!is_ours && trace_.rank_operations.empty() && trace_.spans.empty())
      refuse("nothing in it is of tsnap; a trace is what TSNAP_TRACE=FILE has a program write");
    try {
      if (header.version.type != TraceValue::kNone)
        trace_.version = Text(header.version, kMostNameBytes, "version");
      trace_.dropped_spans = BytesOr0(header.dropped_spans, "dropped_spans");
      trace_.ranks = most_rank_ + 1;
      if (header.ranks.type != TraceValue::kNone)
        trace_.ranks = static_cast<int64_t>(Integer(header.ranks, kMostRanks, "ranks"));
    } catch (const Failure& failure) {
      refuse(fmt::format("\"otherData\": {}", failure.what()));
    }
    if (most_rank_ >= trace_.ranks)
      refuse(fmt::format("it is of {} ranks, and has events of rank {}", trace_.ranks, most_rank_));
    objects_.MoveTo(&trace_);
    SortOperations();
    return std::move(trace_);
  }

 private:
  uint32_t OperationNumbered(uint64_t number) {
    const auto [place, is_new] =
        operations_.try_emplace(number, static_cast<uint32_t>(trace_.operations.size()));
    if (is_new) {
      if (trace_.operations.size() >= kMostOperations)
        throw Failure(
            kFailed, fmt::format("it is of operation {} after {} others; no more are drawn", number,
                                 kMostOperations));
      trace_.operations.emplace_back().number = static_cast<int64_t>(number);
    }
    return place->second;
  }
  uint32_t OperationOf(const TraceEvent& event, TraceEvent::Member member) {
    const TraceValue& number = event[member];
    if (number.type == TraceValue::kNone) return kNoOperation;
    return OperationNumbered(
        Integer(number, std::numeric_limits<int64_t>::max(), MemberName(member)));
  }

  // Rank, begin and end, which all of them have.
  template <class Timed>
  Timed Place(const TraceEvent& event) {
    Timed timed;
    timed.rank = static_cast<int32_t>(
        Integer(event[TraceEvent::kPid], static_cast<uint64_t>(kMostRanks - 1), "pid"));
    timed.begin = Microseconds(event[TraceEvent::kTs], "ts");
    timed.end = timed.begin + Microseconds(event[TraceEvent::kDur], "dur");
    timed.bytes = BytesOr0(event[TraceEvent::kBytes], "bytes");
    most_rank_ = std::max<int64_t>(most_rank_, timed.rank);
    return timed;
  }

  void AddOperation(const TraceEvent& event) {
    auto seen = Place<RankOperation>(event);
    seen.stored_bytes = BytesOr0(event[TraceEvent::kStoredBytes], "stored_bytes");
    if (event[TraceEvent::kNumber].type == TraceValue::kNone)
      RefuseMember("number", event[TraceEvent::kNumber], "a number");
    seen.operation = OperationOf(event, TraceEvent::kNumber);
    Operation& operation = trace_.operations[seen.operation];
    const std::string name = Text(event[TraceEvent::kName], kMostNameBytes, "name");
    const std::string status = Text(event[TraceEvent::kStatus], kMostNameBytes, "status");
    if (operation.name.empty()) {
      operation.name = name;
      operation.url = Text(event[TraceEvent::kUrl], kMostTextBytes, "url");
    }
    // All ranks get one status; where they do not, a failure is what matters.
    if (operation.status.empty() || operation.status == "TSNAP_OK") operation.status = status;
    trace_.rank_operations.push_back(seen);
  }

  void AddPhase(const TraceEvent& event) {
    auto span = Place<Span>(event);
    span.operation = OperationOf(event, TraceEvent::kOperation);
    const std::string name = Text(event[TraceEvent::kName], kMostNameBytes, "name");
    const auto [place, is_new] =
        phases_.try_emplace(name, static_cast<uint8_t>(trace_.phase_names.size()));
    if (is_new) {
      if (trace_.phase_names.size() >= kMostPhaseNames)
        throw Failure(kFailed,
                      fmt::format("it is the phase \"{}\" after {} others; no more are drawn",
                                  Printable(name), kMostPhaseNames));
      trace_.phase_names.push_back(name);
    }
    span.phase = place->second;
    trace_.spans.push_back(span);
  }

  void AddActivity(const TraceEvent& event) {
    struct Named {
      std::string_view cat, name;
      Activity activity;
    };
    static constexpr std::array kNamed = {Named{"transfer", "stage", Activity::kStage},
                                          Named{"transfer", "write", Activity::kWrite},
                                          Named{"transfer", "read", Activity::kRead},
                                          Named{"transfer", "verify", Activity::kVerifying},
                                          Named{"wait", "ranks", Activity::kWaitRanks},
                                          Named{"wait", "memory", Activity::kWaitMemory},
                                          Named{"wait", "staging", Activity::kWaitStaging}};
    const std::string name = Text(event[TraceEvent::kName], kMostNameBytes, "name");
    for (const Named& named : kNamed) {
      if (named.cat != event[TraceEvent::kCat].text || named.name != name) continue;
      auto span = Place<Span>(event);
      span.operation = OperationOf(event, TraceEvent::kOperation);
      span.activity = named.activity;
      trace_.spans.push_back(span);
      return;
    }
    ++trace_.unknown_events;
  }

  void AddObjects(const TraceEvent& event) {
    const uint32_t operation = OperationOf(event, TraceEvent::kOperation);
    for (const auto& [path, bytes] : event.objects)
      objects_.Add(operation, Text(path, kMostTextBytes, "path"), BytesOr0(bytes, "bytes"));
  }

  void SortOperations() {
    std::vector<Operation> sorted;
    std::vector<uint32_t> now_at(trace_.operations.size());
    for (const auto& [number, place] : operations_) {
      now_at[place] = static_cast<uint32_t>(sorted.size());
      sorted.push_back(std::move(trace_.operations[place]));
    }
    trace_.operations = std::move(sorted);
    for (RankOperation& seen : trace_.rank_operations) seen.operation = now_at[seen.operation];
    for (Span& span : trace_.spans)
      if (span.operation != kNoOperation) span.operation = now_at[span.operation];
    for (LargeObject& object : trace_.objects)
      if (object.operation != kNoOperation) object.operation = now_at[object.operation];
  }

  Trace trace_;
  int64_t most_rank_ = -1;
  std::map<uint64_t, uint32_t> operations_;  // by number
  std::unordered_map<std::string, uint8_t> phases_;
  LargeObjects objects_;
};

}  // namespace

Trace ReadTrace(const std::string& path, Progress* progress) {
  const std::string name = Printable(path);
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Failure(kFailed, fmt::format("opening {}: {}", name, std::strerror(errno)));
  struct stat facts {};
  const uint64_t total = stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode)
                             ? static_cast<uint64_t>(facts.st_size)
                             : 0;
  Builder builder;
  const TraceHeader header = ParseTrace(file, name,
                                        {[&](const TraceEvent& event) { builder.Add(event); },
                                         [&](uint64_t position) {
                                           if (total > 0) progress->Set(position, total);
                                         }});
  return builder.Finish(name, header);
}

}  // namespace tsnap::cli
