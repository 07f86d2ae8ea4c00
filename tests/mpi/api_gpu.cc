// Arrays in GPU memory on several ranks: what fails on one GPU fails everywhere, and it does not matter which ranks have one.
#include <numeric>

#include "api_ranks.h"
#include "gpu.h"

namespace tsnap::test {
namespace {

constexpr int64_t kCount = 2000000;

std::vector<int32_t> Numbers(int32_t first) {
  std::vector<int32_t> numbers(kCount);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

// A replicated array, on GPUs where the rank is odd; a private one on the GPU of each.
class Arrays {
 public:
  explicit Arrays(const Ranks& ranks) : ranks_(ranks), replicated_(gpu_, kCount * 4), own_(gpu_, kCount * 4) {
    host_.resize(kCount);
    tsnap_array array = Line(TSNAP_INT32, on_gpu() ? replicated_.data() : host_.data(), kCount);
    CHECK_OK(tsnap_state_add_replicated(state_, "everywhere", &array));
    array.data = own_.data();
    CHECK_OK(tsnap_state_add_private(state_, "own", &array));
  }
  bool on_gpu() const { return ranks_.rank() % 2 == 1; }
  void Fill(int32_t first) {
    own_.Put(Numbers(first + 1000 * (1 + ranks_.rank())));
    if (on_gpu()) {
      replicated_.Put(Numbers(first));
    } else {
      std::iota(host_.begin(), host_.end(), first);   // in place: it is registered
    }
  }
  bool Hold(int32_t first) const {
    return (on_gpu() ? replicated_.Values<int32_t>() : host_) == Numbers(first) &&
           own_.Values<int32_t>() == Numbers(first + 1000 * (1 + ranks_.rank()));
  }
  operator tsnap_state*() { return state_; }  // NOLINT

 private:
  const Ranks& ranks_;
  GpuContext gpu_;
  GpuMemory replicated_, own_;
  std::vector<int32_t> host_;
  State state_;
};

int32_t TakeInBackground(Ranks& ranks, const std::string& url, tsnap_state* state, tsnap_take_options options) {
  options.device_staging = TSNAP_ON;
  tsnap_request* request = nullptr;
  const int32_t code = tsnap_take_async(ranks, url.c_str(), state, &options, &request);
  if (code != TSNAP_OK) return code;
  const int32_t waited = tsnap_request_wait(request);
  tsnap_request_free(&request);
  return waited;
}

// The same values on a host and on a GPU are equal, by their contents too.
void RanksWithAndWithoutGpusShareAnArray() {
  const RanksFolder folder;
  Ranks ranks(4);
  Arrays arrays(ranks);
  arrays.Fill(7);
  tsnap_take_options options = Quick();
  options.verify_replicated = TSNAP_REPLICATED_CHECK_CONTENT;
  ranks.Expect(tsnap_take(ranks, (folder / "snap").c_str(), arrays, &options), TSNAP_OK);
  arrays.Fill(0);
  ranks.Expect(tsnap_restore(ranks, (folder / "snap").c_str(), arrays, nullptr), TSNAP_OK);
  CHECK(arrays.Hold(7));
  if (ranks.rank() == 3) arrays.Fill(8);
  ranks.ExpectFailure(tsnap_take(ranks, (folder / "other").c_str(), arrays, &options), TSNAP_E_MISMATCH, {"everywhere", "rank 3"});
  arrays.Fill(9);
  ranks.Expect(TakeInBackground(ranks, folder / "later", arrays, Quick()), TSNAP_OK);
  arrays.Fill(0);
  ranks.Expect(tsnap_restore(ranks, (folder / "later").c_str(), arrays, nullptr), TSNAP_OK);
  CHECK(arrays.Hold(9));
}

// A copy that fails on one rank ends the call on all of them, with that rank's message; nothing is committed, and the next one works.
void FailureOfOneGpuIsToldToAll() {
  const Cuda& cuda = TheStandIn();
  const RanksFolder folder;
  Ranks ranks(4);
  Arrays arrays(ranks);
  arrays.Fill(7);
  const auto arm = [&](int rank, const char* what) { cuda.Arm(ranks.rank() == rank ? what : ""); };
  arm(1, "cuMemcpyDtoHAsync_v2:1");
  ranks.ExpectFailure(TakeQuick(ranks, folder / "snap", arrays), TSNAP_E_DEVICE, {"rank 1", "CUDA_ERROR_UNKNOWN"});
  arm(2, "cuCtxSynchronize:1");
  ranks.ExpectFailure(TakeQuick(ranks, folder / "snap", arrays), TSNAP_E_DEVICE, {"rank 2"});
  arm(3, "cuMemcpyDtoDAsync_v2:1");
  ranks.ExpectFailure(TakeInBackground(ranks, folder / "snap", arrays, Quick()), TSNAP_E_DEVICE, {"rank 3"});
  CHECK(!std::filesystem::exists((folder / "snap") + "/tsnap.json"));
  arm(0, "");
  ranks.Expect(TakeQuick(ranks, folder / "snap", arrays), TSNAP_OK);
  arrays.Fill(0);
  arm(3, "cuMemcpyHtoDAsync_v2:1+");
  ranks.ExpectFailure(tsnap_restore(ranks, (folder / "snap").c_str(), arrays, nullptr), TSNAP_E_DEVICE, {"rank 3"});
  arm(0, "");
  tsnap_report report = TSNAP_REPORT_INIT;
  CHECK_OK(tsnap_restore_report(ranks, &report));
  CHECK_TEXT(ranks.rank() != 3 || report.not_restored_count == 2, Join(List(report.not_restored, report.not_restored_count)));
  ranks.Expect(tsnap_restore(ranks, (folder / "snap").c_str(), arrays, nullptr), TSNAP_OK);
  CHECK(arrays.Hold(7));
}

int Run(int argc, char** argv) {
  return RunCaseOnRanks(argc, argv,
                        {{"ranks_with_and_without_gpus_share_an_array", RanksWithAndWithoutGpusShareAnArray},
                         {"failure_of_one_gpu_is_told_to_all", FailureOfOneGpuIsToldToAll}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
