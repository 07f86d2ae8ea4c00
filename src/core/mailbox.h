// Mailbox: small index parts on their way to other ranks; one message per peer, however many
// records are put into it.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "base/protect.h"
#include "base/status.h"
#include "catalog/index.h"
#include "comm/comm.h"
#include "core/agree.h"
#include "format/native/index_part.h"

namespace tsnap {

class Mailbox {
 public:
  IndexPart& For(int peer) { return outgoing_[peer]; }

  // Collective: sends everything, hands what arrived to `receive` in the order of the senders, and
  // agrees on the outcome. `local` is this rank's failure while it filled the mailbox.
  template <class Receive>  // Status(int peer, IndexPart part)
  Status Exchange(Comm& comm, Status local, Receive&& receive) {
    std::vector<Message> messages;
    if (local.ok()) {
      local = Protect([&] {
        for (const auto& [peer, part] : outgoing_)
          messages.push_back({peer, native::EncodeMessage(part)});
        outgoing_.clear();
        return Status::Ok();
      });
    }
    if (!local.ok()) messages.clear();
    Result<std::vector<Message>> arrived = comm.Exchange(std::move(messages));
    if (local.ok() && !arrived.ok()) local = arrived.status();
    if (local.ok()) {
      local = Protect([&] {
        for (Message& message : *arrived) {
          TSNAP_ASSIGN(IndexPart part, native::DecodeMessage(message.bytes));
          Bytes().swap(message.bytes);
          TSNAP_TRY(receive(message.peer, std::move(part)));
        }
        return Status::Ok();
      });
    }
    return Agree(comm, local);
  }

 private:
  std::map<int, IndexPart> outgoing_;
};

}  // namespace tsnap
