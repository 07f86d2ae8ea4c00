// Two translation units that include the headers make one program: a State of the one is taken by the other, and version() is refused
// where the library is another than the headers.
#include "two_units.h"

#include <cstdlib>
#include <vector>

#include "cases.h"

// Stands before the library's, and says what the environment does.
extern "C" const char* tsnap_version(void) {
  const char* pretended = std::getenv("TSNAP_TEST_VERSION");
  return pretended == nullptr ? TSNAP_VERSION : pretended;
}

namespace tsnap::test {
namespace {

void UnitsShareTheirTypes() {
  std::vector<double> values = {1, 2, 3};
  State state = StateOfTheOtherUnit(values);
  Context::self().take("mem://units", state);
  CHECK(Snapshot("mem://units")["values"].read<double>() == values);
  CHECK(&category() == CategoryOfTheOtherUnit());
  CHECK_THROWS(ThrowInTheOtherUnit(), NotFound, "TSNAP_E_NOT_FOUND");
}

void OtherVersionsAreRefused() {
  const char* too_old = TSNAP_VERSION_PATCH > 0 || TSNAP_VERSION_MINOR > 0 ? "0.0.9" : "0.0.0";
  for (const char* version : {too_old, "1.0.0", "nonsense"}) {
    setenv("TSNAP_TEST_VERSION", version, 1);
    Where() = version;
    CHECK_THROWS(State(), Error, std::string("compiled against tsnap ") + TSNAP_VERSION);
    CHECK_THROWS(Context::self(), Error, version);
    CHECK_THROWS(Snapshot("mem://none"), Error, version);
    CHECK_THROWS(tsnap::remove("mem://none"), Error, version);
    CHECK_THROWS(tsnap::gc("mem://none"), Error, version);
    CHECK_THROWS(tsnap::copy("mem://none", "mem://other"), Error, version);
    try {
      State();
    } catch (const Error& error) {
      CHECK(error.status() == Code::unsupported);
    }
  }
  setenv("TSNAP_TEST_VERSION", "0.999.0", 1);   // a newer one of the same major is welcome
  State state;
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunCase(argc, argv,
                 {{"units_share_their_types", UnitsShareTheirTypes}, {"other_versions_are_refused", OtherVersionsAreRefused}});
}
