/*
 * version.h - the version that a program is compiled against, and the one that it runs with.
 *
 * Releases follow semantic versioning. The soname is the major version: programs run with any
 * library of the same major version that is not older than the one they were compiled against.
 */
#ifndef TSNAP_VERSION_H_
#define TSNAP_VERSION_H_

#include <tsnap/export.h>

#define TSNAP_VERSION_MAJOR 0
#define TSNAP_VERSION_MINOR 1
#define TSNAP_VERSION_PATCH 0
#define TSNAP_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The version of the library that is loaded, as "major.minor.patch".
 *
 * Not collective; any thread; a static string, not to be freed; never fails.
 */
TSNAP_API const char *tsnap_version(void);

#ifdef __cplusplus
}
#endif

#endif
