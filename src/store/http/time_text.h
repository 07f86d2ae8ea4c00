// Times as services write them, in seconds since 1970; nothing for a text that is none. In every
// language of the application: strptime would read the names of months in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tsnap::http {

// "2026-01-02T03:04:05Z", with a fraction or an offset "+01:00".
std::optional<int64_t> ParseUtcTime(std::string_view text);
// "Sun, 06 Nov 1994 08:49:37 GMT", of headers (IMF-fixdate of RFC 9110, not its obsolete forms).
std::optional<int64_t> ParseHttpTime(std::string_view text);

}  // namespace tsnap::http
