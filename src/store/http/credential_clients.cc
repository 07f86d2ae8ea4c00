#include "store/http/credential_clients.h"

#include <utility>

namespace tsnap::http {

CredentialClients ClientsBeside(std::shared_ptr<Client> client) {
  return {std::move(client), [] {
            ClientOptions options;
            options.connect_seconds = 1;
            options.stall_seconds = 5;
            options.most_connections = 2;
            return Client::Make(options);
          }};
}

}  // namespace tsnap::http
