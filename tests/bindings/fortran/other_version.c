/* other_version.c - stands in front of the library's own tsnap_version, as another library would.
 */
#include <stdlib.h>
#include <tsnap.h>

const char *tsnap_version(void) { return getenv("TSNAP_TEST_VERSION"); }
