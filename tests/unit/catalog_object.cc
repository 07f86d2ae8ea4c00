// Paths, globs, hashes and the order of records.
#include <criterion/criterion.h>

#include <algorithm>
#include <string>
#include <vector>

#include "catalog/dtype.h"
#include "catalog/index.h"
#include "catalog/object.h"
#include "seeded.h"

using namespace tsnap;
using std::string_literals::operator""s;

Test(object, paths_take_any_text_of_parts) {
  for (const std::string& path :
       {"a"s, "fluid/density"s, "a b"s, "%41"s, "x:y"s, "a/1/2"s, "a/.hidden"s, "x/y"s, "\xC3\xA9"s,
        "\xE2\x82\xAC/\xF0\x9F\x98\x80"s, "1a"s, "a\nb"s, "a/..."s, std::string(4096, 'x')})
    cr_assert(CheckPath(path, true).ok(), "%s: %s", path.c_str(),
              CheckPath(path, true).message().c_str());
}

Test(object, paths_refuse_what_could_climb_or_confuse) {
  for (const std::string& path : {""s,
                                  "/"s,
                                  "/a"s,
                                  "a/"s,
                                  "a//b"s,
                                  "."s,
                                  ".."s,
                                  "a/.."s,
                                  "a/./b"s,
                                  "../a"s,
                                  "a\0b"s,
                                  std::string(4097, 'x'),
                                  "\x80"s,
                                  "\xC0\xAF"s,
                                  "\xC3"s,
                                  "\xE0\x80\xAF"s,
                                  "\xED\xA0\x80"s,
                                  "\xF0\x8F\xBF\xBF"s,
                                  "\xF4\x90\x80\x80"s,
                                  "\xF5\x80\x80\x80"s,
                                  "\xE2\x82"s,
                                  "a\xFF"s})
    for (const bool registering : {false, true}) {
      const Status status = CheckPath(path, registering);
      cr_assert(status.code() == Code::kInvalid, "%s was taken", path.c_str());
      cr_assert(status.message().find('\n') == std::string::npos);
    }
}

Test(object, first_parts_that_name_ranks_or_hide_are_refused_when_registering) {
  for (const char* path : {"12", "12/a", "0/a/b", ".a", ".a/b"}) {
    cr_assert(CheckPath(path, true).code() == Code::kInvalid, "%s was taken", path);
    cr_assert(CheckPath(path, false).ok(), "%s was refused", path);
  }
}

Test(object, qualified_paths_split_into_rank_and_path) {
  int64_t rank = 0;
  std::string path;
  cr_assert(SplitQualifiedPath("12/fluid/density", &rank, &path).ok() && rank == 12 &&
            path == "fluid/density");
  cr_assert(SplitQualifiedPath("fluid/12", &rank, &path).ok() && rank == -1 && path == "fluid/12");
  cr_assert(SplitQualifiedPath("1x/y", &rank, &path).ok() && rank == -1 && path == "1x/y");
  cr_assert(SplitQualifiedPath("7", &rank, &path).ok() && rank == 7 && path.empty());
  cr_assert(SplitQualifiedPath("2147483647/a", &rank, &path).ok() && rank == 2147483647);
  cr_assert(SplitQualifiedPath("2147483648/a", &rank, &path).code() == Code::kInvalid);
  cr_assert(SplitQualifiedPath("99999999999999999999999/a", &rank, &path).code() == Code::kInvalid);
  ObjectMeta meta;
  meta.path = "a/b";
  meta.rank = 3;
  cr_assert(QualifiedPath(meta) == "3/a/b");
  meta.kind = Kind::kSharded;
  cr_assert(QualifiedPath(meta) == "a/b");
}

Test(object, globs_keep_stars_within_parts_and_double_stars_across) {
  const struct {
    const char *glob, *path;
    bool matches;
  } cases[] = {
      {"a", "a", true},
      {"a", "ab", false},
      {"", "", true},
      {"", "a", false},
      {"*", "a", true},
      {"*", "a/b", false},
      {"a*", "abc", true},
      {"a*c", "abbc", true},
      {"a*c", "ab/c", false},
      {"*/b", "a/b", true},
      {"*/b", "a/c/b", false},
      {"**", "a/b/c", true},
      {"a/**", "a/b/c", true},
      {"a/**", "b/a", false},
      {"**/c", "a/b/c", true},
      {"**/c", "c", true},
      {"**/c", "ac", false},
      {"a/**/d", "a/d", true},
      {"a/**/d", "a/b/c/d", true},
      {"a/**/d", "a/bd", false},
      {"a**d", "a/b/d", true},
      {"?", "a", true},
      {"?", "", false},
      {"?", "/", false},
      {"a?c", "abc", true},
      {"a?c", "a/c", false},
      {"?", "\xC3\xA9", true},
      {"x?y", "x\xE2\x82\xACy", true},
      {"*.w", "layer.w", true},
      {"**/*.w", "m/l/x.w", true},
      {"**/**/x", "x", true},
      {"a/*", "a", false},
      {"[ab]", "a", false},
      {"[ab]", "[ab]", true},
  };
  for (const auto& [glob, path, matches] : cases)
    cr_assert_eq(GlobMatches(glob, path), matches, "%s on %s", glob, path);
}

Test(object, hostile_globs_end_soon, .timeout = 20) {
  std::string glob, path(4000, 'a');
  for (int i = 0; i < 500; ++i) glob += "*a";
  cr_assert(!GlobMatches(glob + "b", path));
  cr_assert(GlobMatches(glob + "*", path));
}

Test(object, hash_covers_what_must_be_equal_and_not_the_rank) {
  ObjectMeta meta;
  meta.path = "a";
  meta.kind = Kind::kReplicated;
  meta.ndim = 1;
  meta.shape[0] = 4;
  const uint64_t hash = HashMeta(meta);
  const auto changed = [&](auto change) {
    ObjectMeta other = meta;
    change(other);
    return HashMeta(other) != hash;
  };
  cr_assert(changed([](ObjectMeta& m) { m.path = "b"; }));
  cr_assert(changed([](ObjectMeta& m) { m.kind = Kind::kSharded; }));
  cr_assert(changed([](ObjectMeta& m) { m.type = Type::kBytes; }));
  cr_assert(changed([](ObjectMeta& m) { m.dtype = Dtype::kInt8; }));
  cr_assert(changed([](ObjectMeta& m) { m.item_bytes = 2; }));
  cr_assert(changed([](ObjectMeta& m) { m.ndim = 2; }));
  cr_assert(changed([](ObjectMeta& m) { m.shape[0] = 5; }));
  cr_assert(changed([](ObjectMeta& m) { m.coverage = Coverage::kSparse; }));
  cr_assert(changed([](ObjectMeta& m) { m.fill = {std::byte{0}}; }));
  cr_assert(changed([](ObjectMeta& m) { m.attributes = {{"unit", "m"}}; }));
  cr_assert(!changed([](ObjectMeta& m) { m.rank = 5; }));
}

Test(object, difference_names_the_first_thing_that_differs) {
  ObjectMeta a, b;
  a.ndim = b.ndim = 2;
  a.shape = {4, 4};
  b.shape = {4, 4};
  cr_assert(Difference(a, b) == "");
  b.shape[1] = 5;
  cr_assert(Difference(a, b) == "shape 4x4 against 4x5");
  b.dtype = Dtype::kFloat32;
  cr_assert(Difference(a, b) == "dtype uint8 against float32");
  b.type = Type::kString;
  cr_assert(Difference(a, b) == "type array against string");
  b.kind = Kind::kSharded;
  cr_assert(Difference(a, b) == "kind private against sharded");
}

Test(object, records_sort_by_qualified_path) {
  test::Seeded random;
  std::vector<ObjectRecord> records(300);
  for (ObjectRecord& record : records) {
    record.meta.kind = random.Chance(0.5) ? Kind::kPrivate : Kind::kSharded;
    record.meta.rank = random.Int(0, 120);
    for (int64_t length = random.Int(1, 4); length > 0; --length)
      record.meta.path += "01/\xC3"[random.Int(0, 3)];
  }
  for (const ObjectRecord& a : records)
    for (const ObjectRecord& b : records)
      cr_assert_eq(ObjectLess(a, b), QualifiedPath(a.meta) < QualifiedPath(b.meta),
                   "seed %llu: %s and %s", random.seed(), QualifiedPath(a.meta).c_str(),
                   QualifiedPath(b.meta).c_str());
  cr_assert(TileLess({"a", 2, {}}, {"a", 10, {}}) && TileLess({"a", 10, {}}, {"b", 2, {}}));
}

Test(dtype, the_table_agrees_with_the_public_order) {
  const struct {
    int32_t value;
    const char* name;
    int64_t bytes, unit;
  } rows[] = {{1, "bool", 1, 1},         {5, "int64", 8, 8},        {9, "uint64", 8, 8},
              {10, "float8_e4m3", 1, 1}, {13, "bfloat16", 2, 2},    {15, "float64", 8, 8},
              {16, "complex64", 8, 4},   {17, "complex128", 16, 8}, {18, "opaque", 0, 1}};
  for (const auto& [value, name, bytes, unit] : rows) {
    const auto dtype = static_cast<Dtype>(value);
    cr_assert(IsDtype(value));
    cr_assert_str_eq(DtypeName(dtype), name);
    cr_assert_eq(DtypeBytes(dtype), bytes);
    cr_assert_eq(SwapUnitBytes(dtype), unit);
  }
  cr_assert(!IsDtype(0) && !IsDtype(19) && !IsDtype(-1));
}
