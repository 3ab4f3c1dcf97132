// The X-Filter header: `property=regex[,option...]` on lists. Matches only members of the response model (quirk Q7), in
// linear time (RE2), so no pattern can hang the server (Q93). Immutable after parse; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "platform/json/property.hpp"

namespace re2 {
class RE2;
}

namespace corral::http {

class Filter {
public:
    // Splits at the first '='; options are taken from the tail (",i": without case). Errc::invalid on bad syntax.
    static Result<Filter> parse(std::string_view header);

    // Takes the others out. A property that items of this kind do not show keeps none.
    template <class T>
    void keep_matching(std::vector<T>& items) const {
        const auto property = json::Property<T>::find(property_);
        if (!property) return items.clear();
        json::Leaf leaf;
        std::erase_if(items, [&](const T& item) {
            property->read(item, leaf);
            return leaf.kind == json::Leaf::Kind::absent || !matches_text(leaf.text);
        });
    }
    template <class T>
    [[nodiscard]] bool matches(const T& item) const {
        const auto property = json::Property<T>::find(property_);
        json::Leaf leaf;
        if (property) property->read(item, leaf);
        return leaf.kind != json::Leaf::Kind::absent && matches_text(leaf.text);
    }
    [[nodiscard]] const std::string& property() const { return property_; }
    [[nodiscard]] bool matches_text(std::string_view) const;

private:
    std::string property_;
    std::shared_ptr<const re2::RE2> pattern_;
};

}  // namespace corral::http
