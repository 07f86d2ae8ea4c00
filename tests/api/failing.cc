// Error codes that need a push, each provoked once: what the system refuses, what this build lacks, structs and handles that are
// not usable. TSNAP_E_TIMEOUT and TSNAP_E_MPI need ranks (tests/mpi, tests/fault); nothing here can be the cause of
// TSNAP_E_NETWORK, TSNAP_E_DEVICE or TSNAP_E_CANCELLED, which come with remote stores, accelerators and asynchronous takes.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "api.h"
#include "file_probe.h"

namespace tsnap::test {
namespace {

struct Small {
  State state;
  double values[1000] = {};
  Small() {
    const tsnap_array array = Line(TSNAP_FLOAT64, values, 1000);
    CHECK_OK(tsnap_state_add_private(state, "a", &array));
  }
};

void FailedWritesAreTold() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  Small small;
  small.values[5] = 5;
  struct Case {
    int error;
    int32_t code;
  };
  for (const Case& one : {Case{ENOSPC, TSNAP_E_NO_SPACE}, Case{EDQUOT, TSNAP_E_NO_SPACE}, Case{EIO, TSNAP_E_IO}}) {
    FailWrites(one.error);
    CHECK_CODE(TakeQuick(context, url, small.state), one.code);
    CHECK(*tsnap_last_error() != '\0');
    FailWrites(0);
    CHECK_CODE(tsnap_restore(context, url.c_str(), small.state, nullptr), TSNAP_E_NOT_FOUND);
    CHECK_TEXT(FilesBelow(folder.path()).empty(), Join(FilesBelow(folder.path())));
  }
  CHECK_OK(TakeQuick(context, url, small.state));   // the context is as good as new
  small.values[5] = 0;
  CHECK_OK(tsnap_restore(context, url.c_str(), small.state, nullptr));
  CHECK(small.values[5] == 5);
}

void RefusedPermissionIsAuth() {
  AsNobody([](const std::string&) {
    const Folder folder(NewFolder());
    const std::string closed = folder / "closed", url = folder / "snap";
    Self context;
    Small small;
    CHECK_OK(TakeQuick(context, url, small.state));
    CHECK(mkdir(closed.c_str(), 0555) == 0);
    CHECK_CODE(TakeQuick(context, closed + "/snap", small.state), TSNAP_E_AUTH);
    CHECK_SAYS(closed);
    CHECK(chmod((url + "/tsnap.json").c_str(), 0) == 0);
    CHECK_CODE(tsnap_restore(context, url.c_str(), small.state, nullptr), TSNAP_E_AUTH);
    tsnap_snapshot* snapshot = nullptr;
    CHECK_CODE(tsnap_snapshot_open(url.c_str(), nullptr, &snapshot), TSNAP_E_AUTH);
    CHECK(chmod((url + "/tsnap.json").c_str(), 0644) == 0);
    CHECK_OK(tsnap_restore(context, url.c_str(), small.state, nullptr));
  });
}

void BadUrlsAreTold() {
  Self context;
  Small small;
  tsnap_snapshot* snapshot = nullptr;
  CHECK(setenv("TSNAP_HDF5_MODULE", "/nowhere/libtsnap_hdf5.so", 1) == 0);  // as in a build without HDF5
  for (const char* url : {"hdf5://file.h5", "file.h5"}) {
    Where() = url;
    CHECK_CODE(tsnap_take(context, url, small.state, nullptr), TSNAP_E_UNSUPPORTED);
    CHECK_CODE(tsnap_restore(context, url, small.state, nullptr), TSNAP_E_UNSUPPORTED);
    CHECK_CODE(tsnap_snapshot_open(url, nullptr, &snapshot), TSNAP_E_UNSUPPORTED);
    CHECK_CODE(tsnap_remove(url, nullptr), TSNAP_E_UNSUPPORTED);
  }
  for (const char* url : {"", "fs://", "mem://"}) {
    Where() = url;
    CHECK_CODE(tsnap_take(context, url, small.state, nullptr), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_snapshot_open(url, nullptr, &snapshot), TSNAP_E_INVALID);
  }
  const int32_t unknown = tsnap_take(context, "ftp://host/path", small.state, nullptr);
  CHECK_TEXT(unknown == TSNAP_E_UNSUPPORTED || unknown == TSNAP_E_INVALID, tsnap_status_name(unknown));
  CHECK_CODE(tsnap_take(context, nullptr, small.state, nullptr), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_restore(context, nullptr, small.state, nullptr), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_snapshot_open(nullptr, nullptr, &snapshot), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_remove(nullptr, nullptr), TSNAP_E_INVALID);
}

void BadOptionsAreRefused() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  Small small;
  const auto take = [&](auto change, int32_t expected) {
    tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
    change(&options);
    CHECK_CODE(tsnap_take(context, url.c_str(), small.state, &options), expected);
  };
  take([](tsnap_take_options* options) { options->overwrite = 3; }, TSNAP_E_INVALID);
  take([](tsnap_take_options* options) { options->sync = -1; }, TSNAP_E_INVALID);
  take([](tsnap_take_options* options) { options->codec = 4; }, TSNAP_E_INVALID);
  take([](tsnap_take_options* options) { options->codec = TSNAP_CODEC_DEFLATE; }, TSNAP_E_UNSUPPORTED);
  take([](tsnap_take_options* options) { options->verify_replicated = 4; }, TSNAP_E_INVALID);
  take([](tsnap_take_options* options) { options->struct_size = 0; }, TSNAP_E_INVALID);
  struct Longer {
    tsnap_take_options options;
    uint64_t unknown;
  } longer = {TSNAP_TAKE_OPTIONS_INIT, 0};
  longer.options.struct_size = sizeof longer;
  longer.unknown = 1;
  CHECK_CODE(tsnap_take(context, url.c_str(), small.state, &longer.options), TSNAP_E_UNSUPPORTED);
  CHECK(FilesBelow(folder.path()).empty());
  longer.unknown = 0;
  CHECK_OK(tsnap_take(context, url.c_str(), small.state, &longer.options));
  const auto restore = [&](auto change, int32_t expected) {
    tsnap_restore_options options = TSNAP_RESTORE_OPTIONS_INIT;
    change(&options);
    CHECK_CODE(tsnap_restore(context, url.c_str(), small.state, &options), expected);
  };
  restore([](tsnap_restore_options* options) { options->strict = 3; }, TSNAP_E_INVALID);
  restore([](tsnap_restore_options* options) { options->new_ranks = 4; }, TSNAP_E_INVALID);
  restore([](tsnap_restore_options* options) { options->lost_ranks = 3; }, TSNAP_E_INVALID);
  restore([](tsnap_restore_options* options) { options->verify = 7; }, TSNAP_E_INVALID);
  // A program that was built when the struct was shorter.
  tsnap_restore_options shorter = TSNAP_RESTORE_OPTIONS_INIT;
  shorter.struct_size = offsetof(tsnap_restore_options, new_ranks);
  shorter.new_ranks = 99;   // not there yet
  CHECK_OK(tsnap_restore(context, url.c_str(), small.state, &shorter));
  tsnap_config config = TSNAP_CONFIG_INIT;
  tsnap_context* opened = reinterpret_cast<tsnap_context*>(&config);
  config.io_concurrency = -1;
  CHECK_CODE(tsnap_context_open_self(&config, &opened), TSNAP_E_INVALID);
  CHECK(opened == nullptr);
  CHECK_CODE(tsnap_context_open_self(nullptr, nullptr), TSNAP_E_INVALID);
}

void HandlesAreClosedOnce() {
  tsnap_context* context = nullptr;
  tsnap_state* state = nullptr;
  tsnap_snapshot* snapshot = nullptr;
  CHECK_OK(tsnap_context_close(nullptr));
  CHECK_OK(tsnap_context_close(&context));
  tsnap_state_destroy(nullptr);
  tsnap_state_destroy(&state);
  tsnap_snapshot_close(nullptr);
  tsnap_snapshot_close(&snapshot);
  CHECK_OK(tsnap_context_open_self(nullptr, &context));
  CHECK_CODE(tsnap_take(context, "mem://x", nullptr, nullptr), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_take(nullptr, "mem://x", nullptr, nullptr), TSNAP_E_INVALID);
  CHECK_OK(tsnap_context_close(&context));
  CHECK(context == nullptr);
  tsnap_report report = TSNAP_REPORT_INIT;
  CHECK_CODE(tsnap_restore_report(context, &report), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_snapshot_info_get(nullptr, nullptr), TSNAP_E_INVALID);
  CHECK(Contains(tsnap_status_name(TSNAP_E_BUSY), "TSNAP_E_BUSY") && tsnap_status_name(-12345) != nullptr);
}

// The child has a copy of the memory, but no threads, and the parent's files and communicator are not its own.
void HandlesDoNotSurviveFork() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  Small small;
  CHECK_OK(TakeQuick(context, url, small.state));
  Opened snapshot(url);
  std::fflush(nullptr);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    int64_t value = 0;
    tsnap_report report = TSNAP_REPORT_INIT;
    tsnap_snapshot_info info = TSNAP_SNAPSHOT_INFO_INIT;
    tsnap_object_info object = TSNAP_OBJECT_INFO_INIT;
    tsnap_snapshot* opened = nullptr;
    const tsnap_array array = Line(TSNAP_FLOAT64, small.values, 1000);
    CHECK_CODE(tsnap_take(context, (url + "2").c_str(), small.state, nullptr), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_restore(context, url.c_str(), small.state, nullptr), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_restore_report(context, &report), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_snapshot_open_all(context, url.c_str(), &opened), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_state_add_int64(small.state, "b", TSNAP_PRIVATE, &value), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_snapshot_info_get(snapshot, &info), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_snapshot_find(snapshot, "0/a", &object), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_read(snapshot, "0/a", &array, nullptr), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_snapshot_verify(snapshot, nullptr, nullptr), TSNAP_E_INVALID);
    CHECK_SAYS("fork");
    tsnap_context* closing = context;
    CHECK_CODE(tsnap_context_close(&closing), TSNAP_E_INVALID);
    CHECK(closing == nullptr);
    std::_Exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_SAME_INT(status, 0);
  CHECK_OK(tsnap_restore(context, url.c_str(), small.state, nullptr));   // the parent's are as they were
  const tsnap_array array = Line(TSNAP_FLOAT64, small.values, 1000);
  CHECK_OK(tsnap_read(snapshot, "0/a", &array, nullptr));
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"failed_writes_are_told", FailedWritesAreTold},
                  {"refused_permission_is_auth", RefusedPermissionIsAuth},
                  {"bad_urls_are_told", BadUrlsAreTold},
                  {"bad_options_are_refused", BadOptionsAreRefused},
                  {"handles_are_closed_once", HandlesAreClosedOnce},
                  {"handles_do_not_survive_fork", HandlesDoNotSurviveFork}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
