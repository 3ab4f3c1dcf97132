// Every list of the route table takes X-Filter, order and pages, and says the same about them: found from the table, so
// that a new list cannot be forgotten.
#include <gtest/gtest.h>

#include <set>

#include "platform/http/lists/listing.hpp"
#include "server.hpp"

namespace corral::tests {
namespace {

class Lists : public testing::Test {
protected:
    Server server{
        {.accounts = {
             {.name = "ann", .claims = {"LIST_USER"}}, {.name = "bob", .claims = {"LIST_USER"}}, {.name = "cid"}}}};

    // Paths of rows whose parameters can be filled in with what every server has; "" for the others.
    [[nodiscard]] std::string path_of(const http::Route& row) const {
        std::string path = row.pattern;
        for (const auto& [from, to] : {std::pair{"/users/{id}", "/users/root"}, std::pair{"/roles/{id}", "/roles/USER"},
                                       std::pair{"/claims/{id}", "/claims/LIST"}})
            if (const auto at = path.find(from); at != std::string::npos)
                path.replace(at, std::string(from).size(), to);
        return path.find('{') == std::string::npos ? path : "";
    }
    // Documented lists that answer a plain array, by path.
    std::vector<std::string> lists() {
        std::vector<std::string> out;
        for (const http::Route& row : server.app().dispatcher().table()) {
            const bool read = std::ranges::find(row.methods, http::Method::get) != row.methods.end();
            if (!read || row.hidden || row.open_socket) continue;
            const std::string path = path_of(row);
            if (path.empty() || path.ends_with("/stream")) continue;
            const auto answer = server.get(path);
            const bool array = answer.status == 200 && answer.body.starts_with("[");
            EXPECT_TRUE(!array || row.listing) << path << " answers a list without the rules of lists";
            if (array) out.push_back(path);
        }
        EXPECT_GE(out.size(), 4U);
        return out;
    }
    Answer with_filter(const std::string& path, const std::string& filter) {
        return server.get(path, {.headers = {{"X-Filter", filter}}});
    }
    std::string names(const Answer& answer) {
        std::string out;
        for (int i = 0; i < answer.size(); ++i) out += answer.at("/" + std::to_string(i) + "/username") + " ";
        return out;
    }
};

TEST_F(Lists, all_of_them_refuse_a_bad_filter_order_or_page_by_name_Q7) {
    for (const std::string& path : lists()) {
        SCOPED_TRACE(path);
        for (const char* filter : {"name", "name=[", "=x", "name=(?<!a)b"})
            EXPECT_EQ(with_filter(path, filter).status, 400) << filter;
        for (const char* query : {"page=0", "page=x", "page_size=0", "page_size=1001", "cursor=x",
                                  "order_by=", "order_by=no_such_member", "cursor=&page=1"}) {
            const auto answer = server.get(path + "?" + query);
            EXPECT_EQ(answer.status, 400) << query;
            const std::string name = std::string(query).substr(0, std::string(query).find('='));
            EXPECT_NE(answer.body.find(name), std::string::npos) << answer.body;
        }
    }
}

TEST_F(Lists, all_of_them_say_how_many_there_are_and_give_pages) {
    for (const std::string& path : lists()) {
        SCOPED_TRACE(path);
        const auto all = server.get(path);
        EXPECT_EQ(all.headers.get("X-Total-Count"), std::to_string(all.size()));
        EXPECT_EQ(all.headers.find("Link"), std::nullopt) << "nobody asked for pages";
        const auto one = server.get(path + "?page_size=1");
        EXPECT_EQ(one.headers.get("X-Total-Count"), std::to_string(all.size()));
        EXPECT_EQ(one.size(), std::min(all.size(), 1));
        EXPECT_NE(one.headers.get("Link").find("rel=\"first\""), std::string::npos);
        const auto none = with_filter(path, "no_such_member=.");
        EXPECT_EQ(none.status, 200);
        EXPECT_EQ(none.body, "[]\n") << "empty, never null";
        EXPECT_EQ(none.headers.get("X-Total-Count"), "0");
    }
}

TEST_F(Lists, a_cursor_goes_through_all_items_of_all_of_them) {
    for (const std::string& path : lists()) {
        SCOPED_TRACE(path);
        const int all = server.get(path).size();
        std::multiset<std::string> seen;
        std::string cursor;
        for (int guard = 0; guard <= all; ++guard) {
            const auto part = server.get(path + "?page_size=7&cursor=" + cursor);
            ASSERT_EQ(part.status, 200);
            for (int i = 0; i < part.size(); ++i) seen.insert(part.at("/" + std::to_string(i)));
            cursor = part.headers.get("X-Next-Cursor");
            if (cursor.empty()) break;
        }
        EXPECT_EQ(static_cast<int>(seen.size()), all);
    }
}

TEST_F(Lists, users_can_be_ordered_and_paged) {
    EXPECT_EQ(names(server.get("/v1/auth/users?order_by=username")), "ann bob cid root ");
    EXPECT_EQ(names(server.get("/v1/auth/users?order_by=-username&page=2&page_size=3")), "ann ");
    EXPECT_EQ(names(server.get("/v1/auth/users?order_by=username%20desc&page_size=2")), "root cid ");
    const auto filtered =
        server.get("/v1/auth/users?order_by=username&page_size=1", {.headers = {{"X-Filter", "username=^(ann|bob)$"}}});
    EXPECT_EQ(names(filtered), "ann ");
    EXPECT_EQ(filtered.headers.get("X-Total-Count"), "2");
}

TEST_F(Lists, no_pattern_takes_long_or_ends_the_server_Q93) {
    for (const char* filter : {"roles=(a*)*$", "claims=(.*)*x", "username=((a{0,100}){0,100}){0,100}",
                               "roles.name=USER", "claims=LIST_USER", "effective_claims=x", "a.b.c.d.e=x"}) {
        const int status = with_filter("/v1/auth/users", filter).status;
        EXPECT_TRUE(status == 200 || status == 400) << filter << " " << status;
    }
    EXPECT_EQ(server.get("/health/probe", {.as = ""}).status, 200);
}

TEST_F(Lists, an_order_is_refused_before_who_may_ask_only_after_credentials) {
    EXPECT_EQ(server.get("/v1/auth/users?page=0", {.as = ""}).status, 401);
    EXPECT_EQ(server.get("/v1/auth/users?page=0", {.as = "cid"}).status, 401);
}

}  // namespace
}  // namespace corral::tests
