#include "cli/report/trace_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "cli/failure.h"
#include "cli/text.h"

namespace tsnap::cli {
namespace {

constexpr size_t kMostDepth = 64;
constexpr size_t kMostObjectsAnEvent = 1000;
constexpr size_t kMostMessageBytes = 200;
constexpr uint64_t kEventsAProgress = 4096;

// Where in the document the parser is; one entry a level.
enum class Place : uint8_t { kRoot, kOther, kEvents, kEvent, kArgs, kObjects, kObject, kSkipped };

class Handler : public nlohmann::json_sax<nlohmann::json> {
 public:
  Handler(std::istream& input, const std::string& name, const TraceSink& sink)
      : input_(input), name_(name), sink_(sink) {}

  TraceHeader TakeHeader() {
    if (!has_events_) Refuse("it is no trace: it has no list \"traceEvents\"");
    return std::move(header_);
  }

  bool null() override { return Value({TraceValue::kOther, false, 0, 0, {}}); }
  bool boolean(bool) override { return Value({TraceValue::kOther, false, 0, 0, {}}); }
  bool binary(binary_t&) override { return Value({TraceValue::kOther, false, 0, 0, {}}); }
  bool number_integer(number_integer_t value) override {
    const uint64_t magnitude =
        value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
    return Value({TraceValue::kInteger, value < 0, magnitude, static_cast<double>(value), {}});
  }
  bool number_unsigned(number_unsigned_t value) override {
    return Value({TraceValue::kInteger, false, value, static_cast<double>(value), {}});
  }
  bool number_float(number_float_t value, const string_t&) override {
    return Value({TraceValue::kReal, value < 0, 0, value, {}});
  }
  bool string(string_t& value) override {
    return Value({TraceValue::kText, false, 0, 0, std::move(value)});
  }

  bool key(string_t& value) override {
    if (places_.back() != Place::kSkipped) key_ = std::move(value);
    return true;
  }
  bool start_object(size_t) override { return Enter(true); }
  bool start_array(size_t) override { return Enter(false); }
  bool end_object() override { return Leave(); }
  bool end_array() override { return Leave(); }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    if (input_.eof())
      Refuse(fmt::format(
          "it ends after {} bytes, in the middle: it was cut off, or is still being written",
          position - 1));
    // The parser's own text repeats what it read last, which may be anything.
    std::string text = Printable(error.what());
    std::replace_if(
        text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; }, '?');
    const size_t from = text.find(": ");
    if (from != std::string::npos) text.erase(0, from + 2);
    Refuse(fmt::format("byte {}: {}", position, text.substr(0, kMostMessageBytes)));
  }

 private:
  [[noreturn]] void Refuse(const std::string& what) const {
    throw Failure(kFailed, fmt::format("reading {}: {}", name_, what));
  }
  [[noreturn]] void RefuseEvent(const std::string& what) const {
    Refuse(fmt::format("event {} of \"traceEvents\": {}", event_number_, what));
  }

  // What begins here, as far as it means anything.
  Place PlaceOf(bool is_object) {
    if (places_.empty()) {
      if (!is_object) Refuse("it is no trace of tsnap: it is a list, not an object");
      return Place::kRoot;
    }
    switch (places_.back()) {
      case Place::kRoot:
        if (key_ == "traceEvents") {
          if (is_object) Refuse("\"traceEvents\" is an object, not a list");
          if (has_events_) Refuse("it has \"traceEvents\" twice");
          has_events_ = true;
          return Place::kEvents;
        }
        return key_ == "otherData" && is_object ? Place::kOther : Place::kSkipped;
      case Place::kEvents:
        if (!is_object) RefuseEvent("it is a list, not an object");
        event_.Clear();
        return Place::kEvent;
      case Place::kEvent:
        if (key_ == "args" && is_object) return Place::kArgs;
        Value({TraceValue::kOther, false, 0, 0, {}});
        return Place::kSkipped;
      case Place::kArgs:
        if (key_ == "objects" && !is_object) return Place::kObjects;
        Value({TraceValue::kOther, false, 0, 0, {}});
        return Place::kSkipped;
      case Place::kObjects:
        if (!is_object) RefuseEvent("\"objects\" has a list in it");
        if (event_.objects.size() >= kMostObjectsAnEvent)
          RefuseEvent(fmt::format("\"objects\" has more than {} entries", kMostObjectsAnEvent));
        event_.objects.emplace_back();
        return Place::kObject;
      default:
        return Place::kSkipped;
    }
  }

  bool Enter(bool is_object) {
    const Place place = PlaceOf(is_object);
    places_.push_back(place);
    if (places_.size() > kMostDepth)
      Refuse(fmt::format("it is nested deeper than {} levels", kMostDepth));
    return true;
  }

  bool Leave() {
    const Place left = places_.back();
    places_.pop_back();
    if (left == Place::kEvent) FinishEvent();
    return true;
  }

  void FinishEvent() {
    try {
      sink_.event(event_);
    } catch (const Failure& failure) {
      RefuseEvent(failure.what());
    }
    if (++event_number_ % kEventsAProgress == 0 && sink_.progress) {
      const auto position = input_.tellg();
      if (position > 0) sink_.progress(static_cast<uint64_t>(position));
    }
  }

  bool Value(TraceValue value) {
    if (places_.empty()) Refuse("it is no trace: it is a single value");
    switch (places_.back()) {
      case Place::kRoot:
        if (key_ == "traceEvents") Refuse("\"traceEvents\" is no list");
        break;
      case Place::kOther:
        if (key_ == "tool") header_.tool = std::move(value);
        if (key_ == "version") header_.version = std::move(value);
        if (key_ == "ranks") header_.ranks = std::move(value);
        if (key_ == "dropped_spans") header_.dropped_spans = std::move(value);
        break;
      case Place::kEvents:
        RefuseEvent("it is no object");
      case Place::kEvent:
      case Place::kArgs:
        if (const auto member = MemberNamed(key_, places_.back() == Place::kArgs))
          event_[*member] = std::move(value);
        break;
      case Place::kObject:
        if (key_ == "path") event_.objects.back().first = std::move(value);
        if (key_ == "bytes") event_.objects.back().second = std::move(value);
        break;
      case Place::kObjects:
        RefuseEvent("\"objects\" has an entry that is no object");
      case Place::kSkipped:
        break;
    }
    return true;
  }

  std::istream& input_;
  const std::string& name_;
  const TraceSink& sink_;
  std::vector<Place> places_;
  std::string key_;
  TraceEvent event_;
  TraceHeader header_;
  uint64_t event_number_ = 0;
  bool has_events_ = false;
};

}  // namespace

TraceHeader ParseTrace(std::istream& input, const std::string& name, const TraceSink& sink) {
  Handler handler(input, name, sink);
  if (!nlohmann::json::sax_parse(input, &handler)) throw Failure(kFailed, "reading " + name);
  if (input.bad()) throw Failure(kFailed, fmt::format("reading {}: the system refused", name));
  return handler.TakeHeader();
}

}  // namespace tsnap::cli
