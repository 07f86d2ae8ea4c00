// Reads the knobs from the environment, strictly, and the node's free memory from the system. An
// empty variable counts as unset.
#include "base/knobs.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string_view>

#include <fmt/format.h>

#include "base/bytes.h"

namespace tsnap {
namespace {

constexpr uint64_t kLeastBudgetBytes = 16 << 20;

std::string_view Environment(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? std::string_view() : std::string_view(text);
}

Status Unparsable(const char* name, std::string_view text, std::string_view expected) {
  return Invalid(
      fmt::format("reading the environment variable {}: \"{}\" is not {}; correct or unset it",
                  name, text.substr(0, 64), expected));
}

template <class Number>
bool ParseNumber(std::string_view text, Number* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size();
}

Status ReadBytes(const char* name, uint64_t* field) {
  const std::string_view text = Environment(name);
  if (*field != 0 || text.empty()) return Status::Ok();
  constexpr std::string_view kSuffixes = "KMGT";
  const size_t suffix = kSuffixes.find(text.back());
  const bool has_suffix = suffix != std::string_view::npos;
  const uint64_t unit = has_suffix ? uint64_t{1} << (10 * (suffix + 1)) : 1;
  uint64_t count = 0;
  if (!ParseNumber(text.substr(0, text.size() - has_suffix), &count) ||
      !CheckedMul(count, unit, field)) {
    *field = 0;
    return Unparsable(name, text, "a number of bytes such as 67108864, 65536K, 64M, 2G or 1T");
  }
  return Status::Ok();
}

Status ReadCount(const char* name, int32_t* field) {
  const std::string_view text = Environment(name);
  if (*field != 0 || text.empty()) return Status::Ok();
  int32_t count = 0;
  if (!ParseNumber(text, &count) || count < 0)
    return Unparsable(name, text, "a count from 0 to 2147483647");
  *field = count;
  return Status::Ok();
}

Status ReadSeconds(const char* name, double* field) {
  const std::string_view text = Environment(name);
  if (*field != 0 || text.empty()) return Status::Ok();
  double seconds = 0;
  if (!ParseNumber(text, &seconds) || !std::isfinite(seconds) || seconds < 0)
    return Unparsable(name, text, "a number of seconds such as 90 or 0.5");
  *field = seconds;
  return Status::Ok();
}

// A switch as a number (0 default, 1 on, 2 off) or a word.
Status ReadSwitch(const char* name, int32_t* field) {
  const std::string_view text = Environment(name);
  if (*field != 0 || text.empty()) return Status::Ok();
  int32_t value = 0;
  if (text == "on")
    value = 1;
  else if (text == "off")
    value = 2;
  else if (!ParseNumber(text, &value) || value < 0 || value > 2)
    return Unparsable(name, text, "on, off, 0, 1 or 2");
  *field = value;
  return Status::Ok();
}

// A level as a number; "on" is everything, "off" errors only.
Status ReadLevel(const char* name, int32_t* field) {
  const std::string_view text = Environment(name);
  if (*field != 0 || text.empty()) return Status::Ok();
  int32_t value = 0;
  if (text == "on")
    value = 4;
  else if (text == "off")
    value = 1;
  else if (!ParseNumber(text, &value) || value < 0 || value > 4)
    return Unparsable(name, text, "on, off or 0 to 4");
  *field = value;
  return Status::Ok();
}

void ReadText(const char* name, std::string* field) {
  if (field->empty()) *field = Environment(name);
}

Status ReadWord(const char* name, std::initializer_list<std::string_view> words,
                std::string* field) {
  const std::string_view text = Environment(name);
  if (!field->empty() || text.empty()) return Status::Ok();
  if (std::find(words.begin(), words.end(), text) == words.end())
    return Unparsable(name, text, fmt::format("one of {}", fmt::join(words, ", ")));
  *field = text;
  return Status::Ok();
}

// What stands there before is a default, which gives way.
Status ReadFileSize(const char* name, uint64_t least, uint64_t most, const char* range,
                    uint64_t* field) {
  if (Environment(name).empty()) return Status::Ok();
  *field = 0;
  TSNAP_TRY(ReadBytes(name, field));
  if (*field >= least && *field <= most) return Status::Ok();
  return Unparsable(name, Environment(name), range);
}

Status ReadFileKnobs(Knobs* knobs) {
  constexpr uint64_t kMiB = 1 << 20;
  TSNAP_TRY(ReadFileSize("TSNAP_HDF5_ALIGNMENT_BYTES", 1, 1024 * kMiB, "1 to 1G",
                         &knobs->hdf5_alignment_bytes));
  TSNAP_TRY(ReadFileSize("TSNAP_HDF5_CHUNK_BYTES", 4096, kMostHdf5ChunkBytes, "4K to 64M",
                         &knobs->hdf5_chunk_bytes));
  return ReadFileSize("TSNAP_HDF5_GATHER_BYTES", 1, 1024 * kMiB, "1 to 1G",
                      &knobs->hdf5_gather_bytes);
}

// Not fields of the public configuration: what stands there before is a default, which gives way.
Status ReadObjectStoreKnobs(Knobs* knobs) {
  if (!Environment("TSNAP_OBJECT_SLAB_BYTES").empty()) {
    knobs->object_slab_bytes = 0;
    TSNAP_TRY(ReadBytes("TSNAP_OBJECT_SLAB_BYTES", &knobs->object_slab_bytes));
    if (knobs->object_slab_bytes < kBlockBytes || knobs->object_slab_bytes > uint64_t{5} << 30)
      return Unparsable("TSNAP_OBJECT_SLAB_BYTES", Environment("TSNAP_OBJECT_SLAB_BYTES"),
                        "256K to 5G");
  }
  if (!Environment("TSNAP_OBJECT_GAP_BYTES").empty()) {
    knobs->object_gap_bytes = 0;
    TSNAP_TRY(ReadBytes("TSNAP_OBJECT_GAP_BYTES", &knobs->object_gap_bytes));
  }
  TSNAP_TRY(ReadWord("TSNAP_S3_ADDRESSING", {"auto", "path", "virtual"}, &knobs->s3_addressing));
  TSNAP_TRY(ReadSwitch("TSNAP_S3_SIGN_PAYLOAD", &knobs->s3_sign_payload));
  TSNAP_TRY(ReadWord("TSNAP_GCS_SIGNATURE", {"goog4", "aws4"}, &knobs->gcs_signature));
  ReadText("TSNAP_GCS_ENDPOINT", &knobs->gcs_endpoint);
  return Status::Ok();
}

Status CheckRanges(const Knobs& knobs) {
  const auto out_of_range = [](const char* field, auto value, const char* range) {
    return Invalid(
        fmt::format("checking the configuration: {} is {}, it must be {}", field, value, range));
  };
  const auto is_time = [](double seconds) { return std::isfinite(seconds) && seconds > 0; };
  if (knobs.io_concurrency < 0)
    return out_of_range("io_concurrency", knobs.io_concurrency, "0 or more");
  if (knobs.staging_threads < 0)
    return out_of_range("staging_threads", knobs.staging_threads, "0 or more");
  if (!is_time(knobs.collective_timeout_seconds))
    return out_of_range("collective_timeout_seconds", knobs.collective_timeout_seconds,
                        "a finite number, 0 or more");
  if (!is_time(knobs.io_timeout_seconds))
    return out_of_range("io_timeout_seconds", knobs.io_timeout_seconds,
                        "a finite number, 0 or more");
  if (!is_time(knobs.gc_age_seconds))
    return out_of_range("gc_age_seconds", knobs.gc_age_seconds, "a finite number, 0 or more");
  if (knobs.direct_io < 0 || knobs.direct_io > 2)
    return out_of_range("direct_io", knobs.direct_io, "0, 1 or 2");
  if (knobs.gpu_direct_storage < 0 || knobs.gpu_direct_storage > 2)
    return out_of_range("gpu_direct_storage", knobs.gpu_direct_storage, "0, 1 or 2");
  if (knobs.log_level < 1 || knobs.log_level > 4)
    return out_of_range("log_level", knobs.log_level, "0 to 4");
  return Status::Ok();
}

// The number in a file of /sys that holds nothing else; no limit ("max", no such file) is the
// largest number.
uint64_t ReadLimit(const std::string& file) {
  std::ifstream in(file);
  uint64_t limit = 0;
  return in >> limit ? limit : std::numeric_limits<uint64_t>::max();
}

// The least limit of a control group and of the groups that it is in. A container may see its group
// as the root.
uint64_t LeastLimit(const std::string& mount, std::string group, const char* file) {
  uint64_t least = std::numeric_limits<uint64_t>::max();
  for (;;) {
    least = std::min(least, ReadLimit(mount + group + "/" + file));
    const size_t parent = group.rfind('/');
    if (parent == std::string::npos) return least;
    group.resize(parent);
  }
}

uint64_t CgroupLimitBytes() {
  uint64_t least = std::numeric_limits<uint64_t>::max();
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {  // "<id>:<controllers>:<group>"
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty())
      least = std::min(least, LeastLimit("/sys/fs/cgroup", group, "memory.max"));
    if (("," + controllers + ",").find(",memory,") != std::string::npos)
      least = std::min(least, LeastLimit("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"));
  }
  return least;
}

uint64_t AvailableBytes() {
  std::ifstream in("/proc/meminfo");
  std::string name, unit;
  for (uint64_t kibibytes = 0; in >> name >> kibibytes; std::getline(in, unit))
    if (name == "MemAvailable:") return kibibytes * 1024;
  return 0;
}

}  // namespace

Status ResolveKnobs(Knobs* knobs) {
  const Knobs defaults;
  // No field of the public configuration sets the age: the default that stands here is nobody's
  // wish.
  if (knobs->gc_age_seconds == defaults.gc_age_seconds) knobs->gc_age_seconds = 0;

  TSNAP_TRY(ReadBytes("TSNAP_MEMORY_BUDGET_BYTES", &knobs->memory_budget_bytes));
  TSNAP_TRY(ReadCount("TSNAP_IO_CONCURRENCY", &knobs->io_concurrency));
  TSNAP_TRY(ReadCount("TSNAP_STAGING_THREADS", &knobs->staging_threads));
  TSNAP_TRY(ReadSeconds("TSNAP_COLLECTIVE_TIMEOUT_SECONDS", &knobs->collective_timeout_seconds));
  TSNAP_TRY(ReadSeconds("TSNAP_IO_TIMEOUT_SECONDS", &knobs->io_timeout_seconds));
  TSNAP_TRY(ReadSwitch("TSNAP_DIRECT_IO", &knobs->direct_io));
  TSNAP_TRY(ReadLevel("TSNAP_LOG_LEVEL", &knobs->log_level));
  TSNAP_TRY(ReadSeconds("TSNAP_GC_AGE_SECONDS", &knobs->gc_age_seconds));
  TSNAP_TRY(ReadBytes("TSNAP_STAGING_PREFAULT_BYTES", &knobs->staging_prefault_bytes));
  TSNAP_TRY(ReadSwitch("TSNAP_GPU_DIRECT_STORAGE", &knobs->gpu_direct_storage));
  TSNAP_TRY(ReadSwitch("TSNAP_CUDA_KERNELS", &knobs->cuda_kernels));
  ReadText("TSNAP_TRACE", &knobs->trace);
  ReadText("TSNAP_NODE_NAME", &knobs->node_name);
  if (!Environment("TSNAP_READ_AHEAD_BYTES").empty()) {
    knobs->read_ahead_bytes = 0;  // has no field of the public configuration either, and may be 0
    TSNAP_TRY(ReadBytes("TSNAP_READ_AHEAD_BYTES", &knobs->read_ahead_bytes));
  }
  ReadText("TSNAP_S3_ENDPOINT", &knobs->s3_endpoint);
  ReadText("TSNAP_S3_REGION", &knobs->s3_region);
  ReadText("TSNAP_S3_ACCESS_KEY", &knobs->s3_access_key);
  ReadText("TSNAP_S3_SECRET_KEY", &knobs->s3_secret_key);
  ReadText("TSNAP_S3_SESSION_TOKEN", &knobs->s3_session_token);
  ReadText("TSNAP_CA_FILE", &knobs->ca_file);
  TSNAP_TRY(ReadFileKnobs(knobs));
  TSNAP_TRY(ReadObjectStoreKnobs(knobs));

  const auto set_default = [](auto* field, auto value) {
    if (*field == 0) *field = value;
  };
  set_default(&knobs->collective_timeout_seconds, defaults.collective_timeout_seconds);
  set_default(&knobs->io_timeout_seconds, defaults.io_timeout_seconds);
  set_default(&knobs->gc_age_seconds, defaults.gc_age_seconds);
  set_default(&knobs->log_level, defaults.log_level);
  return CheckRanges(*knobs);
}

double MarkerRefreshSeconds(const Knobs& knobs) {
  return std::min(60.0, knobs.gc_age_seconds / 10);
}

uint64_t DefaultBudgetBytes(int local_ranks) {
  const uint64_t free_bytes = std::min(AvailableBytes(), CgroupLimitBytes());
  return std::max(free_bytes / 10 / static_cast<uint64_t>(std::max(local_ranks, 1)),
                  kLeastBudgetBytes);
}

int DefaultStagingThreads(int local_ranks) {
  cpu_set_t usable;
  CPU_ZERO(&usable);
  const int processors =
      ::sched_getaffinity(0, sizeof usable, &usable) == 0 ? CPU_COUNT(&usable) : 1;
  return std::clamp(processors / std::max(1, local_ranks), 1, 4);
}

Knobs WithMachineDefaults(Knobs knobs, int local_ranks) {
  if (knobs.memory_budget_bytes == 0) knobs.memory_budget_bytes = DefaultBudgetBytes(local_ranks);
  if (knobs.staging_threads == 0) knobs.staging_threads = DefaultStagingThreads(local_ranks);
  return knobs;
}

}  // namespace tsnap
