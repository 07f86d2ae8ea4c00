// What the client says when servers, networks, certificates and proxies are bad. Every request here
// carries secrets, and no text may repeat them.
#include <criterion/criterion.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "http_server.h"
#include "store/http/client.h"

using namespace tsnap;
using namespace tsnap::http;
using tsnap::test::GotRequest;
using tsnap::test::HttpServer;
using tsnap::test::Peer;

namespace {

const std::vector<const char*> kProxyVariables{"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY",
                                               "all_proxy",  "ALL_PROXY",   "no_proxy",   "NO_PROXY"};
const std::vector<const char*> kTrustVariables{"CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"};

void ClearSurroundings() {
  for (const char* name : kProxyVariables) ::unsetenv(name);
  for (const char* name : kTrustVariables) ::unsetenv(name);
}

std::shared_ptr<Client> MakeClient(const ClientOptions& options = {}) {
  Result<std::shared_ptr<Client>> client = Client::Make(options);
  cr_assert(client.ok(), "%s", client.status().ToString().c_str());
  return std::move(client).value();
}

Request SecretRequest(const std::string& authority, const std::string& method = "PUT") {
  Request request;
  request.method = method;
  request.scheme = "http";
  request.authority = authority;
  request.path = "/bucket/key";
  request.query = {{"X-Amz-Signature", "secret-query"}};
  request.headers = {{"Authorization", "Bearer secret-header"}, {"x-amz-security-token", "secret-token"}};
  request.body = {AsBytes("secret-body")};
  return request;
}

void ExpectNoSecret(const std::string& text) {
  for (const char* secret : {"secret", "Authorization", "Signature", "Bearer"})
    cr_assert(text.find(secret) == std::string::npos, "%s", text.c_str());
  cr_assert(text.find_first_of("\r\n") == std::string::npos, "%s", text.c_str());
}

void ExpectFailure(const Result<Response>& outcome, Code code, const std::string& text) {
  cr_assert(!outcome.ok(), "status %d", outcome.ok() ? outcome->status : 0);
  const std::string said = outcome.status().ToString();
  cr_assert(outcome.status().code() == code, "%s", said.c_str());
  cr_assert(said.find(text) != std::string::npos, "%s", said.c_str());
  ExpectNoSecret(said);
}

// Fails because of what the script does; the text names method, host and path.
void ExpectFailure(HttpServer::Script script, Code code, const std::string& text, const ClientOptions& options = {}) {
  HttpServer server(std::move(script));
  const Result<Response> outcome = MakeClient(options)->Perform(SecretRequest(server.authority()));
  ExpectFailure(outcome, code, text);
  ExpectFailure(outcome, code, "PUT http://" + server.authority() + "/bucket/key: ");
}

HttpServer::Script Says(const std::string& text) {
  return [text](Peer& peer) {
    if (peer.Read()) peer.Send(text);
  };
}

double SecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "tsnap-http-XXXXXX").string();
    cr_assert(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// The openssl command, and what it prints.
class OpenSsl {
 public:
  explicit OpenSsl(std::vector<std::string> arguments) {
    int ends[2];
    cr_assert(::pipe2(ends, O_CLOEXEC) == 0);
    std::vector<char*> argv;
    arguments.insert(arguments.begin(), "openssl");
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    const int error = ::posix_spawnp(&process_, "openssl", &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
    cr_assert(error == 0, "these tests need the openssl command: %s", std::strerror(error));
  }
  ~OpenSsl() {
    if (process_ > 0) ::kill(process_, SIGKILL);
    Wait();
    ::close(output_);
  }
  int Wait() {
    int status = -1;
    if (process_ > 0) ::waitpid(process_, &status, 0);
    process_ = -1;
    return status;
  }
  // A line that begins like this, without its beginning.
  std::string Line(const std::string& beginning) {
    std::string line;
    for (char c = 0; ::read(output_, &c, 1) == 1;) {
      if (c != '\n') {
        line += c;
      } else if (line.starts_with(beginning)) {
        return line.substr(beginning.size());
      } else {
        line.clear();
      }
    }
    cr_assert(false, "openssl has ended without a line that begins with %s", beginning.c_str());
    return {};
  }

 private:
  pid_t process_ = -1;
  int output_ = -1;
};

// A host for 127.0.0.1 whose certificate nobody else knows.
class TlsServer {
 public:
  TlsServer() {
    OpenSsl make({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                  "/CN=tsnap test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder_ / "key.pem", "-out",
                  folder_ / "cert.pem"});
    cr_assert_eq(make.Wait(), 0);
    server_ = std::make_unique<OpenSsl>(std::vector<std::string>{"s_server", "-accept", "127.0.0.1:0", "-key",
                                                                 folder_ / "key.pem", "-cert", folder_ / "cert.pem", "-www"});
    authority_ = server_->Line("ACCEPT ");
    authority_ = "127.0.0.1:" + authority_.substr(authority_.rfind(':') + 1);
  }
  std::string certificate() const { return folder_ / "cert.pem"; }
  const std::string& authority() const { return authority_; }
  Result<Response> Get(const ClientOptions& options = {}, const std::string& host = "127.0.0.1") const {
    Request request = SecretRequest(host + authority_.substr(authority_.rfind(':')), "GET");
    request.scheme = "https";
    request.path = "/";
    request.body.clear();
    return MakeClient(options)->Perform(request);
  }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<OpenSsl> server_;
  std::string authority_;
};

}  // namespace

TestSuite(http_client_failures, .init = ClearSurroundings, .timeout = 60);

Test(http_client_failures, resets_are_network_failures) {
  ExpectFailure([](Peer& peer) { peer.Reset(); }, Code::kNetwork, "");
  ExpectFailure([](Peer& peer) { peer.Read(), peer.Reset(); }, Code::kNetwork, "");
  ExpectFailure(
      [](Peer& peer) {
        peer.Read(), peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhel");
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        peer.Reset();
      },
      Code::kNetwork, "");
}

Test(http_client_failures, a_connection_closed_without_an_answer_is_a_network_failure) {
  ExpectFailure([](Peer& peer) { peer.Read(); }, Code::kNetwork, "without an answer");
}

Test(http_client_failures, a_body_that_is_cut_short_is_a_network_failure) {
  ExpectFailure(Says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"), Code::kNetwork, "cut short after 5 bytes");
  ExpectFailure(Says("HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nhello"), Code::kNetwork, "cut short after 5 bytes");
  ExpectFailure(Says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwor"), Code::kNetwork, "cut short");
  ExpectFailure(Says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), Code::kNetwork, "cut short");
}

Test(http_client_failures, what_arrived_before_the_cut_does_not_pass_for_an_answer) {
  HttpServer server(Says("HTTP/1.1 206 Partial\r\nContent-Length: 8\r\n\r\n12345"));
  Bytes into(8);
  Request request = SecretRequest(server.authority(), "GET");
  request.into = into;
  ExpectFailure(MakeClient()->Perform(request), Code::kNetwork, "cut short after 5 bytes");
}

Test(http_client_failures, answers_that_are_not_http_are_network_failures) {
  ExpectFailure(Says("220 mail.example ESMTP\r\n"), Code::kNetwork, "not HTTP");
  ExpectFailure(Says(std::string(100000, '\0')), Code::kNetwork, "");
  ExpectFailure(Says("HTTP/1.1 101 Switching Protocols\r\n\r\n"), Code::kNetwork, "");
  ExpectFailure(Says("HTTP/9.7 hello\r\n\r\n"), Code::kNetwork, "");
  ExpectFailure(Says("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"), Code::kNetwork, "");
  ExpectFailure(Says("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nx"), Code::kNetwork, "length");
  ExpectFailure(Says("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello"), Code::kNetwork, "length");
  ExpectFailure(Says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n"), Code::kNetwork, "");
}

Test(http_client_failures, endless_headers_are_network_failures) {
  {
    // One line of more than 100 KB: libcurl has called that "out of memory" and "too large".
    HttpServer server(Says("HTTP/1.1 200 OK\r\nX-Long: " + std::string(400000, 'x') + "\r\nContent-Length: 0\r\n\r\n"));
    const Status status = MakeClient()->Perform(SecretRequest(server.authority())).status();
    cr_assert(status.code() == Code::kNetwork || status.code() == Code::kNoMemory, "%s", status.ToString().c_str());
  }
  std::string many = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 10000; ++i) many += "X-Header-" + std::to_string(i) + ": " + std::string(20, 'x') + "\r\n";
  ExpectFailure(Says(many + "Content-Length: 0\r\n\r\n"), Code::kNetwork, "");
  ExpectFailure(
      [](Peer& peer) {
        peer.Read();
        while (peer.Send("HTTP/1.1 100 Continue\r\nX-Filler: 0123456789012345678901234567890123456789\r\n\r\n")) {
        }
      },
      Code::kNetwork, "of headers");
}

Test(http_client_failures, a_host_that_never_answers_is_a_timeout) {
  const auto begin = std::chrono::steady_clock::now();
  ExpectFailure([](Peer& peer) { peer.Read(), peer.WaitForEnd(); }, Code::kTimeout,
                "nothing has moved for 0.3 s (11 of 11 bytes sent, 0 received)", {.stall_seconds = 0.3});
  cr_assert(SecondsSince(begin) >= 0.25, "%f", SecondsSince(begin));
  cr_assert(SecondsSince(begin) < 20);
}

Test(http_client_failures, an_answer_that_stops_is_a_timeout) {
  ExpectFailure(
      [](Peer& peer) {
        peer.Read(), peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"), peer.WaitForEnd();
      },
      Code::kTimeout, "5 received", {.stall_seconds = 0.3});
}

Test(http_client_failures, a_host_that_takes_nothing_is_a_timeout) {
  std::atomic<bool> done{false};
  HttpServer server([&](Peer&) {
    while (!done) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  });
  const std::string body(size_t{32} << 20, 'x');
  Request request = SecretRequest(server.authority());
  request.body = {AsBytes(body)};
  ExpectFailure(MakeClient({.stall_seconds = 0.3})->Perform(request), Code::kTimeout, "nothing has moved");
  done = true;
}

Test(http_client_failures, a_trickle_is_no_stall) {
  HttpServer server([](Peer& peer) {
    size_t body_bytes = 0;
    while (peer.ReadHead(&body_bytes)) {
      peer.Sink(body_bytes);
      peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n");
      for (int i = 0; i < 15; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(80));
        if (!peer.Send("x")) return;
      }
    }
  });
  const Result<Response> outcome = MakeClient({.stall_seconds = 0.8})->Perform(SecretRequest(server.authority()));
  cr_assert(outcome.ok(), "%s", outcome.status().ToString().c_str());
}

Test(http_client_failures, a_trickle_that_never_ends_is_given_up) {
  HttpServer server([](Peer& peer) {
    size_t body_bytes = 0;
    if (!peer.ReadHead(&body_bytes)) return;
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    while (peer.Send("x")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  ExpectFailure(MakeClient({.stall_seconds = 0.1})->Perform(SecretRequest(server.authority())), Code::kTimeout, "");
}

Test(http_client_failures, no_limit_runs_for_those_who_wait_for_a_connection) {
  HttpServer server([](Peer& peer) {
    while (peer.Read()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      peer.Answer(200, "hello");
    }
  });
  const auto client = MakeClient({.connect_seconds = 0.6, .stall_seconds = 0.6, .most_connections = 1});
  const std::vector<Request> requests(5, SecretRequest(server.authority()));
  for (const auto& outcome : client->PerformAll(requests)) cr_assert(outcome.ok(), "%s", outcome.status().ToString().c_str());
}

Test(http_client_failures, one_that_stalls_does_not_hold_up_the_others) {
  HttpServer server([](Peer& peer) {
    while (const auto got = peer.Read()) {
      if (got->method == "DELETE") return peer.WaitForEnd();
      peer.Answer(200, "hello");
    }
  });
  const auto client = MakeClient({.stall_seconds = 1});
  std::vector<Request> requests(12, SecretRequest(server.authority()));
  requests[3].method = "DELETE";
  const auto outcomes = client->PerformAll(requests);
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (i == 3) {
      ExpectFailure(outcomes[i], Code::kTimeout, "DELETE");
    } else {
      cr_assert(outcomes[i].ok(), "%s", outcomes[i].status().ToString().c_str());
    }
  }
}

Test(http_client_failures, a_connection_that_does_not_come_about_is_a_timeout) {
  // A socket whose queue of connections is full: the kernel lets further ones wait.
  const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  cr_assert(::bind(listening, reinterpret_cast<sockaddr*>(&address), length) == 0);
  cr_assert(::listen(listening, 0) == 0);
  cr_assert(::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  std::vector<int> filling;
  for (int i = 0; i < 8; ++i) {
    filling.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    static_cast<void>(::connect(filling.back(), reinterpret_cast<sockaddr*>(&address), length));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const std::string authority = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  const auto begin = std::chrono::steady_clock::now();
  // The stall is shorter: to connect has a time of its own.
  ExpectFailure(MakeClient({.connect_seconds = 0.5, .stall_seconds = 0.1})->Perform(SecretRequest(authority)), Code::kTimeout,
                "no connection within 0.5 s");
  cr_assert(SecondsSince(begin) >= 0.45 && SecondsSince(begin) < 20, "%f", SecondsSince(begin));
  for (const int socket : filling) ::close(socket);
  ::close(listening);
}

Test(http_client_failures, a_refused_connection_is_a_network_failure_that_says_what_to_check) {
  std::string authority;
  {
    HttpServer server([](Peer&) {});
    authority = server.authority();
  }
  const auto client = MakeClient();
  ExpectFailure(client->Perform(SecretRequest(authority)), Code::kNetwork, "could not connect: Connection refused; check the endpoint");
  cr_assert(!client->has_answered(authority));
}

Test(http_client_failures, a_client_goes_on_after_failures) {
  HttpServer server([](Peer& peer) {
    while (const auto got = peer.Read()) {
      if (got->method == "DELETE") return peer.Reset();
      peer.Answer(200, "hello");
    }
  });
  const auto client = MakeClient({.most_connections = 2});
  for (int i = 0; i < 10; ++i) {
    ExpectFailure(client->Perform(SecretRequest(server.authority(), "DELETE")), Code::kNetwork, "DELETE");
    cr_assert(client->Perform(SecretRequest(server.authority())).ok());
  }
}

Test(http_client_failures, requests_that_would_become_others_are_never_sent) {
  HttpServer server([](Peer& peer) {
    while (peer.Read()) peer.Answer(200, "");
  });
  const auto client = MakeClient();
  const auto refused = [&](Code code, auto change) {
    Request request = SecretRequest(server.authority());
    change(&request);
    ExpectFailure(client->Perform(request), code, "");
  };
  for (const char* method : {"", "GET /x HTTP/1.1\r\nX:", "G T", "GET\n"})
    refused(Code::kInvalid, [&](Request* request) { request->method = method; });
  for (const char* scheme : {"", "ftp", "file", "HTTP", "gopher"})
    refused(Code::kUnsupported, [&](Request* request) { request->scheme = scheme; });
  for (const char* authority : {"", "user:secret@127.0.0.1:1", "127.0.0.1:1/x", "127.0.0.1 :1", "a\r\nb", "a?b", "a#b", "127.0.0.1:99999",
                                "a:", "a:0", "a:b", ":80", "[::1", "[]", "[::1]80", "[::1]:", "a%41", "\xc3\xa4"})
    refused(Code::kInvalid, [&](Request* request) { request->authority = authority; });
  for (const char* path : {"", "key", "/a b", "/a?b", "/a#b", "/a\r\nX: y", "/\xc3\xa4", "/a\x7f"})
    refused(Code::kInvalid, [&](Request* request) { request->path = path; });
  for (const char* name : {"", "a b", "a:", "a\r\nb", "Host", "host", "Content-Length", "Transfer-Encoding", "Expect", "\xc3\xa4"})
    refused(Code::kInvalid, [&](Request* request) { request->headers.push_back({name, "x"}); });
  for (const char* value : {"a\r\nX-Other: secret", "a\n", "\x01", "a\x7f"})
    refused(Code::kInvalid, [&](Request* request) { request->headers.push_back({"X-Name", value}); });
  refused(Code::kInvalid, [&](Request* request) { request->headers.push_back({"X-Name", std::string("a\0b", 3)}); });
  refused(Code::kInvalid, [&](Request* request) { request->method = "HEAD"; });  // with a body
  cr_assert_eq(server.requests(), 0);
}

Test(http_client_failures, bad_options_are_invalid) {
  for (const ClientOptions& options : {ClientOptions{.connect_seconds = 0}, ClientOptions{.stall_seconds = -1},
                                       ClientOptions{.most_connections = 0}})
    cr_assert(Client::Make(options).status().code() == Code::kInvalid);
}

Test(http_client_failures, a_certificate_file_that_is_none_is_invalid_and_says_who_named_it) {
  TemporaryFolder folder;
  std::ofstream(folder / "empty.pem") << "no certificate\n";
  const auto refused = [&](const ClientOptions& options, const std::string& path, const std::string& named_by) {
    const Status status = Client::Make(options).status();
    cr_assert(status.code() == Code::kInvalid, "%s", status.ToString().c_str());
    cr_assert(status.message().find(path + " (named by " + named_by + ")") != std::string::npos, "%s", status.message().c_str());
  };
  for (const std::string& path : {folder / "missing.pem", folder / "empty.pem"}) {
    refused({.ca_file = path}, path, "the CA file option");
    for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
      ::setenv(name, path.c_str(), 1);
      refused({}, path, name);
      ::unsetenv(name);
    }
  }
  refused({.ca_file = "/"}, "/", "the CA file option");
}

Test(http_client_failures, an_unknown_certificate_is_not_trusted_until_its_authority_is_named) {
  const TlsServer server;
  ExpectFailure(server.Get(), Code::kAuth, "certificate is not trusted");
  ExpectFailure(server.Get(), Code::kAuth, "TSNAP_CA_FILE");
  const auto trusted = [&](const ClientOptions& options) {
    const Result<Response> outcome = server.Get(options);
    cr_assert(outcome.ok() && outcome->status == 200, "%s", outcome.status().ToString().c_str());
  };
  trusted({.ca_file = server.certificate()});
  for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
    ::setenv(name, server.certificate().c_str(), 1);
    trusted({});
    ::unsetenv(name);
  }
}

Test(http_client_failures, a_named_authority_takes_the_place_of_all_others) {
  const TlsServer server, other;
  ::setenv("SSL_CERT_FILE", server.certificate().c_str(), 1);
  ExpectFailure(server.Get({.ca_file = other.certificate()}), Code::kAuth, "certificate is not trusted");
  ::setenv("CURL_CA_BUNDLE", other.certificate().c_str(), 1);
  ExpectFailure(server.Get(), Code::kAuth, "certificate is not trusted");
}

Test(http_client_failures, a_folder_of_certificates_is_trusted) {
  const TlsServer server;
  TemporaryFolder folder;
  OpenSsl hash({"x509", "-in", server.certificate(), "-noout", "-hash"});
  std::filesystem::copy(server.certificate(), folder / (hash.Line("") + ".0"));
  ::setenv("SSL_CERT_DIR", (folder / "").c_str(), 1);
  const Result<Response> outcome = server.Get();
  cr_assert(outcome.ok() && outcome->status == 200, "%s", outcome.status().ToString().c_str());
}

Test(http_client_failures, a_certificate_of_another_host_is_not_trusted) {
  const TlsServer server;
  ExpectFailure(server.Get({.ca_file = server.certificate()}, "localhost"), Code::kAuth, "certificate is not trusted");
}

Test(http_client_failures, tls_and_plain_text_do_not_understand_each_other) {
  const TlsServer tls;
  ExpectFailure(MakeClient({.stall_seconds = 2})->Perform(SecretRequest(tls.authority())), Code::kNetwork, "");
  HttpServer plain([](Peer& peer) {
    peer.Send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  });
  Request request = SecretRequest(plain.authority());
  request.scheme = "https";
  ExpectFailure(MakeClient({.ca_file = tls.certificate()})->Perform(request), Code::kNetwork, "");
}

Test(http_client_failures, a_proxy_of_the_environment_is_used) {
  std::mutex mutex;
  std::vector<GotRequest> seen;
  HttpServer proxy([&](Peer& peer) {
    while (const auto got = peer.Read()) {
      std::lock_guard lock(mutex);
      seen.push_back(*got);
      peer.Answer(200, "by proxy");
    }
  });
  HttpServer host([](Peer& peer) {
    while (peer.Read()) peer.Answer(200, "directly");
  });
  const auto ask = [&](const std::string& authority) {
    const Result<Response> outcome = MakeClient()->Perform(SecretRequest(authority));
    cr_assert(outcome.ok(), "%s", outcome.status().ToString().c_str());
    return std::string(AsText(outcome->body));
  };
  const std::string url = "http://user:secret@" + proxy.authority();
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) {
    ::setenv(name, url.c_str(), 1);
    cr_assert_eq(ask("store.example:8080"), "by proxy");
    ::unsetenv(name);
    std::lock_guard lock(mutex);
    cr_assert_eq(seen.back().target, "http://store.example:8080/bucket/key?X-Amz-Signature=secret-query", "%s",
                 seen.back().target.c_str());
    cr_assert_eq(seen.back().header("host"), "store.example:8080");
    cr_assert_eq(seen.back().header("proxy-authorization"), "Basic dXNlcjpzZWNyZXQ=");
    cr_assert_eq(seen.back().body, "secret-body");
  }
  // Upper case is what a web server makes of a header "Proxy" of a request that it got.
  ::setenv("HTTP_PROXY", url.c_str(), 1);
  cr_assert_eq(ask(host.authority()), "directly");
  ::setenv("http_proxy", url.c_str(), 1);
  cr_assert_eq(ask(host.authority()), "by proxy");
  ::setenv("no_proxy", "store.example,127.0.0.1", 1);
  cr_assert_eq(ask(host.authority()), "directly");
  cr_assert(proxy.complaints().empty(), "%s", proxy.complaints().c_str());
}

Test(http_client_failures, the_environment_counts_as_it_was_when_the_client_was_made) {
  HttpServer host([](Peer& peer) {
    while (peer.Read()) peer.Answer(200, "directly");
  });
  const auto client = MakeClient();
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  const Result<Response> outcome = client->Perform(SecretRequest(host.authority()));
  cr_assert(outcome.ok(), "%s", outcome.status().ToString().c_str());
}

Test(http_client_failures, tls_goes_through_a_tunnel_and_a_proxy_that_refuses_is_told_from_the_host) {
  std::atomic<int> status{407};
  std::mutex mutex;
  std::string target;
  HttpServer proxy([&](Peer& peer) {
    while (const auto got = peer.Read()) {
      std::lock_guard lock(mutex);
      target = got->method + " " + got->target;
      ExpectNoSecret(got->header("authorization") + got->header("x-amz-security-token"));
      peer.Answer(status, "secret", "Proxy-Authenticate: Basic realm=\"x\"\r\n");
    }
  });
  Request request = SecretRequest("store.example");
  request.scheme = "https";
  for (const char* name : {"https_proxy", "HTTPS_PROXY"}) {
    ::setenv(name, ("http://user:secret@" + proxy.authority()).c_str(), 1);
    status = 407;
    ExpectFailure(MakeClient()->Perform(request), Code::kAuth, "the proxy wants a user and a password");
    status = 403;
    ExpectFailure(MakeClient()->Perform(request), Code::kNetwork, "the proxy refuses to connect (status 403)");
    ::unsetenv(name);
  }
  std::lock_guard lock(mutex);
  cr_assert_eq(target, "CONNECT store.example:443");
}

Test(http_client_failures, a_proxy_that_cannot_be_used_does_not_give_away_its_password) {
  for (const char* url : {"http://user:secret@127.0.0.1:1", "gopher://user:secret@127.0.0.1:1", "http://user:secret@[::1:x",
                          "http://user:secret@127.0.0.1:secret", "socks5://user:secret@127.0.0.1:1", "://secret"}) {
    ::setenv("http_proxy", url, 1);
    const Result<Response> outcome = MakeClient()->Perform(SecretRequest("127.0.0.1:2"));
    cr_assert(!outcome.ok());
    ExpectNoSecret(outcome.status().ToString());
  }
}
