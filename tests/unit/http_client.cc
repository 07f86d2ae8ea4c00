// The client as servers and callers see it: what is sent, where answers go, how connections are
// used. What happens when things go wrong is in http_client_failures.cc.
#include <criterion/criterion.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
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

void ClearSurroundings() {
  for (const char* name : {"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy",
                           "NO_PROXY", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"})
    ::unsetenv(name);
}

std::shared_ptr<Client> MakeClient(const ClientOptions& options = {}) {
  Result<std::shared_ptr<Client>> client = Client::Make(options);
  cr_assert(client.ok(), "%s", client.status().ToString().c_str());
  return std::move(client).value();
}

Request RequestTo(const HttpServer& server, const std::string& method = "GET", const std::string& path = "/") {
  Request request;
  request.method = method;
  request.scheme = "http";
  request.authority = server.authority();
  request.path = path;
  return request;
}

Response Expect(Result<Response> outcome, int status = 200) {
  cr_assert(outcome.ok(), "%s", outcome.status().ToString().c_str());
  cr_assert_eq(outcome->status, status, "%d", outcome->status);
  return std::move(outcome).value();
}

void ExpectNoComplaints(const HttpServer& server) {
  cr_assert(server.complaints().empty(), "%s", server.complaints().c_str());
}

void AnswerHello(Peer& peer) {
  while (peer.Read()) peer.Answer(200, "hello");
}

// Sends back what it was sent.
void Echo(Peer& peer) {
  while (const auto got = peer.Read()) peer.Answer(200, got->body);
}

Bytes Pattern(size_t bytes, uint32_t seed) {
  Bytes pattern(bytes);
  for (size_t i = 0; i < bytes; ++i) pattern[i] = static_cast<std::byte>((i * 2654435761u + seed) >> 13);
  return pattern;
}

}  // namespace

TestSuite(http_client, .init = ClearSurroundings, .timeout = 60);

Test(http_client, a_request_is_sent_as_it_was_made_up) {
  std::vector<GotRequest> seen;
  {
    HttpServer server([&](Peer& peer) {
      while (auto got = peer.Read()) {
        seen.push_back(*got);
        peer.Answer(200, "");
      }
    });
    const auto client = MakeClient();
    Request request = RequestTo(server, "PATCH", "/a/../b%20c/./d");
    request.query = {{"list-type", "2"}, {"prefix", "x y/"}};
    request.headers = {{"X-Full", "a b"}, {"X-Empty", ""}};
    request.body = {AsBytes("text")};
    Expect(client->Perform(request));
    ExpectNoComplaints(server);
    cr_assert_eq(seen.size(), 1u);
    cr_assert_eq(seen[0].header("host"), server.authority());
  }
  cr_assert_eq(seen[0].method, "PATCH");
  cr_assert_eq(seen[0].target, "/a/../b%20c/./d?list-type=2&prefix=x%20y%2F");
  cr_assert_eq(seen[0].header("x-full"), "a b");
  cr_assert_eq(seen[0].header("user-agent"), "tsnap/" TSNAP_VERSION_TEXT);
  cr_assert_eq(seen[0].body, "text");
  std::set<std::string> names;
  for (const auto& header : seen[0].headers) names.insert(header.first);
  const std::set<std::string> expected{"host", "user-agent", "accept", "x-full", "x-empty", "content-length"};
  cr_assert(names == expected);
}

Test(http_client, an_answer_comes_with_status_headers_and_body) {
  HttpServer server([](Peer& peer) {
    while (peer.Read()) peer.Answer(404, "nothing here", "ETag:  \"x\" \r\nX-Twice: 1\r\nx-twice: 2\r\n");
  });
  const Response answer = Expect(MakeClient()->Perform(RequestTo(server)), 404);
  cr_assert_eq(answer.header("etag"), "\"x\"");
  cr_assert_eq(answer.header("x-twice"), "1");
  cr_assert_eq(answer.header("content-length"), "12");
  cr_assert_eq(answer.header("none"), "");
  cr_assert_eq(AsText(answer.body), "nothing here");
  cr_assert_eq(answer.into_bytes, 0u);
}

Test(http_client, a_body_goes_out_in_the_order_of_its_parts) {
  HttpServer server(Echo);
  const Bytes first = Pattern(1000001, 1), second = Pattern(7, 2), third = Pattern(300000, 3);
  Request request = RequestTo(server, "PUT");
  request.body = {{}, first, {}, second, third, {}};
  request.most_body_bytes = 2000000;
  const Response answer = Expect(MakeClient()->Perform(request));
  Bytes whole = first;
  whole.insert(whole.end(), second.begin(), second.end());
  whole.insert(whole.end(), third.begin(), third.end());
  cr_assert(answer.body == whole);
  ExpectNoComplaints(server);
}

Test(http_client, a_body_of_no_bytes_is_a_body) {
  HttpServer server([](Peer& peer) {
    while (const auto got = peer.Read()) peer.Answer(200, got->header("content-length"));
  });
  const auto client = MakeClient();
  for (const char* method : {"PUT", "POST"})
    cr_assert_eq(AsText(Expect(client->Perform(RequestTo(server, method))).body), "0");
  for (const char* method : {"GET", "DELETE"})
    cr_assert_eq(AsText(Expect(client->Perform(RequestTo(server, method))).body), "");
  ExpectNoComplaints(server);
}

Test(http_client, a_good_answer_goes_where_the_caller_wants_it) {
  const Bytes pattern = Pattern(3000000, 5);
  HttpServer server([&](Peer& peer) {
    while (peer.Read()) peer.Answer(206, AsText(pattern));
  });
  const auto client = MakeClient();
  Bytes into(pattern.size() + 5, std::byte{0x55});
  Request request = RequestTo(server);
  for (const size_t room : {pattern.size(), pattern.size() + 5}) {
    std::fill(into.begin(), into.end(), std::byte{0x55});
    request.into = ByteSpan(into).first(room);
    const Response answer = Expect(client->Perform(request), 206);
    cr_assert(answer.body.empty());
    cr_assert_eq(answer.into_bytes, pattern.size());  // that less came than fits is the caller's to judge
    cr_assert(std::equal(pattern.begin(), pattern.end(), into.begin()));
    cr_assert(into[pattern.size()] == std::byte{0x55});
  }
}

Test(http_client, an_error_leaves_the_callers_memory_alone) {
  HttpServer server([](Peer& peer) {
    while (peer.Read()) peer.Answer(416, "no such range");
  });
  Bytes into(4, std::byte{0x55});
  Request request = RequestTo(server);
  request.into = into;
  const Response answer = Expect(MakeClient()->Perform(request), 416);
  cr_assert_eq(AsText(answer.body), "no such range");
  cr_assert_eq(answer.into_bytes, 0u);
  cr_assert(into == Bytes(4, std::byte{0x55}));
}

Test(http_client, an_answer_that_is_too_long_is_corrupt_and_never_overruns) {
  // With its length in front, and without.
  for (const bool chunked : {false, true}) {
    HttpServer server([&](Peer& peer) {
      while (peer.Read()) {
        if (!chunked) {
          peer.Answer(200, "123456789");
        } else if (!peer.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n5\r\n56789\r\n0\r\n\r\n")) {
          return;
        }
      }
    });
    const auto client = MakeClient();
    Bytes into(9, std::byte{0x55});
    Request request = RequestTo(server);
    request.into = ByteSpan(into).first(8);
    Result<Response> outcome = client->Perform(request);
    cr_assert(outcome.status().code() == Code::kCorrupt, "%s", outcome.status().ToString().c_str());
    cr_assert(into[8] == std::byte{0x55});
    cr_assert(outcome.status().message().find("longer than the 8 bytes") != std::string::npos, "%s",
              outcome.status().message().c_str());

    request.into = {};
    request.most_body_bytes = 8;
    outcome = client->Perform(request);
    cr_assert(outcome.status().code() == Code::kCorrupt, "%s", outcome.status().ToString().c_str());
    request.most_body_bytes = 9;
    cr_assert_eq(AsText(Expect(client->Perform(request)).body), "123456789");
  }
}

Test(http_client, the_text_of_an_error_may_be_longer_than_what_was_asked_for) {
  const std::string text(300000, 'x');
  HttpServer server([&](Peer& peer) {
    while (const auto got = peer.Read()) peer.Answer(503, got->target == "/long" ? text : "come back later", "Retry-After: 7\r\n");
  });
  const auto client = MakeClient();
  Request request = RequestTo(server, "GET", "/short");
  request.most_body_bytes = 2;
  cr_assert_eq(AsText(Expect(client->Perform(request), 503).body), "come back later");
  request.path = "/long";
  const Response cut = Expect(client->Perform(request), 503);
  cr_assert_eq(cut.body.size(), 65536u);
  cr_assert_eq(cut.header("retry-after"), "7");
}

Test(http_client, an_answer_to_head_has_no_body) {
  HttpServer server([](Peer& peer) {
    while (const auto got = peer.Read()) {
      if (got->method == "HEAD") peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n");
      if (got->method == "GET") peer.Answer(200, "hello");
    }
  });
  const auto client = MakeClient();
  const Response answer = Expect(client->Perform(RequestTo(server, "HEAD")));
  cr_assert(answer.body.empty());
  cr_assert_eq(answer.header("content-length"), "5000000000");
  Expect(client->Perform(RequestTo(server)));
  cr_assert_eq(server.connections(), 1);
}

Test(http_client, interim_answers_are_passed_over) {
  HttpServer server([](Peer& peer) {
    while (peer.Read()) {
      peer.Send("HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Interim: 2\r\n\r\n");
      peer.Answer(200, "hello", "X-Final: 3\r\n");
    }
  });
  Request request = RequestTo(server, "PUT");
  request.body = {AsBytes("text")};
  const Response answer = Expect(MakeClient()->Perform(request));
  cr_assert_eq(AsText(answer.body), "hello");
  cr_assert_eq(answer.header("x-interim"), "");
  cr_assert_eq(answer.header("x-final"), "3");
}

Test(http_client, bodies_of_unknown_length_arrive_whole) {
  HttpServer server([](Peer& peer) {
    while (const auto got = peer.Read()) {
      if (got->target == "/chunked") {
        peer.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n7\r\n, world\r\n0\r\nX-After: 1\r\n\r\n");
      } else {
        peer.Send("HTTP/1.0 200 OK\r\n\r\nhello, world");
        return;
      }
    }
  });
  const auto client = MakeClient();
  cr_assert_eq(AsText(Expect(client->Perform(RequestTo(server, "GET", "/chunked"))).body), "hello, world");
  cr_assert_eq(AsText(Expect(client->Perform(RequestTo(server, "GET", "/closed"))).body), "hello, world");
}

Test(http_client, redirects_are_answers) {
  HttpServer server([](Peer& peer) {
    while (peer.Read()) peer.Answer(307, "", "Location: http://127.0.0.1:1/elsewhere\r\n");
  });
  const Response answer = Expect(MakeClient()->Perform(RequestTo(server)), 307);
  cr_assert_eq(answer.header("location"), "http://127.0.0.1:1/elsewhere");
}

Test(http_client, a_refusal_before_the_whole_body_was_read_is_an_answer) {
  HttpServer server([](Peer& peer) {
    size_t body_bytes = 0;
    if (peer.ReadHead(&body_bytes)) peer.Answer(503, "slow down", "Connection: close\r\n");
    peer.Sink(body_bytes);
  });
  const Bytes body(size_t{24} << 20);
  Request request = RequestTo(server, "PUT");
  request.body = {body};
  const auto client = MakeClient();
  cr_assert_eq(AsText(Expect(client->Perform(request), 503).body), "slow down");
  cr_assert_eq(AsText(Expect(client->Perform(request), 503).body), "slow down");
}

Test(http_client, connections_are_kept) {
  HttpServer server(AnswerHello);
  const auto client = MakeClient();
  for (int i = 0; i < 100; ++i) Expect(client->Perform(RequestTo(server, i % 3 == 0 ? "PUT" : "GET")));
  cr_assert_eq(server.requests(), 100);
  cr_assert_eq(server.connections(), 1, "%d", server.connections());
  ExpectNoComplaints(server);
}

Test(http_client, connections_are_kept_across_errors) {
  HttpServer server([](Peer& peer) {
    while (peer.Read()) peer.Answer(404, "<Error/>");
  });
  const auto client = MakeClient();
  for (int i = 0; i < 10; ++i) Expect(client->Perform(RequestTo(server)), 404);
  cr_assert_eq(server.connections(), 1, "%d", server.connections());
}

Test(http_client, requests_run_side_by_side_but_never_on_too_many_connections) {
  std::atomic<int> waiting{0};
  // The first three are answered only when all three are there.
  HttpServer server([&](Peer& peer) {
    while (peer.Read()) {
      ++waiting;
      while (waiting < 3) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      peer.Answer(200, "hello");
    }
  });
  const auto client = MakeClient({.most_connections = 3});
  const std::vector<Request> requests(24, RequestTo(server));
  const std::vector<Result<Response>> outcomes = client->PerformAll(requests);
  cr_assert_eq(outcomes.size(), 24u);
  for (const Result<Response>& outcome : outcomes) Expect(outcome);
  cr_assert_eq(server.connections(), 3, "%d", server.connections());
  cr_assert_eq(server.most_open(), 3);
  cr_assert_eq(server.requests(), 24);
}

Test(http_client, idle_connections_of_one_host_make_room_for_another) {
  HttpServer one(AnswerHello), other(AnswerHello);
  const auto client = MakeClient({.most_connections = 2});
  for (int round = 0; round < 5; ++round) {
    for (const HttpServer* server : {&one, &other}) {
      for (const auto& outcome : client->PerformAll(std::vector<Request>(4, RequestTo(*server)))) Expect(outcome);
    }
  }
  cr_assert_eq(one.requests() + other.requests(), 40);
}

Test(http_client, several_at_once_come_back_in_order_whatever_becomes_of_each) {
  HttpServer server(Echo);
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) texts.push_back("text " + std::to_string(i));
  std::vector<Request> requests;
  for (const std::string& text : texts) {
    requests.push_back(RequestTo(server, "PUT"));
    requests.back().body = {AsBytes(text)};
  }
  requests[7].scheme = "ftp";
  requests[39].path = "no path";
  requests[8].authority = "127.0.0.1:1";
  const auto client = MakeClient();
  const std::vector<Result<Response>> outcomes = client->PerformAll(requests);
  cr_assert(outcomes[7].status().code() == Code::kUnsupported);
  cr_assert(outcomes[39].status().code() == Code::kInvalid);
  cr_assert(outcomes[8].status().code() == Code::kNetwork, "%s", outcomes[8].status().ToString().c_str());
  for (size_t i = 0; i < requests.size(); ++i) {
    if (i == 7 || i == 8 || i == 39) continue;
    cr_assert_eq(AsText(Expect(outcomes[i]).body), texts[i]);
  }
  cr_assert(client->PerformAll({}).empty());
}

Test(http_client, many_threads_share_one_client) {
  HttpServer server(Echo);
  const auto client = MakeClient({.most_connections = 6});
  std::vector<std::thread> threads;
  for (uint32_t thread = 0; thread < 12; ++thread) {
    threads.emplace_back([&, thread] {
      for (uint32_t round = 0; round < 20; ++round) {
        const Bytes body = Pattern(1 + (thread * 7919 + round * 104729) % 60000, thread * 100 + round);
        Bytes into(body.size());
        Request request = RequestTo(server, "POST");
        request.body = {ConstByteSpan(body).first(body.size() / 2), ConstByteSpan(body).subspan(body.size() / 2)};
        request.into = into;
        const Response answer = Expect(client->Perform(request));
        cr_assert_eq(answer.into_bytes, body.size());
        cr_assert(into == body);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  cr_assert_eq(server.requests(), 240);
  cr_assert(server.most_open() <= 6, "%d", server.most_open());
  ExpectNoComplaints(server);
}

// A kept connection that the server has closed, or closes while the request is on its way.
Test(http_client, a_kept_connection_that_was_closed_is_replaced) {
  HttpServer server([](Peer& peer) {
    if (const auto got = peer.Read()) peer.Answer(200, got->body);
  });
  const auto client = MakeClient();
  const Bytes body = Pattern(200000, 9);
  Request request = RequestTo(server, "PUT");
  request.body = {body};
  for (int i = 0; i < 20; ++i) {
    const Result<Response> outcome = client->Perform(request);
    if (outcome.ok()) {
      cr_assert(outcome->body == body);
    } else {
      cr_assert(outcome.status().code() == Code::kNetwork, "%s", outcome.status().ToString().c_str());
    }
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  cr_assert(Expect(client->Perform(request)).body == body);  // certainly closed: nothing is lost
  ExpectNoComplaints(server);
}

Test(http_client, a_kept_connection_that_dies_with_the_next_request_does_not_lose_its_body) {
  std::atomic<int> resets{0};
  HttpServer server([&](Peer& peer) {
    if (const auto got = peer.Read()) peer.Answer(200, got->body);
    size_t body_bytes = 0;
    if (!peer.ReadHead(&body_bytes)) return;
    peer.Sink(body_bytes / 2);
    ++resets;
    peer.Reset();
  });
  const auto client = MakeClient();
  const Bytes body = Pattern(500000, 10);
  Request request = RequestTo(server, "PUT");
  request.body = {ConstByteSpan(body).first(123), ConstByteSpan(body).subspan(123)};
  int answered = 0;
  for (int i = 0; i < 6; ++i) {
    const Result<Response> outcome = client->Perform(request);
    if (!outcome.ok()) {
      cr_assert(outcome.status().code() == Code::kNetwork, "%s", outcome.status().ToString().c_str());
      continue;
    }
    cr_assert(outcome->body == body);
    ++answered;
  }
  cr_assert(answered >= 3, "%d", answered);
  cr_assert(resets >= 2);
}

Test(http_client, progress_is_what_moves_and_what_is_answered) {
  HttpServer server([](Peer& peer) {
    while (const auto got = peer.Read()) {
      if (got->target == "/busy") peer.Answer(503, "a text that nobody asked for");
      if (got->target == "/good") peer.Answer(200, "hello");
    }
  });
  const auto client = MakeClient();
  cr_assert_eq(client->moved_bytes(), 0u);
  cr_assert(!client->has_answered(server.authority()));
  Request request = RequestTo(server, "PUT", "/good");
  const Bytes body = Pattern(700000, 1);
  request.body = {body};
  Expect(client->Perform(request));
  cr_assert_eq(client->moved_bytes(), 700005u, "%llu", static_cast<unsigned long long>(client->moved_bytes()));
  cr_assert(client->has_answered(server.authority()));
  cr_assert(!client->has_answered("127.0.0.1:1"));
  cr_assert(client->idle_seconds() < 30);

  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  cr_assert(client->idle_seconds() >= 0.06);
  Expect(client->Perform(RequestTo(server, "GET", "/busy")), 503);
  cr_assert(client->idle_seconds() >= 0.06, "that a server is busy is no progress");
  cr_assert_eq(client->moved_bytes(), 700005u);
}

Test(http_client, it_ends_at_once_with_connections_that_are_kept) {
  HttpServer server(AnswerHello);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) {
    const auto client = MakeClient();
    for (const auto& outcome : client->PerformAll(std::vector<Request>(4, RequestTo(server)))) Expect(outcome);
  }
  cr_assert(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
}

// Nor does a broken connection end the process with SIGPIPE, which is such a signal.
Test(http_client, its_thread_takes_no_signals_of_the_application) {
  sigset_t before, after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  const auto client = MakeClient();
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (const int signal : {SIGUSR1, SIGTERM, SIGPIPE}) cr_assert_eq(sigismember(&before, signal), sigismember(&after, signal));

  HttpServer server(AnswerHello);
  Expect(client->Perform(RequestTo(server)));  // the thread runs, under its name
  int found = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "status");
    std::string word, name;
    uint64_t blocked = 0;
    while (file >> word) {
      if (word == "Name:") file >> name;
      if (word == "SigBlk:") file >> std::hex >> blocked;
    }
    if (name != "tsnap-http") continue;
    ++found;
    for (const int signal : {SIGUSR1, SIGTERM, SIGPIPE, SIGALRM})
      cr_assert((blocked >> (signal - 1) & 1) == 1, "signal %d", signal);
  }
  cr_assert_eq(found, 1);
}
