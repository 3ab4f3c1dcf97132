// JSON text into described structs, with every bad member named. See json.hpp for the rules.
#pragma once

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "platform/json/text.hpp"

namespace corral::json {

using Value = boost::json::value;

// Strict JSON (RFC 8259), UTF-8 checked, at most 32 levels deep. Errc::invalid otherwise.
Result<Value> parse(std::string_view text, boost::json::storage_ptr memory = {});
std::string serialize(const Value&);  // with our escaping, no newline

namespace detail {

struct Problems {
    std::vector<FieldError> found;
    bool form = false;  // values came as texts of a form
    void add(const std::string& path, std::string problem) {
        found.push_back({path.empty() ? "/" : path, std::move(problem)});
    }
};

const Value* find_member(const boost::json::object&, std::string_view name);  // exact first, then without case
std::string join_path(const std::string& parent, std::string_view name);      // JSON pointer (RFC 6901)
bool read_integer(const Value&, std::int64_t& out);
bool read_unsigned(const Value&, std::uint64_t& out);
Error to_error(Problems&&);
Value form_document(const std::vector<std::pair<std::string, std::string>>& fields);
void refuse_nul(const Value&, const std::string& path, Problems&);
// A form's text as the number or truth value that it spells; as it was when it spells none.
Value spelled(const Value& text);

template <class T>
void decode(const Value& in, T& out, const std::string& path, Problems& problems);

template <class T>
void decode_plain(const Value& in, T& out, const std::string& path, Problems& problems);

template <class T>
void decode_object(const Value& in, T& out, const std::string& path, Problems& problems) {
    static const boost::json::object nothing;
    if (!in.is_object() && !in.is_null()) return problems.add(path, "must be an object");
    const boost::json::object& members = in.is_object() ? in.get_object() : nothing;
    const auto visit = [&](const auto& member) {
        auto& target = out.*(member.pointer);
        const Value* value = find_member(members, member.name);
        const std::string here = join_path(path, member.name);
        if (value != nullptr && !value->is_null()) {
            const std::size_t before = problems.found.size();
            decode(*value, target, here, problems);
            if (problems.found.size() != before) return;
        }
        if constexpr (requires { target.empty(); }) {
            if (member.presence == Presence::required && target.empty()) problems.add(here, "is required");
        } else if (member.presence == Presence::required && (value == nullptr || value->is_null())) {
            problems.add(here, "is required");
        }
    };
    std::apply([&](const auto&... member) { (visit(member), ...); },
               json_object(static_cast<const T*>(nullptr)).members);
}

template <class T>
void decode_list(const Value& in, std::vector<T>& out, const std::string& path, Problems& problems) {
    if (!in.is_array()) return problems.add(path, "must be a list");
    out.clear();
    std::size_t index = 0;
    for (const Value& item : in.get_array()) {
        T one{};
        if (!item.is_null()) decode(item, one, path + "/" + std::to_string(index), problems);
        out.push_back(std::move(one));
        ++index;
    }
}

template <class T>
void decode_map(const Value& in, std::map<std::string, T>& out, const std::string& path, Problems& problems) {
    if (!in.is_object()) return problems.add(path, "must be an object");
    out.clear();
    for (const auto& [key, item] : in.get_object()) {
        T one{};
        if (!item.is_null()) decode(item, one, join_path(path, key), problems);
        out[std::string(key)] = std::move(one);
    }
}

template <class T>
void decode_integer(const Value& in, T& out, const std::string& path, Problems& problems) {
    if constexpr (std::is_unsigned_v<T>) {
        std::uint64_t number = 0;
        if (read_unsigned(in, number) && number <= std::numeric_limits<T>::max())
            out = static_cast<T>(number);
        else
            problems.add(path, "must be a whole number from 0 up");
    } else {
        std::int64_t number = 0;
        if (read_integer(in, number) && number >= std::numeric_limits<T>::min() &&
            number <= std::numeric_limits<T>::max())
            out = static_cast<T>(number);
        else
            problems.add(path, "must be a whole number");
    }
}

template <class T>
void decode_text(const Value& in, T& out, const std::string& path, Problems& problems) {
    if (!in.is_string()) return problems.add(path, "must be text");
    const std::string_view text{in.get_string().data(), in.get_string().size()};
    if constexpr (std::is_same_v<T, Time>) {
        if (text.empty()) return;
        if (auto time = from_rfc3339(text))
            out = *time;
        else
            problems.add(path, "must be an RFC 3339 time");
    } else if constexpr (named_enum<T>) {
        for (const auto& [name, item] : json_enum(T{}))
            if (name == text) {
                out = item;
                return;
            }
        problems.add(path, "is none of the known words");
    } else {
        out = T(std::string(text));
    }
}

template <class T>
void decode(const Value& in, T& out, const std::string& path, Problems& problems) {
    if (problems.form) {
        // Lists are keys that come again; whoever wants one value gets the first.
        if (in.is_array() && !is_vector<T>::value && !is_optional<T>::value)
            return decode(in.get_array().front(), out, path, problems);
        if constexpr (is_vector<T>::value)
            if (in.is_string()) return decode_list(Value(boost::json::array{in}), out, path, problems);
        if constexpr (std::is_arithmetic_v<T>)
            if (in.is_string()) {
                if (in.get_string().empty()) return;  // a field of the form that nobody filled in
                return decode_plain(spelled(in), out, path, problems);
            }
        if constexpr (described<T> || is_map<T>::value)
            if (in.is_string()) return problems.add(path, "has parts, which a form cannot hold; send JSON");
    }
    decode_plain(in, out, path, problems);
}

template <class T>
void decode_plain(const Value& in, T& out, const std::string& path, Problems& problems) {
    if constexpr (std::is_same_v<T, Raw>)
        out.text = serialize(in);
    else if constexpr (is_optional<T>::value) {
        typename T::value_type one{};
        decode(in, one, path, problems);
        out = std::move(one);
    } else if constexpr (is_vector<T>::value)
        decode_list(in, out, path, problems);
    else if constexpr (is_map<T>::value)
        decode_map(in, out, path, problems);
    else if constexpr (described<T>)
        decode_object(in, out, path, problems);
    else if constexpr (std::is_same_v<T, bool>) {
        if (in.is_bool())
            out = in.get_bool();
        else if (problems.form && in.is_int64() && (in.get_int64() == 0 || in.get_int64() == 1))
            out = in.get_int64() == 1;
        else
            problems.add(path, "must be true or false");
    } else if constexpr (std::is_integral_v<T>)
        decode_integer(in, out, path, problems);
    else if constexpr (std::is_floating_point_v<T>) {
        // 1e999 is well-formed JSON and fits no double.
        if (const T number = in.is_number() ? in.to_number<T>() : T{}; in.is_number() && std::isfinite(number))
            out = number;
        else
            problems.add(path, "must be a number");
    } else
        decode_text(in, out, path, problems);
}

}  // namespace detail

// Where a document comes from. A request's texts may not hold NUL: PostgreSQL, paths and argument vectors cannot.
struct Source {
    bool form = false;
    bool request = false;
};

template <class T>
Result<T> from_value(const Value& value, Source source = {}) {
    T out{};
    detail::Problems problems{.found = {}, .form = source.form};
    if (source.request) detail::refuse_nul(value, "", problems);
    detail::decode(value, out, "", problems);
    if (!problems.found.empty()) return detail::to_error(std::move(problems));
    return out;
}

template <class T>
Result<T> read(std::string_view text, Source source = {}) {
    // The document lives for this call only: one block instead of an allocation a string, given back at once.
    unsigned char first[2048];
    boost::json::monotonic_resource memory(first, sizeof first);
    return from_value<T>(TRY(parse(text, &memory)), source);
}

// The fields of a form, in order: texts that may spell numbers and truth values; a key that comes again makes a list.
template <class T>
Result<T> read_form(const std::vector<std::pair<std::string, std::string>>& fields) {
    return from_value<T>(detail::form_document(fields), Source{.form = true, .request = true});
}

}  // namespace corral::json
