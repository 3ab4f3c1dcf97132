#include "platform/json/property.hpp"

namespace corral::json {

int compare(const Leaf& a, const Leaf& b) {
    if (a.kind != b.kind) return a.kind < b.kind ? -1 : 1;
    switch (a.kind) {
        case Leaf::Kind::absent: return 0;
        case Leaf::Kind::number: return a.number < b.number ? -1 : a.number > b.number ? 1 : 0;
        case Leaf::Kind::text: return a.text.compare(b.text);
    }
    return 0;
}

namespace detail {

void set_text(Leaf& out, std::string_view text) {
    out.text = text;
    out.kind = Leaf::Kind::text;
    // Fractions without trailing zeros do not sort as texts: "…05Z" stands behind "…05.5Z".
    constexpr std::size_t shortest = 20;
    if (text.size() < shortest || text[4] != '-' || text[10] != 'T') return;
    if (const auto time = from_rfc3339(text)) {
        out.kind = Leaf::Kind::number;
        out.number = static_cast<long double>(time->time_since_epoch().count());
    }
}

}  // namespace detail

}  // namespace corral::json
