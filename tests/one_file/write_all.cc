// Takes a snapshot of everything and says what it holds, for read_back.py: write_all take URL MANIFEST; and restores it into
// memory that held something else: write_all restore URL. On any number of ranks; without MPI on one.
#include "all_state.h"

namespace tsnap::test {
namespace {

inline const char* const kAllMetadata = "{\"what\": \"all\", \"text\": \"gr\xc3\xbc\xc3\x9f Gott\\n\"}";

int Run(int argc, char** argv) {
  int rank = 0, size = 1;
  tsnap_context* context = nullptr;
#ifdef TSNAP_NO_MPI
  CHECK_OK(tsnap_context_open_self(nullptr, &context));
#else
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  CHECK_OK(tsnap_context_open(MPI_COMM_WORLD, nullptr, &context));
#endif
  AllState state(rank, size);
  Where() = argv[1];
  if (argc == 4) {
    state.Fill();
    tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
    options.sync = TSNAP_OFF;
    options.metadata = kAllMetadata;
    options.codec = TestCodec();
    CHECK_OK(tsnap_take(context, argv[2], state.state(), &options));
    std::FILE* const out = std::fopen((std::string(argv[3]) + "." + std::to_string(rank)).c_str(), "w");
    CHECK(out != nullptr);
    state.Print(out);
    CHECK(std::fclose(out) == 0);
  } else {
    state.Clear();
    CHECK_OK(tsnap_restore(context, argv[2], state.state(), nullptr));
  }
  state.Check();
  CHECK_OK(tsnap_context_close(&context));
  return 0;
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (!(what == "take" && argc == 4) && !(what == "restore" && argc == 3)) {
    std::fprintf(stderr, "usage: %s take URL MANIFEST | restore URL\n", argv[0]);
    return 2;
  }
#ifndef TSNAP_NO_MPI
  MPI_Init(&argc, &argv);
#endif
  const int code = tsnap::test::Run(argc, argv);
#ifndef TSNAP_NO_MPI
  MPI_Finalize();
#endif
  return code;
}
