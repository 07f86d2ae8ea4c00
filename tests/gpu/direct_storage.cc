// GPUDirect Storage against a stand-in for cuFile that looks at all it is given: what is taken and restored that way is what the
// host would have taken and restored, to the byte; and where it cannot be, or fails, the knob decides.
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>

#include <dlfcn.h>

#include "api.h"
#include "gpu.h"

namespace tsnap::test {
namespace {

constexpr size_t kBlock = 256 << 10;

// What the stand-in for cuFile is told, and has counted. A real library, beside a real driver, is told nothing and counts nothing:
// what cannot be without those is in cases that begin with TheStandIn().
struct CuFile {
  void (*arm)(const char*) = nullptr;
  uint64_t (*count)(const char*) = nullptr;

  void Arm(const char* orders) const {
    if (arm != nullptr) arm(orders);
  }
  uint64_t Count(const char* what) const { return count != nullptr ? count(what) : 0; }
};

// Asked after tsnap's first use of it, or before: the library is the same.
const CuFile& TheCuFile() {
  static const CuFile file = [] {
    if (!TheCuda().is_stand_in()) return CuFile{};
    void* library = dlopen(std::getenv("TSNAP_CUFILE_LIBRARY"), RTLD_NOW | RTLD_LOCAL);
    CHECK_TEXT(library != nullptr, dlerror());
    CuFile found;
    found.arm = reinterpret_cast<void (*)(const char*)>(dlsym(library, "tsnap_fake_cufile_arm"));
    found.count = reinterpret_cast<uint64_t (*)(const char*)>(dlsym(library, "tsnap_fake_cufile_count"));
    return found;
  }();
  return file;
}

void CheckAtLeast(uint64_t least, const char* function) {
  const uint64_t count = TheCuFile().Count(function);
  if (TheCuda().is_stand_in()) CHECK_TEXT(count >= least, function + (": " + std::to_string(count)));
}

void SetMode(const char* mode) { setenv("TSNAP_FAKE_CUFILE_MODE", mode, 1); }

std::vector<uint8_t> Pattern(size_t bytes, uint8_t seed) {
  std::vector<uint8_t> pattern(bytes);
  for (size_t i = 0; i < bytes; ++i) pattern[i] = static_cast<uint8_t>(i * 31 + i / 251 + seed);
  return pattern;
}

struct Heard {
  std::mutex mutex;
  std::string text;
  static void Log(int32_t, const char* message, void* user) {
    auto* heard = static_cast<Heard*>(user);
    const std::lock_guard lock(heard->mutex);
    heard->text += message;
    heard->text += "\n";
  }
};

tsnap_config With(int32_t gpu_direct_storage, Heard* heard = nullptr) {
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.gpu_direct_storage = gpu_direct_storage;
  config.memory_budget_bytes = 32 << 20;
  if (heard != nullptr) {
    config.log = Heard::Log;
    config.log_user = heard;
    config.log_level = TSNAP_LOG_INFO;
  }
  return config;
}

// Arrays of sizes that are whole pages, whole blocks, and neither; one in rows, one of the host.
class Job {
 public:
  explicit Job(int devices = 1) : first_(0), second_(devices - 1) {
    const size_t sizes[] = {9 << 20, (3 << 20) + 5 * 4096, (1 << 20) + 123, 5000, 4096, 100};
    for (size_t i = 0; i < std::size(sizes); ++i) {
      memory_.push_back(std::make_unique<GpuMemory>(i % 2 == 0 ? first_ : second_, sizes[i]));
      const tsnap_array array = Line(TSNAP_UINT8, memory_.back()->data(), static_cast<int64_t>(sizes[i]));
      CHECK_OK(tsnap_state_add_private(state_, ("a" + std::to_string(i)).c_str(), &array));
    }
    memory_.push_back(std::make_unique<GpuMemory>(first_, 4 << 20));
    tsnap_array rows = TSNAP_ARRAY_INIT;
    rows.dtype = TSNAP_FLOAT32;
    rows.ndim = 2;
    rows.shape[0] = 1000;
    rows.shape[1] = 700;
    rows.strides_bytes[0] = 4 * 1024;
    rows.strides_bytes[1] = 4;
    rows.data = memory_.back()->data();
    CHECK_OK(tsnap_state_add_private(state_, "rows", &rows));
    host_.resize(2 << 20);
    const tsnap_array host = Line(TSNAP_UINT8, host_.data(), static_cast<int64_t>(host_.size()));
    CHECK_OK(tsnap_state_add_private(state_, "host", &host));
    Fill(1);
  }
  void Fill(uint8_t seed) {
    for (const auto& memory : memory_) memory->Put(Pattern(memory->bytes(), seed++));
    const auto values = Pattern(host_.size(), seed);
    std::copy(values.begin(), values.end(), host_.begin());
  }
  // Between the rows lies what Fill(other) has left there.
  bool Holds(uint8_t seed, uint8_t other) {
    for (size_t i = 0; i + 1 < memory_.size(); ++i)
      if (memory_[i]->Values<uint8_t>() != Pattern(memory_[i]->bytes(), static_cast<uint8_t>(seed + i))) return false;
    const size_t last = memory_.size() - 1;
    const auto rows = memory_[last]->Values<uint8_t>(), wanted = Pattern(rows.size(), static_cast<uint8_t>(seed + last)),
               between = Pattern(rows.size(), static_cast<uint8_t>(other + last));
    for (size_t i = 0; i < 1000 * 4096; ++i)
      if (rows[i] != (i % 4096 < 2800 ? wanted : between)[i]) return false;
    return host_ == Pattern(host_.size(), static_cast<uint8_t>(seed + memory_.size()));
  }
  const GpuMemory& largest() const { return *memory_[0]; }
  int32_t Take(tsnap_context* context, const std::string& url, int32_t codec = TSNAP_CODEC_NONE) {
    tsnap_take_options options = Quick(codec);
    options.overwrite = TSNAP_ON;
    return tsnap_take(context, url.c_str(), state_, &options);
  }
  int32_t TakeInTheBackground(tsnap_context* context, const std::string& url, int32_t device_staging = TSNAP_OFF) {
    tsnap_take_options options = Quick();
    options.overwrite = TSNAP_ON;
    options.device_staging = device_staging;
    tsnap_request* request = nullptr;
    const int32_t code = tsnap_take_async(context, url.c_str(), state_, &options, &request);
    Fill(77);
    if (code != TSNAP_OK) return code;
    const int32_t waited = tsnap_request_wait(request);
    tsnap_request_free(&request);
    return waited;
  }
  int32_t TakeParked(tsnap_context* context, const std::string& url) { return TakeInTheBackground(context, url, TSNAP_ON); }
  // The first array, by a snapshot opened with this config.
  int32_t Read(const std::string& url, const tsnap_config& config) {
    tsnap_snapshot* snapshot = nullptr;
    CHECK_OK(tsnap_snapshot_open(url.c_str(), &config, &snapshot));
    const tsnap_array target = Line(TSNAP_UINT8, memory_[0]->data(), static_cast<int64_t>(memory_[0]->bytes()));
    const int32_t code = tsnap_read(snapshot, "0/a0", &target, nullptr);
    tsnap_snapshot_close(&snapshot);
    return code;
  }
  int32_t Restore(tsnap_context* context, const std::string& url, bool verify = true) {
    tsnap_restore_options options = TSNAP_RESTORE_OPTIONS_INIT;
    options.verify = verify ? TSNAP_ON : TSNAP_OFF;
    return tsnap_restore(context, url.c_str(), state_, &options);
  }

 private:
  GpuContext first_, second_;
  std::vector<std::unique_ptr<GpuMemory>> memory_;
  std::vector<uint8_t> host_;
  State state_;
};

// The slabs of a snapshot by name (the folder that they are in has one of its own each time), with what is in them.
std::map<std::string, std::string> SlabsOf(const std::string& url) {
  std::map<std::string, std::string> slabs;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(url)) {
    if (!entry.is_regular_file() || entry.file_size() < kBlock) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    slabs[entry.path().filename()] = std::string(std::istreambuf_iterator<char>(in), {});
  }
  CHECK(!slabs.empty());
  return slabs;
}

// A context for takes and restores by way of the host.
class Plain : public Self {
 public:
  Plain() : Self(&config_) {}

 private:
  static inline const tsnap_config config_ = With(TSNAP_OFF);
};

// A folder in memory for the stand-in, on a disk (of TMPDIR) for a real cuFile. Where that cannot use it the case is skipped.
std::string NewPlace() {
  const std::string place = NewFolder(TheCuda().is_stand_in());
  if (TheCuda().is_stand_in()) return place;
  const tsnap_config config = With(TSNAP_ON);
  int32_t code = TSNAP_OK;
  {
    Self context(&config);
    Job job;
    code = job.Take(context, place + "/trial");
  }
  RemoveTree(place + "/trial");
  if (code == TSNAP_OK) return place;
  std::fprintf(stderr, "%s\n", tsnap_last_error());
  RemoveTree(place);
  std::_Exit(code == TSNAP_E_UNSUPPORTED && !TheCuda().is_rehearsal ? kSkipped : 1);
}

// The knob with which the stand-in in native mode is used; a real one is insisted on, lest nothing be tried.
int32_t Native() { return TheCuda().is_stand_in() ? 0 : TSNAP_ON; }

// Nothing of a handle is left when an operation has ended.
void CheckNothingIsLeft() { CHECK_SAME_INT(TheCuFile().Count("handles"), 0); }

void FilesAreTheSameAsByTheHost(const char* mode, int32_t knob, int devices) {
  const CuFile& file = TheCuFile();
  SetMode(mode);
  Job job(devices);
  const Folder folder(NewPlace());
  const tsnap_config config = With(knob);
  Self context(&config);
  Plain plain;
  file.Arm("");
  CHECK_OK(job.Take(plain, folder / "host"));
  CHECK_SAME_INT(file.Count("cuFileWrite"), 0);
  CHECK_OK(job.Take(context, folder / "direct"));
  CheckAtLeast(5, "cuFileWrite");
  CheckNothingIsLeft();
  CHECK(SlabsOf(folder / "direct") == SlabsOf(folder / "host"));
  // Either kind is restored in either way.
  for (const char* name : {"host", "direct"}) {
    for (const bool verify : {true, false}) {
      Where() = std::string(name) + (verify ? "" : " unverified");
      job.Fill(50);
      file.Arm("");
      if (TheCuda().is_stand_in()) TheCuda().Arm("");
      CHECK_OK(job.Restore(context, folder / name, verify));
      CheckAtLeast(3, "cuFileRead");
      if (TheCuda().is_stand_in()) CHECK((TheCuda().Count("tsnap_checksum_slices") >= 3) == verify);
      CheckNothingIsLeft();
      CHECK(job.Holds(1, 50));
      job.Fill(51);
      file.Arm("");
      CHECK_OK(job.Restore(plain, folder / name, verify));
      CHECK_SAME_INT(file.Count("cuFileRead"), 0);
      CHECK(job.Holds(1, 51));
    }
  }
  Opened verified(folder / "direct");
  CHECK_OK(tsnap_snapshot_verify(verified, nullptr, nullptr));
}

// On a disk that is written past the page cache segments are whole pages: the last one ends in zeros.
void FilesAreTheSameWithDirectIo() {
  const CuFile& file = TheCuFile();
  SetMode("native");
  Job job;
  const Folder folder(TheCuda().is_stand_in() ? NewFolder(false) : NewPlace());
  tsnap_config config = With(Native()), off = With(TSNAP_OFF);
  config.direct_io = off.direct_io = TSNAP_ON;
  Self context(&config), plain(&off);
  const int32_t code = job.Take(plain, folder / "host");
  if (code == TSNAP_E_UNSUPPORTED) std::_Exit(kSkipped);   // no such disk here
  CHECK_OK(code);
  file.Arm("");
  CHECK_OK(job.Take(context, folder / "direct"));
  CheckAtLeast(5, "cuFileWrite");
  CHECK(SlabsOf(folder / "direct") == SlabsOf(folder / "host"));
  job.Fill(50);
  file.Arm("");
  CHECK_OK(job.Restore(context, folder / "direct"));
  CheckAtLeast(3, "cuFileRead");
  CHECK(job.Holds(1, 50));
}

// Segments that wait on the device are written from there.
void ParkedSegmentsAreWrittenFromTheDevice() {
  const CuFile& file = TheCuFile();
  SetMode("native");
  Job job;
  const Folder folder(NewPlace());
  const tsnap_config config = With(Native());
  Self context(&config);
  Plain plain;
  CHECK_OK(job.Take(plain, folder / "host"));
  file.Arm("");
  CHECK_OK(job.TakeParked(context, folder / "direct"));
  CheckAtLeast(3, "cuFileWrite");
  CheckNothingIsLeft();
  CHECK(SlabsOf(folder / "direct") == SlabsOf(folder / "host"));
  if (!TheCuda().is_stand_in()) return;
  // One that fails is brought to the host and written from there.
  for (const char* arms : {"cuFileWrite:1=e5", "cuFileWrite:2=5011", "cuFileHandleRegister:1=5008"}) {
    Where() = arms;
    job.Fill(1);
    file.Arm(arms);
    CHECK_OK(job.TakeParked(context, folder / "direct"));
    CHECK_SAME_INT(file.Count("failures"), 1);
    CheckNothingIsLeft();
    CHECK(SlabsOf(folder / "direct") == SlabsOf(folder / "host"));
  }
}

// Reads into device memory, of the whole and of parts.
void ReadsGoStraightToTheDevice() {
  const CuFile& file = TheCuFile();
  SetMode("native");
  Job job;
  const Folder folder(NewPlace());
  Plain plain;
  CHECK_OK(job.Take(plain, folder / "snap"));
  const tsnap_config config = With(Native());
  Opened snapshot(folder / "snap", &config);
  job.Fill(60);
  file.Arm("");
  const tsnap_array whole = Line(TSNAP_UINT8, job.largest().data(), 9 << 20);
  CHECK_OK(tsnap_read(snapshot, "0/a0", &whole, nullptr));
  CheckAtLeast(2, "cuFileRead");
  CHECK(job.largest().Values<uint8_t>() == Pattern(9 << 20, 1));
  CheckNothingIsLeft();
}

// One flipped bit in the file, or on the way, is found by the checksums that the GPU makes; without verification it is not.
void DamageIsFound() {
  const CuFile& file = TheCuFile();
  SetMode("native");
  Job job;
  const Folder folder(NewPlace());
  Plain plain;
  CHECK_OK(job.Take(plain, folder / "snap"));
  const tsnap_config config = With(TSNAP_ON);
  Self context(&config);
  if (TheCuda().is_stand_in()) {
    setenv("TSNAP_FAKE_CUFILE_SPOIL", "1", 1);
    CHECK_CODE(job.Restore(context, folder / "snap"), TSNAP_E_CORRUPT);
    CHECK_SAYS("CRC32C");
    CHECK_OK(job.Restore(context, folder / "snap", false));
    CHECK(!job.Holds(1, 1));
    unsetenv("TSNAP_FAKE_CUFILE_SPOIL");
  }
  CHECK_OK(job.Restore(context, folder / "snap"));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "snap")) {
    if (!entry.is_regular_file() || entry.file_size() < (9 << 20)) continue;
    std::fstream slab(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
    slab.seekg((2 << 20) + 7);
    const int byte = slab.get();
    slab.seekp((2 << 20) + 7);
    slab.put(static_cast<char>(byte ^ 1));
  }
  file.Arm("");
  CHECK_CODE(job.Restore(context, folder / "snap"), TSNAP_E_CORRUPT);
  CHECK_SAYS("CRC32C");
  CheckAtLeast(1, "cuFileRead");
  CHECK_CODE(job.Restore(plain, folder / "snap"), TSNAP_E_CORRUPT);
}

void ShortTransfersGoOn() {
  TheStandIn();
  const CuFile& file = TheCuFile();
  SetMode("native");
  Job job;
  const Folder folder(NewFolder());
  Plain plain;
  const tsnap_config config = With(TSNAP_ON);
  Self context(&config);
  CHECK_OK(job.Take(plain, folder / "host"));
  for (const char* most : {"1048576", "300000"}) {   // not a whole page: the next call begins before the end of the last one
    setenv("TSNAP_FAKE_CUFILE_SHORT", most, 1);
    file.Arm("");
    CHECK_OK(job.Take(context, folder / "direct"));
    CheckAtLeast(11, "cuFileWrite");
    CHECK(SlabsOf(folder / "direct") == SlabsOf(folder / "host"));
    job.Fill(70);
    CHECK_OK(job.Restore(context, folder / "direct"));
    CHECK(job.Holds(1, 70));
    job.Fill(1);
  }
  setenv("TSNAP_FAKE_CUFILE_SHORT", "100", 1);   // nothing that one could go on from
  CHECK_CODE(job.Take(context, folder / "direct"), TSNAP_E_IO);
  CHECK_CODE(job.Restore(context, folder / "host"), TSNAP_E_CORRUPT);
  CHECK_SAYS("truncated");
  unsetenv("TSNAP_FAKE_CUFILE_SHORT");
  CheckNothingIsLeft();
}

// What the user insists on fails with what cuFile said, commits nothing, and the next one is right; else the host does it.
void EachFailureIsToldOrMadeGood() {
  TheStandIn();
  const CuFile& file = TheCuFile();
  SetMode("native");
  Job job;
  const Folder folder(NewFolder());
  Plain plain;
  Heard heard;
  const tsnap_config on = With(TSNAP_ON), by_itself = With(0, &heard);
  Self insisting(&on), context(&by_itself);
  CHECK_OK(job.Take(plain, folder / "host"));
  const auto slabs = SlabsOf(folder / "host");
  struct Case {
    const char* arms;
    int32_t take, restore;   // TSNAP_OK: it meets none
    const char* says;
  };
  const Case cases[] = {
      {"cuFileDriverOpen:1=5007", TSNAP_E_UNSUPPORTED, TSNAP_OK, "CU_FILE_PLATFORM_NOT_SUPPORTED"},
      {"cuFileDriverGetProperties:1=5002", TSNAP_E_UNSUPPORTED, TSNAP_OK, "CU_FILE_DRIVER_INVALID_PROPS"},
      {"cuFileHandleRegister:1=5008", TSNAP_E_UNSUPPORTED, TSNAP_E_UNSUPPORTED, "CU_FILE_IO_NOT_SUPPORTED"},
      {"cuFileWrite:1=e28", TSNAP_E_NO_SPACE, TSNAP_OK, "No space"},
      {"cuFileWrite:2=e5", TSNAP_E_IO, TSNAP_OK, "Input/output error"},
      {"cuFileWrite:3=5011", TSNAP_E_DEVICE, TSNAP_OK, "CU_FILE_CUDA_DRIVER_ERROR"},
      {"cuFileRead:1=e5", TSNAP_OK, TSNAP_E_IO, "Input/output error"},
      {"cuFileRead:2=5012", TSNAP_OK, TSNAP_E_DEVICE, "CU_FILE_CUDA_POINTER_INVALID"},
  };
  for (const Case& one : cases) {
    Where() = one.arms;
    const bool opens = std::strncmp(one.arms, "cuFileDriver", 12) == 0;
    if (one.take != TSNAP_OK) {
      file.Arm(one.arms);
      CHECK_CODE(job.Take(insisting, folder / "direct"), one.take);
      CHECK_SAYS(one.says);
      CHECK(!std::filesystem::exists((folder / "direct") + "/tsnap.json"));
      CheckNothingIsLeft();
      if (!opens) {   // it is opened once in a process
        file.Arm(one.arms);
        CHECK_OK(job.Take(context, folder / "direct"));
        CHECK_SAME_INT(file.Count("failures"), 1);
        CHECK(SlabsOf(folder / "direct") == slabs);
        CHECK_TEXT(Contains(heard.text, one.says), heard.text);
      }
    }
    if (one.restore != TSNAP_OK) {
      file.Arm(one.arms);
      CHECK_CODE(job.Restore(insisting, folder / "host"), one.restore);
      CHECK_SAYS(one.says);
      CheckNothingIsLeft();
      file.Arm(one.arms);
      job.Fill(80);
      CHECK_OK(job.Restore(context, folder / "host"));
      CHECK_SAME_INT(file.Count("failures"), 1);
      CHECK(job.Holds(1, 80));
      job.Fill(1);
    }
    if (!opens) std::filesystem::remove_all(folder / "direct");
  }
  file.Arm("");
  CHECK_OK(job.Take(insisting, folder / "direct"));
  CHECK(SlabsOf(folder / "direct") == slabs);
  // What the driver fails with while checksums are made is no other matter.
  TheCuda().Arm("cuLaunchKernel:1+");
  CHECK_CODE(job.Take(insisting, folder / "direct"), TSNAP_E_DEVICE);
  CHECK_SAYS("CUDA_ERROR_UNKNOWN");
  TheCuda().Arm("");
}

// Left alone it is used where cuFile does it natively, and nowhere else.
void LeftAloneItIsUsedWhereItPays() {
  TheStandIn();
  const CuFile& file = TheCuFile();
  Job job;
  const Folder folder(NewFolder());
  const tsnap_config config = With(0);
  SetMode("compatible");   // asked once in a process: the other modes have cases of their own
  Self context(&config);
  file.Arm("");
  CHECK_OK(job.Take(context, folder / "snap"));
  job.Fill(9);
  CHECK_OK(job.Restore(context, folder / "snap"));
  CHECK(job.Holds(1, 9));
  CHECK_SAME_INT(file.Count("cuFileHandleRegister") + file.Count("cuFileWrite") + file.Count("cuFileRead"), 0);
  job.Fill(1);
  const tsnap_config on = With(TSNAP_ON);
  Self insisting(&on);
  CHECK_OK(job.Take(insisting, folder / "snap"));
  CheckAtLeast(1, "cuFileWrite");
}

// A switch as a variable, and one that is none.
void TheKnobIsAVariableToo() {
  const CuFile& file = TheCuFile();
  SetMode("native");
  Job job;
  const Folder folder(NewPlace());
  file.Arm("");
  setenv("TSNAP_GPU_DIRECT_STORAGE", "off", 1);
  {
    Self context;
    CHECK_OK(job.Take(context, folder / "snap"));
  }
  CHECK_SAME_INT(file.Count("cuFileDriverOpen") + file.Count("cuFileWrite"), 0);
  setenv("TSNAP_GPU_DIRECT_STORAGE", "on", 1);
  {
    Self context;
    CHECK_OK(job.Take(context, folder / "snap"));
  }
  CheckAtLeast(1, "cuFileWrite");
  unsetenv("TSNAP_GPU_DIRECT_STORAGE");
  tsnap_config config = With(3);
  tsnap_context* refused = nullptr;
  CHECK_CODE(tsnap_context_open_self(&config, &refused), TSNAP_E_INVALID);
  CHECK_SAYS("gpu_direct_storage");
}

// Where it cannot be, the user who insists hears why; arrays of the host are nobody's concern.
void WhatRulesItOutIsTold() {
  const CuFile& file = TheCuFile();
  SetMode("native");
  Job job;
  const Folder folder(NewPlace());
  const tsnap_config on = With(TSNAP_ON), by_itself = With(0);
  Self insisting(&on), context(&by_itself);
  CHECK_CODE(job.Take(insisting, "mem://nowhere"), TSNAP_E_UNSUPPORTED);
  CHECK_SAYS("no files");
  CHECK_OK(job.Take(context, "mem://somewhere"));
  CHECK_CODE(job.Take(insisting, folder / "zstd", TSNAP_CODEC_ZSTD), TSNAP_E_UNSUPPORTED);
  CHECK_SAYS("compresses");
  CHECK_OK(job.Take(context, folder / "zstd", TSNAP_CODEC_ZSTD));
  job.Fill(90);
  CHECK_OK(job.Restore(insisting, folder / "zstd"));   // what is stored compressed is the host's
  CHECK(job.Holds(1, 90));
  std::vector<uint8_t> values = Pattern(3 << 20, 4);
  State on_host;
  const tsnap_array array = Line(TSNAP_UINT8, values.data(), 3 << 20);
  CHECK_OK(tsnap_state_add_private(on_host, "a", &array));
  CHECK_OK(TakeQuick(insisting, folder / "host", on_host));
  CHECK_SAME_INT(file.Count("cuFileWrite"), 0);
  setenv("TSNAP_CUDA_KERNELS", "off", 1);
  CHECK_CODE(job.Take(insisting, folder / "direct"), TSNAP_E_UNSUPPORTED);
  CHECK_SAYS("kernels");
  CHECK_OK(job.Take(context, folder / "direct"));
  CHECK_SAME_INT(file.Count("cuFileWrite"), 0);
}

// No such library.
void WithoutALibrary() {
  TheCuda();
  setenv("TSNAP_CUFILE_LIBRARY", "/nonexistent/libcufile.so.0", 1);
  Job job;
  const Folder folder(NewFolder());
  Heard heard;
  const tsnap_config on = With(TSNAP_ON), by_itself = With(0, &heard);
  Self insisting(&on), context(&by_itself);
  CHECK_CODE(job.Take(insisting, folder / "snap"), TSNAP_E_UNSUPPORTED);
  CHECK_SAYS("/nonexistent/libcufile.so.0");
  CHECK_SAYS("gpu_direct_storage");
  CHECK_CODE(job.TakeInTheBackground(insisting, folder / "snap"), TSNAP_E_UNSUPPORTED);
  job.Fill(1);
  CHECK_OK(job.Take(context, folder / "snap"));
  CHECK_TEXT(Contains(heard.text, "cuFile cannot be loaded"), heard.text);
  heard.text.clear();
  CHECK_OK(job.Read(folder / "snap", by_itself));   // an opened snapshot has a log as well
  CHECK_TEXT(Contains(heard.text, "cuFile cannot be loaded"), heard.text);
  job.Fill(9);
  CHECK_CODE(job.Restore(insisting, folder / "snap"), TSNAP_E_UNSUPPORTED);
  CHECK_OK(job.Restore(context, folder / "snap"));
  CHECK(job.Holds(1, 9));
}

// A transfer that hangs is watched like any other.
void TransfersThatHangAreWatched() {
  TheStandIn();
  SetMode("native");
  Job job;
  const Folder folder(NewFolder());
  tsnap_config config = With(TSNAP_ON);
  config.io_timeout_seconds = 0.4;
  Self context(&config);
  setenv("TSNAP_FAKE_CUFILE_DELAY_MS", "3000", 1);
  CHECK_CODE(job.Take(context, folder / "snap"), TSNAP_E_TIMEOUT);
  std::_Exit(0);   // threads hang in it
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"files_are_the_same_as_by_the_host", [] { FilesAreTheSameAsByTheHost("native", 0, 1); }},
                  {"files_are_the_same_in_compatibility_mode", [] { FilesAreTheSameAsByTheHost("compatible", TSNAP_ON, 1); }},
                  {"files_are_the_same_from_two_gpus", [] { FilesAreTheSameAsByTheHost("native", TSNAP_ON, 2); }},
                  {"files_are_the_same_with_direct_io", FilesAreTheSameWithDirectIo},
                  {"parked_segments_are_written_from_the_device", ParkedSegmentsAreWrittenFromTheDevice},
                  {"reads_go_straight_to_the_device", ReadsGoStraightToTheDevice},
                  {"damage_is_found", DamageIsFound},
                  {"short_transfers_go_on", ShortTransfersGoOn},
                  {"each_failure_is_told_or_made_good", EachFailureIsToldOrMadeGood},
                  {"left_alone_it_is_used_where_it_pays", LeftAloneItIsUsedWhereItPays},
                  {"the_knob_is_a_variable_too", TheKnobIsAVariableToo},
                  {"what_rules_it_out_is_told", WhatRulesItOutIsTold},
                  {"without_a_library", WithoutALibrary},
                  {"transfers_that_hang_are_watched", TransfersThatHangAreWatched}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
