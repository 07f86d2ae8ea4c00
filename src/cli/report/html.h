// The page itself: a template that holds style and drawing (web/), and the numbers in it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tsnap::cli {

// One HTML document that needs nothing else. No text of the numbers or the title can end the place
// it is in.
std::string HtmlPage(const std::string& title, const nlohmann::ordered_json& numbers);

}  // namespace tsnap::cli
