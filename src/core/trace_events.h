// Trace events: one rank's spans and notes as JSON objects of the Trace Event format (the "JSON
// Object Format" of Google's "Trace Event Format" document): complete events ("X"), an instant one
// for the largest objects ("i"), and metadata ("M"). Times are microseconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/timeline.h"
#include "core/operation.h"

namespace tsnap {

// Each text is some events, each followed by ",\n", of about piece_bytes in all.
std::vector<std::string> TraceEvents(const std::vector<Span>& spans,
                                     const std::vector<OperationNote>& notes, int rank,
                                     int64_t origin_ns, size_t piece_bytes);
// A string as JSON, with its quotes. A byte that is not part of any UTF-8 becomes U+FFFD: URLs may
// hold anything.
std::string JsonString(const std::string& text);

}  // namespace tsnap
