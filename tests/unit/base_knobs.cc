// Knobs: field over environment over default, and strict parsing.
#include <criterion/criterion.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "base/knobs.h"

using namespace tsnap;

namespace {

// As capi hands them over: nothing set.
Knobs Unset() {
  Knobs knobs;
  knobs.collective_timeout_seconds = knobs.io_timeout_seconds = 0;
  knobs.log_level = 0;
  return knobs;
}

Status Resolve(const char* name, const char* value, Knobs* knobs) {
  setenv(name, value, 1);
  *knobs = Unset();
  Status status = ResolveKnobs(knobs);
  unsetenv(name);
  return status;
}

}  // namespace

Test(knobs, defaults_hold_without_an_environment) {
  Knobs knobs = Unset();
  cr_assert(ResolveKnobs(&knobs).ok());
  cr_assert_eq(knobs.memory_budget_bytes, 0u);
  cr_assert_eq(knobs.collective_timeout_seconds, 1800.0);
  cr_assert_eq(knobs.io_timeout_seconds, 300.0);
  cr_assert_eq(knobs.gc_age_seconds, 86400.0);
  cr_assert_eq(knobs.log_level, 2);
  cr_assert_eq(knobs.direct_io, 0);
  cr_assert_eq(knobs.gpu_direct_storage, 0);
  cr_assert_eq(knobs.read_ahead_bytes, 16u << 20);
}

Test(knobs, a_take_shows_that_it_is_alive_well_before_it_counts_as_dead) {
  Knobs knobs;
  cr_assert_eq(MarkerRefreshSeconds(knobs), 60.0);
  cr_assert(Resolve("TSNAP_GC_AGE_SECONDS", "30", &knobs).ok());
  cr_assert_eq(MarkerRefreshSeconds(knobs), 3.0);
}

Test(knobs, environment_fills_every_field) {
  setenv("TSNAP_MEMORY_BUDGET_BYTES", "64M", 1);
  setenv("TSNAP_IO_CONCURRENCY", "7", 1);
  setenv("TSNAP_STAGING_THREADS", "3", 1);
  setenv("TSNAP_COLLECTIVE_TIMEOUT_SECONDS", "2.5", 1);
  setenv("TSNAP_IO_TIMEOUT_SECONDS", "1e1", 1);
  setenv("TSNAP_DIRECT_IO", "off", 1);
  setenv("TSNAP_GPU_DIRECT_STORAGE", "on", 1);
  setenv("TSNAP_LOG_LEVEL", "4", 1);
  setenv("TSNAP_GC_AGE_SECONDS", "60", 1);
  setenv("TSNAP_READ_AHEAD_BYTES", "3M", 1);
  setenv("TSNAP_S3_ENDPOINT", "endpoint", 1);
  setenv("TSNAP_S3_REGION", "region", 1);
  setenv("TSNAP_S3_ACCESS_KEY", "access", 1);
  setenv("TSNAP_S3_SECRET_KEY", "secret", 1);
  setenv("TSNAP_S3_SESSION_TOKEN", "token", 1);
  setenv("TSNAP_CA_FILE", "ca", 1);
  Knobs knobs = Unset();
  cr_assert(ResolveKnobs(&knobs).ok());
  cr_assert_eq(knobs.memory_budget_bytes, 64u << 20);
  cr_assert_eq(knobs.io_concurrency, 7);
  cr_assert_eq(knobs.staging_threads, 3);
  cr_assert_eq(knobs.collective_timeout_seconds, 2.5);
  cr_assert_eq(knobs.io_timeout_seconds, 10.0);
  cr_assert_eq(knobs.direct_io, 2);
  cr_assert_eq(knobs.gpu_direct_storage, 1);
  cr_assert_eq(knobs.log_level, 4);
  cr_assert_eq(knobs.gc_age_seconds, 60.0);
  cr_assert_eq(knobs.read_ahead_bytes, 3u << 20);
  cr_assert(knobs.s3_endpoint == "endpoint" && knobs.s3_region == "region" &&
            knobs.s3_access_key == "access");
  cr_assert(knobs.s3_secret_key == "secret" && knobs.s3_session_token == "token" &&
            knobs.ca_file == "ca");
}

Test(knobs, a_field_wins_over_the_environment) {
  setenv("TSNAP_IO_CONCURRENCY", "7", 1);
  setenv("TSNAP_COLLECTIVE_TIMEOUT_SECONDS", "5", 1);
  setenv("TSNAP_S3_REGION", "there", 1);
  Knobs knobs = Unset();
  knobs.io_concurrency = 2;
  knobs.collective_timeout_seconds = 9;
  knobs.s3_region = "here";
  cr_assert(ResolveKnobs(&knobs).ok());
  cr_assert_eq(knobs.io_concurrency, 2);
  cr_assert_eq(knobs.collective_timeout_seconds, 9.0);
  cr_assert(knobs.s3_region == "here");
}

Test(knobs, sizes_take_binary_suffixes) {
  Knobs knobs;
  cr_assert(Resolve("TSNAP_MEMORY_BUDGET_BYTES", "4096", &knobs).ok() &&
            knobs.memory_budget_bytes == 4096);
  cr_assert(Resolve("TSNAP_MEMORY_BUDGET_BYTES", "3K", &knobs).ok() &&
            knobs.memory_budget_bytes == 3072);
  cr_assert(Resolve("TSNAP_MEMORY_BUDGET_BYTES", "2G", &knobs).ok() &&
            knobs.memory_budget_bytes == uint64_t{2} << 30);
  cr_assert(Resolve("TSNAP_MEMORY_BUDGET_BYTES", "1T", &knobs).ok() &&
            knobs.memory_budget_bytes == uint64_t{1} << 40);
}

Test(knobs, reading_ahead_can_be_switched_off) {
  Knobs knobs;
  cr_assert(Resolve("TSNAP_READ_AHEAD_BYTES", "0", &knobs).ok() && knobs.read_ahead_bytes == 0);
}

// What a reader would refuse must not be written: chunks of more than 64 MiB, among others.
Test(knobs, sizes_in_hdf5_files_keep_to_their_ranges) {
  Knobs knobs;
  cr_assert(ResolveKnobs(&(knobs = Unset())).ok());
  cr_assert_eq(knobs.hdf5_chunk_bytes, 1u << 20);
  cr_assert_eq(knobs.hdf5_gather_bytes, 128u << 10);
  cr_assert(Resolve("TSNAP_HDF5_CHUNK_BYTES", "64M", &knobs).ok());
  cr_assert_eq(knobs.hdf5_chunk_bytes, 64u << 20);
  cr_assert(Resolve("TSNAP_HDF5_GATHER_BYTES", "1", &knobs).ok());
  cr_assert_eq(knobs.hdf5_gather_bytes, 1u);
  cr_assert(Resolve("TSNAP_HDF5_ALIGNMENT_BYTES", "1G", &knobs).ok());
  for (const auto& [name, value] : {std::pair("TSNAP_HDF5_CHUNK_BYTES", "65M"), std::pair("TSNAP_HDF5_CHUNK_BYTES", "4095"),
                                    std::pair("TSNAP_HDF5_GATHER_BYTES", "0"), std::pair("TSNAP_HDF5_GATHER_BYTES", "2G"),
                                    std::pair("TSNAP_HDF5_ALIGNMENT_BYTES", "2G")}) {
    const Status status = Resolve(name, value, &knobs);
    cr_assert(!status.ok() && status.message().find(name) != std::string::npos, "%s=%s", name, value);
  }
}

Test(knobs, what_cannot_be_parsed_is_an_error_that_names_the_variable) {
  const char* const bad[][2] = {
      {"TSNAP_MEMORY_BUDGET_BYTES", "64 M"},
      {"TSNAP_MEMORY_BUDGET_BYTES", "M"},
      {"TSNAP_MEMORY_BUDGET_BYTES", "-1"},
      {"TSNAP_MEMORY_BUDGET_BYTES", "1.5G"},
      {"TSNAP_MEMORY_BUDGET_BYTES", "64MB"},
      {"TSNAP_MEMORY_BUDGET_BYTES", "99999999T"},
      {"TSNAP_IO_CONCURRENCY", "-1"},
      {"TSNAP_IO_CONCURRENCY", "4x"},
      {"TSNAP_STAGING_THREADS", "99999999999"},
      {"TSNAP_COLLECTIVE_TIMEOUT_SECONDS", "soon"},
      {"TSNAP_COLLECTIVE_TIMEOUT_SECONDS", "-1"},
      {"TSNAP_IO_TIMEOUT_SECONDS", "nan"},
      {"TSNAP_IO_TIMEOUT_SECONDS", "inf"},
      {"TSNAP_GC_AGE_SECONDS", "1d"},
      {"TSNAP_READ_AHEAD_BYTES", "much"},
      {"TSNAP_DIRECT_IO", "3"},
      {"TSNAP_DIRECT_IO", "yes"},
      {"TSNAP_GPU_DIRECT_STORAGE", "auto"},
      {"TSNAP_CUDA_KERNELS", "3"},
      {"TSNAP_LOG_LEVEL", "5"},
      {"TSNAP_LOG_LEVEL", "loud"},
  };
  for (const auto& [name, value] : bad) {
    Knobs knobs;
    const Status status = Resolve(name, value, &knobs);
    cr_assert(status.code() == Code::kInvalid, "%s=%s was taken", name, value);
    cr_assert(status.message().find(name) != std::string::npos, "%s", status.message().c_str());
    cr_assert(status.message().find('\n') == std::string::npos);
  }
}

Test(knobs, fields_out_of_range_are_errors) {
  for (int field = 0; field < 5; ++field) {
    Knobs knobs = Unset();
    if (field == 0) knobs.io_concurrency = -1;
    if (field == 1) knobs.collective_timeout_seconds = -5;
    if (field == 2) knobs.direct_io = 9;
    if (field == 3) knobs.log_level = 9;
    if (field == 4) knobs.gpu_direct_storage = -1;
    cr_assert(ResolveKnobs(&knobs).code() == Code::kInvalid, "field %d", field);
  }
}

Test(knobs, the_default_budget_is_shared_by_local_ranks_and_never_tiny) {
  const uint64_t alone = DefaultBudgetBytes(1), shared = DefaultBudgetBytes(2);
  cr_assert_geq(alone, 16u << 20);
  cr_assert_leq(shared, alone);
  cr_assert_eq(DefaultBudgetBytes(1 << 30), 16u << 20);
  cr_assert_lt(alone, uint64_t{1} << 50);
}
