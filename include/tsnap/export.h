/*
 * export.h - marks what the library exports. All other symbols are hidden, and the exported ones
 * are versioned by a linker map. It knows nothing of the functions themselves.
 */
#ifndef TSNAP_EXPORT_H_
#define TSNAP_EXPORT_H_

#if defined(__GNUC__) || defined(__clang__)
#define TSNAP_API __attribute__((visibility("default")))
#else
#define TSNAP_API
#endif

#endif
