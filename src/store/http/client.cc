#include "store/http/client.h"

#include <unistd.h>

#include <mutex>
#include <new>
#include <set>

#include "store/http/multi_loop.h"
#include "store/http/surroundings.h"
#include "store/http/transfer.h"

namespace tsnap::http {

namespace {

class CurlClient final : public Client {
 public:
  CurlClient(const ClientOptions& options, Surroundings surroundings)
      : options_(options), surroundings_(std::move(surroundings)) {
    idle_handles_.reserve(static_cast<size_t>(options_.most_connections));
  }

  Status Start() {
    TSNAP_ASSIGN(loop_, MultiLoop::Start(options_, &progress_));
    return Status::Ok();
  }

  Result<Response> Perform(const Request& request) override {
    try {
      TSNAP_ASSIGN(EasyHandle easy, TakeHandle());
      Transfer transfer(request, options_, surroundings_, &progress_, std::move(easy));
      TSNAP_TRY(transfer.Prepare());
      loop_->Run(&transfer);
      return Finish(request, &transfer);
    } catch (const std::bad_alloc&) {
      return Status::NoMemory();
    }
  }

  std::vector<Result<Response>> PerformAll(std::span<const Request> requests) override {
    // The room for all outcomes first: what is under way cannot be left alone any more.
    std::vector<Result<Response>> outcomes;
    outcomes.reserve(requests.size());
    std::vector<Prepared> prepared(requests.size());
    Transfer* first = nullptr;
    for (size_t i = requests.size(); i-- > 0;) {
      prepared[i] = PrepareOne(requests[i]);
      if (!prepared[i].status.ok()) continue;
      prepared[i].transfer->next = first;
      first = prepared[i].transfer.get();
    }
    loop_->Run(first);
    for (size_t i = 0; i < requests.size(); ++i) {
      if (!prepared[i].status.ok()) {
        outcomes.push_back(std::move(prepared[i].status));
        continue;
      }
      try {
        outcomes.push_back(Finish(requests[i], prepared[i].transfer.get()));
      } catch (const std::bad_alloc&) {
        outcomes.push_back(Status::NoMemory());
      }
    }
    return outcomes;
  }

  uint64_t moved_bytes() const override { return progress_.moved_bytes(); }
  double idle_seconds() const override { return progress_.idle_seconds(); }

  bool has_answered(const std::string& authority) const override {
    std::lock_guard lock(mutex_);
    return answered_.contains(authority);
  }

 private:
  struct Prepared {
    std::unique_ptr<Transfer> transfer;
    Status status;
  };

  Prepared PrepareOne(const Request& request) noexcept {
    try {
      Result<EasyHandle> easy = TakeHandle();
      if (!easy.ok()) return {nullptr, std::move(easy).status()};
      auto transfer = std::make_unique<Transfer>(request, options_, surroundings_, &progress_,
                                                 std::move(easy).value());
      Status status = transfer->Prepare();
      return {std::move(transfer), std::move(status)};
    } catch (const std::bad_alloc&) {
      return {nullptr, Status::NoMemory()};
    }
  }

  Result<Response> Finish(const Request& request, Transfer* transfer) {
    Result<Response> outcome = transfer->TakeResponse();
    // A handle that ran out of memory may stay unusable; after any failure another one is made.
    if (!transfer->has_answer()) return outcome;
    EasyHandle easy = transfer->TakeHandle();
    curl_easy_reset(easy.get());
    std::lock_guard lock(mutex_);
    if (idle_handles_.size() < idle_handles_.capacity()) idle_handles_.push_back(std::move(easy));
    if (!answered_.contains(request.authority)) answered_.insert(request.authority);
    return outcome;
  }

  // A handle that was used before resumes its TLS sessions.
  Result<EasyHandle> TakeHandle() {
    {
      std::lock_guard lock(mutex_);
      if (!idle_handles_.empty()) {
        EasyHandle easy = std::move(idle_handles_.back());
        idle_handles_.pop_back();
        return easy;
      }
    }
    EasyHandle easy(curl_easy_init());
    if (easy == nullptr) return Status::NoMemory();
    return easy;
  }

  const ClientOptions options_;
  const Surroundings surroundings_;
  Progress progress_;
  mutable std::mutex mutex_;
  std::vector<EasyHandle> idle_handles_;  // guarded by mutex_
  std::set<std::string> answered_;        // guarded by mutex_
  std::unique_ptr<MultiLoop> loop_;       // ends before what its thread uses
};

// Where nothing else is said: the file that libcurl was built with, by name, so that no folder is
// read beside it.
std::string BuiltInCaFile() {
#if LIBCURL_VERSION_NUM >= 0x074600
  const curl_version_info_data* const info = curl_version_info(CURLVERSION_NOW);
  if (info->age >= CURLVERSION_SEVENTH && info->cainfo != nullptr &&
      ::access(info->cainfo, R_OK) == 0)
    return info->cainfo;
#endif
  return {};
}

Status CheckOptions(const ClientOptions& options) {
  if (!(options.connect_seconds > 0) || !(options.stall_seconds > 0))
    return Invalid("starting an HTTP client: its timeouts are not above 0 s");
  if (options.most_connections < 1 || options.most_connections > 65536)
    return Invalid("starting an HTTP client: it needs 1 to 65536 connections");
  return Status::Ok();
}

}  // namespace

Result<std::shared_ptr<Client>> Client::Make(const ClientOptions& options) {
  try {
    TSNAP_TRY(CheckOptions(options));
    TSNAP_TRY(PrepareCurl());
    TSNAP_ASSIGN(Surroundings surroundings, ReadSurroundings(options.ca_file));
    if (!options.use_proxy) {
      surroundings.http_proxy.clear();
      surroundings.https_proxy.clear();
    }
    if (surroundings.ca_file.empty() && surroundings.ca_folder.empty())
      surroundings.ca_file = BuiltInCaFile();
    auto client = std::make_shared<CurlClient>(options, std::move(surroundings));
    TSNAP_TRY(client->Start());
    return std::shared_ptr<Client>(std::move(client));
  } catch (const std::bad_alloc&) {
    return Status::NoMemory();
  }
}

}  // namespace tsnap::http
