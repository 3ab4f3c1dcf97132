// One member of a described struct, named by a dotted path: found once, then read from many values. What X-Filter and
// order_by of lists are made of. Immutable; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/json/text.hpp"

namespace corral::json {

// The value of a member: its text for patterns; numbers and times as numbers too, for order.
struct Leaf {
    enum class Kind { absent, number, text };  // in this order when sorted
    Kind kind = Kind::absent;
    long double number = 0;  // holds every 64-bit integer; times in microseconds
    std::string text;
};
// Below zero, zero, above. Texts compare by bytes.
int compare(const Leaf&, const Leaf&);

namespace detail {

struct PropertyPath {
    std::vector<std::size_t> steps;  // which member, from the outside in
    std::string key;                 // of a map at the end
};

void set_text(Leaf& out, std::string_view text);  // a text that is an RFC 3339 time sorts as one

template <class T>
bool resolve(std::string_view path, PropertyPath& out);

// Where a path goes on from a member of the type T. False: it leads to nothing that has a text.
template <class T>
bool resolve_below(std::string_view rest, PropertyPath& out) {
    if constexpr (is_optional<T>::value) {
        return resolve_below<typename T::value_type>(rest, out);
    } else if constexpr (is_map<T>::value) {
        out.key = std::string(rest);
        return !rest.empty();
    } else if constexpr (described<T>) {
        return !rest.empty() && resolve<T>(rest, out);
    } else {
        return rest.empty();  // no paths below lists (quirk Q93)
    }
}

template <class T>
bool resolve(std::string_view path, PropertyPath& out) {
    const auto dot = path.find('.');
    const std::string_view first = path.substr(0, dot);
    const std::string_view rest = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
    const std::string wanted = loose_name(first);
    bool found = false;
    bool good = false;
    const auto look = [&](bool loosely) {
        std::size_t index = 0;
        const auto visit = [&]<class C, class M>(const Member<C, M>& member) {
            const std::size_t here = index++;
            if (found || !(loosely ? loose_name(member.name) == wanted : equal_without_case(member.name, first)))
                return;
            found = true;
            out.steps.push_back(here);
            good = resolve_below<M>(rest, out);
        };
        std::apply([&](const auto&... member) { (visit(member), ...); },
                   json_object(static_cast<const T*>(nullptr)).members);
    };
    look(false);  // the exact name before one that only looks like it
    if (!found) look(true);
    return good;
}

template <class T>
void set_leaf(const T& value, Leaf& out) {
    if constexpr (std::is_same_v<T, std::string>) {
        set_text(out, value);
    } else if constexpr (is_vector<T>::value) {
        out.text = "[";
        for (const auto& item : value) {
            const auto text = scalar_text(static_cast<const typename T::value_type&>(item));
            if (!text) return;
            out.text += (out.text.size() > 1 ? " " : "") + *text;
        }
        out.text += "]";
        out.kind = Leaf::Kind::text;
    } else if (auto text = scalar_text(value)) {
        out.text = std::move(*text);
        out.kind = Leaf::Kind::text;
        if constexpr (std::is_same_v<T, Time>) {
            out.kind = Leaf::Kind::number;
            out.number = static_cast<long double>(value.time_since_epoch().count());
        } else if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
            out.kind = Leaf::Kind::number;
            out.number = static_cast<long double>(value);
        }
    }
}

template <class T>
void read_leaf(const T& value, const PropertyPath& path, std::size_t depth, Leaf& out) {
    if constexpr (is_optional<T>::value) {
        if (value) read_leaf(*value, path, depth, out);
    } else if constexpr (is_map<T>::value) {
        for (const auto& [key, item] : value)
            if (equal_without_case(key, path.key)) return set_leaf(item, out);
    } else if constexpr (described<T>) {
        if (depth >= path.steps.size()) return;
        std::size_t index = 0;
        const auto visit = [&](const auto& member) {
            if (index++ == path.steps[depth]) read_leaf(value.*(member.pointer), path, depth + 1, out);
        };
        std::apply([&](const auto&... member) { (visit(member), ...); },
                   json_object(static_cast<const T*>(nullptr)).members);
    } else {
        set_leaf(value, out);
    }
}

}  // namespace detail

template <class T>
class Property {
public:
    // By JSON name or by that name without '_', '-' and ' ', in any case. nullopt: T shows no such member, or it is an
    // object, or it lies below a list.
    static std::optional<Property> find(std::string_view path) {
        Property out;
        if constexpr (described<T>)
            if (detail::resolve<T>(path, out.path_)) return out;
        return std::nullopt;
    }
    // Into `out`, whose memory is used again.
    void read(const T& item, Leaf& out) const {
        out.kind = Leaf::Kind::absent;
        out.text.clear();
        detail::read_leaf(item, path_, 0, out);
    }

private:
    detail::PropertyPath path_;
};

}  // namespace corral::json
