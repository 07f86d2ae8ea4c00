// Scalars, strings and byte blocks: restored and read bit for bit; a buffer that is too small is told so and left alone.
#include <cmath>
#include <limits>

#include "api.h"

namespace tsnap::test {
namespace {

constexpr int32_t kKinds[] = {TSNAP_PRIVATE, TSNAP_REPLICATED};

std::string Stored(int32_t kind, const std::string& path) { return kind == TSNAP_PRIVATE ? "0/" + path : path; }

double FromBits(uint64_t bits) {
  double value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

uint64_t BitsOf(double value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

void ScalarsAreKeptBitForBit() {
  const uint64_t bits[] = {0, 0x8000000000000000, 0x7ff8dead0000beef, 0x0000000000000001, BitsOf(-1.0 / 3), 0x7ff0000000000000};
  const int64_t integers[] = {0, -1, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), 42, 1};
  for (const int32_t kind : kKinds) {
    for (int i = 0; i < 6; ++i) {
      const Folder folder(NewFolder());
      const std::string url = folder / "snap";
      Self context;
      State state;
      int64_t integer = integers[i];
      double number = FromBits(bits[i]);
      int32_t truth = i % 2 == 0 ? 0 : i * 1000;   // what is not 0 is true
      CHECK_OK(tsnap_state_add_int64(state, "integer", kind, &integer));
      CHECK_OK(tsnap_state_add_float64(state, "number", kind, &number));
      CHECK_OK(tsnap_state_add_bool(state, "truth", kind, &truth));
      CHECK_OK(TakeQuick(context, url, state));
      CHECK(integer == integers[i] && BitsOf(number) == bits[i] && truth == (i % 2 == 0 ? 0 : i * 1000));
      integer = 7;
      number = 7;
      truth = 7;
      CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
      CHECK(integer == integers[i] && BitsOf(number) == bits[i]);
      CHECK_SAME_INT(truth, i % 2);

      Opened snapshot(url);
      int64_t read_integer = 7;
      double read_number = 7;
      int32_t read_truth = 7;
      CHECK_OK(tsnap_read_int64(snapshot, Stored(kind, "integer").c_str(), &read_integer));
      CHECK_OK(tsnap_read_float64(snapshot, Stored(kind, "number").c_str(), &read_number));
      CHECK_OK(tsnap_read_bool(snapshot, Stored(kind, "truth").c_str(), &read_truth));
      CHECK(read_integer == integers[i] && BitsOf(read_number) == bits[i] && read_truth == i % 2);
    }
  }
}

void StringsComeBackWithTheirNul() {
  for (const int32_t kind : kKinds) {
    const Folder folder(NewFolder());
    const std::string url = folder / "snap";
    Self context;
    State state;
    char empty[4] = "", exact[6] = "12345", roomy[100] = "gr\xc3\xbc\xc3\x9f Gott\n", other[8] = "\xff\x01";   // any bytes but NUL
    CHECK_OK(tsnap_state_add_string(state, "empty", kind, empty, sizeof empty));
    CHECK_OK(tsnap_state_add_string(state, "exact", kind, exact, sizeof exact));
    CHECK_OK(tsnap_state_add_string(state, "roomy", kind, roomy, sizeof roomy));
    CHECK_OK(tsnap_state_add_string(state, "other", kind, other, sizeof other));
    CHECK_OK(TakeQuick(context, url, state));
    std::memset(empty, 'x', sizeof empty);
    std::memset(exact, 'x', sizeof exact);
    std::memset(roomy, 'x', sizeof roomy);
    std::memset(other, 'x', sizeof other);
    CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
    CHECK(std::memcmp(empty, "\0xxx", 4) == 0);   // no more is written than the text and its NUL
    CHECK(std::strcmp(exact, "12345") == 0);
    CHECK(std::strcmp(roomy, "gr\xc3\xbc\xc3\x9f Gott\n") == 0 && roomy[99] == 'x');
    CHECK(std::memcmp(other, "\xff\x01\0x", 4) == 0);

    Opened snapshot(url);
    char text[6];
    size_t needed = 0;
    CHECK_OK(tsnap_read_string(snapshot, Stored(kind, "exact").c_str(), text, sizeof text, &needed));
    CHECK(std::strcmp(text, "12345") == 0);
    CHECK_SAME_INT(needed, 6);
    CHECK_OK(tsnap_read_string(snapshot, Stored(kind, "exact").c_str(), text, sizeof text, nullptr));
    std::memset(text, 'x', sizeof text);
    needed = 0;
    CHECK_CODE(tsnap_read_string(snapshot, Stored(kind, "exact").c_str(), text, 5, &needed), TSNAP_E_MISMATCH);
    CHECK_SAME_INT(needed, 6);
    CHECK(std::memcmp(text, "xxxxxx", 6) == 0);
    needed = 0;
    CHECK_CODE(tsnap_read_string(snapshot, Stored(kind, "empty").c_str(), nullptr, 0, &needed), TSNAP_E_MISMATCH);
    CHECK_SAME_INT(needed, 1);
    tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
    CHECK_OK(tsnap_snapshot_find(snapshot, Stored(kind, "exact").c_str(), &info));
    CHECK(info.type == TSNAP_OBJECT_STRING && info.kind == kind && info.bytes == 5 && info.dtype == 0 && info.ndim == 0);
  }
}

void SmallStringBufferIsLeftAlone() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  State state, small;
  char text[] = "12345", buffer[5] = {'x', 'x', 'x', 'x', 'x'};
  int64_t number = 1, other = 2;
  CHECK_OK(tsnap_state_add_string(state, "text", TSNAP_PRIVATE, text, sizeof text));
  CHECK_OK(tsnap_state_add_int64(state, "number", TSNAP_PRIVATE, &number));
  CHECK_OK(TakeQuick(context, url, state));
  CHECK_OK(tsnap_state_add_string(small, "text", TSNAP_PRIVATE, buffer, sizeof buffer));
  CHECK_OK(tsnap_state_add_int64(small, "number", TSNAP_PRIVATE, &other));
  CHECK_CODE(tsnap_restore(context, url.c_str(), small, nullptr), TSNAP_E_MISMATCH);
  CHECK_SAYS("0/text");
  CHECK_SAYS("6");
  CHECK(std::memcmp(buffer, "xxxxx", 5) == 0);
  CHECK_REPORT(context, {.mismatched = {"0/text"}, .not_restored = {"0/number", "0/text"}});
}

void BytesComeBackWithTheirSize() {
  for (const int32_t kind : kKinds) {
    const Folder folder(NewFolder());
    const std::string url = folder / "snap";
    Self context;
    State state;
    uint8_t block[8] = {0, 1, 2, 0, 255, 5, 6, 7};
    std::vector<uint8_t> large(3000001);
    for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<uint8_t>(i * i >> 7);
    const std::vector<uint8_t> taken = large;
    size_t block_size = 5, none_size = 0, large_size = large.size();
    CHECK_OK(tsnap_state_add_bytes(state, "block", kind, block, sizeof block, &block_size));
    CHECK_OK(tsnap_state_add_bytes(state, "none", kind, nullptr, 0, &none_size));
    CHECK_OK(tsnap_state_add_bytes(state, "large", kind, large.data(), large.size(), &large_size));
    CHECK_OK(TakeQuick(context, url, state));
    std::memset(block, 0xee, sizeof block);
    large.assign(large.size(), 0);
    block_size = none_size = large_size = 99;
    CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
    CHECK_SAME_INT(block_size, 5);
    CHECK_SAME_INT(none_size, 0);
    CHECK_SAME_INT(large_size, taken.size());
    CHECK(std::memcmp(block, "\0\1\2\0\377\356\356\356", 8) == 0);
    CHECK(large == taken);

    Opened snapshot(url);
    uint8_t read[5];
    size_t size = 0;
    CHECK_OK(tsnap_read_bytes(snapshot, Stored(kind, "block").c_str(), read, sizeof read, &size));
    CHECK(size == 5 && std::memcmp(read, "\0\1\2\0\377", 5) == 0);
    size = 0;
    std::memset(read, 0xee, sizeof read);
    CHECK_CODE(tsnap_read_bytes(snapshot, Stored(kind, "block").c_str(), read, 4, &size), TSNAP_E_MISMATCH);
    CHECK(size == 5 && read[0] == 0xee);
    CHECK_OK(tsnap_read_bytes(snapshot, Stored(kind, "none").c_str(), nullptr, 0, &size));
    CHECK_SAME_INT(size, 0);
  }
}

void SmallByteBufferIsToldWhatIsNeeded() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  State state, small;
  uint8_t block[100] = {}, buffer[99];
  size_t size = 100, small_size = 0;
  CHECK_OK(tsnap_state_add_bytes(state, "block", TSNAP_REPLICATED, block, sizeof block, &size));
  CHECK_OK(TakeQuick(context, url, state));
  std::memset(buffer, 0xee, sizeof buffer);
  CHECK_OK(tsnap_state_add_bytes(small, "block", TSNAP_REPLICATED, buffer, sizeof buffer, &small_size));
  CHECK_CODE(tsnap_restore(context, url.c_str(), small, nullptr), TSNAP_E_MISMATCH);
  CHECK_SAME_INT(small_size, 100);
  for (const uint8_t byte : buffer) CHECK_SAME_INT(byte, 0xee);
  CHECK_REPORT(context, {.mismatched = {"block"}, .not_restored = {"block"}});
}

void BadValuesAreRefused() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  State state;
  int64_t number = 1;
  char text[3] = {'a', 'b', 'c'};   // no NUL
  uint8_t block[3] = {};
  size_t size = 4;                  // more than there is room for
  CHECK_CODE(tsnap_state_add_int64(state, "n", 3, &number), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_add_int64(state, "n", 0, &number), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_add_int64(state, "n", TSNAP_PRIVATE, nullptr), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_add_float64(state, "n", TSNAP_PRIVATE, nullptr), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_add_bool(state, "n", TSNAP_PRIVATE, nullptr), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_add_string(state, "n", TSNAP_PRIVATE, text, 0), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_add_string(state, "n", TSNAP_PRIVATE, nullptr, 3), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_add_bytes(state, "n", TSNAP_PRIVATE, nullptr, 3, &size), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_add_bytes(state, "n", TSNAP_PRIVATE, block, 3, nullptr), TSNAP_E_INVALID);

  CHECK_OK(tsnap_state_add_string(state, "text", TSNAP_PRIVATE, text, sizeof text));
  CHECK_CODE(TakeQuick(context, url, state), TSNAP_E_INVALID);
  CHECK_SAYS("text");
  CHECK_OK(tsnap_state_remove(state, "text"));
  CHECK_OK(tsnap_state_add_bytes(state, "block", TSNAP_PRIVATE, block, sizeof block, &size));
  CHECK_CODE(TakeQuick(context, url, state), TSNAP_E_INVALID);
  CHECK_SAYS("block");
  size = 3;
  CHECK_OK(TakeQuick(context, url, state));

  Opened snapshot(url);   // of another type
  double out = 5;
  CHECK_CODE(tsnap_read_float64(snapshot, "0/block", &out), TSNAP_E_MISMATCH);
  const tsnap_array array = Line(TSNAP_UINT8, block, 3);
  CHECK_CODE(tsnap_read(snapshot, "0/block", &array, nullptr), TSNAP_E_MISMATCH);
  CHECK_CODE(tsnap_read_float64(snapshot, "0/nothing", &out), TSNAP_E_NOT_FOUND);
  CHECK_CODE(tsnap_read_int64(snapshot, "0/block", nullptr), TSNAP_E_INVALID);
  CHECK(out == 5);
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"scalars_are_kept_bit_for_bit", ScalarsAreKeptBitForBit},
                  {"strings_come_back_with_their_nul", StringsComeBackWithTheirNul},
                  {"small_string_buffer_is_left_alone", SmallStringBufferIsLeftAlone},
                  {"bytes_come_back_with_their_size", BytesComeBackWithTheirSize},
                  {"small_byte_buffer_is_told_what_is_needed", SmallByteBufferIsToldWhatIsNeeded},
                  {"bad_values_are_refused", BadValuesAreRefused}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
