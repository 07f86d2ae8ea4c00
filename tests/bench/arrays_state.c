/* The bench's arrays as a tsnap state; see arrays_state.h. Public interface only. */
#include "arrays_state.h"

#include <stdio.h>
#include <string.h>

void ExpectOk(const BenchRun *run, int32_t status, const char *action) {
  if (status == TSNAP_OK) return;
  char text[1024];
  snprintf(text, sizeof text, "%s: %s", tsnap_status_name(status), tsnap_last_error());
  BenchFail(run, action, text);
}

tsnap_array DescribeArray(const BenchRun *run, size_t i) {
  tsnap_array array = TSNAP_ARRAY_INIT;
  array.dtype = TSNAP_UINT64;
  array.data = run->arrays[i];
  if (run->file_row_bytes != 0) {
    const BenchPart part = BenchPartOf(run);
    array.ndim = 2;
    for (int axis = 0; axis < 2; ++axis) {
      array.shape[axis] = (int64_t)part.shape[axis];
      array.offset[axis] = (int64_t)part.offset[axis];
    }
    return array;
  }
  if (run->row_bytes == 0) {
    array.ndim = 1;
    array.shape[0] = (int64_t)(run->array_bytes / 8);
  } else {
    array.ndim = 2;
    array.shape[0] = (int64_t)(run->array_bytes / run->row_bytes);
    array.shape[1] = (int64_t)(run->row_used_bytes / 8);
    array.strides_bytes[0] = (int64_t)run->row_bytes;
    array.strides_bytes[1] = 8;
  }
  if (strcmp(run->kind, "sharded") == 0) array.offset[0] = array.shape[0] * run->rank;
  return array;
}

void ArrayPath(size_t i, char *path, size_t capacity) {
  snprintf(path, capacity, "field_%03zu/array_%03zu", i / 1000, i % 1000);
}

tsnap_state *BuildState(const BenchRun *run) {
  tsnap_state *state = NULL;
  ExpectOk(run, tsnap_state_create(&state), "tsnap_state_create");
  for (size_t i = 0; i < run->array_count; ++i) {
    char path[64];
    ArrayPath(i, path, sizeof path);
    tsnap_array array = DescribeArray(run, i);
    int32_t status = TSNAP_OK;
    if (strcmp(run->kind, "private") == 0) {
      status = tsnap_state_add_private(state, path, &array);
    } else if (strcmp(run->kind, "replicated") == 0) {
      status = tsnap_state_add_replicated(state, path, &array);
    } else if (strcmp(run->kind, "sharded") == 0) {
      int64_t global_shape[2] = {array.shape[0] * run->size, array.shape[1]};
      if (run->file_row_bytes != 0) {
        const BenchPart part = BenchPartOf(run);
        for (int axis = 0; axis < 2; ++axis) global_shape[axis] = (int64_t)part.whole[axis];
      }
      status = tsnap_state_add_sharded(state, path, global_shape, &array, 1);
    } else {
      BenchFail(run, run->kind, "is no kind: private, sharded or replicated");
    }
    ExpectOk(run, status, "registering an array");
  }
  return state;
}

static tsnap_context *OpenWith(const BenchRun *run, const tsnap_config *config) {
  tsnap_context *context = NULL;
  ExpectOk(run, tsnap_context_open(MPI_COMM_WORLD, config, &context), "tsnap_context_open");
  return context;
}

tsnap_context *OpenContext(const BenchRun *run) {
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.memory_budget_bytes = run->budget_bytes;
  return OpenWith(run, &config);
}

uint64_t StateBytes(const BenchRun *run) {
  return BenchTotalBytes(run) / (strcmp(run->kind, "replicated") == 0 ? 1 : (uint64_t)run->size);
}

tsnap_context *OpenContextForState(const BenchRun *run, uint64_t prefault_bytes) {
  const uint64_t room = (uint64_t)64 << 20;
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.memory_budget_bytes = StateBytes(run) + room;
  config.staging_prefault_bytes = prefault_bytes;
  return OpenWith(run, &config);
}

static tsnap_take_options TakeOptions(const BenchRun *run) {
  tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
  options.sync = TSNAP_ON;
  options.codec = run->codec;
  options.chunk_bytes = run->chunk_bytes;
  return options;
}

void Take(const BenchRun *run, tsnap_context *context, const char *url, tsnap_state *state) {
  tsnap_take_options options = TakeOptions(run);
  ExpectOk(run, tsnap_take(context, url, state, &options), "tsnap_take");
}

tsnap_request *TakeAsync(const BenchRun *run, tsnap_context *context, const char *url,
                         tsnap_state *state) {
  tsnap_take_options options = TakeOptions(run);
  tsnap_request *request = NULL;
  ExpectOk(run, tsnap_take_async(context, url, state, &options, &request), "tsnap_take_async");
  return request;
}

void FinishTake(const BenchRun *run, tsnap_request **request) {
  ExpectOk(run, tsnap_request_wait(*request), "tsnap_request_wait");
  ExpectOk(run, tsnap_request_free(request), "tsnap_request_free");
}

tsnap_statistics StatisticsOf(const BenchRun *run, tsnap_context *context) {
  tsnap_statistics statistics = TSNAP_STATISTICS_INIT;
  ExpectOk(run, tsnap_context_statistics(context, &statistics), "tsnap_context_statistics");
  return statistics;
}

void RemoveSnapshot(const BenchRun *run, const char *url) {
  BenchMeet();
  if (run->rank == 0) ExpectOk(run, tsnap_remove(url, NULL), "tsnap_remove");
  BenchMeet();
}

void Restore(const BenchRun *run, tsnap_context *context, const char *url, tsnap_state *state) {
  ExpectOk(run, tsnap_restore(context, url, state, NULL), "tsnap_restore");
}
