#include "core/trace.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/protect.h"
#include "core/agree.h"
#include "core/trace_events.h"

namespace tsnap {

namespace {

constexpr size_t kPieceBytes = size_t{256} << 10;
constexpr int kRanksAtOnce = 16;  // whose pieces rank 0 holds at a time

// Written beside, and renamed when it is whole: a trace is never half there.
class TraceFile {
 public:
  explicit TraceFile(std::string path) : path_(std::move(path)), beside_(path_ + ".part") {}
  ~TraceFile() {
    if (file_ != nullptr) std::remove(beside_.c_str());
  }
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  Status Open(int ranks, uint64_t dropped_spans) {
    file_.reset(std::fopen(beside_.c_str(), "we"));
    if (file_ == nullptr) return Failed();
    return Write(
        fmt::format(R"({{"displayTimeUnit":"ms","otherData":{{"tool":"tsnap","version":"{}",)"
                    R"("ranks":{},"dropped_spans":{}}},"traceEvents":[)"
                    "\n",
                    TSNAP_VERSION_TEXT, ranks, dropped_spans));
  }
  Status Write(std::string_view text) {
    return std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size() ? Status::Ok()
                                                                                : Failed();
  }
  // The last event stands behind the others' commas.
  Status Close() {
    TSNAP_TRY(Write(R"({"ph":"M","pid":0,"tid":0,"name":"trace_end","args":{}})"
                    "\n]}\n"));
    if (std::fclose(file_.release()) != 0 || std::rename(beside_.c_str(), path_.c_str()) != 0) {
      Status failed = Failed();
      std::remove(beside_.c_str());
      return failed;
    }
    return Status::Ok();
  }

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  Status Failed() const {
    return Status::FromErrno(errno, fmt::format("writing the trace {}", path_));
  }

  const std::string path_, beside_;
  std::unique_ptr<std::FILE, CloseFile> file_;
};

class TraceMerge {
 public:
  explicit TraceMerge(Context& context) : context_(context), comm_(context.comm()) {}

  // A failure of one rank's is kept to the end: the others are in the exchanges.
  Status Run() {
    TSNAP_TRY(Compare());
    Note(Protect([&] {
      pieces_ = TraceEvents(spans_, context_.observer().TakeNotes(), comm_.rank(),
                            static_cast<int64_t>(origin_ns_), kPieceBytes);
      if (comm_.rank() != 0) return Status::Ok();
      file_ = std::make_unique<TraceFile>(context_.knobs().trace);
      return file_->Open(comm_.size(), dropped_);
    }));
    for (int first = 0; first < comm_.size(); first += kRanksAtOnce) TSNAP_TRY(Collect(first));
    if (comm_.rank() == 0 && status_.ok()) Note(Protect([&] { return file_->Close(); }));
    return Agree(comm_, status_);
  }

 private:
  void Note(Status status) {
    if (status_.ok()) status_ = std::move(status);
  }

  // When the first of all spans began, and how many were left out.
  Status Compare() {
    Timeline* timeline = context_.observer().timeline().get();
    if (timeline != nullptr) {
      spans_ = timeline->Take();
      dropped_ = timeline->dropped();
    }
    for (const Span& span : spans_)
      origin_ns_ = std::min(origin_ns_, static_cast<uint64_t>(span.begin_ns));
    TSNAP_TRY(comm_.Allreduce(std::span(&origin_ns_, 1), Comm::Op::kMin));
    return comm_.Allreduce(std::span(&dropped_, 1), Comm::Op::kSum);
  }

  // What the ranks [first, first + kRanksAtOnce) have goes to rank 0, a piece of each at a time.
  Status Collect(int first) {
    const bool mine = comm_.rank() >= first && comm_.rank() < first + kRanksAtOnce;
    uint64_t rounds = mine ? pieces_.size() : 0;
    TSNAP_TRY(comm_.Allreduce(std::span(&rounds, 1), Comm::Op::kMax));
    for (uint64_t round = 0; round < rounds; ++round) {
      std::vector<Message> out;
      if (mine && round < pieces_.size()) {
        Note(Protect([&] {
          const ConstByteSpan bytes = AsBytes(pieces_[round]);
          out.push_back({0, Bytes(bytes.begin(), bytes.end())});
          return Status::Ok();
        }));
      }
      Result<std::vector<Message>> arrived = comm_.Exchange(std::move(out));
      if (comm_.broken()) return std::move(arrived).status();
      if (!arrived.ok()) Note(std::move(arrived).status());
      if (comm_.rank() != 0 || !status_.ok()) continue;
      for (const Message& message : *arrived) Note(file_->Write(AsText(message.bytes)));
    }
    return Status::Ok();
  }

  Context& context_;
  Comm& comm_;
  std::vector<Span> spans_;
  std::vector<std::string> pieces_;
  uint64_t origin_ns_ = ~uint64_t{0};
  uint64_t dropped_ = 0;
  std::unique_ptr<TraceFile> file_;  // on rank 0
  Status status_;
};

}  // namespace

Status AgreeOnTrace(Context& context) {
  uint64_t wanted = context.comm().rank() == 0 ? !context.knobs().trace.empty() : ~uint64_t{0};
  TSNAP_TRY(context.comm().Allreduce(std::span(&wanted, 1), Comm::Op::kMin));
  if (wanted == 0) return Status::Ok();
  return Agree(context.comm(), Protect([&] {
                 context.StartTrace();
                 return Status::Ok();
               }));
}

Status WriteTrace(Context& context) {
  if (context.observer().timeline() == nullptr) return Status::Ok();
  return TraceMerge(context).Run();
}

}  // namespace tsnap
