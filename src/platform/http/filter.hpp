// The X-Filter header: `property=regex[,option...]` on lists. Matches only members of the response model (quirk Q7), in
// linear time (RE2), so no pattern can hang the server (Q93). Immutable after parse; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "platform/json/json.hpp"

namespace re2 {
class RE2;
}

namespace corral::http {

class Filter {
public:
    // Splits at the first '='; options are taken from the tail (",i": without case). Errc::invalid on bad syntax.
    static Result<Filter> parse(std::string_view header);

    template <class T>
    [[nodiscard]] bool matches(const T& item) const {
        const auto text = json::member_text(item, property_);
        return text && matches_text(*text);
    }
    [[nodiscard]] const std::string& property() const { return property_; }
    [[nodiscard]] bool matches_text(std::string_view) const;

private:
    std::string property_;
    std::shared_ptr<const re2::RE2> pattern_;
};

}  // namespace corral::http
