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

// For a target of ours: everything but unreserved characters escaped; slashes kept when asked to.
std::string percent_encode(std::string_view text, bool keep_slashes);

struct Target {
    std::vector<std::string> segments;  // decoded; empty ones (double and trailing slashes) are gone
    std::vector<std::pair<std::string, std::string>> query;
    bool bad_query = false;  // it has broken escapes, or is no text; `query` is empty then
};
// nullopt: no path this server can mean (broken escapes, "." or ".." segments, a slash inside a segment).
std::optional<Target> parse_target(std::string_view target);

// Pairs of an application/x-www-form-urlencoded text; nullopt on broken escapes.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_form(std::string_view text);

}  // namespace corral::http
