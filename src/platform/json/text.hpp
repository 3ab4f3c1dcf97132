// Small pieces shared by the JSON reader and writer: escaping, name comparison, the text of a plain value.
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

}  // namespace detail

}  // namespace corral::json
