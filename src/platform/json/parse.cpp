// Text to a document: Boost's parser with our own reading of numbers, whose version 1.81 is off by the last bit for one
// number with a fraction in ten, so that what was stored would not come back as it was.
#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <limits>

#include "platform/json/read.hpp"

namespace corral::json {

namespace {

using Failure = boost::system::error_code;
using Text = boost::json::string_view;

// Told of each piece of a document; what Boost's own handler does, but for on_double.
struct Builder {
    static constexpr std::size_t max_object_size = boost::json::object::max_size();
    static constexpr std::size_t max_array_size = boost::json::array::max_size();
    static constexpr std::size_t max_key_size = boost::json::string::max_size();
    static constexpr std::size_t max_string_size = boost::json::string::max_size();

    boost::json::value_stack stack;
    std::string number;  // the beginning of one that comes in parts

    static bool on_document_begin(Failure&) { return true; }
    static bool on_document_end(Failure&) { return true; }
    static bool on_object_begin(Failure&) { return true; }
    static bool on_array_begin(Failure&) { return true; }
    static bool on_comment_part(Text, Failure&) { return true; }
    static bool on_comment(Text, Failure&) { return true; }
    bool on_object_end(std::size_t members, Failure&) { return stack.push_object(members), true; }
    bool on_array_end(std::size_t items, Failure&) { return stack.push_array(items), true; }
    bool on_key_part(Text text, std::size_t, Failure&) { return stack.push_chars(text), true; }
    bool on_key(Text text, std::size_t, Failure&) { return stack.push_key(text), true; }
    bool on_string_part(Text text, std::size_t, Failure&) { return stack.push_chars(text), true; }
    bool on_string(Text text, std::size_t, Failure&) { return stack.push_string(text), true; }
    bool on_bool(bool value, Failure&) { return stack.push_bool(value), true; }
    bool on_null(Failure&) { return stack.push_null(), true; }
    bool on_number_part(Text text, Failure&) { return number.append(text.data(), text.size()), true; }
    bool on_int64(std::int64_t value, Text, Failure&) { return number.clear(), stack.push_int64(value), true; }
    bool on_uint64(std::uint64_t value, Text, Failure&) { return number.clear(), stack.push_uint64(value), true; }
    bool on_double(double nearly, Text text, Failure&) {
        number.append(text.data(), text.size());
        double exact = nearly;  // stays when no double holds it: infinite, or nought
        std::from_chars(number.data(), number.data() + number.size(), exact);
        number.clear();
        stack.push_double(exact);
        return true;
    }
};

}  // namespace

Result<Value> parse(std::string_view text, boost::json::storage_ptr memory) {
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos)
        return Error{Errc::invalid, "The body is empty; JSON is expected"};
    boost::json::parse_options options;
    options.max_depth = 32;
    boost::json::basic_parser<Builder> parser(options);
    parser.handler().stack.reset(std::move(memory));
    Failure error;
    const std::size_t taken = parser.write_some(false, text.data(), text.size(), error);
    if (!error && taken < text.size()) error = boost::json::error::extra_data;
    if (!error) return parser.handler().stack.release();
    const std::string_view good = text.substr(0, std::min(taken, text.size()));
    const auto line = std::ranges::count(good, '\n') + 1;
    const auto column = good.size() - (good.rfind('\n') + 1) + 1;  // npos + 1 is 0
    return Error{Errc::invalid, "The body is not valid JSON: " + error.message() + " at line " + std::to_string(line) +
                                    ", byte " + std::to_string(column)};
}

}  // namespace corral::json
