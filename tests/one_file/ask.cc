// Calls one function of the public interface and prints the name of its status, then what it found, for tests in Python:
//   ask open|verify|take|replace|restore|remove|gc URL          (verify: the paths of what is bad, one a line)
//   ask restore_one URL PATH                                    (of an integer)
//   ask copy URL TO
//   ask read URL PATH FILE [OFFSET... SHAPE...]                 (the box, row-major, goes to FILE; how much the process has read)
// TSNAP_E_... is no failure of the program: it ends with 0 whatever the status.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <tsnap.h>

namespace {

int32_t Say(int32_t status) {
  std::printf("%s\n", tsnap_status_name(status));
  if (status != TSNAP_OK) std::fprintf(stderr, "%s\n", tsnap_last_error());
  return status;
}

std::string read_bytes;   // by this process, through read and pread; "" where Linux does not count

int32_t Read(tsnap_snapshot* snapshot, int argc, char** argv) {
  tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
  int32_t status = tsnap_snapshot_find(snapshot, argv[3], &info);
  if (status != TSNAP_OK) return status;
  std::vector<char> bytes;
  if (info.type == TSNAP_OBJECT_STRING) {
    bytes.resize(info.bytes + 1);
    status = tsnap_read_string(snapshot, argv[3], bytes.data(), bytes.size(), nullptr);
    bytes.pop_back();
  } else {
    tsnap_array array = TSNAP_ARRAY_INIT;
    array.dtype = info.dtype;
    array.ndim = info.ndim;
    array.item_bytes = info.item_bytes;
    auto count = static_cast<size_t>(info.item_bytes);
    for (int axis = 0; axis < info.ndim; ++axis) {
      const bool whole = argc < 5 + 2 * info.ndim;
      array.offset[axis] = whole ? 0 : std::atoll(argv[5 + axis]);
      array.shape[axis] = whole ? info.shape[axis] : std::atoll(argv[5 + info.ndim + axis]);
      count *= static_cast<size_t>(array.shape[axis]);
    }
    bytes.resize(count);
    array.data = bytes.data();
    status = tsnap_read(snapshot, argv[3], &array, nullptr);
  }
  std::ifstream io("/proc/self/io");
  for (std::string line; std::getline(io, line);)
    if (line.starts_with("rchar: ")) read_bytes = line.substr(7);
  if (status == TSNAP_OK) std::ofstream(argv[4], std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return status;
}

int32_t WithState(const std::string& what, const char* url, const char* path) {
  tsnap_context* context = nullptr;
  tsnap_state* state = nullptr;
  int64_t value = 42;
  if (tsnap_context_open_self(nullptr, &context) != TSNAP_OK || tsnap_state_create(&state) != TSNAP_OK ||
      tsnap_state_add_int64(state, path, TSNAP_REPLICATED, &value) != TSNAP_OK)
    std::abort();
  tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
  options.overwrite = what == "replace" ? TSNAP_ON : TSNAP_OFF;
  options.sync = TSNAP_OFF;
  tsnap_restore_options loose = TSNAP_RESTORE_OPTIONS_INIT;
  loose.strict = TSNAP_OFF;
  loose.lost_ranks = TSNAP_LOST_RANKS_IGNORE;
  const int32_t status = Say(what == "restore"       ? tsnap_restore(context, url, state, nullptr)
                             : what == "restore_one" ? tsnap_restore(context, url, state, &loose)
                                                     : tsnap_take(context, url, state, &options));
  tsnap_context_close(&context);
  tsnap_state_destroy(&state);
  return status;
}

int32_t WithSnapshot(const std::string& what, int argc, char** argv) {
  tsnap_snapshot* snapshot = nullptr;
  int32_t status = tsnap_snapshot_open(argv[2], nullptr, &snapshot);
  if (status != TSNAP_OK || what == "open") {
    Say(status);
  } else if (what == "verify") {
    int64_t count = 0;
    const char* const* paths = nullptr;
    status = Say(tsnap_snapshot_verify(snapshot, &count, &paths));
    for (int64_t i = 0; i < count; ++i) std::printf("%s\n", paths[i]);
  } else {
    status = Say(Read(snapshot, argc, argv));
    std::printf("%s\n", read_bytes.c_str());
  }
  tsnap_snapshot_close(&snapshot);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 2 ? argv[1] : "";
  if (what == "open" || what == "verify" || (what == "read" && argc > 4)) {
    WithSnapshot(what, argc, argv);
  } else if (what == "take" || what == "replace" || what == "restore") {
    WithState(what, argv[2], "value");
  } else if (what == "restore_one" && argc == 4) {
    WithState(what, argv[2], argv[3]);
  } else if (what == "remove") {
    Say(tsnap_remove(argv[2], nullptr));
  } else if (what == "gc") {
    Say(tsnap_gc(argv[2], nullptr, nullptr, nullptr));
  } else if (what == "copy" && argc == 4) {
    Say(tsnap_copy(argv[2], nullptr, argv[3], nullptr, nullptr, nullptr));
  } else {
    return 2;
  }
  return 0;
}
