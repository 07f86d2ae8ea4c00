// FoundSource: a source of credentials that a configuration leads to, and whether the ranks of a
// node share what it gives.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "store/http/credentials.h"
#include "store/session.h"

namespace tsnap::http {

struct FoundSource {
  std::unique_ptr<CredentialSource> source;  // null: the configuration leads nowhere
  // What tells it with its settings from others; "": a local file or variable, which every process
  // reads for itself.
  std::string identity;
};

// A source that is no service: read() is called whenever it is asked.
FoundSource LocalSource(std::function<Result<Credentials>()> read, std::string description);

// The last of those that were looked at. Where it has none either (kAuth), explain(what it said)
// says all that was looked at.
FoundSource LastResort(FoundSource last, std::function<Status(const std::string& said)> explain);

// Keeps them fresh for a session.
Result<std::shared_ptr<CredentialProvider>> KeepFresh(FoundSource found,
                                                      const StoreSession& session);

}  // namespace tsnap::http
