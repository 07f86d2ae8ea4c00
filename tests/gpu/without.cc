// Where tsnap has no driver that it could use: device memory is refused with a sentence that says why, in every call, and what is
// the host's goes on as ever. The memory is a real driver's or the stand-in's: tsnap is kept from it.
#include <cstdlib>

#include "api.h"
#include "gpu.h"

namespace tsnap::test {
namespace {

// Every call that meets the memory; `says` is in each message.
void CheckRefusals(const Names& says) {
  const GpuContext gpu;
  const GpuMemory memory(gpu, 4096);
  std::vector<int32_t> values(1024, 5);
  memory.Put(values);
  const Folder folder(NewFolder());
  Self context;
  State on_host, on_gpu;
  tsnap_array array = Line(TSNAP_INT32, values.data(), 1024);
  CHECK_OK(tsnap_state_add_private(on_host, "fluid/density", &array));
  array.data = memory.data();
  CHECK_OK(tsnap_state_add_private(on_gpu, "fluid/density", &array));
  const auto refused = [&](int32_t code) {
    CHECK_CODE(code, TSNAP_E_UNSUPPORTED);
    CHECK_SAYS("fluid/density");
    for (const std::string& part : says) CHECK_SAYS(part);
  };
  CHECK_OK(TakeQuick(context, folder / "snap", on_host));
  refused(TakeQuick(context, folder / "other", on_gpu));
  CHECK(!std::filesystem::exists((folder / "other") + "/tsnap.json"));
  tsnap_request* request = nullptr;
  refused(tsnap_take_async(context, (folder / "other").c_str(), on_gpu, nullptr, &request));
  CHECK(request == nullptr);
  refused(tsnap_restore(context, (folder / "snap").c_str(), on_gpu, nullptr));
  Opened snapshot(folder / "snap");
  refused(tsnap_read(snapshot, "0/fluid/density", &array, nullptr));
  values.assign(values.size(), 0);
  CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), on_host, nullptr));
  CHECK_SAME_INT(values[1023], 5);
  CHECK(memory.Values<int32_t>() == values);
}

void LibraryThatIsNotThere() {
  setenv("TSNAP_CUDA_LIBRARY", "/nonexistent/libcuda.so.1", 1);
  CheckRefusals({"cannot be read", "TSNAP_CUDA_LIBRARY", "/nonexistent/libcuda.so.1"});
}

void LibraryThatLacksAFunction() {
  setenv("TSNAP_CUDA_LIBRARY", std::getenv("TSNAP_TEST_NO_DRIVER"), 1);
  CheckRefusals({"lacks cu", "install a newer driver"});
}

// In a process without a driver there is no stream either.
void CheckStreamIsRefused(const char* says) {
  const Folder folder(NewFolder());
  Self context;
  State state;
  int32_t values[4] = {1, 2, 3, 4};
  const tsnap_array array = Line(TSNAP_INT32, values, 4);
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  int no_stream = 0;
  tsnap_take_options take = Quick();
  take.cuda_stream = &no_stream;
  CHECK_CODE(tsnap_take(context, (folder / "snap").c_str(), state, &take), TSNAP_E_UNSUPPORTED);
  CHECK_SAYS(says);
  CHECK_OK(TakeQuick(context, folder / "snap", state));
  tsnap_restore_options restore = TSNAP_RESTORE_OPTIONS_INIT;
  restore.cuda_stream = &no_stream;
  CHECK_CODE(tsnap_restore(context, (folder / "snap").c_str(), state, &restore), TSNAP_E_UNSUPPORTED);
  tsnap_read_options read = TSNAP_READ_OPTIONS_INIT;
  read.cuda_stream = &no_stream;
  Opened snapshot(folder / "snap");
  CHECK_CODE(tsnap_read(snapshot, "0/a", &array, &read), TSNAP_E_UNSUPPORTED);
}

void StreamWithoutADriver() { CheckStreamIsRefused("no CUDA driver"); }

// A driver that comes into the process later is found by the next operation.
void DriverThatComesLater() {
  const Folder folder(NewFolder());
  Self context;
  State before;
  int32_t values[4] = {1, 2, 3, 4};
  tsnap_array array = Line(TSNAP_INT32, values, 4);
  CHECK_OK(tsnap_state_add_private(before, "a", &array));
  CHECK_OK(TakeQuick(context, folder / "snap", before));
  const GpuContext gpu;   // loads it
  const GpuMemory memory(gpu, sizeof values);
  State after;
  array.data = memory.data();
  CHECK_OK(tsnap_state_add_private(after, "a", &array));
  CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), after, nullptr));
  CHECK(memory.Values<int32_t>() == std::vector<int32_t>(values, values + 4));
}

// Options that this build does not know are refused whatever they are.
void ReservedOptionsAreRefused() {
  const Folder folder(NewFolder());
  Self context;
  State state;
  tsnap_take_options options = Quick();
  options.reserved = 1;
  CHECK_CODE(tsnap_take(context, (folder / "snap").c_str(), state, &options), TSNAP_E_UNSUPPORTED);
  options.reserved = 0;
  options.device_staging = 3;
  CHECK_CODE(tsnap_take(context, (folder / "snap").c_str(), state, &options), TSNAP_E_INVALID);
}

// A build without CUDA meets the memory of a driver that is there.
void BuildWithoutCuda() {
  CheckRefusals({"built without CUDA"});
  CheckStreamIsRefused("built without CUDA");
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"library_that_is_not_there", LibraryThatIsNotThere},
                  {"library_that_lacks_a_function", LibraryThatLacksAFunction},
                  {"stream_without_a_driver", StreamWithoutADriver},
                  {"driver_that_comes_later", DriverThatComesLater},
                  {"reserved_options_are_refused", ReservedOptionsAreRefused},
                  {"build_without_cuda", BuildWithoutCuda}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
