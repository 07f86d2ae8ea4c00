// Keys and ids of the native format.
#include <criterion/criterion.h>

#include <set>
#include <string>

#include "format/native/names.h"

using namespace tsnap::native;

Test(format_names, keys_are_those_of_the_format_page) {
  const std::string id(32, 'a');
  cr_assert_eq(MarkerKey(id), id + "/taking");
  cr_assert_eq(IndexKey(id, 0), id + "/index/00000");
  cr_assert_eq(IndexKey(id, 1234567), id + "/index/1234567");
  const SlabNames plain{id, false}, hashed{id, true};
  cr_assert_eq(plain.Folder(255), id + "/data/0");
  cr_assert_eq(plain.Key(256, 0), id + "/data/1/256.0");
  cr_assert_eq(plain.Key(99999, 12), id + "/data/390/99999.12");
  cr_assert_eq(hashed.Folder(255), id + "/data/1055");
  cr_assert_eq(hashed.Key(256, 0), id + "/data/f158/256.0");
  cr_assert_eq(hashed.Key(99999, 12), id + "/data/12a5/99999.12");
}

Test(format_names, new_ids_are_ids_and_differ) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewId();
    cr_assert(IsId(id), "%s", id.c_str());
    cr_assert(seen.insert(id).second);
  }
}

Test(format_names, what_is_no_id_is_refused) {
  for (const char* text : {"", "abc", "0123456789abcdef0123456789abcdeg", "0123456789ABCDEF0123456789ABCDEF",
                           "0123456789abcdef0123456789abcdef0", "../../../../../../../../../../../"}) {
    cr_assert(!IsId(text), "%s", text);
  }
}

Test(format_names, ids_go_through_two_numbers) {
  for (int i = 0; i < 1000; ++i) {
    const std::string id = i == 0 ? std::string(32, '0') : i == 1 ? std::string(32, 'f') : NewId();
    std::string again(32, 'x');
    WriteId(WordsOfId(id), &again);
    cr_assert_eq(again, id);
  }
  const IdWords words = WordsOfId("0123456789abcdeffedcba9876543210");
  cr_assert_eq(words.high, 0x0123456789abcdefu);
  cr_assert_eq(words.low, 0xfedcba9876543210u);
}
