// Small pieces shared by the JSON reader and writer: escaping, name comparison, the text of one member for X-Filter.
#pragma once

#include <cctype>
#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "base/clock.hpp"
#include "base/id.hpp"
#include "base/secret.hpp"
#include "platform/json/describe.hpp"

namespace corral::json {

// Appends `text` as a JSON string with quotes; <, >, &, U+2028 and U+2029 escaped (models-a, encoding rule 2).
void append_string(std::string& out, std::string_view text);
void append_number(std::string& out, double number);
bool equal_without_case(std::string_view a, std::string_view b);
// Without '_', '-' and ' ', lower case: "host_name" and "HostName" are the same property for a filter.
std::string loose_name(std::string_view name);

namespace detail {
template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};
template <class T>
struct is_map : std::false_type {};
template <class T>
struct is_map<std::map<std::string, T>> : std::true_type {};
template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};
template <class T>
struct is_id : std::false_type {};
template <class Tag>
struct is_id<Id<Tag>> : std::true_type {};

template <class T>
std::optional<std::string> scalar_text(const T& value) {
    if constexpr (std::is_same_v<T, std::string>)
        return value;
    else if constexpr (std::is_same_v<T, bool>)
        return value ? "true" : "false";
    else if constexpr (named_enum<T>) {
        for (const auto& [name, item] : json_enum(value))
            if (item == value) return std::string(name);
        return std::nullopt;
    } else if constexpr (std::is_integral_v<T>)
        return std::to_string(value);
    else if constexpr (std::is_floating_point_v<T>) {
        std::string out;
        append_number(out, value);
        return out;
    } else if constexpr (is_id<T>::value)
        return value.text;
    else if constexpr (std::is_same_v<T, Time>)
        return to_rfc3339(value);
    else
        return std::nullopt;
}

template <class T>
std::optional<std::string> text_at(const T& value, std::string_view path);

template <class T>
std::optional<std::string> value_text(const T& value, std::string_view rest) {
    if constexpr (is_optional<T>::value) {
        if (!value) return std::nullopt;
        return value_text(*value, rest);
    } else if constexpr (is_vector<T>::value) {
        if (!rest.empty()) return std::nullopt;  // no paths below lists (quirk Q93)
        std::string out = "[";
        for (const auto& item : value) {
            auto text = scalar_text(item);
            if (!text) return std::nullopt;
            out += (out.size() > 1 ? " " : "") + *text;
        }
        return out + "]";
    } else if constexpr (is_map<T>::value) {
        for (const auto& [key, item] : value)
            if (equal_without_case(key, rest)) return scalar_text(item);
        return std::nullopt;
    } else if constexpr (described<T>) {
        return rest.empty() ? std::nullopt : text_at(value, rest);
    } else {
        return rest.empty() ? scalar_text(value) : std::nullopt;
    }
}

template <class T>
std::optional<std::string> text_at(const T& value, std::string_view path) {
    const auto dot = path.find('.');
    const std::string_view first = path.substr(0, dot);
    const std::string_view rest = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
    const std::string wanted = loose_name(first);
    std::optional<std::string> found;
    bool done = false;
    const auto visit = [&](const auto& member) {
        if (done || (!equal_without_case(member.name, first) && loose_name(member.name) != wanted)) return;
        done = true;
        found = value_text(value.*(member.pointer), rest);
    };
    std::apply([&](const auto&... member) { (visit(member), ...); },
               json_object(static_cast<const T*>(nullptr)).members);
    return found;
}
}  // namespace detail

// The text of the (dotted) property for X-Filter; nullopt when there is none or it is an object.
template <class T>
std::optional<std::string> member_text(const T& value, std::string_view property) {
    return detail::text_at(value, property);
}

}  // namespace corral::json
