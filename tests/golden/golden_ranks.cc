// Takes the golden snapshots on three ranks, once for each version of the format (make FOLDER), and restores them on three ranks
// ever after (check FOLDER).
#include "golden_state.h"

namespace tsnap::test {
namespace {

int Run(const std::string& what, const std::string& folder) {
  int rank = 0, size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  CHECK_SAME_INT(size, kGoldenRanks);
  tsnap_context* context = nullptr;
  CHECK_OK(tsnap_context_open(MPI_COMM_WORLD, nullptr, &context));
  for (const GoldenSnapshot& one : kGoldenSnapshots) {
    const std::string url = UrlOf(folder, one);
    if (url.empty()) continue;
    Where() = url;
    GoldenState state(rank, size, HasLarge(folder));
    if (what == "make") {
      state.Fill();
      tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
      options.codec = one.codec;
      options.metadata = kGoldenMetadata;
      CHECK_OK(tsnap_take(context, url.c_str(), state.state(), &options));
      continue;
    }
    state.Clear();
    CHECK_OK(tsnap_restore(context, url.c_str(), state.state(), nullptr));
    state.Check();
  }
  CHECK_OK(tsnap_context_close(&context));
  return 0;
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  if (argc != 3 || (std::string(argv[1]) != "make" && std::string(argv[1]) != "check")) {
    std::fprintf(stderr, "usage, on three ranks: %s make|check FOLDER\n", argv[0]);
    return 2;
  }
  MPI_Init(&argc, &argv);
  const int code = tsnap::test::Run(argv[1], argv[2]);
  MPI_Finalize();
  return code;
}
