// Memory runs out at every place in turn, on the caller's thread and on the client's, in the
// library and in libcurl: the outcome is a status, nothing is lost, and the client goes on.
#include <criterion/criterion.h>
#include <curl/curl.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "http_server.h"
#include "store/http/client.h"

using namespace tsnap;
using namespace tsnap::http;
using tsnap::test::HttpServer;
using tsnap::test::Peer;

namespace {

constexpr int64_t kNever = -1;
std::atomic<int64_t> g_left{kNever};  // allocations until one fails
std::atomic<bool> g_failed{false};

// The server shares the process, and is not to suffer.
bool IsVictim() {
  thread_local int victim = -1;
  if (victim < 0) {
    char name[16] = "";
    ::pthread_getname_np(::pthread_self(), name, sizeof(name));
    victim = ::gettid() == ::getpid() || std::strcmp(name, "tsnap-http") == 0;
  }
  return victim == 1;
}

bool MustFail() {
  if (g_left.load() == kNever || !IsVictim()) return false;
  if (g_left.fetch_sub(1) > 0) return false;
  g_left = kNever;
  g_failed = true;
  return true;
}

void* CurlMalloc(size_t bytes) { return MustFail() ? nullptr : std::malloc(bytes); }
void* CurlRealloc(void* old, size_t bytes) { return MustFail() ? nullptr : std::realloc(old, bytes); }
void* CurlCalloc(size_t count, size_t bytes) { return MustFail() ? nullptr : std::calloc(count, bytes); }
char* CurlStrdup(const char* text) { return MustFail() ? nullptr : ::strdup(text); }

// Calls attempt() with a failure at its first allocation, its second, ... until none is left to
// fail; returns how many there were.
template <class Attempt>
int FailEachInTurn(Attempt&& attempt) {
  for (int64_t n = 0;; ++n) {
    g_failed = false;
    g_left = n;
    const Status status = attempt();
    g_left = kNever;
    if (!g_failed) {
      cr_assert(status.ok(), "%s", status.ToString().c_str());
      return static_cast<int>(n);
    }
    // Where libcurl can do without what it did not get, or loses the connection over it.
    cr_assert(status.ok() || status.code() == Code::kNoMemory || status.code() == Code::kNetwork, "allocation %d: %s",
              static_cast<int>(n), status.ToString().c_str());
  }
}

}  // namespace

void* operator new(size_t bytes) {
  if (void* memory = MustFail() ? nullptr : std::malloc(bytes > 0 ? bytes : 1)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

TestSuite(http_client_memory, .timeout = 60);

Test(http_client_memory, running_out_of_it_anywhere_is_a_status) {
  cr_assert(curl_global_init_mem(CURL_GLOBAL_DEFAULT, CurlMalloc, std::free, CurlRealloc, CurlStrdup, CurlCalloc) == CURLE_OK);
  HttpServer server([](Peer& peer) {
    while (const auto got = peer.Read()) peer.Answer(200, got->body, "X-A-Header-That-Is-Rather-Long: with a value that is long as well\r\n");
  });
  const std::string body(5000, 'x');
  Request request;
  request.method = "PUT";
  request.scheme = "http";
  request.authority = server.authority();
  request.path = "/a/path/that/does/not/fit/into/a/string/itself";
  request.query = {{"a-parameter-that-is-rather-long", "with a value that is long as well"}};
  request.headers = {{"x-a-header-that-is-rather-long", "with a value that is long as well"}};
  request.body = {AsBytes(body)};
  const auto check = [&](const Result<Response>& outcome) {
    if (!outcome.ok()) return outcome.status();
    cr_assert_eq(AsText(outcome->body), body);
    return Status::Ok();
  };

  int places = FailEachInTurn([] { return Client::Make({}).status(); });
  cr_assert(places > 10, "%d", places);
  // With a new connection each time.
  places = FailEachInTurn([&] {
    const Result<std::shared_ptr<Client>> client = Client::Make({});
    if (!client.ok()) return client.status();
    return check((*client)->Perform(request));
  });
  cr_assert(places > 50, "%d", places);
  // With one that is kept.
  const Result<std::shared_ptr<Client>> client = Client::Make({});
  cr_assert(client.ok());
  places = FailEachInTurn([&] { return check((*client)->Perform(request)); });
  cr_assert(places > 20, "%d", places);
  const std::vector<Request> requests(3, request);
  FailEachInTurn([&] {
    try {
      for (const Result<Response>& outcome : (*client)->PerformAll(requests)) {
        if (Status status = check(outcome); !status.ok()) return status;
      }
      return Status::Ok();
    } catch (const std::bad_alloc&) {
      return Status::NoMemory();  // no room for the outcomes: nothing was sent
    }
  });
  cr_assert(check((*client)->Perform(request)).ok());
  cr_assert(server.complaints().empty() || server.complaints().find("ends within") != std::string::npos, "%s",
            server.complaints().c_str());
}
