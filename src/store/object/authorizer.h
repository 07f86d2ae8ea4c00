// Authorizer: what lets a request in: a signature or a bearer token, from credentials that are
// kept fresh.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/status.h"
#include "store/http/credentials.h"
#include "store/http/message.h"
#include "store/http/signature_v4.h"

namespace tsnap::object {

class Authorizer {
 public:
  virtual ~Authorizer() = default;
  // Adds headers; *used is what Refuse wants when the server does not take it. payload_hash: as
  // SignV4 wants it.
  virtual Status Authorize(const std::string& region, int64_t unix_now,
                           const std::string& payload_hash, http::Request* request,
                           http::Credentials* used) = 0;
  virtual bool wants_payload_hash() const = 0;
  virtual void Refuse(const http::Credentials& refused) = 0;
  virtual std::string Describe() const = 0;
};

// Signature Version 4 in either family; credentials without keys leave the request unsigned.
class SigningAuthorizer final : public Authorizer {
 public:
  SigningAuthorizer(const http::SignatureFamily& family,
                    std::shared_ptr<http::CredentialProvider> provider)
      : family_(family), provider_(std::move(provider)) {}

  Status Authorize(const std::string& region, int64_t unix_now, const std::string& payload_hash,
                   http::Request* request, http::Credentials* used) override {
    TSNAP_ASSIGN(*used, provider_->Get());
    if (used->access_key.empty()) return Status::Ok();
    return http::SignV4(family_, *used, region, unix_now, payload_hash, request);
  }
  bool wants_payload_hash() const override { return true; }
  void Refuse(const http::Credentials& refused) override { provider_->Refuse(refused); }
  std::string Describe() const override { return provider_->Describe(); }

 private:
  const http::SignatureFamily family_;
  const std::shared_ptr<http::CredentialProvider> provider_;
};

// OAuth2.
class BearerAuthorizer final : public Authorizer {
 public:
  explicit BearerAuthorizer(std::shared_ptr<http::CredentialProvider> provider)
      : provider_(std::move(provider)) {}

  Status Authorize(const std::string&, int64_t, const std::string&, http::Request* request,
                   http::Credentials* used) override {
    TSNAP_ASSIGN(*used, provider_->Get());
    if (!used->token.empty())
      request->headers.push_back({"Authorization", "Bearer " + used->token});
    return Status::Ok();
  }
  bool wants_payload_hash() const override { return false; }
  void Refuse(const http::Credentials& refused) override { provider_->Refuse(refused); }
  std::string Describe() const override { return provider_->Describe(); }

 private:
  const std::shared_ptr<http::CredentialProvider> provider_;
};

}  // namespace tsnap::object
