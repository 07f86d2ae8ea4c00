/* The bench's arrays as a tsnap state: how one array is described, and all of them registered.
 * It refuses to know what is done with the state. */
#pragma once

#include <tsnap.h>

#include "harness.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fails the bench with tsnap's own message unless status is TSNAP_OK. */
void ExpectOk(const BenchRun *run, int32_t status, const char *action);

/* Array i of this rank: one axis, or rows with a ghost layer behind each when the run has
 * row_bytes. */
tsnap_array DescribeArray(const BenchRun *run, size_t i);

/* The path under which array i is registered. */
void ArrayPath(size_t i, char *path, size_t capacity);

/* All arrays, of the kind that the run says. */
tsnap_state *BuildState(const BenchRun *run);

/* A context on all ranks with the run's memory budget; everything else is the library's default or
 * TSNAP_*. */
tsnap_context *OpenContext(const BenchRun *run);

/* The same, for asynchronous takes: the budget holds this rank's state with room to spare, and of it
 * prefault_bytes are touched at once. */
tsnap_context *OpenContextForState(const BenchRun *run, uint64_t prefault_bytes);

/* Bytes of this rank's arrays, without ghost layers. */
uint64_t StateBytes(const BenchRun *run);

/* One durable take to, or one strict restore from, `url`. */
void Take(const BenchRun *run, tsnap_context *context, const char *url, tsnap_state *state);
void Restore(const BenchRun *run, tsnap_context *context, const char *url, tsnap_state *state);

/* Begins a durable take in the background; returns when the arrays may change. */
tsnap_request *TakeAsync(const BenchRun *run, tsnap_context *context, const char *url,
                         tsnap_state *state);
/* Waits until it has ended well. */
void FinishTake(const BenchRun *run, tsnap_request **request);
/* What the context says of its last take on this rank. */
tsnap_statistics StatisticsOf(const BenchRun *run, tsnap_context *context);
/* By all ranks; the snapshot is gone when it returns. */
void RemoveSnapshot(const BenchRun *run, const char *url);

#ifdef __cplusplus
}
#endif
