// X-Filter on lists whose elements are expensive to show: what does not match is never shown in full.
#pragma once

#include <string_view>
#include <vector>

#include "platform/http/lists/filter.hpp"

namespace corral::identity {

// `brief` shows an element without its member `heavy`, `full` with it; a filter on that member looks at the full one.
template <class Item, class Brief, class Full>
auto filtered(std::string_view header, const std::vector<Item>& items, std::string_view heavy, Brief brief, Full full)
    -> Result<std::vector<decltype(full(items.front()))>> {
    std::vector<decltype(full(items.front()))> out;
    if (header.empty()) {
        out.reserve(items.size());
        for (const Item& item : items) out.push_back(full(item));
        return out;
    }
    const http::Filter filter = TRY(http::Filter::parse(header));
    const bool on_heavy = json::loose_name(filter.property()).starts_with(json::loose_name(heavy));
    for (const Item& item : items)
        if (on_heavy || filter.matches(brief(item))) {
            auto shown = full(item);
            if (!on_heavy || filter.matches(shown)) out.push_back(std::move(shown));
        }
    return out;
}

}  // namespace corral::identity
