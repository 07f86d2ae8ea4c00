#include "store/http/credential_clients.h"

#include <utility>

namespace tsnap::http {

CredentialClients ClientsBeside(std::shared_ptr<Client> client, const std::string& ca_file) {
  return {std::move(client), [ca_file] {
            ClientOptions options;
            options.connect_seconds = 1;
            options.stall_seconds = 5;
            options.most_connections = 2;
            options.use_proxy = false;
            options.ca_file = ca_file;
            return Client::Make(options);
          }};
}

}  // namespace tsnap::http
