// From the bytes of a trace file to its events, one at a time; what a report does not look at is
// skipped. Knows the JSON of the Trace Event format, and no meaning.
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <string>

#include "cli/report/trace_event.h"

namespace tsnap::cli {

// Members of "otherData".
struct TraceHeader {
  TraceValue tool, version, ranks, dropped_spans;
};

struct TraceSink {
  // Throws Failure; what it says is completed with the file and the number of the event.
  std::function<void(const TraceEvent&)> event;
  // Now and then, with the position in the input.
  std::function<void(uint64_t)> progress;
};

// Throws Failure, which names the file and the place, for what is no such JSON, is cut off, or is
// nested without end.
TraceHeader ParseTrace(std::istream& input, const std::string& name, const TraceSink& sink);

}  // namespace tsnap::cli
