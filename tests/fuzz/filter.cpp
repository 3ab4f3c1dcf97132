// X-Filter and the parameters of lists, against items of every kind. Input: the header, then lines "name=value" of the
// query. No pattern may crash or take long (quirks Q7, Q93); pages never show an item twice.
#include <map>

#include "fuzz.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/http/lists/listing.hpp"

namespace {

using namespace corral;

struct Inner {
    std::int64_t cpus = 0;
    bool on = false;
};
constexpr auto json_object(const Inner*) {
    return json::object("Inner", json::field("cpus", &Inner::cpus), json::field("VT-x", &Inner::on));
}
struct Item {
    std::string id, name;
    Inner hardware;
    std::vector<std::string> tags;
    std::map<std::string, std::string> labels;
    std::optional<double> ratio;
    Secret password;
};
constexpr auto json_object(const Item*) {
    return json::object("Item", json::field("id", &Item::id), json::field("name", &Item::name),
                        json::field("hardware", &Item::hardware), json::field("tags", &Item::tags),
                        json::field("labels", &Item::labels), json::omit("ratio", &Item::ratio),
                        json::field("password", &Item::password));
}

std::vector<Item> items() {
    std::vector<Item> out;
    for (int i = 0; i < 7; ++i) {
        Item item{.id = std::to_string(i * 5 % 7), .name = std::string(static_cast<std::size_t>(i) * 300, 'a') + "b"};
        item.hardware.cpus = i % 3;
        item.tags = {"x", std::to_string(i)};
        item.labels["k"] = i % 2 == 0 ? "even" : "odd";
        if (i > 3) item.ratio = 1.0 / i;
        item.password = Secret(std::string("hunter2"));
        out.push_back(std::move(item));
    }
    return out;
}

}  // namespace

void one(std::string_view input) {
    static const bool ready = (crypto::init(), true);
    (void)ready;
    http::Request request;
    request.path = "/api/v1/items";
    const auto cut = std::min(input.find('\n'), input.size());
    request.headers.add("X-Filter", std::string(input.substr(0, cut)));
    std::string_view rest = input.substr(std::min(cut + 1, input.size()));
    while (!rest.empty()) {
        const auto end = std::min(rest.find('\n'), rest.size());
        const auto line = rest.substr(0, end);
        const auto equals = std::min(line.find('='), line.size());
        request.query.emplace_back(line.substr(0, equals), line.substr(std::min(equals + 1, line.size())));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    const auto listing = http::Listing::of(request);
    if (!listing) return must(!listing.error().message.empty(), "a refusal has a reason");
    const auto answer = listing->answer(200, items());
    if (!answer) return;
    const auto shown = json::parse(answer->body);
    must(shown && shown->is_array() && shown->get_array().size() <= items().size(), "a list is a list");
    std::map<std::string, int> times;
    for (const auto& item : shown->get_array()) must(++times[json::serialize(item.at("id"))] == 1, "every item once");
    const auto next = answer->headers.get("X-Next-Cursor");
    if (next.empty()) return;
    std::erase_if(request.query, [](const auto& one) { return one.first == "cursor"; });
    request.query.emplace_back("cursor", std::string(next));
    const auto following = http::Listing::of(request);
    must(following.has_value(), "a cursor that was given out is taken");
    const auto second = following->answer(200, items());
    must(second.has_value(), "and leads on");
    for (const auto& item : json::parse(second->body)->get_array())
        must(++times[json::serialize(item.at("id"))] == 1, "the next page repeats nothing");
}
