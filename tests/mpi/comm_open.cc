// tsnap_context_open as users call it: what it refuses, with which code and text, and that a rank
// that does not come is a timeout. Uses the public headers only.

#include <tsnap.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

#define CHECK(condition)                                                                     \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      std::fprintf(stderr, "%s:%d: check failed: %s (last error: %s)\n", __FILE__, __LINE__, \
                   #condition, tsnap_last_error());                                          \
      std::_Exit(1);                                                                         \
    }                                                                                        \
  } while (false)

struct Launch {
  int argc;
  char** argv;
};

tsnap_context* const kGarbage = reinterpret_cast<tsnap_context*>(8);

void CheckRefused(MPI_Comm comm, const char* text) {
  tsnap_context* context = kGarbage;
  CHECK(tsnap_context_open(comm, nullptr, &context) == TSNAP_E_INVALID);
  CHECK(context == nullptr);
  CHECK(std::strstr(tsnap_last_error(), text) != nullptr);
}

int Rank() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

int Size() {
  int size = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

void BeforeInit(Launch launch) {
  CheckRefused(MPI_COMM_WORLD, "MPI is not initialised");
  const MPI_Fint fortran = 0;
  tsnap_context* context = kGarbage;
  CHECK(tsnap_context_open_f(&fortran, nullptr, &context) == TSNAP_E_INVALID && context == nullptr);
  MPI_Init(&launch.argc, &launch.argv);
  MPI_Finalize();
}

void AfterFinalize(Launch launch) {
  MPI_Init(&launch.argc, &launch.argv);
  MPI_Finalize();
  CheckRefused(MPI_COMM_WORLD, "MPI is finalised");
}

void NullCommunicator(Launch launch) {
  MPI_Init(&launch.argc, &launch.argv);
  CheckRefused(MPI_COMM_NULL, "MPI_COMM_NULL");
  tsnap_context* context = kGarbage;
  CHECK(tsnap_context_open_f(nullptr, nullptr, &context) == TSNAP_E_INVALID && context == nullptr);
  const MPI_Fint none = MPI_Comm_c2f(MPI_COMM_NULL);
  CHECK(tsnap_context_open_f(&none, nullptr, &context) == TSNAP_E_INVALID);
  MPI_Finalize();
}

void Intercommunicator(Launch launch) {
  MPI_Init(&launch.argc, &launch.argv);
  const int side = Rank() % 2;
  MPI_Comm half = MPI_COMM_NULL;
  MPI_Comm inter = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, side, Rank(), &half);
  MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, 1 - side, 5, &inter);
  CheckRefused(inter, "intercommunicator");
  MPI_Comm_free(&inter);
  MPI_Comm_free(&half);
  MPI_Finalize();
}

void OpenAndClose(Launch launch) {
  MPI_Init(&launch.argc, &launch.argv);
  for (int i = 0; i < 20; ++i) {  // communicators are a scarce thing: close gives them back
    tsnap_config config = TSNAP_CONFIG_INIT;
    config.collective_timeout_seconds = 30;
    tsnap_context* context = nullptr;
    CHECK(tsnap_context_open(MPI_COMM_WORLD, i % 2 == 0 ? &config : nullptr, &context) == TSNAP_OK);
    CHECK(context != nullptr);
    CHECK(tsnap_context_close(&context) == TSNAP_OK);
    CHECK(context == nullptr);
  }
  MPI_Finalize();
}

void FortranHandle(Launch launch) {
  MPI_Init(&launch.argc, &launch.argv);
  const MPI_Fint world = MPI_Comm_c2f(MPI_COMM_WORLD);
  tsnap_context* context = nullptr;
  CHECK(tsnap_context_open_f(&world, nullptr, &context) == TSNAP_OK && context != nullptr);
  CHECK(tsnap_context_close(&context) == TSNAP_OK);
  MPI_Finalize();
}

void PartOfTheRanks(Launch launch) {
  MPI_Init(&launch.argc, &launch.argv);
  MPI_Comm half = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, Rank() % 2 == 0 ? 0 : MPI_UNDEFINED, Rank(), &half);
  if (half != MPI_COMM_NULL) {
    tsnap_context* context = nullptr;
    CHECK(tsnap_context_open(half, nullptr, &context) == TSNAP_OK);
    MPI_Comm_free(&half);  // the context has its own
    CHECK(tsnap_context_close(&context) == TSNAP_OK);
  }
  MPI_Finalize();
}

void RankNeverOpens(Launch launch) {
  MPI_Init(&launch.argc, &launch.argv);
  if (Rank() == Size() - 1) {
    sleep(3);
  } else {
    tsnap_config config = TSNAP_CONFIG_INIT;
    config.collective_timeout_seconds = 1;
    tsnap_context* context = kGarbage;
    const double begin = MPI_Wtime();
    CHECK(tsnap_context_open(MPI_COMM_WORLD, &config, &context) == TSNAP_E_TIMEOUT);
    const double waited_seconds = MPI_Wtime() - begin;
    CHECK(waited_seconds < 6);
    CHECK(context == nullptr);
    const char* text = std::strstr(tsnap_last_error(), "waited ");
    CHECK(text != nullptr);
    char* rest = nullptr;
    const double said_seconds = std::strtod(text + std::strlen("waited "), &rest);
    CHECK(said_seconds > 0.95 && said_seconds < waited_seconds + 0.1);
    CHECK(std::strstr(rest, " s for the other ranks") == rest);
  }
  std::fflush(nullptr);
  MPI_Finalize();
}

struct Case {
  const char* name;
  void (*run)(Launch);
};
constexpr Case kCases[] = {
    {"before_init_is_invalid", BeforeInit},
    {"after_finalize_is_invalid", AfterFinalize},
    {"null_communicator_is_invalid", NullCommunicator},
    {"intercommunicator_is_invalid", Intercommunicator},
    {"open_and_close", OpenAndClose},
    {"fortran_handle", FortranHandle},
    {"part_of_the_ranks", PartOfTheRanks},
    {"rank_never_opens", RankNeverOpens},
};

}  // namespace

int main(int argc, char** argv) {
  for (const Case& one : kCases) {
    if (argc == 2 && std::strcmp(one.name, argv[1]) == 0) {
      one.run({argc, argv});
      return 0;
    }
  }
  std::fprintf(stderr, "no such case\n");
  return 2;
}
