// Request targets and forms: what is taken apart has no way out of its path.
#include "platform/http/target.hpp"

#include <algorithm>

#include "fuzz.hpp"
#include "platform/http/edge/access_log.hpp"

void one(std::string_view input) {
    using namespace corral::http;
    if (const auto target = parse_target(input)) {
        std::string path;
        for (const auto& segment : target->segments) {
            must(!segment.empty() && segment != "." && segment != "..", "segments name something");
            must(segment.find('/') == std::string::npos && segment.find('\0') == std::string::npos,
                 "and stay what they are");
            path += "/" + segment;
        }
        if (!path.empty()) {
            const auto again = parse_target(percent_encode(path, true));
            must(again && again->segments == target->segments, "escaped it means the same");
        }
        std::string query = "/?";
        for (const auto& [name, value] : target->query)
            query += percent_encode(name, false) + "=" + percent_encode(value, false) + "&";
        const auto again = parse_target(query);
        must(again && again->query == target->query, "and so does the query");
        // What the server takes for a credential is never in its log.
        const auto credential = [](const auto& one) {
            return one.first == "access_token" || one.first == "authorization";
        };
        if (std::ranges::all_of(target->query, credential)) {
            const std::string logged = loggable_target(input);
            const std::string_view shown = std::string_view(logged).substr(std::min(logged.find('?'), logged.size()));
            for (const auto& [name, value] : target->query)
                must(value.size() < 16 || shown.find(value) == std::string_view::npos, "no credential is logged");
        }
    }
    (void)parse_form(input);
    if (const auto text = percent_decode(input, false))
        must(percent_decode(percent_encode(*text, false), false) == text, "escapes are undone");
}
