#include "store/http/found_source.h"

#include <utility>

#include "store/http/credential_cache.h"

namespace tsnap::http {

namespace {

class Local final : public CredentialSource {
 public:
  Local(std::function<Result<Credentials>()> read, std::string description)
      : read_(std::move(read)), description_(std::move(description)) {}
  Result<Credentials> Fetch() override { return read_(); }
  std::string Describe() const override { return description_; }

 private:
  const std::function<Result<Credentials>()> read_;
  const std::string description_;
};

class Last final : public CredentialSource {
 public:
  Last(std::unique_ptr<CredentialSource> last, std::function<Status(const std::string&)> explain)
      : last_(std::move(last)), explain_(std::move(explain)) {}
  Result<Credentials> Fetch() override {
    auto fetched = last_->Fetch();
    if (fetched.ok() || fetched.status().code() != Code::kAuth) return fetched;
    return explain_(fetched.status().message());
  }
  std::string Describe() const override { return last_->Describe(); }

 private:
  const std::unique_ptr<CredentialSource> last_;
  const std::function<Status(const std::string&)> explain_;
};

}  // namespace

FoundSource LocalSource(std::function<Result<Credentials>()> read, std::string description) {
  return {std::make_unique<Local>(std::move(read), std::move(description)), ""};
}

FoundSource LastResort(FoundSource last, std::function<Status(const std::string&)> explain) {
  last.source = std::make_unique<Last>(std::move(last.source), std::move(explain));
  return last;
}

Result<std::shared_ptr<CredentialProvider>> KeepFresh(FoundSource found,
                                                      const StoreSession& session) {
  CacheOptions options;
  options.identity = found.identity;
  options.log = session.log();
  return CredentialCache::Make(std::move(found.source),
                               found.identity.empty() ? nullptr : session.node(), options);
}

}  // namespace tsnap::http
