// The JSON decoder: what it takes it writes back as it was, and what it refuses it refuses with a reason.
#include "platform/json/json.hpp"

#include <array>

#include "fuzz.hpp"

namespace {

namespace json = corral::json;

enum class Colour { red, green };
constexpr auto json_enum(Colour) {
    return std::array<std::pair<std::string_view, Colour>, 2>{{{"red", Colour::red}, {"green", Colour::green}}};
}
struct Part {
    std::string path;
    std::uint32_t size = 7;
    std::vector<std::string> tags;
};
constexpr auto json_object(const Part*) {
    return json::object("Part", json::required("path", &Part::path), json::field("size", &Part::size),
                        json::omit("tags", &Part::tags));
}
struct Whole {
    std::string text;
    bool flag = false;
    std::int32_t small = 0;
    std::int64_t large = 0;
    std::uint64_t huge = 0;
    double ratio = 0;
    corral::UserId id;
    corral::Time at{};
    Colour colour = Colour::red;
    std::optional<std::int32_t> maybe;
    std::optional<Part> part;
    std::vector<Part> parts;
    std::map<std::string, std::int32_t> counts;
    std::map<std::string, std::vector<std::string>> lists;
    json::Raw raw;
};
constexpr auto json_object(const Whole*) {
    using W = Whole;
    return json::object("Whole", json::field("text", &W::text), json::field("flag", &W::flag),
                        json::field("small", &W::small), json::field("large", &W::large), json::field("huge", &W::huge),
                        json::field("ratio", &W::ratio), json::field("id", &W::id), json::omit("at", &W::at),
                        json::field("colour", &W::colour), json::omit("maybe", &W::maybe), json::omit("part", &W::part),
                        json::field("parts", &W::parts), json::field("counts", &W::counts),
                        json::field("lists", &W::lists), json::field("raw", &W::raw));
}

std::vector<std::pair<std::string, std::string>> as_form(std::string_view input) {
    std::vector<std::pair<std::string, std::string>> out;
    while (!input.empty()) {
        const auto end = std::min(input.find('\n'), input.size());
        const auto line = input.substr(0, end);
        const auto equals = std::min(line.find('='), line.size());
        out.emplace_back(line.substr(0, equals), line.substr(std::min(equals + 1, line.size())));
        input.remove_prefix(std::min(end + 1, input.size()));
    }
    return out;
}

}  // namespace

void one(std::string_view input) {
    if (const auto value = json::parse(input)) {
        const std::string text = json::serialize(*value);
        const auto again = json::parse(text);
        must(again.has_value(), "what was written can be read");
        must(json::serialize(*again) == text, "and is the same when written again");
    }
    for (const bool request : {false, true}) {
        const auto whole = json::read<Whole>(input, {.request = request});
        if (whole) {
            const std::string text = json::write(*whole);
            const auto again = json::read<Whole>(text);
            must(again.has_value(), "a struct that was read can be written and read");
            must(json::write(*again) == text, "and is the same");
            must(!request || whole->text.find('\0') == std::string::npos, "no NUL comes in with a request");
        } else {
            must(!whole.error().message.empty(), "a refusal has a reason");
        }
    }
    (void)json::read_form<Whole>(as_form(input));
}
