// Values straight to JSON text, without a document in between. See json.hpp for the rules.
#pragma once

#include <string>

#include "platform/json/text.hpp"

namespace corral::json {

namespace detail {

template <class T>
bool is_zero(const T& value) {
    if constexpr (std::is_same_v<T, Raw>)
        return value.text.empty() || value.text == "null";
    else if constexpr (is_optional<T>::value)
        return !value.has_value();
    else if constexpr (is_id<T>::value)
        return value.text.empty();
    else if constexpr (std::is_same_v<T, Secret>)
        return value.empty();
    else if constexpr (std::is_same_v<T, Time>)
        return value == Time{};
    else if constexpr (requires { value.empty(); })
        return value.empty();
    else if constexpr (std::is_arithmetic_v<T>)
        return value == T{};
    else
        return false;  // nested objects are never zero
}

template <class T>
void append(std::string& out, const T& value);

template <class T>
void append_object(std::string& out, const T& value) {
    bool first = true;
    const auto visit = [&](const auto& member) {
        const auto& item = value.*(member.pointer);
        if (member.presence == Presence::omit_zero && is_zero(item)) return;
        out += first ? "" : ",";
        first = false;
        append_string(out, member.name);
        out += ':';
        append(out, item);
    };
    out += '{';
    std::apply([&](const auto&... member) { (visit(member), ...); },
               json_object(static_cast<const T*>(nullptr)).members);
    out += '}';
}

template <class T>
void append(std::string& out, const T& value) {
    if constexpr (std::is_same_v<T, Raw>)
        out += value.text.empty() ? "null" : value.text;
    else if constexpr (is_optional<T>::value) {
        if (value)
            append(out, *value);
        else
            out += "null";
    } else if constexpr (std::is_same_v<T, Secret>)
        append_string(out, value.empty() ? "" : "***");
    else if constexpr (is_vector<T>::value) {
        out += '[';
        bool first = true;
        for (const auto& item : value) {
            if (!first) out += ',';
            first = false;
            append(out, static_cast<const typename T::value_type&>(item));
        }
        out += ']';
    } else if constexpr (is_map<T>::value) {
        out += '{';
        bool first = true;
        for (const auto& [key, item] : value) {
            if (!first) out += ',';
            first = false;
            append_string(out, key);
            out += ':';
            append(out, item);
        }
        out += '}';
    } else if constexpr (described<T>)
        append_object(out, value);
    else if constexpr (std::is_same_v<T, bool>)
        out += value ? "true" : "false";
    else if constexpr (named_enum<T>)
        append_string(out, scalar_text(value).value_or(""));
    else if constexpr (std::is_integral_v<T>) {
        char buffer[24];
        const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
        out.append(buffer, end);
    } else if constexpr (std::is_floating_point_v<T>)
        append_number(out, value);
    else
        append_string(out, scalar_text(value).value_or(""));
}

}  // namespace detail

// The JSON text of a value, to be nested in another.
template <class T>
std::string to_text(const T& value) {
    std::string out;
    detail::append(out, value);
    return out;
}

// A whole document: the text and one newline.
template <class T>
std::string write(const T& value) {
    std::string out;
    detail::append(out, value);
    out += '\n';
    return out;
}

}  // namespace corral::json
