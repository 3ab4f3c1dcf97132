// The request target taken apart: path segments decoded one by one (so %2F never splits), query decoded in order.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corral::http {

// nullopt when an escape is broken or the text holds NUL or is not UTF-8. '+' is a blank only in queries and forms.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank);

struct Target {
    std::vector<std::string> segments;  // decoded; empty ones (double and trailing slashes) are gone
    std::vector<std::pair<std::string, std::string>> query;
};
// nullopt: not a target this server can mean (broken escapes, "." or ".." segments, a slash inside a segment).
std::optional<Target> parse_target(std::string_view target);

// Pairs of an application/x-www-form-urlencoded text; nullopt on broken escapes.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_form(std::string_view text);

}  // namespace corral::http
