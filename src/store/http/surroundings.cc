#include "store/http/surroundings.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string_view>

#include <fmt/format.h>

namespace tsnap::http {

namespace {

// The value of the first variable that is set to something.
std::string FirstOf(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = std::getenv(name);
    if (value != nullptr && value[0] != '\0') return value;
  }
  return {};
}

// libcurl would find out as well, but only at the first connection, and without saying who named
// the file.
Status CheckCertificates(const std::string& path, std::string_view named_by) {
  constexpr size_t kMostBytes = size_t{16} << 20;
  const auto refuse = [&](std::string_view why) {
    return Invalid(fmt::format(
        "reading the certificates in {} (named by {}): {}; name a file of certificates in PEM",
        path, named_by, why));
  };
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  if (file == nullptr) return refuse(std::strerror(errno));
  std::string text, step(size_t{64} << 10, '\0');
  while (const size_t read = std::fread(step.data(), 1, step.size(), file.get())) {
    text.append(step, 0, read);
    if (text.size() > kMostBytes) return refuse("it is too large");
  }
  if (std::ferror(file.get()) != 0) return refuse(std::strerror(errno));
  if (text.find("-----BEGIN ") == std::string::npos ||
      text.find("CERTIFICATE-----") == std::string::npos)
    return refuse("it holds no certificate");
  return Status::Ok();
}

}  // namespace

Result<Surroundings> ReadSurroundings(const std::string& ca_file) {
  Surroundings found;
  // Upper case only where a web server cannot set it from a header of a request (HTTP_PROXY is
  // one).
  found.http_proxy = FirstOf({"http_proxy", "all_proxy", "ALL_PROXY"});
  found.https_proxy = FirstOf({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
  found.no_proxy = FirstOf({"no_proxy", "NO_PROXY"});

  found.ca_file = ca_file;
  std::string_view named_by = "the CA file option";
  if (found.ca_file.empty()) {
    for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
      if (!found.ca_file.empty()) break;
      found.ca_file = FirstOf({name});
      named_by = name;
    }
    if (named_by != "CURL_CA_BUNDLE") found.ca_folder = FirstOf({"SSL_CERT_DIR"});
  }
  if (!found.ca_file.empty()) TSNAP_TRY(CheckCertificates(found.ca_file, named_by));
  return found;
}

}  // namespace tsnap::http
