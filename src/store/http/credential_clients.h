// CredentialClients: who sends the requests of credential sources.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "store/http/client.h"

namespace tsnap::http {

struct CredentialClients {
  std::shared_ptr<Client> services;  // over the internet
  // Makes one for the services beside this machine (metadata, containers), when there is need of
  // it: a second to connect, so that a machine without any knows soon, and no proxy.
  std::function<Result<std::shared_ptr<Client>>()> make_near;
};

// For a store that has this client, with these certificates.
CredentialClients ClientsBeside(std::shared_ptr<Client> client, const std::string& ca_file);

}  // namespace tsnap::http
