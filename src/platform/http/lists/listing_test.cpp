// Order and pages of lists: every item once, whatever happens between two pages.
#include "platform/http/lists/listing.hpp"

#include <gtest/gtest.h>

#include "support/testing.hpp"

namespace corral::http {
namespace {

using testing_support::refuses_field;
using testing_support::value_of;

struct Item {
    std::string id, name;
    int size = 0;
};
constexpr auto json_object(const Item*) {
    return json::object("Item", json::field("id", &Item::id), json::field("name", &Item::name),
                        json::field("size", &Item::size));
}

using Query = std::vector<std::pair<std::string, std::string>>;

struct Asked {
    std::string ids;  // in the order of the answer
    std::string total, next, link;
};

std::vector<Item> items() {
    return {{"d", "beta", 2}, {"a", "alpha", 10}, {"c", "beta", 10}, {"b", "gamma", 2}, {"e", "Zeta", 1}};
}

Request request_of(const Query& query, const std::string& filter = "") {
    Request request;
    request.path = "/api/v1/items";
    request.query = query;
    if (!filter.empty()) request.headers.add("X-Filter", filter);
    return request;
}

Asked ask(const Query& query, std::vector<Item> all = items(), const std::string& filter = "") {
    const Request request = request_of(query, filter);
    auto answer = value_of(value_of(Listing::of(request)).answer(200, std::move(all)));
    Asked out;
    for (const Item& item : value_of(json::read<std::vector<Item>>(answer.body))) out.ids += item.id;
    out.total = answer.headers.get("X-Total-Count");
    out.next = answer.headers.get("X-Next-Cursor");
    out.link = answer.headers.get("Link");
    return out;
}

Result<Response> refused(const Query& query) {
    const Request request = request_of(query);
    auto listing = Listing::of(request);
    if (!listing) return std::move(listing).error();
    return listing->answer(200, items());
}

TEST(Listing, without_parameters_the_whole_list_comes_as_it_is) {
    const auto all = ask({});
    EXPECT_EQ(all.ids, "dacbe");
    EXPECT_EQ(all.total, "5");
    EXPECT_EQ(all.link, "");
    EXPECT_EQ(all.next, "");
    EXPECT_EQ(ask({{"unknown", "x"}}).ids, "dacbe");
}

TEST(Listing, orders_by_members_up_and_down_and_keeps_equal_ones_as_they_were) {
    EXPECT_EQ(ask({{"order_by", "id"}}).ids, "abcde");
    EXPECT_EQ(ask({{"order_by", "-id"}}).ids, "edcba");
    EXPECT_EQ(ask({{"order_by", "size"}}).ids, "edbac") << "numbers by value";
    EXPECT_EQ(ask({{"order_by", "size desc"}}).ids, "acdbe");
    EXPECT_EQ(ask({{"order_by", "NAME asc, -SIZE"}}).ids, "eacdb");
}

TEST(Listing, pages_cover_the_list_and_say_where_the_others_are) {
    const auto first = ask({{"page_size", "2"}, {"x", "a b&c"}, {"access_token", "secret"}});
    EXPECT_EQ(first.ids, "da");
    EXPECT_EQ(first.total, "5");
    EXPECT_EQ(first.link,
              "</api/v1/items?x=a%20b%26c&page=1&page_size=2>; rel=\"first\", "
              "</api/v1/items?x=a%20b%26c&page=2&page_size=2>; rel=\"next\", "
              "</api/v1/items?x=a%20b%26c&page=3&page_size=2>; rel=\"last\"")
        << "and no credential is repeated";
    EXPECT_EQ(ask({{"page", "2"}, {"page_size", "2"}}).ids, "cb");
    const auto last = ask({{"page", "3"}, {"page_size", "2"}});
    EXPECT_EQ(last.ids, "e");
    EXPECT_EQ(last.link.find("next"), std::string::npos);
    EXPECT_NE(last.link.find("page=2&page_size=2>; rel=\"prev\""), std::string::npos);
    const auto beyond = ask({{"page", "1000000000"}, {"page_size", "1000"}});
    EXPECT_EQ(beyond.ids, "");
    EXPECT_EQ(beyond.total, "5");
    EXPECT_EQ(ask({{"page", "1"}}, {}).total, "0");
    EXPECT_EQ(ask({{"page", "2"}, {"page_size", "2"}, {"order_by", "id"}}).ids, "cd");
}

TEST(Listing, a_filter_comes_before_order_and_pages) {
    const auto some = ask({{"page_size", "1"}, {"order_by", "-id"}}, items(), "size=^2$");
    EXPECT_EQ(some.ids, "d");
    EXPECT_EQ(some.total, "2");
}

TEST(Listing, a_cursor_goes_through_everything_in_a_stable_order) {
    std::string seen;
    Query query{{"cursor", ""}, {"page_size", "2"}, {"order_by", "-size"}};
    for (int i = 0; i < 3; ++i) {
        const auto part = ask(query);
        seen += part.ids + "|";
        if (part.next.empty()) break;
        EXPECT_NE(part.link.find("rel=\"next\""), std::string::npos);
        query = {{"cursor", part.next}, {"page_size", "2"}};  // it remembers the order
    }
    EXPECT_EQ(seen, "ac|bd|e|") << "equal ones by id";
    EXPECT_EQ(ask({{"cursor", ""}}).ids, "abcde");
}

TEST(Listing, nothing_is_shown_twice_or_left_out_when_items_come_and_go_between_two_pages) {
    const auto first = ask({{"cursor", ""}, {"page_size", "3"}});
    EXPECT_EQ(first.ids, "abc");
    auto changed = items();
    std::erase_if(changed, [](const Item& item) { return item.id == "c" || item.id == "a"; });
    changed.insert(changed.begin(), {{"0", "new", 0}, {"dd", "new", 0}});
    EXPECT_EQ(ask({{"cursor", first.next}, {"page_size", "3"}}, changed).ids, "ddde");
}

TEST(Listing, items_without_an_id_are_told_apart_by_what_they_show) {
    const Request start = request_of({{"cursor", ""}, {"page_size", "2"}});
    const std::vector<std::map<std::string, int>> all{{{"c", 1}}, {{"a", 1}}, {{"b", 1}}};
    const auto first = value_of(value_of(Listing::of(start)).answer(200, all));
    EXPECT_EQ(first.body, "[{\"a\":1},{\"b\":1}]\n");
    const Request next = request_of({{"cursor", std::string(first.headers.get("X-Next-Cursor"))}});
    EXPECT_EQ(value_of(value_of(Listing::of(next)).answer(200, all)).body, "[{\"c\":1}]\n");
    const Request ordered = request_of({{"order_by", "c"}});
    EXPECT_TRUE(refuses_field("order_by", value_of(Listing::of(ordered)).answer(200, all)));
}

TEST(Listing, wrong_values_are_refused_by_the_name_of_the_parameter) {
    for (const char* value : {"0", "-1", "x", "", "1.5", "1001", "99999999999999999999", "1 "})
        EXPECT_TRUE(refuses_field("page_size", refused({{"page_size", value}}))) << value;
    for (const char* value : {"0", "x", "", "1000000001"})
        EXPECT_TRUE(refuses_field("page", refused({{"page", value}}))) << value;
    for (const char* value : {"", ",", "-", "nope", "name,,id", "name sideways", "a,b,c,d,e,f,g,h,i"})
        EXPECT_TRUE(refuses_field("order_by", refused({{"order_by", value}}))) << value;
    for (const char* value : {"x", "bm90IGpzb24", "eyJvIjoiIiwiaSI6IiIsImsiOlsieCJdfQ"})
        EXPECT_TRUE(refuses_field("cursor", refused({{"cursor", value}}))) << value;
    EXPECT_TRUE(refuses_field("cursor", refused({{"cursor", ""}, {"page", "1"}})));
    const auto next = ask({{"cursor", ""}, {"page_size", "2"}, {"order_by", "name"}}).next;
    EXPECT_TRUE(refuses_field("cursor", refused({{"cursor", next}, {"order_by", "size"}})));
}

}  // namespace
}  // namespace corral::http
