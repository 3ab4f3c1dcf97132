#include "platform/json/read.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "platform/json/write.hpp"

namespace corral::json {

namespace {

void append_value(std::string& out, const Value& value) {
    switch (value.kind()) {
        case boost::json::kind::null: out += "null"; return;
        case boost::json::kind::bool_: out += value.get_bool() ? "true" : "false"; return;
        case boost::json::kind::int64: out += std::to_string(value.get_int64()); return;
        case boost::json::kind::uint64: out += std::to_string(value.get_uint64()); return;
        case boost::json::kind::double_: append_number(out, value.get_double()); return;
        case boost::json::kind::string:
            append_string(out, {value.get_string().data(), value.get_string().size()});
            return;
        case boost::json::kind::array: {
            out += '[';
            bool first = true;
            for (const Value& item : value.get_array()) {
                if (!first) out += ',';
                first = false;
                append_value(out, item);
            }
            out += ']';
            return;
        }
        case boost::json::kind::object: {
            out += '{';
            bool first = true;
            for (const auto& [key, item] : value.get_object()) {
                if (!first) out += ',';
                first = false;
                append_string(out, {key.data(), key.size()});
                out += ':';
                append_value(out, item);
            }
            out += '}';
            return;
        }
    }
}

}  // namespace

std::string serialize(const Value& value) {
    std::string out;
    append_value(out, value);
    return out;
}

namespace detail {

const Value* find_member(const boost::json::object& object, std::string_view name) {
    if (const Value* exact = object.if_contains(boost::json::string_view(name.data(), name.size()))) return exact;
    const Value* found = nullptr;  // the last of several spellings wins
    for (const auto& [key, value] : object)
        if (equal_without_case({key.data(), key.size()}, name)) found = &value;
    return found;
}

std::string join_path(const std::string& parent, std::string_view name) {
    std::string out = parent + "/";
    for (const char c : name) {
        if (c == '~')
            out += "~0";
        else if (c == '/')
            out += "~1";
        else
            out += c;
    }
    return out;
}

bool read_integer(const Value& in, std::int64_t& out) {
    if (in.is_int64()) {
        out = in.get_int64();
        return true;
    }
    if (in.is_uint64()) return false;  // above the signed range
    // 5.0 and 1e3 are whole numbers too.
    if (in.is_double() && std::floor(in.get_double()) == in.get_double() && std::fabs(in.get_double()) < 9e15) {
        out = static_cast<std::int64_t>(in.get_double());
        return true;
    }
    return false;
}

bool read_unsigned(const Value& in, std::uint64_t& out) {
    if (in.is_uint64()) {
        out = in.get_uint64();
        return true;
    }
    std::int64_t number = 0;
    if (!read_integer(in, number) || number < 0) return false;
    out = static_cast<std::uint64_t>(number);
    return true;
}

Value form_document(const std::vector<std::pair<std::string, std::string>>& fields) {
    boost::json::object out;
    for (const auto& [key, text] : fields) {
        Value& value = out[key];
        if (value.is_null())
            value = text;
        else if (value.is_string())
            value = boost::json::array{value, boost::json::string(text)};
        else
            value.get_array().emplace_back(text);
    }
    return out;
}

void refuse_nul(const Value& value, const std::string& path, Problems& problems) {
    const auto holds = [](std::string_view text) { return text.find('\0') != std::string_view::npos; };
    if (value.is_string()) {
        if (holds({value.get_string().data(), value.get_string().size()}))
            problems.add(path, "must not hold the character NUL");
    } else if (value.is_array()) {
        std::size_t index = 0;
        for (const Value& item : value.get_array()) refuse_nul(item, path + "/" + std::to_string(index++), problems);
    } else if (value.is_object()) {
        for (const auto& [key, item] : value.get_object()) {
            const std::string_view name{key.data(), key.size()};
            if (holds(name)) problems.add(path, "has a member with the character NUL in its name");
            refuse_nul(item, join_path(path, name), problems);
        }
    }
}

Value spelled(const Value& in) {
    const std::string_view text{in.get_string().data(), in.get_string().size()};
    for (const std::string_view word : {"t", "T", "TRUE", "true", "True"})
        if (text == word) return true;
    for (const std::string_view word : {"f", "F", "FALSE", "false", "False"})
        if (text == word) return false;
    const auto whole = [&]<class N>(N number) -> std::optional<N> {
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
        return number;
    };
    if (const auto number = whole(std::int64_t{})) return *number;
    if (const auto number = whole(std::uint64_t{})) return *number;
    if (const auto number = whole(double{})) return *number;
    return in;
}

Error to_error(Problems&& problems) {
    const FieldError& first = problems.found.front();
    Error error{Errc::invalid, "Invalid request body: " + first.path + " " + first.problem, "", {}};
    error.fields = std::move(problems.found);
    return error;
}

}  // namespace detail

}  // namespace corral::json
