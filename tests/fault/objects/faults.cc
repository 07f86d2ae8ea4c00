#include "faults.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <set>

namespace tsnap::test {

namespace {

constexpr double kPatienceSeconds = 60;
// gc takes a marker for dead when five refreshes are missed; a take refreshes ten times in this age.
constexpr double kGcAgeSeconds = 4;

std::string ReadAllOf(FILE* stream) {
  std::string text;
  char buffer[4096];
  for (size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, stream)) > 0;) text.append(buffer, n);
  return text;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// The texts between quotes of a JSON array that begin with this.
void AddQuoted(const std::string& json, const std::string& begin, const std::string& word, std::vector<std::string>* found) {
  for (size_t at = json.find("\"" + begin); at != std::string::npos; at = json.find("\"" + begin, at + 1)) {
    const size_t from = at + 1 + begin.size();
    found->push_back(word + json.substr(from, json.find('"', from) - from));
  }
}

}  // namespace

std::string Needed(const char* name) {
  const char* value = std::getenv(name);
  CHECK_TEXT(value != nullptr && *value != '\0', std::string(name) + " is not set: run this by tests/servers/with_servers.py");
  return value;
}

std::string Ask(const std::string& url) {
  const std::string rest = url.substr(url.find("://") + 3);
  const size_t slash = rest.find('/'), colon = rest.find(':');
  CHECK_TEXT(colon < slash && slash != std::string::npos, url);
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(rest.substr(colon + 1))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK_TEXT(connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, url);
  const std::string request = "GET " + rest.substr(slash) + " HTTP/1.0\r\nHost: control\r\n\r\n";
  CHECK(write(connection, request.data(), request.size()) == static_cast<ssize_t>(request.size()));
  FILE* const stream = fdopen(connection, "r");
  const std::string answer = ReadAllOf(stream);
  std::fclose(stream);
  const size_t body = answer.find("\r\n\r\n");
  CHECK_TEXT(answer.find(" 200 ") < answer.find("\r\n") && body != std::string::npos, url + ": " + answer);
  return answer.substr(body + 4);
}

void Faults::Arm(const std::string& query) {
  MPI_Barrier(MPI_COMM_WORLD);
  if (WorldRank() == 0) Ask(Needed("FAULT_CONTROL") + "/set?" + query);
  MPI_Barrier(MPI_COMM_WORLD);
}

void Faults::Clear() {
  MPI_Barrier(MPI_COMM_WORLD);
  if (WorldRank() == 0) Ask(Needed("FAULT_CONTROL") + "/clear");
  MPI_Barrier(MPI_COMM_WORLD);
}

int64_t Faults::Hits() {
  MPI_Barrier(MPI_COMM_WORLD);
  return Largest(WorldRank() == 0 ? std::stoll(Ask(Needed("FAULT_CONTROL") + "/hits")) : 0);
}

void Faults::AwaitHit() {
  const double begin = Now();
  while (std::stoll(Ask(Needed("FAULT_CONTROL") + "/hits")) == 0) {
    CHECK(Now() - begin < kPatienceSeconds);
    usleep(1000);
  }
}

std::string Of(const Kind& kind, const std::string& fault) {
  return "mode=" + fault + "&method=" + kind.method + "&match=" + kind.match;
}

Sizes SizesOf(int rank) {
  Sizes sizes;
  if (rank == 0) sizes.own_items = 2200000;   // floats
  return sizes;
}

Scene::Scene(const std::string& scheme)
    : scheme_(scheme), state_(WorldRank(), WorldSize(), SizesOf(WorldRank())) {
  folder_ = Shared(scheme + "://" + Needed(scheme == "gs" ? "GCS_BUCKET" : "S3_BUCKET") + "/faults-" +
                   std::to_string(std::random_device()()) + "/run");
}

int32_t Scene::Take(tsnap_context* context, const std::string& place, uint64_t step, How how) {
  state_.Fill(step);
  tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
  options.overwrite = TSNAP_ON;
  return SameOnAll(TakeBy(how, context, place, state_, &options));
}

void Scene::CheckRestores(tsnap_context* context, const std::string& place, uint64_t step) {
  state_.Scribble();
  CheckSame(tsnap_restore(context, place.c_str(), state_.get(), nullptr), TSNAP_OK);
  const std::vector<std::string> wrong = state_.Wrong(step);
  CHECK_TEXT(wrong.empty(), place + " has a wrong " + wrong.front());
}

void Scene::CheckHoldsNothing(tsnap_context* context, const std::string& place) {
  CheckSame(tsnap_restore(context, place.c_str(), state_.get(), nullptr), TSNAP_E_NOT_FOUND);
}

void Scene::CheckRecordThatComesLate(tsnap_context* context, bool overwrites) {
  const std::string place = Place("late");
  if (overwrites) CheckTaken(context, place, 1);
  Where() = std::string("a record that comes late, ") + (overwrites ? "over another" : "at a new place");
  Faults::Arm("mode=late&ms=7000&method=PUT&match=tsnap.json");
  const int32_t code = Take(context, place, 2);
  const std::string message = tsnap_last_error();
  CHECK_TEXT(code == TSNAP_E_NETWORK && Contains(message, "may still come"), std::string(tsnap_status_name(code)) + ": " + message);
  CHECK(Faults::Hits() > 0);
  Faults::Clear();
  if (overwrites) CheckRestores(context, place, 1);
  const double begin = Now();
  for (bool came = false; !came;) {
    CHECK_TEXT(Now() - begin < kPatienceSeconds, "it never comes");
    const int32_t restored = SameOnAll(tsnap_restore(context, place.c_str(), state_.get(), nullptr));
    CHECK_TEXT(restored == TSNAP_OK || (restored == TSNAP_E_NOT_FOUND && !overwrites), tsnap_last_error());
    came = restored == TSNAP_OK && Largest(!state_.Holds(2)) == 0;
  }
  CollectAndCheckRest();
  CheckRestores(context, place, 2);
}

void Scene::CollectAndCheckRest() {
  MPI_Barrier(MPI_COMM_WORLD);
  if (WorldRank() == 0) {
    Where() = "collecting what failed takes left";
    const tsnap_config config = ObjectConfig(30);
    const double begin = Now();
    for (tsnap_gc_result result = TSNAP_GC_RESULT_INIT;; usleep(200000)) {
      CHECK_OK(tsnap_gc(folder_.c_str(), &config, nullptr, &result));
      if (result.takes_kept == 0) break;
      CHECK_TEXT(Now() - begin < kPatienceSeconds, "gc keeps takes that are dead");
    }
    usleep(static_cast<useconds_t>(kGcAgeSeconds * 1e6) + 1000000);   // what has no marker is as old as that
    CHECK_OK(tsnap_gc(folder_.c_str(), &config, nullptr, nullptr));
    std::set<std::string> ids, committed;
    for (const std::string& line : ListBelow(folder_)) {
      CHECK_TEXT(line.starts_with("object /"), "after gc there is " + line);
      const std::string key = line.substr(8);   // PLACE/tsnap.json, PLACE/ID/...
      const size_t slash = key.find('/');
      if (key.substr(slash + 1) == "tsnap.json") committed.insert(key.substr(0, slash));
      else ids.insert(key.substr(0, key.find('/', slash + 1)));
    }
    for (const std::string& id : ids) {
      const std::string place = id.substr(0, id.find('/'));
      CHECK_TEXT(committed.erase(place) == 1, "after gc there is " + id + ", which is no snapshot");
    }
    CHECK_TEXT(committed.empty(), "a record without data");
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

std::vector<std::string> ListBelow(const std::string& url) {
  std::vector<std::string> found;
  const std::string key = url.substr(5);   // BUCKET/...
  if (url.starts_with("gs://")) {
    AddQuoted(Ask(Needed("GCS_CONTROL") + "/objects"), key, "object ", &found);
    AddQuoted(Ask(Needed("GCS_CONTROL") + "/uploads"), key.substr(key.find('/') + 1), "upload ", &found);
    return found;
  }
  const std::string prefix = key.substr(key.find('/') + 1);
  FILE* const list = popen(("python3 '" + Needed("TSNAP_TEST_BUCKET_PY") + "' '" + prefix + "'").c_str(), "r");
  CHECK(list != nullptr);
  found = Lines(ReadAllOf(list));
  CHECK(pclose(list) == 0);
  for (std::string& line : found) line.erase(7, prefix.size());
  return found;
}

tsnap_config ObjectConfig(double io_timeout_seconds) {
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.collective_timeout_seconds = 120;
  config.io_timeout_seconds = io_timeout_seconds;
  config.memory_budget_bytes = 16 << 20;   // parts of 6 MiB
  return config;
}

ObjectWorld::ObjectWorld(double io_timeout_seconds, const std::string& endpoint) {
  tsnap_config config = ObjectConfig(io_timeout_seconds);
  if (!endpoint.empty()) config.s3_endpoint = endpoint.c_str();
  CHECK_OK(tsnap_context_open(MPI_COMM_WORLD, &config, &context_));
}

int RunFaults(int argc, char** argv, const Cases& cases) {
  setenv("TSNAP_OBJECT_SLAB_BYTES", std::to_string(7 << 20).c_str(), 1);
  setenv("TSNAP_GC_AGE_SECONDS", std::to_string(kGcAgeSeconds).c_str(), 1);
  return RunRanks(argc, argv, cases);
}

}  // namespace tsnap::test
