// A client that answers from a script instead of a network: each request takes the next line, and is
// kept for the test to look at.
#pragma once

#include <criterion/criterion.h>
#include <strings.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "store/http/client.h"

namespace tsnap::test {

struct SentRequest {
  std::string method, url, body;
  std::vector<http::Header> headers;
  std::string header(const std::string& name) const {
    for (const http::Header& header : headers) {
      if (strcasecmp(header.name.c_str(), name.c_str()) == 0) return header.value;
    }
    return {};
  }
};

class ScriptedClient final : public http::Client {
 public:
  void Answer(int status, std::string body = {}, std::vector<http::Header> headers = {}) {
    http::Response response;
    response.status = status;
    response.headers = std::move(headers);
    const ConstByteSpan bytes = AsBytes(body);
    response.body.assign(bytes.begin(), bytes.end());
    script_.emplace_back(std::move(response));
  }
  void Fail(Code code, const std::string& text) { script_.emplace_back(Status(code, text)); }
  bool done() const { return script_.empty(); }
  const std::vector<SentRequest>& sent() const { return sent_; }

  // Called before a request takes its answer, by its own thread; may be empty.
  std::function<void(const http::Request&)> on_the_way;

  Result<http::Response> Perform(const http::Request& request) override {
    if (on_the_way) on_the_way(request);
    std::lock_guard lock(mutex_);
    std::string body;
    for (const ConstByteSpan part : request.body) body += AsText(part);
    sent_.push_back({request.method, http::UrlOf(request), body, request.headers});
    cr_assert(!script_.empty(), "an unexpected %s %s", request.method.c_str(), http::UrlOf(request).c_str());
    Result<http::Response> next = std::move(script_.front());
    script_.pop_front();
    if (next.ok() && next->status >= 200 && next->status < 300 && !request.into.empty()) {
      next->into_bytes = std::min<uint64_t>(request.into.size(), next->body.size());
      std::copy_n(next->body.begin(), next->into_bytes, request.into.begin());
      next->body.clear();
    }
    return next;
  }
  std::vector<Result<http::Response>> PerformAll(std::span<const http::Request> requests) override {
    std::vector<Result<http::Response>> responses;
    for (const http::Request& request : requests) responses.push_back(Perform(request));
    return responses;
  }
  uint64_t moved_bytes() const override { return 0; }
  double idle_seconds() const override { return 0; }
  bool has_answered(const std::string&) const override { return true; }

 private:
  std::mutex mutex_;
  std::deque<Result<http::Response>> script_;
  std::vector<SentRequest> sent_;
};

}  // namespace tsnap::test
