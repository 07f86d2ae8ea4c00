/*
 * config.h - what a context or an opened snapshot may use: memory, threads, time, credentials.
 *
 * Every field has an environment variable of the same name in capitals with TSNAP_ before it
 * (memory_budget_bytes: TSNAP_MEMORY_BUDGET_BYTES), except the callbacks; a field that is not 0 or
 * NULL wins. In a context the values that the plan depends on are rank 0's, on all ranks.
 */
#ifndef TSNAP_CONFIG_H_
#define TSNAP_CONFIG_H_

#include <stddef.h>
#include <stdint.h>

#include <tsnap/event.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Values of a switch; 0 is its default. */
enum { TSNAP_ON = 1, TSNAP_OFF = 2 };

/* Log levels: messages of that level and of the ones before it are given to the log callback. */
enum { TSNAP_LOG_ERROR = 1, TSNAP_LOG_WARNING = 2, TSNAP_LOG_INFO = 3, TSNAP_LOG_DEBUG = 4 };

/*
 * The strings are borrowed for the call that is given the config; log and event and what they are
 * given for as long as the handle that it makes is open.
 */
typedef struct tsnap_config {
  size_t struct_size;
  /* Per process, for staging, pinned and transfer buffers, not the catalog; 0 = a tenth of the
     node's free memory / local ranks. */
  uint64_t memory_budget_bytes;
  int32_t io_concurrency;            /* transfers in flight per process; 0 = by store */
  int32_t staging_threads;           /* 0 = by cores per local rank, at most 4 */
  double collective_timeout_seconds; /* wait for other ranks; 0 = 1800: skewed arrival is fine */
  double io_timeout_seconds;         /* without any progress; 0 = 300 */
  int32_t direct_io;                 /* switch; 0 = by file system */
  int32_t log_level;                 /* TSNAP_LOG_...; 0 = warnings */
  /* Called from any thread; message is one line, without secrets; NULL = no log. */
  void (*log)(int32_t level, const char *message, void *user);
  void *log_user;
  const char *s3_endpoint;
  const char *s3_region;
  const char *s3_access_key;
  const char *s3_secret_key;
  const char *s3_session_token;
  const char *ca_file; /* PEM file of the authorities trusted for TLS */
  /* Staging memory that is touched when the context is opened, within the budget, so that the first
     asynchronous take runs at the speed of memory; 0 = the first take touches what it needs. */
  uint64_t staging_prefault_bytes;
  /* A trace of all ranks is written to this file when the context is closed, in the Trace Event
     format; rank 0 writes it, over what is there; NULL = none. */
  const char *trace;
  /* Called at the begin and the end of each phase on this rank, from the thread that it runs in:
     that of the call, or the library's for what a take does in the background. The two may call it
     at once; NULL = none. */
  void (*event)(const tsnap_event *event, void *user);
  void *event_user;
  /* Switch: GPU memory goes between GPU and file without the host (GPUDirect Storage); 0 = where
     cuFile does that natively; TSNAP_ON also in its compatibility mode, and where that cannot be a
     take, restore or read of GPU memory is TSNAP_E_UNSUPPORTED. */
  int32_t gpu_direct_storage;
  int32_t reserved; /* 0 */
} tsnap_config;

/* clang-format off */
#define TSNAP_CONFIG_INIT                      \
  {                                            \
    sizeof(tsnap_config),                      \
    0,    /* memory_budget_bytes */            \
    0,    /* io_concurrency */                 \
    0,    /* staging_threads */                \
    0.0,  /* collective_timeout_seconds */     \
    0.0,  /* io_timeout_seconds */             \
    0,    /* direct_io */                      \
    0,    /* log_level */                      \
    NULL, /* log */                            \
    NULL, /* log_user */                       \
    NULL, /* s3_endpoint */                    \
    NULL, /* s3_region */                      \
    NULL, /* s3_access_key */                  \
    NULL, /* s3_secret_key */                  \
    NULL, /* s3_session_token */               \
    NULL, /* ca_file */                        \
    0,    /* staging_prefault_bytes */         \
    NULL, /* trace */                          \
    NULL, /* event */                          \
    NULL, /* event_user */                     \
    0,    /* gpu_direct_storage */             \
    0     /* reserved */                       \
  }
/* clang-format on */

#ifdef __cplusplus
}
#endif

#endif
