// Every tunable of the library with its default and its environment variable. A field that the
// caller set wins over the environment, the environment over the default. A variable that cannot be
// parsed is an error, never ignored.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace tsnap {

inline constexpr uint64_t kBlockBytes = 256 * 1024;  // unit of verification; part of the format
inline constexpr uint64_t kExtentAlignment =
    4096;  // of extents of kLargeExtentBytes and more; part of the format
inline constexpr uint64_t kSmallExtentAlignment = 64;  // of smaller ones; part of the format
inline constexpr uint64_t kLargeExtentBytes = 1 << 20;
inline constexpr uint64_t kTransferBytes =
    4 << 20;  // one buffer, one read or write; a multiple of kBlockBytes
// How many reads at most are announced to the store beyond the one that begins.
inline constexpr uint64_t kMostReadsAhead = 16;
inline constexpr uint64_t kIndexPartBytes = 4 << 20;  // how much index one owner is given
inline constexpr uint64_t kCodecChunkBytes =
    4 << 20;  // largest extent that is compressed as one frame

// Who reads a part of a compressed chunk decodes all of it.
inline constexpr uint64_t kMostHdf5ChunkBytes = 64 << 20;

// What configures a context or a snapshot; the fields are those of tsnap_config, resolved.
struct Knobs {
  uint64_t memory_budget_bytes = 0;  // 0 = a tenth of the node's free memory / local ranks
  int32_t io_concurrency = 0;        // 0 = by store
  int32_t staging_threads = 0;       // 0 = by cores per local rank, at most 4
  double collective_timeout_seconds = 1800;
  double io_timeout_seconds = 300;
  int32_t direct_io = 0;           // 0 by file system, 1 on, 2 off
  int32_t gpu_direct_storage = 0;  // 0 where it is expected to pay, 1 on, 2 off
  int32_t log_level = 2;
  double gc_age_seconds = 86400;  // TSNAP_GC_AGE_SECONDS: a marker older than this is a dead take;
                                  // also bounds how often a take refreshes its own
  uint64_t staging_prefault_bytes = 0;  // touched when a context is opened
  std::string trace;                    // the file of the trace; "" = none
  std::string node_name;  // TSNAP_NODE_NAME: of the node of this rank; "": the system is asked
  // TSNAP_CUDA_KERNELS, a switch of the process that the stage reads itself.
  int32_t cuda_kernels = 0;
  // TSNAP_READ_AHEAD_BYTES: how far beyond the transfer that begins a read is announced to the
  // store. Four transfers keep a disk busy while as many are verified; a node of 64 ranks then
  // holds 1 GiB of page cache ahead. 0: the file system's own readahead.
  uint64_t read_ahead_bytes = 16 << 20;
  // Object stores. A slab is one upload; neighbouring reads closer than the gap are one request.
  uint64_t object_slab_bytes = 64 << 20;  // TSNAP_OBJECT_SLAB_BYTES
  uint64_t object_gap_bytes = 512 << 10;  // TSNAP_OBJECT_GAP_BYTES
  uint64_t hdf5_alignment_bytes =
      4096;  // TSNAP_HDF5_ALIGNMENT_BYTES: of datasets of 1 MiB and more
  // TSNAP_HDF5_CHUNK_BYTES: of a chunk that is compressed, at most; of datasets of 100 GiB and more
  // larger ones.
  uint64_t hdf5_chunk_bytes = 1 << 20;
  // TSNAP_HDF5_GATHER_BYTES: rows of boxes that are shorter go by way of another rank, which writes
  // longer ones; 1: none.
  uint64_t hdf5_gather_bytes = 128 << 10;
  std::string s3_addressing;    // "path", "virtual"; "" or "auto": by the endpoint
  int32_t s3_sign_payload = 0;  // where the connection is not encrypted; 0 is on, 2 off
  std::string gcs_endpoint;     // TSNAP_GCS_ENDPOINT
  std::string gcs_signature;    // of HMAC keys: "goog4", "aws4"; "": by the endpoint
  std::string s3_endpoint, s3_region, s3_access_key, s3_secret_key, s3_session_token, ca_file;
};

// Fills what is still 0 (or empty) in `knobs` from TSNAP_<NAME>, then from the defaults above
// (memory budget stays 0: DefaultBudgetBytes needs the number of local ranks).
Status ResolveKnobs(Knobs* knobs);

// How often a take refreshes its marker: once a minute, and ten times before it would count as
// dead.
double MarkerRefreshSeconds(const Knobs& knobs);
// A tenth of MemAvailable (or the cgroup's limit if smaller) divided by local_ranks; at least 16
// MiB.
uint64_t DefaultBudgetBytes(int local_ranks);
// The processors that this process may use, divided by local_ranks; at least 1, at most 4.
int DefaultStagingThreads(int local_ranks);
// Fills what depends on the machine where it is still 0: the memory budget and the staging threads.
Knobs WithMachineDefaults(Knobs knobs, int local_ranks);

}  // namespace tsnap
