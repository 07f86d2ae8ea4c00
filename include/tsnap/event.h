/*
 * event.h - what an operation is made of, and how it is watched: operations, phases, events.
 *
 * Phases follow each other on a rank, except that a take stages and writes at once; not all occur
 * in each operation. How long each took, and what it moved, is kept for the last operation
 * (tsnap/statistics.h), told as it happens (the event callback of tsnap_config), and drawn from a
 * trace (TSNAP_TRACE, tsnap report).
 */
#ifndef TSNAP_EVENT_H_
#define TSNAP_EVENT_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TSNAP_OPERATION_TAKE = 1, TSNAP_OPERATION_TAKE_ASYNC = 2, TSNAP_OPERATION_RESTORE = 3 };

enum {
  TSNAP_PHASE_PENDING = 1,  /* waiting for an earlier take that goes on in the background */
  TSNAP_PHASE_DESCRIBE = 2, /* the state becomes a list of objects; bytes: of this rank's state */
  TSNAP_PHASE_OPEN = 3,     /* the place, and what is committed there */
  TSNAP_PHASE_AGREE = 4,    /* all ranks have made the same call: waits for the last to arrive */
  TSNAP_PHASE_PLAN = 5,     /* who writes what; left out where the structure is as last time */
  TSNAP_PHASE_STAGE = 6,    /* take_async: bytes copied out of the state */
  TSNAP_PHASE_WRITE = 7,    /* bytes stored; a take that is not asynchronous stages here as well */
  TSNAP_PHASE_INDEX = 8,    /* index entries go to their owners, which write them */
  TSNAP_PHASE_SYNC = 9,     /* folders are synced; data and index were as they were finished */
  TSNAP_PHASE_COMMIT = 10,  /* the commit record */
  TSNAP_PHASE_CLEAN = 11,   /* what was replaced, or what a failed take left, is removed */
  TSNAP_PHASE_RESOLVE = 12, /* restore: what is stored for each object, and whether it fits */
  TSNAP_PHASE_READ = 13,    /* restore: bytes read, verified and put into the state */
  TSNAP_PHASE_LOADED = 14   /* restore: the statefuls are told */
};

/* Phases are numbers below this one. */
#define TSNAP_PHASE_LIMIT 24

/* The begin or the end of a phase, or of a whole operation, on this rank. */
typedef struct tsnap_event {
  size_t struct_size;
  int64_t operation_number; /* 1, 2, ... in the context; the same on all ranks */
  int32_t operation;        /* TSNAP_OPERATION_... */
  int32_t phase;            /* TSNAP_PHASE_...; 0 = the operation as a whole */
  int32_t is_end;           /* 0 = begins, 1 = has ended */
  int32_t status;           /* at the end: TSNAP_OK or TSNAP_E_... */
  int64_t unix_nanoseconds; /* when it begins or ended */
  double seconds;           /* at the end: how long it took */
  uint64_t bytes;           /* at the end: what it moved; 0 where nothing is moved */
} tsnap_event;

/* clang-format off */
#define TSNAP_EVENT_INIT          \
  {                               \
    sizeof(tsnap_event),          \
    0,   /* operation_number */   \
    0,   /* operation */          \
    0,   /* phase */              \
    0,   /* is_end */             \
    0,   /* status */             \
    0,   /* unix_nanoseconds */   \
    0.0, /* seconds */            \
    0    /* bytes */              \
  }
/* clang-format on */

#ifdef __cplusplus
}
#endif

#endif
