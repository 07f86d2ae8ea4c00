// A snapshot's HDF5 file is damaged, byte by byte over all of it, or cut off: whatever is read of it afterwards is what was taken,
// or an error; never other values, and never a crash.
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "alone.h"
#include "damage.h"
#include "fault_state.h"

namespace tsnap::test {
namespace {

// With a codec, the array has several chunks.
const Sizes kSizes = TestCodec() == TSNAP_CODEC_NONE ? Sizes{4, 64, 300, 500} : Sizes{8, 512, 300, 500};

enum Outcome : int { kWhole, kTold, kWrong };

// In a child: HDF5 reads the damaged file, too.
Outcome Look(const std::string& place) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CHECK(freopen("/dev/null", "w", stderr) != nullptr);   // HDF5 complains at its end
    const Found found = ReadAll(place, 1, kSizes);
    if (found.code == TSNAP_OK) _exit(found.wrong.empty() && found.step == 7 ? kWhole : kWrong);
    _exit(found.message.empty() || Contains(found.message, "\n") ? kWrong : kTold);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_TEXT(WIFEXITED(status), "a reader died of signal " + std::to_string(WTERMSIG(status)));
  return static_cast<Outcome>(WEXITSTATUS(status));
}

// By a child, which keeps this process free of threads and of HDF5; *whole: the file's bytes.
std::string TakeOne(const Folder& folder, std::string* whole) {
  const std::string place = folder / "a";
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    Alone alone;
    FaultState state(0, 1, kSizes);
    state.Fill(7);
    tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
    options.codec = TestCodec();
    CHECK_OK(tsnap_take(alone.get(), place.c_str(), state.get(), &options));
    _exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  *whole = ReadFile(place);
  // HDF5's mark of a tree of chunks: only compressed datasets have any.
  CHECK(Contains(*whole, "TREE\1") == (TestCodec() != TSNAP_CODEC_NONE));
  return place;
}

void EveryByteSomewhere() {
  const Folder folder(NewFolder());
  std::string whole;
  const std::string place = TakeOne(folder, &whole);
  CHECK(Look(place) == kWhole);
  // Most of a byte's neighbours share its fate; an odd stride visits all kinds of places.
  const size_t places = TestCodec() == TSNAP_CODEC_NONE ? 1500 : 750;
  const size_t stride = LongMode() ? 1 : whole.size() / places * 2 + 1;
  int told = 0, unharmed = 0;
  for (size_t at = 0; at < whole.size(); at += stride) {
    Where() = "byte " + std::to_string(at) + " of " + std::to_string(whole.size());
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (at % 2 == 0 ? 0xff : 0x01));
    WriteFile(place, damaged);
    const Outcome outcome = Look(place);
    CHECK(outcome != kWrong);
    ++(outcome == kTold ? told : unharmed);
  }
  std::printf("%d told, %d unharmed\n", told, unharmed);
  CHECK(told > 100 && unharmed > 10);   // padding, and notes that only people read
  WriteFile(place, whole);
  CHECK(Look(place) == kWhole);
}

void TruncatedAnywhere() {
  const Folder folder(NewFolder());
  std::string whole;
  const std::string place = TakeOne(folder, &whole);
  for (size_t i = 0; i < 200; ++i) {
    const size_t size = whole.size() * i / 200;
    Where() = "cut to " + std::to_string(size) + " of " + std::to_string(whole.size());
    WriteFile(place, whole.substr(0, size));
    CHECK(Look(place) == kTold);
  }
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunAlone(argc, argv, {{"every_byte_somewhere", EveryByteSomewhere}, {"truncated_anywhere", TruncatedAnywhere}});
}
