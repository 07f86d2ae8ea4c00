// Requests as text: what is escaped, what is not, and what a URL looks like.
#include <criterion/criterion.h>

#include <string>

#include "seeded.h"
#include "store/http/message.h"

using namespace tsnap;
using namespace tsnap::http;

Test(http_message, only_unreserved_characters_are_left_alone) {
  cr_assert_eq(PercentEncode("AZaz09-._~", false), "AZaz09-._~");
  cr_assert_eq(PercentEncode("a b+c&d=e%f", false), "a%20b%2Bc%26d%3De%25f");
  cr_assert_eq(PercentEncode("!*'()$,:;@", false), "%21%2A%27%28%29%24%2C%3A%3B%40");
  cr_assert_eq(PercentEncode("\xc3\xa4\x7f", false), "%C3%A4%7F");
  cr_assert_eq(PercentEncode(std::string_view("\0\n", 2), false), "%00%0A");
  cr_assert_eq(PercentEncode("", false), "");
}

Test(http_message, slashes_stay_only_where_asked_for) {
  cr_assert_eq(PercentEncode("/run 1/tsnap.json", true), "/run%201/tsnap.json");
  cr_assert_eq(PercentEncode("a/b", false), "a%2Fb");
}

Test(http_message, what_is_no_escape_stays_as_it_is) {
  cr_assert_eq(PercentDecode("a%20b%2fc%2Fd"), "a b/c/d");
  cr_assert_eq(PercentDecode("a+b"), "a+b");
  cr_assert_eq(PercentDecode("100%"), "100%");
  cr_assert_eq(PercentDecode("%4"), "%4");
  cr_assert_eq(PercentDecode("%zz%4g%%41"), "%zz%4g%A");
  cr_assert_eq(PercentDecode("%00").size(), 1u);
}

Test(http_message, decoding_undoes_encoding) {
  test::Seeded random;
  for (int round = 0; round < 200; ++round) {
    std::string text(static_cast<size_t>(random.Int(0, 40)), ' ');
    for (char& c : text) c = static_cast<char>(random.Int(0, 255));
    cr_assert_eq(PercentDecode(PercentEncode(text, false)), text);
    cr_assert_eq(PercentDecode(PercentEncode(text, true)), text);
  }
}

Test(http_message, a_query_keeps_its_order) {
  cr_assert_eq(EncodeQuery({}), "");
  cr_assert_eq(EncodeQuery({{"uploads", ""}}), "uploads=");
  cr_assert_eq(EncodeQuery({{"b", "2/3"}, {"a", "x y"}}), "b=2%2F3&a=x%20y");
}

Test(http_message, a_url_is_put_together_without_encoding_the_path_again) {
  Request request{"GET", "https", "host:9000", "/a%20b", {{"list-type", "2"}}, {}, {}, {}};
  cr_assert_eq(UrlOf(request), "https://host:9000/a%20b?list-type=2");
  request.query.clear();
  cr_assert_eq(UrlOf(request), "https://host:9000/a%20b");
}

Test(http_message, a_body_has_the_bytes_of_all_its_parts) {
  Request request;
  cr_assert_eq(BodyBytes(request), 0u);
  request.body = {AsBytes("abc"), {}, AsBytes("de")};
  cr_assert_eq(BodyBytes(request), 5u);
}
