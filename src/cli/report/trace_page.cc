#include "cli/report/trace_page.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cli/report/balance.h"
#include "cli/report/operations.h"
#include "cli/report/timeline.h"
#include "cli/text.h"

namespace tsnap::cli {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMostObjects = 20;

// An object that several operations moved counts with the one that moved most of it.
ordered_json ObjectsOf(const Trace& trace) {
  std::unordered_map<std::string_view, const LargeObject*> largest;
  for (const LargeObject& object : trace.objects) {
    const auto [place, is_new] = largest.try_emplace(object.path, &object);
    const LargeObject& other = *place->second;
    if (!is_new && (object.bytes > other.bytes ||
                    (object.bytes == other.bytes && object.operation < other.operation)))
      place->second = &object;
  }
  std::vector<const LargeObject*> sorted;
  for (const auto& [path, object] : largest) sorted.push_back(object);
  std::sort(sorted.begin(), sorted.end(), [](const LargeObject* a, const LargeObject* b) {
    return a->bytes != b->bytes ? a->bytes > b->bytes : a->path < b->path;
  });
  if (sorted.size() > kMostObjects) sorted.resize(kMostObjects);
  auto json = ordered_json::array();
  for (const LargeObject* object : sorted) {
    json.push_back({{"path", Printable(object->path)}, {"bytes", object->bytes}});
    if (object->operation != kNoOperation)
      json.back()["operation"] = trace.operations[object->operation].number;
  }
  return json;
}

}  // namespace

ordered_json TracePage(const Trace& trace, const std::string& source) {
  auto phase_names = ordered_json::array();
  for (const std::string& name : trace.phase_names) phase_names.push_back(Printable(name));
  return {{"kind", "trace"},
          {"source", Printable(source)},
          {"version", Printable(trace.version)},
          {"ranks", trace.ranks},
          {"dropped_spans", trace.dropped_spans},
          {"unknown_events", trace.unknown_events},
          {"phase_names", std::move(phase_names)},
          {"timeline", TimelineOf(trace)},
          {"operations", OperationsOf(trace)},
          {"balance", BalanceOf(trace)},
          {"objects", ObjectsOf(trace)},
          {"objects_are_approximate", trace.objects_are_approximate}};
}

}  // namespace tsnap::cli
