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

/* One durable take to, or one strict restore from, `url`. */
void Take(const BenchRun *run, tsnap_context *context, const char *url, tsnap_state *state);
void Restore(const BenchRun *run, tsnap_context *context, const char *url, tsnap_state *state);

#ifdef __cplusplus
}
#endif
