// Times as services write them.
#include <criterion/criterion.h>

#include "store/http/time_text.h"

using namespace tsnap::http;

Test(http_time_text, times_with_zones_are_understood) {
  cr_assert_eq(ParseUtcTime("1970-01-02T00:00:01Z"), 86401);
  cr_assert_eq(ParseUtcTime("1970-01-02T00:00:01.000Z"), 86401);
  cr_assert_eq(ParseUtcTime("2024-02-29T12:00:00.123Z"), 1709208000);
  cr_assert_eq(ParseUtcTime("2024-02-29T13:00:00+01:00"), 1709208000);
  cr_assert_eq(ParseUtcTime("2024-02-29T04:00:00-0800"), 1709208000);
  for (const char* text : {"", "yesterday", "2024", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:00:00",
                           "2024-01-01T00:00:00+1", "2024-01-01T00:00:00.", "20x4-01-01T00:00:00Z", "2024-01-01T00:00:00Zzzzzzzzzzzz"})
    cr_assert_not(ParseUtcTime(text).has_value(), "%s", text);
}

Test(http_time_text, times_of_headers_are_understood) {
  cr_assert_eq(ParseHttpTime("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
  cr_assert_eq(ParseHttpTime("Thu, 29 Feb 2024 12:00:00 GMT"), 1709208000);
  for (const char* text : {"", "yesterday", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET", "Wed, 29 Feb 2023 00:00:00 GMT",
                           "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 ovN 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994"})
    cr_assert_not(ParseHttpTime(text).has_value(), "%s", text);
}
