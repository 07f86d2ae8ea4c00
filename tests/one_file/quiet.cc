// After tsnap_take_async has returned, a take does not call HDF5 any more, for the application may be using it: not when it
// commits, over an older snapshot or not, nor when it fails or is cancelled. Stands in front of what HDF5 opens and closes.
#include <dlfcn.h>
#include <link.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>

#include "alone.h"
#include "fault_state.h"
#include "io_fault.h"

namespace tsnap::test {
namespace {

std::atomic<int> calls{0};

// HDF5's own, in the library that the module has brought with it.
template <class Function>
Function* Real(const char* name) {
  static void* const hdf5 = [] {
    std::string path;
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* out) {
          if (std::strstr(info->dlpi_name, "/libhdf5") != nullptr) *static_cast<std::string*>(out) = info->dlpi_name;
          return 0;
        },
        &path);
    return dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD);
  }();
  CHECK(hdf5 != nullptr);
  void* const found = dlsym(hdf5, name);
  CHECK(found != nullptr);
  Function* function = nullptr;
  std::memcpy(&function, &found, sizeof function);
  return function;
}

void Fails(int32_t code) { CHECK_TEXT(code != TSNAP_OK, "the take did not fail"); }

enum class End { kCommit, kFailure, kCancel };

void NoCallAfterTheReturn(bool overwrites, End end) {
  const Folder folder(NewFolder());
  const std::string place = folder / "a";
  Alone alone;
  FaultState state(0, 1);
  state.Fill(1);
  const tsnap_take_options options = SmallSlabs(true);
  if (overwrites) CHECK_OK(tsnap_take(alone.get(), place.c_str(), state.get(), &options));
  state.Fill(2);
  calls = 0;
  tsnap_request* request = nullptr;
  CHECK_OK(tsnap_take_async(alone.get(), place.c_str(), state.get(), &options, &request));
  CHECK_TEXT(calls > 0, "the calls of the layout were not seen: nothing would be");
  calls = 0;
  if (end == End::kFailure) IoFault::Arm(IoFault::Forever("fsync", 1, "EIO"));
  if (end == End::kCancel) CHECK_OK(tsnap_request_cancel(request));
  const int32_t code = tsnap_request_wait(request);
  IoFault::Disarm();
  if (end == End::kCommit) CHECK_OK(code);
  if (end == End::kFailure) Fails(code);
  CHECK_TEXT(calls == 0, std::to_string(calls) + " calls of HDF5 after tsnap_take_async had returned");
  static_cast<void>(tsnap_request_free(&request));
  if (code == TSNAP_OK) CheckPlaceHolds(place, 1, 2);
  else if (overwrites) CheckPlaceHolds(place, 1, 1);
  else CheckPlaceIsEmpty(place);
}

void CommittedTakes() {
  for (const bool overwrites : {false, true}) NoCallAfterTheReturn(overwrites, End::kCommit);
}
void FailedTakes() {
  for (const bool overwrites : {false, true}) NoCallAfterTheReturn(overwrites, End::kFailure);
}
void CancelledTakes() {
  for (const bool overwrites : {false, true}) NoCallAfterTheReturn(overwrites, End::kCancel);
}

}  // namespace
}  // namespace tsnap::test

using tsnap::test::calls;
using tsnap::test::Real;

// An hid_t has 64 bits since HDF5 1.10.
extern "C" {

__attribute__((visibility("default"))) int64_t H5Fopen(const char* name, unsigned flags, int64_t access) {
  ++calls;
  return Real<int64_t(const char*, unsigned, int64_t)>("H5Fopen")(name, flags, access);
}

__attribute__((visibility("default"))) int H5Fclose(int64_t file) {
  ++calls;
  return Real<int(int64_t)>("H5Fclose")(file);
}

__attribute__((visibility("default"))) int64_t H5Dopen2(int64_t file, const char* name, int64_t access) {
  ++calls;
  return Real<int64_t(int64_t, const char*, int64_t)>("H5Dopen2")(file, name, access);
}

__attribute__((visibility("default"))) int H5Dclose(int64_t dataset) {
  ++calls;
  return Real<int(int64_t)>("H5Dclose")(dataset);
}

}  // extern "C"

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunAlone(argc, argv,
                  {{"committed_takes", CommittedTakes}, {"failed_takes", FailedTakes}, {"cancelled_takes", CancelledTakes}});
}
