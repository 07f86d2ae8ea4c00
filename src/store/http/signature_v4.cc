#include "store/http/signature_v4.h"

#include <algorithm>
#include <ctime>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "store/http/crypto.h"

namespace tsnap::http {

namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// Without white space around it, and with one space for each run of it inside.
std::string Trimmed(std::string_view value) {
  std::string trimmed;
  for (const char c : value) {
    const bool space = c == ' ' || c == '\t';
    if (!space) trimmed += c;
    if (space && !trimmed.empty() && trimmed.back() != ' ') trimmed += ' ';
  }
  if (trimmed.ends_with(' ')) trimmed.pop_back();
  return trimmed;
}

// "20130524T000000Z"; empty for a time that no calendar has.
std::string Timestamp(int64_t unix_now) {
  const auto seconds = static_cast<time_t>(unix_now);
  std::tm utc = {};
  if (::gmtime_r(&seconds, &utc) == nullptr || utc.tm_year < 0 || utc.tm_year > 8099) return {};
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

std::string CanonicalQuery(const Request& request) {
  std::vector<std::pair<std::string, std::string>> encoded;
  for (const Parameter& parameter : request.query)
    encoded.emplace_back(PercentEncode(parameter.name, false),
                         PercentEncode(parameter.value, false));
  std::sort(encoded.begin(), encoded.end());
  std::string query;
  for (const auto& [name, value] : encoded)
    query += fmt::format("{}{}={}", query.empty() ? "" : "&", name, value);
  return query;
}

struct CanonicalHeaders {
  std::string lines, names;
};

CanonicalHeaders Canonical(const Request& request) {
  std::vector<Header> sorted{{"host", request.authority}};
  for (const Header& header : request.headers)
    sorted.push_back({Lower(header.name), Trimmed(header.value)});
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Header& a, const Header& b) { return a.name < b.name; });
  CanonicalHeaders canonical;
  for (size_t i = 0; i < sorted.size(); ++i) {
    const bool again = i > 0 && sorted[i].name == sorted[i - 1].name;
    if (again) {
      canonical.lines.back() = ',';  // in place of the end of the line
      canonical.lines += sorted[i].value + "\n";
      continue;
    }
    canonical.lines += sorted[i].name + ":" + sorted[i].value + "\n";
    if (!canonical.names.empty()) canonical.names += ';';
    canonical.names += sorted[i].name;
  }
  return canonical;
}

// A request that is sent again is signed again, with another date.
void SetHeader(const std::string& name, std::string value, Request* request) {
  std::erase_if(request->headers,
                [&](const Header& header) { return Lower(header.name) == Lower(name); });
  if (!value.empty()) request->headers.push_back({name, std::move(value)});
}

Result<Sha256Digest> SigningKey(const SignatureFamily& family, const std::string& secret_key,
                                std::string_view date, std::string_view region) {
  const std::string first = std::string(family.key_prefix) + secret_key;
  TSNAP_ASSIGN(Sha256Digest key, HmacSha256(AsBytes(first), AsBytes(date)));
  for (const std::string_view step : {region, family.service, family.terminator}) {
    TSNAP_ASSIGN(key, HmacSha256(key, AsBytes(step)));
  }
  return key;
}

}  // namespace

std::string HashPayload(const Request& request) {
  const Result<Sha256Digest> digest = Sha256(request.body);
  return digest.ok() ? Hex(*digest) : std::string();
}

Status SignV4(const SignatureFamily& family, const Credentials& credentials,
              std::string_view region, int64_t unix_now, std::string_view payload_hash,
              Request* request) {
  if (credentials.access_key.empty() || credentials.secret_key.empty())
    return {Code::kAuth, "signing a request: there is no access key with its secret key"};
  const std::string time = Timestamp(unix_now);
  if (time.empty()) return Invalid("signing a request: check the clock of this machine");
  if (payload_hash.empty()) return Internal("signing a request: its body has no SHA-256");
  const std::string_view date = std::string_view(time).substr(0, 8);
  const std::string prefix(family.header_prefix);

  SetHeader("authorization", {}, request);
  SetHeader(prefix + "date", time, request);
  SetHeader(prefix + "content-sha256", std::string(payload_hash), request);
  SetHeader(prefix + "security-token", credentials.token, request);

  const CanonicalHeaders headers = Canonical(*request);
  const std::string canonical =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request->method, request->path,
                  CanonicalQuery(*request), headers.lines, headers.names, payload_hash);
  const ConstByteSpan canonical_bytes = AsBytes(canonical);
  TSNAP_ASSIGN(const Sha256Digest digest, Sha256(std::span(&canonical_bytes, 1)));
  const std::string scope =
      fmt::format("{}/{}/{}/{}", date, region, family.service, family.terminator);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", family.algorithm, time, scope, Hex(digest));
  TSNAP_ASSIGN(const Sha256Digest key, SigningKey(family, credentials.secret_key, date, region));
  TSNAP_ASSIGN(const Sha256Digest signature, HmacSha256(key, AsBytes(to_sign)));
  SetHeader("authorization",
            fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", family.algorithm,
                        credentials.access_key, scope, headers.names, Hex(signature)),
            request);
  return Status::Ok();
}

}  // namespace tsnap::http
