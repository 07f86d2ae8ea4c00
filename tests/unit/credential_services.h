// Stand-ins for the services that credentials come from, for the tests of S3's and Google's: no network, and as strict as
// the real ones, after what their makers publish. Also a clean environment, a home, and a watch over secrets.
#pragma once

#include <criterion/criterion.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "store/http/credential_clients.h"
#include "store/http/credentials.h"
#include "store/http/service_call.h"
#include "store/session.h"

namespace credential_test {

using namespace tsnap;

// Whatever a test hands in or out as a secret begins with this, and no message ever holds it.
inline const std::string kSecret = "SeCrEt0";

inline void ExpectClean(const std::string& text) {
  cr_assert(text.find("SeCrEt") == std::string::npos, "a message holds a secret: %s", text.c_str());
}

inline void ExpectFailure(const Status& status, Code code, const std::string& part = {}) {
  cr_assert(status.code() == code, "%s", status.ToString().c_str());
  cr_assert(status.message().find(part) != std::string::npos, "\"%s\" is not in: %s", part.c_str(), status.message().c_str());
  ExpectClean(status.message());
}

class FakeClient final : public http::Client {
 public:
  using Service = std::function<http::Response(const http::Request&, const std::string& body)>;

  // Whoever is not served cannot be reached.
  void Serve(const std::string& authority, Service service) { services_[authority] = std::move(service); }
  int requests(const std::string& authority) { return requests_[authority]; }

  Result<http::Response> Perform(const http::Request& request) override {
    std::lock_guard lock(mutex_);
    ++requests_[request.authority];
    cr_assert_neq(request.path.find('/'), std::string::npos);
    const auto service = services_.find(request.authority);
    if (service == services_.end())
      return Status(Code::kNetwork, request.method + " " + request.authority + request.path + ": cannot connect");
    std::string body;
    for (ConstByteSpan part : request.body) body += AsText(part);
    answered_.insert(request.authority);
    return service->second(request, body);
  }
  std::vector<Result<http::Response>> PerformAll(std::span<const http::Request> all) override {
    std::vector<Result<http::Response>> answers;
    for (const http::Request& request : all) answers.push_back(Perform(request));
    return answers;
  }
  uint64_t moved_bytes() const override { return 0; }
  double idle_seconds() const override { return 0; }
  bool has_answered(const std::string& authority) const override { return answered_.contains(authority); }

 private:
  std::mutex mutex_;
  std::map<std::string, Service> services_;
  std::map<std::string, int> requests_;
  std::set<std::string> answered_;
};

inline http::Response Answer(int status, const std::string& body = {}, std::vector<http::Header> headers = {}) {
  http::Response answer;
  answer.status = status;
  answer.headers = std::move(headers);
  const ConstByteSpan bytes = AsBytes(body);
  answer.body.assign(bytes.begin(), bytes.end());
  return answer;
}

// The value of a request's header, in any case; "" where there is none.
inline std::string HeaderOf(const http::Request& request, std::string name) {
  for (const http::Header& header : request.headers) {
    std::string lower = header.name;
    for (char& c : lower) c = static_cast<char>(std::tolower(c));
    if (lower == name) return header.value;
  }
  return {};
}

inline std::map<std::string, std::string> FormOf(const http::Request& request, const std::string& body) {
  std::map<std::string, std::string> form;
  if (request.method != "POST" || HeaderOf(request, "content-type") != "application/x-www-form-urlencoded") return form;
  std::stringstream in(body);
  for (std::string pair; std::getline(in, pair, '&');) {
    const size_t equals = pair.find('=');
    cr_assert_neq(equals, std::string::npos);
    form[http::PercentDecode(pair.substr(0, equals))] = http::PercentDecode(pair.substr(equals + 1));
  }
  return form;
}

inline std::string TimeText(int64_t unix_seconds) {
  const time_t time = static_cast<time_t>(unix_seconds);
  char text[64];
  tm parts = {};
  gmtime_r(&time, &parts);
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// A home of its own and an environment without anything that could lead to credentials.
class Home {
 public:
  Home() {
    std::vector<std::string> names;
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string name = std::string(*entry).substr(0, std::string(*entry).find('='));
      for (const char* prefix : {"AWS_", "TSNAP_", "GOOGLE_", "GCE_", "CLOUDSDK_", "NO_GCE_", "GS_"})
        if (name.starts_with(prefix)) names.push_back(name);
    }
    for (const std::string& name : names) unsetenv(name.c_str());
    char folder[] = "/tmp/tsnap-home-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    folder_ = folder;
    setenv("HOME", folder, 1);
  }
  ~Home() { std::filesystem::remove_all(folder_); }
  std::string Write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = std::filesystem::path(folder_) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
};

inline void Set(const char* name, const std::string& value) { setenv(name, value.c_str(), 1); }

struct World {
  Home home;
  std::shared_ptr<FakeClient> far = std::make_shared<FakeClient>(), near = std::make_shared<FakeClient>();
  std::shared_ptr<NodeMemory> node;
  Knobs knobs;

  http::CredentialClients clients() const {
    return {far, [this] { return Result<std::shared_ptr<http::Client>>(near); }};
  }
  // What goes to the log is as clean as what is returned.
  std::shared_ptr<StoreSession> session() const {
    const auto watch = [](int32_t, const char* message, void*) { ExpectClean(message); };
    return std::make_shared<StoreSession>(knobs, Log(watch, nullptr, 4), node);
  }
};

}  // namespace credential_test
