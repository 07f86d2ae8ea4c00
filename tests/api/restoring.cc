// What a restore demands and what it reports: strict or not, on one process. Nothing is touched before everything fits.
#include <limits>

#include "api.h"
#include "test_array.h"

namespace tsnap::test {
namespace {

// A snapshot with one object of each sort, and a state that asks for them.
struct Stored {
  Folder folder{NewFolder()};
  std::string url = folder / "snap";
  Self context;
  int64_t a = 1, b = 2;
  double c[3] = {1, 2, 3}, d[4] = {1, 2, 3, 4};
  char e[6] = "hello";

  Stored() {
    State state;
    Register(state);
    CHECK_OK(TakeQuick(context, url, state));
    a = b = 0;
    std::memset(c, 0, sizeof c);
    std::memset(d, 0, sizeof d);
    std::memset(e, 0, sizeof e);
  }

  void Register(tsnap_state* state) {
    const tsnap_array array = Line(TSNAP_FLOAT64, c, 3), box = Line(TSNAP_FLOAT64, d, 4);
    const int64_t shape[] = {4};
    CHECK_OK(tsnap_state_add_int64(state, "a", TSNAP_PRIVATE, &a));
    CHECK_OK(tsnap_state_add_int64(state, "b", TSNAP_REPLICATED, &b));
    CHECK_OK(tsnap_state_add_replicated(state, "c", &array));
    CHECK_OK(tsnap_state_add_sharded(state, "d", shape, &box, 1));
    CHECK_OK(tsnap_state_add_string(state, "e", TSNAP_PRIVATE, e, sizeof e));
  }
  bool IsRestored() const { return a == 1 && b == 2 && c[2] == 3 && d[3] == 4 && std::strcmp(e, "hello") == 0; }
  bool IsUntouched() const { return a == 0 && b == 0 && c[2] == 0 && d[3] == 0 && e[0] == 0; }
};

void EverythingFits() {
  Stored stored;
  State state;
  stored.Register(state);
  CHECK_REPORT(stored.context, {});
  CHECK_OK(tsnap_restore(stored.context, stored.url.c_str(), state, nullptr));
  CHECK(stored.IsRestored());
  CHECK_REPORT(stored.context, {});
}

void StrictWantsEveryRegisteredObject() {
  Stored stored;
  State state;
  stored.Register(state);
  int64_t x = 5, y = 6;
  CHECK_OK(tsnap_state_add_int64(state, "x", TSNAP_PRIVATE, &x));
  CHECK_OK(tsnap_state_add_int64(state, "deep/y", TSNAP_REPLICATED, &y));
  CHECK_CODE(tsnap_restore(stored.context, stored.url.c_str(), state, nullptr), TSNAP_E_MISMATCH);
  CHECK(stored.IsUntouched() && x == 5 && y == 6);
  CHECK_REPORT(stored.context, {.missing = {"0/x", "deep/y"}, .not_restored = {"0/a", "0/e", "0/x", "b", "c", "d", "deep/y"}});
  CHECK_OK(RestoreLoose(stored.context, stored.url, state));
  CHECK(stored.IsRestored() && x == 5 && y == 6);
  CHECK_REPORT(stored.context, {.missing = {"0/x", "deep/y"}, .not_restored = {"0/x", "deep/y"}});
}

void StrictWantsEveryStoredObjectToBeAskedFor() {
  for (const char* left_out : {"a", "b", "c", "d", "e"}) {
    Stored stored;
    State state;
    stored.Register(state);
    CHECK_OK(tsnap_state_remove(state, left_out));
    const bool is_private = *left_out == 'a' || *left_out == 'e';
    const std::string name = (is_private ? "0/" : "") + std::string(left_out);
    CHECK_CODE(tsnap_restore(stored.context, stored.url.c_str(), state, nullptr), TSNAP_E_MISMATCH);
    CHECK_SAYS(name);
    CHECK(stored.IsUntouched());
    Names asked;
    for (const char* one : {"0/a", "0/e", "b", "c", "d"}) {
      if (name != one) asked.emplace_back(one);
    }
    CHECK_REPORT(stored.context, {.unexpected = {name}, .not_restored = asked});
    CHECK_OK(RestoreLoose(stored.context, stored.url, state));
    CHECK_REPORT(stored.context, {});
  }
}

void MismatchIsNeverForgiven() {
  struct Change {
    const char* path;
    void (*apply)(tsnap_state* state, Stored* stored);
  };
  static double other[64];
  static const int64_t shape[] = {5};
  const Change changes[] = {
      {"0/a", [](tsnap_state* state, Stored*) { CHECK_OK(tsnap_state_add_float64(state, "a", TSNAP_PRIVATE, other)); }},
      {"0/a", [](tsnap_state* state, Stored*) {
         const tsnap_array array = Line(TSNAP_INT64, other, 1);
         CHECK_OK(tsnap_state_add_private(state, "a", &array));
       }},
      {"c", [](tsnap_state* state, Stored*) {
         const tsnap_array array = Line(TSNAP_FLOAT64, other, 4);
         CHECK_OK(tsnap_state_add_replicated(state, "c", &array));
       }},
      {"c", [](tsnap_state* state, Stored*) {
         const tsnap_array array = Line(TSNAP_INT64, other, 3);
         CHECK_OK(tsnap_state_add_replicated(state, "c", &array));
       }},
      {"c", [](tsnap_state* state, Stored*) {
         tsnap_array array = Line(TSNAP_FLOAT64, other, 3);
         array.ndim = 2;
         array.shape[1] = 1;
         CHECK_OK(tsnap_state_add_replicated(state, "c", &array));
       }},
      {"c", [](tsnap_state* state, Stored*) {
         const tsnap_array array = Line(TSNAP_FLOAT64, other, 3);
         const int64_t three[] = {3};
         CHECK_OK(tsnap_state_add_sharded(state, "c", three, &array, 1));
       }},
      {"d", [](tsnap_state* state, Stored*) {
         const tsnap_array array = Line(TSNAP_FLOAT64, other, 4);
         CHECK_OK(tsnap_state_add_sharded(state, "d", shape, &array, 1));
       }},
      {"d", [](tsnap_state* state, Stored*) {
         tsnap_array array = Line(TSNAP_OPAQUE, other, 4);
         array.item_bytes = 8;
         const int64_t four[] = {4};
         CHECK_OK(tsnap_state_add_sharded(state, "d", four, &array, 1));
       }},
      {"0/e", [](tsnap_state* state, Stored*) {
         static size_t size = 0;
         CHECK_OK(tsnap_state_add_bytes(state, "e", TSNAP_PRIVATE, other, sizeof other, &size));
       }},
  };
  for (const Change& change : changes) {
    for (const bool strict : {true, false}) {
      Stored stored;
      State state;
      stored.Register(state);
      const std::string path = change.path;
      CHECK_OK(tsnap_state_remove(state, path.substr(path.find('/') + 1).c_str()));
      change.apply(state, &stored);
      CHECK_CODE(strict ? tsnap_restore(stored.context, stored.url.c_str(), state, nullptr)
                        : RestoreLoose(stored.context, stored.url, state),
                 TSNAP_E_MISMATCH);
      CHECK_SAYS(path);
      CHECK(stored.IsUntouched());
      CHECK_REPORT(stored.context, {.mismatched = {path}, .not_restored = {"0/a", "0/e", "b", "c", "d"}});
    }
  }
}

void AllListsAtOnce() {
  Stored stored;
  State state;
  double other[9] = {};
  int64_t x = 0, a = 0;
  const tsnap_array array = Line(TSNAP_FLOAT64, other, 9);
  CHECK_OK(tsnap_state_add_int64(state, "x", TSNAP_PRIVATE, &x));
  CHECK_OK(tsnap_state_add_int64(state, "a", TSNAP_PRIVATE, &a));
  CHECK_OK(tsnap_state_add_replicated(state, "c", &array));
  CHECK_CODE(tsnap_restore(stored.context, stored.url.c_str(), state, nullptr), TSNAP_E_MISMATCH);
  CHECK_REPORT(stored.context, {.missing = {"0/x"},
                                .unexpected = {"0/e", "b", "d"},
                                .mismatched = {"c"},
                                .not_restored = {"0/a", "0/x", "c"}});
}

void StringMayGrowAndPrivateMayComeFromReplicated() {
  Stored stored;
  State state;
  stored.Register(state);
  char roomy[50] = "before";
  int64_t b = 0;
  CHECK_OK(tsnap_state_remove(state, "e"));
  CHECK_OK(tsnap_state_add_string(state, "e", TSNAP_PRIVATE, roomy, sizeof roomy));
  CHECK_OK(tsnap_state_remove(state, "b"));
  CHECK_OK(tsnap_state_add_int64(state, "b", TSNAP_PRIVATE, &b));   // was private when a glob made it replicated
  CHECK_OK(tsnap_restore(stored.context, stored.url.c_str(), state, nullptr));
  CHECK(std::strcmp(roomy, "hello") == 0 && b == 2);
  CHECK_REPORT(stored.context, {});
}

void NothingThereIsNotFound() {
  Stored stored;
  State state;
  stored.Register(state);
  const std::string nowhere = stored.folder / "nowhere", empty = stored.folder / "empty";
  std::filesystem::create_directory(empty);
  for (const std::string& url : {nowhere, empty, nowhere + "/deeper"}) {
    CHECK_CODE(tsnap_restore(stored.context, url.c_str(), state, nullptr), TSNAP_E_NOT_FOUND);
    CHECK_SAYS(url);
    CHECK(stored.IsUntouched());
    CHECK_REPORT(stored.context, {.not_restored = {"0/a", "0/e", "b", "c", "d"}});
    tsnap_snapshot* snapshot = reinterpret_cast<tsnap_snapshot*>(&stored);
    CHECK_CODE(tsnap_snapshot_open(url.c_str(), nullptr, &snapshot), TSNAP_E_NOT_FOUND);
    CHECK(snapshot == nullptr);
    CHECK_CODE(tsnap_remove(url.c_str(), nullptr), TSNAP_E_NOT_FOUND);
  }
  CHECK(!std::filesystem::exists(nowhere));   // looking makes no folder
}

void OverlappingDestinationIsInvalid() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  State state, overlapping;
  double values[12] = {};
  for (int i = 0; i < 12; ++i) values[i] = i;
  tsnap_array array = TSNAP_ARRAY_INIT;
  array.dtype = TSNAP_FLOAT64;
  array.ndim = 2;
  array.shape[0] = 3;
  array.shape[1] = 4;
  array.data = values;
  array.strides_bytes[0] = 0;   // the same row three times: legal to take
  array.strides_bytes[1] = 8;
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  CHECK_OK(TakeQuick(context, url, state));
  CHECK_CODE(tsnap_restore(context, url.c_str(), state, nullptr), TSNAP_E_INVALID);
  CHECK_SAYS("a");
  CHECK_REPORT(context, {.not_restored = {"0/a"}});
  array.strides_bytes[0] = 24;   // rows that share an element
  CHECK_OK(tsnap_state_add_private(overlapping, "a", &array));
  CHECK_CODE(tsnap_restore(context, url.c_str(), overlapping, nullptr), TSNAP_E_INVALID);
  Opened snapshot(url);
  CHECK_CODE(tsnap_read(snapshot, "0/a", &array, nullptr), TSNAP_E_INVALID);
  array.strides_bytes[0] = 32;
  CHECK_OK(tsnap_read(snapshot, "0/a", &array, nullptr));
  for (int i = 0; i < 12; ++i) CHECK(values[i] == i % 4);
}

void BadArraysAreInvalid() {
  State state;
  double value = 0;
  const auto refused = [&](auto change) {
    tsnap_array array = Line(TSNAP_FLOAT64, &value, 1);
    change(&array);
    CHECK_CODE(tsnap_state_add_private(state, "a", &array), TSNAP_E_INVALID);
  };
  constexpr int64_t kHuge = int64_t{1} << 62;
  refused([](tsnap_array* array) { array->dtype = 0; });
  refused([](tsnap_array* array) { array->dtype = 19; });
  refused([](tsnap_array* array) { array->dtype = -1; });
  refused([](tsnap_array* array) { array->ndim = -1; });
  refused([](tsnap_array* array) { array->ndim = 9; });
  refused([](tsnap_array* array) { array->shape[0] = -1; });
  refused([](tsnap_array* array) { array->data = nullptr; });
  refused([](tsnap_array* array) { array->dtype = TSNAP_OPAQUE; });
  refused([](tsnap_array* array) { array->shape[0] = kHuge; });   // times 8 bytes
  refused([](tsnap_array* array) {
    array->dtype = TSNAP_INT8;
    array->ndim = 3;
    array->shape[0] = array->shape[1] = array->shape[2] = int64_t{1} << 31;
  });
  refused([](tsnap_array* array) {
    array->shape[0] = 3;
    array->strides_bytes[0] = kHuge;
  });
  refused([](tsnap_array* array) {
    array->dtype = TSNAP_OPAQUE;
    array->item_bytes = kHuge;
    array->shape[0] = 4;
  });
  const int64_t shape[] = {4};
  double values[4] = {};
  tsnap_array boxes[] = {Line(TSNAP_FLOAT64, values, 2), Line(TSNAP_FLOAT64, values + 2, 2, 2)};
  const auto refused_boxes = [&](auto change) {
    tsnap_array changed[] = {boxes[0], boxes[1]};
    change(&changed[1]);
    CHECK_CODE(tsnap_state_add_sharded(state, "s", shape, changed, 2), TSNAP_E_INVALID);
  };
  refused_boxes([](tsnap_array* box) { box->dtype = TSNAP_INT64; });
  refused_boxes([](tsnap_array* box) { box->ndim = 2; });
  refused_boxes([](tsnap_array* box) { box->offset[0] = 3; });
  refused_boxes([](tsnap_array* box) { box->offset[0] = -1; });
  refused_boxes([](tsnap_array* box) { box->offset[0] = std::numeric_limits<int64_t>::max(); });
  refused_boxes([](tsnap_array* box) { box->struct_size = sizeof(tsnap_array) - 8; });
  CHECK_CODE(tsnap_state_add_sharded(state, "s", nullptr, boxes, 2), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_add_sharded(state, "s", shape, nullptr, 2), TSNAP_E_INVALID);
  CHECK_OK(tsnap_state_add_sharded(state, "s", shape, boxes, 2));
}

// Boxes that are asked for at restore may overlap, be empty, or leave parts out.
void AnyBoxesMayBeAskedFor() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  const Shape shape = {40, 50};
  TestArray whole(TSNAP_INT16, 0, shape, Layout::kContiguous);
  whole.Fill(9);
  {
    State state;
    const tsnap_array box = whole.Describe();
    CHECK_OK(tsnap_state_add_sharded(state, "d", shape.data(), &box, 1));
    CHECK_OK(TakeQuick(context, url, state));
  }
  TestArray one(TSNAP_INT16, 0, {20, 30}, Layout::kFortran, {5, 10}), two(TSNAP_INT16, 0, {25, 50}, Layout::kReversed, {15, 0}),
      none(TSNAP_INT16, 0, {0, 50}, Layout::kExplicit, {40, 0}), item(TSNAP_INT16, 0, {1, 1}, Layout::kGhosts, {39, 49});
  State state;
  const tsnap_array boxes[] = {one.Describe(), two.Describe(), none.Describe(), item.Describe()};
  CHECK_OK(tsnap_state_add_sharded(state, "d", shape.data(), boxes, 4));
  CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
  CHECK(one.Holds(9) && two.Holds(9) && none.Holds(9) && item.Holds(9));
  State nothing;
  CHECK_OK(tsnap_state_add_sharded(nothing, "d", nullptr, nullptr, 0));
  CHECK_OK(tsnap_restore(context, url.c_str(), nothing, nullptr));
  CHECK_REPORT(context, {});
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"everything_fits", EverythingFits},
                  {"strict_wants_every_registered_object", StrictWantsEveryRegisteredObject},
                  {"strict_wants_every_stored_object_to_be_asked_for", StrictWantsEveryStoredObjectToBeAskedFor},
                  {"mismatch_is_never_forgiven", MismatchIsNeverForgiven},
                  {"all_lists_at_once", AllListsAtOnce},
                  {"string_may_grow_and_private_may_come_from_replicated", StringMayGrowAndPrivateMayComeFromReplicated},
                  {"nothing_there_is_not_found", NothingThereIsNotFound},
                  {"overlapping_destination_is_invalid", OverlappingDestinationIsInvalid},
                  {"bad_arrays_are_invalid", BadArraysAreInvalid},
                  {"any_boxes_may_be_asked_for", AnyBoxesMayBeAskedFor}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
