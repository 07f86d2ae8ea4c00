#include "store/http/service_call.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.h"
#include "store/http/retry.h"

namespace tsnap::http {

namespace {

constexpr size_t kMostQuotedBytes = 300;
constexpr size_t kTellingBytes = 8;  // so much of a secret gives some of it away

bool Tells(std::string_view text, std::string_view secret) {
  if (secret.size() < kTellingBytes)
    return !secret.empty() && text.find(secret) != std::string_view::npos;
  for (size_t i = 0; i + kTellingBytes <= text.size(); ++i)
    if (secret.find(text.substr(i, kTellingBytes)) != std::string_view::npos) return true;
  return false;
}

}  // namespace

Result<std::shared_ptr<Client>> NearClient::Get() {
  std::lock_guard lock(mutex_);
  if (client_ == nullptr) {
    TSNAP_ASSIGN(client_, make_());
  }
  return client_;
}

Result<Response> AskService(Client& client, const Request& request, std::string_view what,
                            std::span<const std::string> secrets,
                            const std::function<std::string(const std::string&)>& detail) {
  auto answer = client.Perform(request);
  if (!answer.ok()) return std::move(answer).status().While("asking", what);
  if (answer->status == 200) return answer;
  const std::string said = detail ? Quotable(detail(BodyOf(*answer)), secrets) : std::string();
  const Code code = IsWorthRetrying(answer->status) ? Code::kNetwork : Code::kAuth;
  return Status(code, fmt::format("asking {}: it answered {}{}", what, answer->status, said));
}

std::string BodyOf(const Response& answer) { return std::string(AsText(answer.body)); }

Result<Response> AskMetadata(Client& client, const Request& request, std::string_view what) {
  constexpr int kTries = 2;
  for (int i = 1;; ++i) {
    auto answer = AskService(client, request, what, {}, nullptr);
    if (answer.ok() || client.has_answered(request.authority)) return answer;
    const Code code = answer.status().code();
    if (code != Code::kNetwork && code != Code::kTimeout) return answer;
    if (i == kTries)
      return Status(Code::kAuth,
                    fmt::format("asking {}: nobody answers there (on a machine outside "
                                "of such a cloud that is as it should be)",
                                what));
  }
}

std::string Quotable(std::string_view text, std::span<const std::string> secrets) {
  text = text.substr(0, kMostQuotedBytes);
  if (text.empty()) return {};
  for (const std::string& secret : secrets)
    if (Tells(text, secret)) return {};
  std::string quoted = ", \"";
  for (const char c : text) quoted += c >= ' ' && c <= '~' ? c : '?';
  return quoted + '"';
}

bool IsHeaderValue(std::string_view text) {
  return text.size() <= (16 << 10) &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace tsnap::http
