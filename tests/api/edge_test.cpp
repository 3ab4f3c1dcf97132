// What stands around every route: limits, dates, ways in which bodies come.
#include <gtest/gtest.h>

#include <regex>

#include "platform/crypto/crypto.hpp"
#include "raw.hpp"
#include "server.hpp"

namespace corral::tests {
namespace {

TEST(AroundRoutes, answers_carry_the_date_in_the_form_of_http) {
    Server server;
    const std::string date(server.get("/health/probe", {.as = ""}).headers.get("Date"));
    EXPECT_TRUE(std::regex_match(date, std::regex("(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9][0-9] [A-Z][a-z][a-z] "
                                                  "2[0-9][0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9] GMT")))
        << date;
}

TEST(AroundRoutes, a_caller_over_its_rate_is_told_when_to_come_back_and_others_go_on) {
    Server server({.accounts = {{.name = "ann", .claims = {"LIST_USER"}}},
                   .flags = {"--RATE_LIMIT_PER_MINUTE=10", "--RATE_LIMIT_BURST=3"}});
    std::vector<int> statuses;
    for (int i = 0; i < 4; ++i) statuses.push_back(server.get("/v1/auth/users", {.as = "ann"}).status);
    EXPECT_EQ(statuses, (std::vector<int>{200, 200, 200, 429}));
    const auto refused = server.get("/v1/auth/users", {.as = "ann"});
    EXPECT_EQ(refused.at("/code"), "429");
    EXPECT_FALSE(refused.headers.get("Retry-After").empty());
    EXPECT_EQ(server.get("/v1/auth/users").status, 200);
}

TEST(AroundRoutes, without_configuration_nobody_meets_a_rate) {
    Server server;
    for (int i = 0; i < 300; ++i) ASSERT_EQ(server.get("/v1/jobs").status, 200);
}

class Edge : public testing::Test {
protected:
    Server server;
};

TEST_F(Edge, Q50_a_well_formed_request_id_is_kept_and_every_answer_has_one) {
    const auto id = [&](const std::string& given) {
        return std::string(server.get("/v1/jobs", {.headers = {{"X-Request-Id", given}}}).headers.get("X-Request-Id"));
    };
    EXPECT_EQ(id("build-42.a_b"), "build-42.a_b");
    for (const std::string& bad :
         {std::string("a b"), std::string("<x>"), std::string(200, 'a'), std::string("\xC3\xA9")}) {
        EXPECT_NE(id(bad), bad);
        EXPECT_EQ(id(bad).size(), 36U) << "a UUID of our own";
    }
    EXPECT_NE(id(""), id(""));
    EXPECT_FALSE(server.get("/v1/nope").headers.get("X-Request-Id").empty());
}

TEST_F(Edge, Q51_browsers_may_send_keys_and_filters) {
    const auto answer = server.call("OPTIONS", "/v1/jobs", "",
                                    {.as = "",
                                     .headers = {{"Origin", "http://ui.example"},
                                                 {"Access-Control-Request-Method", "GET"},
                                                 {"Access-Control-Request-Headers", "x-api-key,x-filter"}}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.headers.get("Access-Control-Allow-Headers"), "X-Api-Key,X-Filter");
}

TEST_F(Edge, Q52_home_is_json_with_something_in_it) {
    const auto home = server.get("/", {.as = ""});
    EXPECT_EQ(home.headers.get("Content-Type"), "application/json");
    EXPECT_FALSE(home.at("/id").empty());
    EXPECT_FALSE(home.at("/message").empty());
}

TEST_F(Edge, Q53_json_says_application_json_and_nothing_else) {
    for (const char* path : {"/v1/jobs", "/v1/nope", "/health/probe", "/v1/auth/users?page=0"})
        EXPECT_EQ(server.get(path).headers.get("Content-Type"), "application/json") << path;
    EXPECT_EQ(server.get("/v1/jobs", {.as = ""}).headers.get("Content-Type"), "application/json");
}

TEST_F(Edge, Q56_errors_of_libraries_have_the_code_of_their_kind) {
    EXPECT_EQ(server.get("/v1/auth/users", {.headers = {{"X-Filter", "name=["}}}).status, 400);
    EXPECT_EQ(server.post("/v1/auth/token", "{", {.as = ""}).status, 400);
    EXPECT_EQ(server.post("/v1/auth/token/validate", R"({"token":"x.y.z"})", {.as = ""}).status, 401);
}

class Bodies : public testing::Test {
protected:
    Server server;
    Answer sign_in(const std::string& body, const std::string& type) {
        return server.post("/v1/auth/token", body, {.as = "", .content_type = type});
    }
};

TEST_F(Bodies, of_types_that_cannot_be_json_are_415) {
    for (const char* type : {"application/xml", "image/png", "application/json; charset=utf-16"})
        EXPECT_EQ(sign_in("<x/>", type).status, 415) << type;
    EXPECT_EQ(sign_in("<x/>", "text/plain").status, 400);
}

TEST_F(Bodies, every_bad_field_is_named_at_once) {
    const auto answer = sign_in(R"({"email":1,"password":[],"api_key":{}})", "application/json");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.size("/diagnostics/errors"), 3) << answer.body;
}

TEST_F(Bodies, hostile_ones_are_400_and_never_more) {
    for (const std::string& body :
         {std::string(100'000, '['), "{\"email\":\"\xff\xfe\"}" + std::string(),
          std::string("{\"email\":\"a\0b\"}", 15), std::string(R"({"email":"\u0000","password":"x"})"),
          std::string(R"({"email":"\ud800"})"), std::string("{\"email\":") + std::string(5000, '9') + "}",
          std::string("{\"a\":1e999,\"email\":1e999}")})
        EXPECT_EQ(sign_in(body, "application/json").status, 400) << body.substr(0, 60);
}

TEST(AroundRoutes, a_header_line_that_ends_in_a_bare_line_feed_is_refused_at_once) {
    Server server;
    Raw raw(server.port());
    raw.send("GET /api/health/probe HTTP/1.1\nHost: test\n\n");
    EXPECT_EQ(raw.answer().status, 400);
    EXPECT_TRUE(raw.closed());
}

TEST(AroundRoutes, sizes_of_headers_are_bounded_by_configuration) {
    Server server({.flags = {"--HTTP_MAX_HEADER_SIZE=2048"}});
    Raw raw(server.port());
    raw.send("GET /api/health/probe HTTP/1.1\r\nHost: test\r\nX-Long: " + std::string(4096, 'x') + "\r\n\r\n");
    EXPECT_EQ(raw.answer().status, 431);
}

}  // namespace
}  // namespace corral::tests
