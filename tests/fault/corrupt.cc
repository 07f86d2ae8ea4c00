// Damaged snapshots, one process: every byte of record and index, many of the data, files cut, missing, exchanged or of another
// kind. Restore, read and verify give a clear error or the right data; never a crash, never wrong values with OK.
#include <string>

#include "alone.h"
#include "damage.h"
#include "fault_state.h"

namespace tsnap::test {
namespace {

// The codes that a damaged snapshot may give. UNSUPPORTED: damage that reads like a newer format.
bool IsClear(int32_t code) {
  return code == TSNAP_E_CORRUPT || code == TSNAP_E_NOT_FOUND || code == TSNAP_E_IO || code == TSNAP_E_UNSUPPORTED;
}

class Scene {
 public:
  explicit Scene(const Sizes& sizes, uint64_t step = 5) : sizes_(sizes), step_(step), state_(0, 1, sizes) {
    state_.Fill(step);
    tsnap_take_options options = SmallSlabs();
    options.metadata = "what it was for";
    CHECK_OK(tsnap_take(alone_.get(), place().c_str(), state_.get(), &options));
    CheckPlaceHolds(place(), 1, step, sizes);
  }

  std::string place() const { return folder_ / "a"; }
  FaultState& state() { return state_; }
  tsnap_context* context() { return alone_.get(); }
  const Folder& folder() const { return folder_; }

  // Everything that reads: returns whether all of it succeeded, and then it was right.
  bool Survives() {
    const bool restored = Restores(), read = Reads(), verified = Verifies();
    CHECK_TEXT(read == verified, "reading and verifying disagree");
    CHECK_TEXT(restored == read, "restoring and reading disagree");
    return read;
  }

 private:
  bool Restores() {
    state_.Scribble();
    const int loads = state_.part().loads;
    const int32_t code = tsnap_restore(alone_.get(), place().c_str(), state_.get(), nullptr);
    const std::string message = tsnap_last_error();
    const size_t reported = CheckReport(alone_.get(), state_, step_);
    if (code == TSNAP_OK) {
      CHECK(reported == 0 && state_.Holds(step_));
      return true;
    }
    CHECK_TEXT(IsClear(code), std::string(tsnap_status_name(code)) + ": " + message);
    CHECK_TEXT(Contains(message, "/"), message);   // names the place or the file
    CHECK(reported > 0);
    for (const std::string& wrong : state_.Wrong(step_)) CHECK(wrong != "part/values" || state_.part().loads == loads);
    return false;
  }
  bool Reads() {
    const Found found = ReadAll(place(), 1, sizes_);
    CHECK_TEXT(found.wrong.empty(), "wrong values in " + found.wrong);
    if (found.code == TSNAP_OK) {
      CHECK(found.step == step_);
      return true;
    }
    CHECK_TEXT(IsClear(found.code), std::string(tsnap_status_name(found.code)) + ": " + found.message);
    CHECK_TEXT(Contains(found.message, "/"), found.message);
    return false;
  }
  bool Verifies() {
    tsnap_snapshot* snapshot = nullptr;
    int32_t code = tsnap_snapshot_open(place().c_str(), nullptr, &snapshot);
    int64_t bad = -1;
    const char* const* bad_paths = nullptr;
    if (code == TSNAP_OK) {
      tsnap_snapshot_info info = TSNAP_SNAPSHOT_INFO_INIT;
      CHECK_OK(tsnap_snapshot_info_get(snapshot, &info));
      CHECK(std::string(info.metadata) == "what it was for" && info.world_size == 1 && info.object_count == 11);
      code = tsnap_snapshot_verify(snapshot, &bad, &bad_paths);
      if (code == TSNAP_OK) CHECK(bad == 0);
    }
    CHECK(code == TSNAP_OK || IsClear(code));
    tsnap_snapshot_close(&snapshot);
    return code == TSNAP_OK;
  }

  Folder folder_{NewFolder()};
  const Sizes sizes_;
  const uint64_t step_;
  Alone alone_;
  FaultState state_;
};

std::string NameIn(const Scene& scene, const std::string& file) { return file.substr(scene.place().size() + 1); }

// The record and index: every byte; there is no padding in them.
void EveryByteOfRecordAndIndex() {
  Scene scene(kSmallSizes);
  size_t tried = 0, survived = 0;
  for (const std::string& file : FilesOf(scene.place())) {
    if (IsSlab(file)) continue;
    Damage damage(file);
    for (size_t at = 0; at < damage.bytes().size(); ++at) {
      for (const unsigned char mask : {1, 128}) {
        if (mask == 128 && !LongMode() && at % 3 != 0) continue;
        Where() = "byte " + std::to_string(at) + " of " + NameIn(scene, file) + " ^ " + std::to_string(mask);
        damage.Flip(at, mask);
        ++tried;
        if (!scene.Survives()) continue;
        ++survived;
        CHECK_TEXT(IsRecord(file), "a damaged index was taken for good");
      }
    }
  }
  CHECK(tried > 1000);
  CHECK(survived < tried / 100);   // at most spaces of the record
}

// The data: bytes that belong to an object are covered by a checksum; between objects there is padding.
void BytesOfTheData() {
  Scene scene({});
  size_t tried = 0, survived = 0;
  for (const std::string& file : FilesOf(scene.place())) {
    if (!IsSlab(file)) continue;
    Damage damage(file);
    const size_t stride = LongMode() ? 499 : 9973;
    std::vector<size_t> places = {0, damage.bytes().size() - 1};
    for (size_t at = stride; at < damage.bytes().size(); at += stride) places.push_back(at);
    for (const size_t at : places) {
      Where() = "byte " + std::to_string(at) + " of " + NameIn(scene, file);
      damage.Flip(at, 0x10);
      ++tried;
      survived += scene.Survives();
    }
  }
  CHECK(tried > 80);
  CHECK_TEXT(survived < tried / 20, std::to_string(survived) + " of " + std::to_string(tried));
}

void TruncatedAndExtended() {
  Scene scene({});
  for (const std::string& file : FilesOf(scene.place())) {
    Damage damage(file);
    const size_t size = damage.bytes().size();
    for (const size_t left : {size_t{0}, size_t{1}, size / 4, size / 2, size - size / 7 - 1, size - 1}) {
      Where() = NameIn(scene, file) + " cut to " + std::to_string(left) + " of " + std::to_string(size);
      damage.Truncate(left);
      // The last byte of the record is the end of its line, and that of a slab may be padding.
      if (scene.Survives()) CHECK(left == size - 1 && !IsIndex(file));
    }
    for (const char* more : {"x", "\n", "{}"}) {
      Where() = NameIn(scene, file) + " with more at its end";
      damage.Extend(more);
      static_cast<void>(scene.Survives());
    }
    damage.Extend(std::string(5 << 20, ' '));
    if (!IsSlab(file)) static_cast<void>(scene.Survives());
  }
}

void FilesOfAnotherKind() {
  Scene scene({});
  for (const std::string& file : FilesOf(scene.place())) {
    Damage damage(file);
    const std::string name = NameIn(scene, file);
    Where() = name + " deleted";
    damage.Delete();
    CHECK(!scene.Survives());
    if (IsRecord(file)) CheckPlaceIsEmpty(scene.place());
    Where() = name + " is a folder";
    damage.BecomeFolder();
    CHECK(!scene.Survives());
    std::filesystem::remove_all(file);
    Where() = name + " is a link to nothing";
    damage.BecomeDanglingLink();
    CHECK(!scene.Survives());
    std::filesystem::remove_all(file);
    for (const std::string& text : {std::string(), std::string("{}"), std::string("[[[["), std::string("null"),
                                    std::string(100000, '['), std::string(damage.bytes().size(), '\0')}) {
      Where() = name + " holds " + text.substr(0, 8);
      damage.Replace(text);
      CHECK(!scene.Survives());
    }
  }
}

// Every file in the place of every other one of its kind; and of a snapshot of the same program at another step.
void ExchangedFiles() {
  Scene scene({});
  const std::vector<std::string> files = FilesOf(scene.place());
  for (const std::string& file : files) {
    for (const std::string& other : files) {
      if (file == other) continue;
      Where() = NameIn(scene, other) + " in the place of " + NameIn(scene, file);
      const std::string bytes = ReadFile(other);
      Damage damage(file);
      damage.Replace(bytes);
      CHECK(!scene.Survives());
    }
  }
  const std::string elsewhere = scene.folder() / "b";
  scene.state().Fill(6);
  tsnap_take_options options = SmallSlabs();
  options.metadata = "what it was for";
  CHECK_OK(tsnap_take(scene.context(), elsewhere.c_str(), scene.state().get(), &options));
  const std::vector<std::string> others = FilesOf(elsewhere);
  CHECK(files.size() == others.size());
  for (const std::string& file : files) {
    for (const std::string& other : others) {
      if (std::filesystem::path(file).filename() != std::filesystem::path(other).filename()) continue;
      Where() = NameIn(scene, file) + " of another snapshot";
      Damage damage(file);
      damage.Replace(ReadFile(other));
      CHECK(!scene.Survives());
    }
  }
}

// More index than one part holds; the parts exchanged.
void ExchangedIndexParts() {
  const Folder folder(NewFolder());
  Alone alone;
  tsnap_state* state = nullptr;
  CHECK_OK(tsnap_state_create(&state));
  std::vector<int64_t> values(40000);
  const std::string tail(200, 'x');
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<int64_t>(i * i);
    CHECK_OK(tsnap_state_add_int64(state, ("n" + std::to_string(i) + tail).c_str(), TSNAP_PRIVATE, &values[i]));
  }
  const std::string place = folder / "a";
  CHECK_OK(tsnap_take(alone.get(), place.c_str(), state, nullptr));
  std::vector<std::string> parts;
  for (const std::string& file : FilesOf(place)) {
    if (IsIndex(file)) parts.push_back(file);
  }
  CHECK(parts.size() >= 2);
  const std::string first = ReadFile(parts[0]), second = ReadFile(parts[1]);
  const auto restores = [&] {
    std::fill(values.begin(), values.end(), -1);
    const int32_t code = tsnap_restore(alone.get(), place.c_str(), state, nullptr);
    for (size_t i = 0; code == TSNAP_OK && i < values.size(); ++i) CHECK(values[i] == static_cast<int64_t>(i * i));
    return code;
  };
  CHECK_OK(restores());
  WriteFile(parts[0], second);
  WriteFile(parts[1], first);
  CHECK(restores() == TSNAP_E_CORRUPT);
  WriteFile(parts[1], second);
  CHECK(restores() == TSNAP_E_CORRUPT);
  WriteFile(parts[0], first);
  CHECK_OK(restores());
  std::filesystem::remove(parts[1]);
  const int32_t code = restores();
  CHECK(code == TSNAP_E_CORRUPT || code == TSNAP_E_NOT_FOUND);
  tsnap_state_destroy(&state);
}

// One damaged object does not keep the others from being restored, and is named.
void OneDamagedObjectIsNamed() {
  Scene scene({});
  for (const std::string& file : FilesOf(scene.place())) {
    if (!IsSlab(file)) continue;
    Damage damage(file);
    damage.Flip(damage.bytes().size() / 2, 1);
    scene.state().Scribble();
    const int32_t code = tsnap_restore(scene.context(), scene.place().c_str(), scene.state().get(), nullptr);
    const std::string message = tsnap_last_error();
    CHECK_TEXT(code == TSNAP_E_CORRUPT, NameIn(scene, file) + ": " + tsnap_status_name(code));
    tsnap_report report = TSNAP_REPORT_INIT;
    CHECK_OK(tsnap_restore_report(scene.context(), &report));
    CHECK(report.not_restored_count >= 1);
    bool named = false;
    for (size_t i = 0; i < report.not_restored_count; ++i) named = named || Contains(message, report.not_restored[i]);
    CHECK_TEXT(named, message);
    CheckReport(scene.context(), scene.state(), 5);

    tsnap_snapshot* snapshot = nullptr;
    CHECK_OK(tsnap_snapshot_open(scene.place().c_str(), nullptr, &snapshot));
    int64_t bad = 0;
    const char* const* paths = nullptr;
    CHECK(tsnap_snapshot_verify(snapshot, &bad, &paths) == TSNAP_E_CORRUPT);
    CHECK(bad >= 1 && paths != nullptr && paths[0] != nullptr);
    tsnap_snapshot_close(&snapshot);
  }
}

// A damaged record holds its place: nobody writes over it unasked, and overwriting heals it.
void DamagedRecordHoldsItsPlace() {
  Scene scene(kSmallSizes);
  const std::string record = scene.place() + "/tsnap.json";
  WriteFile(record, ReadFile(record).substr(0, 40));
  scene.state().Fill(8);
  CHECK(tsnap_take(scene.context(), scene.place().c_str(), scene.state().get(), nullptr) == TSNAP_E_EXISTS);
  CHECK(ReadFile(record).size() == 40);
  const tsnap_take_options overwrite = SmallSlabs(true);
  CHECK_OK(tsnap_take(scene.context(), scene.place().c_str(), scene.state().get(), &overwrite));
  CheckPlaceHolds(scene.place(), 1, 8, kSmallSizes);
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunAlone(argc, argv, {{"every_byte_of_record_and_index", EveryByteOfRecordAndIndex},
                               {"bytes_of_the_data", BytesOfTheData},
                               {"truncated_and_extended", TruncatedAndExtended},
                               {"files_of_another_kind", FilesOfAnotherKind},
                               {"exchanged_files", ExchangedFiles},
                               {"exchanged_index_parts", ExchangedIndexParts},
                               {"one_damaged_object_is_named", OneDamagedObjectIsNamed},
                               {"damaged_record_holds_its_place", DamagedRecordHoldsItsPlace}});
}
