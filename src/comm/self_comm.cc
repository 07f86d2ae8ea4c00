// The communicator of one process: every collective is over at once. Knows no MPI.

#include <utility>

#include "comm/comm.h"

namespace tsnap {
namespace {

class SelfComm final : public Comm {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int local_ranks() const override { return 1; }
  std::shared_ptr<NodeMemory> node_memory() override {
    if (node_memory_ == nullptr) {
      Result<std::shared_ptr<NodeMemory>> made = NodeMemory::Create();
      if (made.ok()) node_memory_ = std::move(made).value();
    }
    return node_memory_;
  }
  bool broken() const override { return broken_; }
  void Break() override { broken_ = true; }
  void set_timeout_seconds(double) override {}  // nobody is waited for
  void set_idle(std::function<void()>) override {}

  Status Allreduce(std::span<uint64_t>, Op) override { return Usable(); }

  Status Allgather(uint64_t mine, std::vector<uint64_t>* all) override {
    TSNAP_TRY(Usable());
    all->assign(1, mine);
    return Status::Ok();
  }

  Status Bcast(ByteSpan, int root) override {
    TSNAP_TRY(Usable());
    return root == 0 ? Status::Ok() : Internal("broadcast from a rank that does not exist");
  }

  Status Barrier() override { return Usable(); }

  Result<std::vector<Message>> Exchange(std::vector<Message> outgoing) override {
    TSNAP_TRY(Usable());
    for (const Message& message : outgoing) {
      if (message.peer != 0) return Internal("exchange: message to a rank that does not exist");
    }
    return outgoing;  // what rank 0 sends to itself comes from rank 0
  }

  Result<std::unique_ptr<Comm>> MakeTwin() override {
    TSNAP_TRY(Usable());
    return MakeSelfComm();
  }

 private:
  Status Usable() const {
    if (!broken_) return Status::Ok();
    return Timeout(
        "rank 0 cannot go on: an earlier wait failed and the context is broken: close it and "
        "restart the job");
  }

  std::atomic<bool> broken_{false};
  std::shared_ptr<NodeMemory> node_memory_;
};

}  // namespace

std::unique_ptr<Comm> MakeSelfComm() { return std::make_unique<SelfComm>(); }

}  // namespace tsnap
