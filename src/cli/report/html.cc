#include "cli/report/html.h"

#include <string_view>

#include "cli/text.h"

namespace tsnap::cli {

// Made of web/ by web/embed.py.
extern const std::string_view kReportTemplate;

namespace {

// Between tags.
std::string EscapedText(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

// In a script element, JSON ends at "</script": these characters are in its strings only.
std::string EscapedJson(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (const char c : json) {
    if (c == '<')
      out += "\\u003c";
    else if (c == '>')
      out += "\\u003e";
    else if (c == '&')
      out += "\\u0026";
    else
      out += c;
  }
  return out;
}

}  // namespace

std::string HtmlPage(const std::string& title, const nlohmann::ordered_json& numbers) {
  constexpr std::string_view kTitle = "@TITLE@", kNumbers = "@NUMBERS@";
  const size_t at_title = kReportTemplate.find(kTitle);
  const size_t at_numbers = kReportTemplate.find(kNumbers);
  const size_t after_title = at_title + kTitle.size(), after_numbers = at_numbers + kNumbers.size();
  std::string page(kReportTemplate.substr(0, at_title));
  page += EscapedText(title);
  page += kReportTemplate.substr(after_title, at_numbers - after_title);
  page += EscapedJson(Dump(numbers));
  page += kReportTemplate.substr(after_numbers);
  return page;
}

}  // namespace tsnap::cli
