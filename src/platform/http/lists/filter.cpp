#include "platform/http/lists/filter.hpp"

#include <re2/re2.h>

namespace corral::http {

Result<Filter> Filter::parse(std::string_view header) {
    const auto bad = [](const std::string& why) {
        return Error{Errc::invalid, "The X-Filter header is wrong: " + why, "", {{"X-Filter", why}}};
    };
    const auto equals = header.find('=');
    if (equals == std::string_view::npos || equals == 0) return bad("write property=pattern, optionally ,i at the end");
    Filter filter;
    filter.property_ = std::string(header.substr(0, equals));
    std::string_view pattern = header.substr(equals + 1);
    bool without_case = false;
    // Options are single letters behind the last commas; anything longer belongs to the pattern (Q7, M23).
    while (pattern.size() >= 2 && pattern[pattern.size() - 2] == ',') {
        const char option = pattern.back();
        if (std::isalpha(static_cast<unsigned char>(option)) == 0) break;
        without_case = without_case || option == 'i' || option == 'I';
        pattern.remove_suffix(2);
    }
    re2::RE2::Options options;
    options.set_case_sensitive(!without_case);
    options.set_log_errors(false);
    options.set_max_mem(1 << 20);
    auto compiled = std::make_shared<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
    if (!compiled->ok()) return bad(compiled->error());
    filter.pattern_ = std::move(compiled);
    return filter;
}

bool Filter::matches_text(std::string_view text) const {
    return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *pattern_);
}

}  // namespace corral::http
