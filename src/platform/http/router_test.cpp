#include "platform/http/router.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include "platform/http/target.hpp"

namespace corral::http {
namespace {

Route row_of(Method method, std::string pattern) {
    Route route{.methods = {method}, .pattern = std::move(pattern), .access = signed_in(), .summary = ""};
    route.summary = route.pattern;  // tells the rows apart
    return route;
}

class RouterTest : public testing::Test {
protected:
    static std::string found(const Router& router, Method method, std::string_view path) {
        const Match match = router.find(method, split_path(path));
        if (match.route == nullptr) return match.path_known() ? "405" : "404";
        std::string out = match.route->summary;
        for (const auto& value : match.path_values) out += " " + value;
        return out;
    }
    std::vector<Route> table_{
        row_of(Method::get, "/v1/machines"),
        row_of(Method::post, "/v1/machines"),
        row_of(Method::post, "/v1/machines/async"),
        row_of(Method::get, "/v1/machines/{machine}"),
        row_of(Method::del, "/v1/machines/{machine}"),
        row_of(Method::get, "/v1/machines/{machine}/start").also(Method::put),
        row_of(Method::get, "/v1/catalog/{id}/{version}/{architecture}"),
        row_of(Method::get, "/v1/catalog/{id}/latest/download"),
        row_of(Method::put, "/v1/catalog/pull").alias("/v1/catalog/fetch"),
        row_of(Method::get, "/health/probe"),
        row_of(Method::get, "/v1/old").unversioned(),
        row_of(Method::get, "/swagger").at_root(),
    };
    Router router_{table_, "/api"};
};

TEST_F(RouterTest, every_versioned_row_is_served_without_its_version_too) {
    EXPECT_EQ(found(router_, Method::get, "/api/v1/machines"), "/v1/machines");
    EXPECT_EQ(found(router_, Method::get, "/api/machines"), "/v1/machines");
    EXPECT_EQ(found(router_, Method::get, "/machines"), "404");
    EXPECT_EQ(found(router_, Method::get, "/api/v2/machines"), "404");
    EXPECT_EQ(found(router_, Method::get, "/API/v1/machines"), "404") << "paths have case";
}

TEST_F(RouterTest, rows_without_a_version_stay_where_they_are) {
    EXPECT_EQ(found(router_, Method::get, "/api/health/probe"), "/health/probe");
    EXPECT_EQ(found(router_, Method::get, "/api/v1/health/probe"), "404");
    EXPECT_EQ(found(router_, Method::get, "/api/old"), "/v1/old");
    EXPECT_EQ(found(router_, Method::get, "/api/v1/old"), "404");
    EXPECT_EQ(found(router_, Method::get, "/swagger"), "/swagger");
    EXPECT_EQ(found(router_, Method::get, "/api/swagger"), "404");
}

TEST_F(RouterTest, a_fixed_segment_wins_over_a_parameter_where_it_has_the_method) {
    EXPECT_EQ(found(router_, Method::post, "/api/v1/machines/async"), "/v1/machines/async");
    EXPECT_EQ(found(router_, Method::get, "/api/v1/machines/async"), "/v1/machines/{machine} async");
    EXPECT_EQ(found(router_, Method::get, "/api/v1/catalog/debian/latest/download"),
              "/v1/catalog/{id}/latest/download debian");
    EXPECT_EQ(found(router_, Method::get, "/api/v1/catalog/debian/latest/arm64"),
              "/v1/catalog/{id}/{version}/{architecture} debian latest arm64");
}

TEST_F(RouterTest, parameters_come_in_path_order_and_never_span_segments) {
    EXPECT_EQ(found(router_, Method::get, "/api/catalog/a/b/c"), "/v1/catalog/{id}/{version}/{architecture} a b c");
    EXPECT_EQ(found(router_, Method::get, "/api/catalog/a/b"), "404");
    EXPECT_EQ(found(router_, Method::get, "/api/catalog/a/b/c/d"), "404");
    const Match match = router_.find(Method::get, {"api", "machines", "a/b c"});
    EXPECT_EQ(match.path_values, std::vector<std::string>{"a/b c"}) << "segments are values, not text to split again";
}

TEST_F(RouterTest, a_wrong_method_names_those_of_every_row_the_path_can_mean) {
    const Match match = router_.find(Method::patch, {"api", "v1", "machines", "async"});
    EXPECT_EQ(match.route, nullptr);
    EXPECT_EQ(match.allowed, (std::vector<Method>{Method::post, Method::get, Method::del}));
    EXPECT_EQ(found(router_, Method::other, "/api/v1/machines"), "405");
    EXPECT_EQ(found(router_, Method::patch, "/api/v1/nothing"), "404");
    EXPECT_EQ(found(router_, Method::get, "/api/v1"), "404") << "a part of a path is no path";
}

TEST_F(RouterTest, head_is_answered_by_the_row_of_get) {
    EXPECT_EQ(found(router_, Method::head, "/api/v1/machines"), "/v1/machines");
    EXPECT_EQ(found(router_, Method::head, "/api/v1/catalog/pull"), "405");
}

TEST_F(RouterTest, aliases_and_further_methods_lead_to_the_same_row) {
    EXPECT_EQ(found(router_, Method::put, "/api/catalog/fetch"), "/v1/catalog/pull");
    EXPECT_EQ(found(router_, Method::put, "/api/v1/catalog/fetch"), "/v1/catalog/pull");
    EXPECT_EQ(found(router_, Method::put, "/api/machines/m/start"), "/v1/machines/{machine}/start m");
    EXPECT_EQ(found(router_, Method::get, "/api/machines/m/start"), "/v1/machines/{machine}/start m");
}

TEST_F(RouterTest, an_empty_prefix_serves_from_the_root) {
    const Router router(table_, "");
    EXPECT_EQ(found(router, Method::get, "/v1/machines"), "/v1/machines");
    EXPECT_EQ(found(router, Method::get, "/machines/m"), "/v1/machines/{machine} m");
}

TEST(RouterDeathTest, two_rows_for_one_method_and_path_end_the_start) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const std::vector<Route> same{row_of(Method::get, "/v1/machines/{machine}"),
                                  row_of(Method::get, "/v1/machines/{other}")};
    EXPECT_DEATH(Router(same, "/api"), "");
    const std::vector<Route> alias{row_of(Method::get, "/v1/a"), row_of(Method::get, "/v1/b").alias("/v1/a")};
    EXPECT_DEATH(Router(alias, "/api"), "");
}

TEST(SplitPath, drops_empty_parts) {
    EXPECT_EQ(split_path("//a///b/"), (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(split_path("").empty());
    EXPECT_TRUE(split_path("///").empty());
}

using Segments = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST(Target, double_and_trailing_slashes_mean_nothing) {
    for (const char* text :
         {"/api/v1/machines", "//api//v1///machines", "/api/v1/machines/", "/api/v1/machines///",
          "/api/v1/machines#part", "http://host/api/v1/machines", "https://host:1/api/v1/machines"}) {
        const auto target = parse_target(text);
        ASSERT_TRUE(target) << text;
        EXPECT_EQ(target->segments, (Segments{"api", "v1", "machines"})) << text;
    }
    EXPECT_EQ(parse_target("/")->segments, Segments{});
    EXPECT_EQ(parse_target("//")->segments, Segments{});
}

TEST(Target, escapes_are_decoded_after_the_path_is_split) {
    EXPECT_EQ(parse_target("/a%20b/%C3%A9/c+d/%3F%23/%25")->segments, (Segments{"a b", "é", "c+d", "?#", "%"}));
    EXPECT_EQ(parse_target("/127.0.0.1%3A80")->segments, Segments{"127.0.0.1:80"});
    EXPECT_EQ(parse_target("/a%2520b")->segments, Segments{"a%20b"}) << "decoded once";
}

// RFC 9112, 3.2.2, and RFC 3986, 3.2: where the host ends.
TEST(Target, a_host_in_front_is_left_out_up_to_its_end) {
    EXPECT_EQ(parse_target("http://host:80/a/b?x=1")->segments, (Segments{"a", "b"}));
    const auto without_path = parse_target("http://host?x=/a/b?y");
    ASSERT_TRUE(without_path);
    EXPECT_EQ(without_path->segments, Segments{});
    ASSERT_EQ(without_path->query.size(), 1U);
    EXPECT_EQ(without_path->query[0].second, "/a/b?y");
    EXPECT_EQ(parse_target("https://host")->segments, Segments{});
    EXPECT_EQ(parse_target("https://host#/a?x=1")->segments, Segments{});
    EXPECT_TRUE(parse_target("https://host#/a?x=1")->query.empty());
}

TEST(Target, what_could_be_read_in_two_ways_is_no_target) {
    for (const char* text : {"",
                             "*",
                             "a",
                             "api/v1",
                             "/.",
                             "/..",
                             "/a/../b",
                             "/a/./b",
                             "/%2e%2e/b",
                             "/a/%2E",
                             "/a%2Fb",
                             "/a%2fb",
                             "/a%",
                             "/a%2",
                             "/a%zz",
                             "/a%00b",
                             "/%ff",
                             "/\xff",
                             "/%c0%af",
                             "/%ed%a0%80",
                             "/%f4%90%80%80",
                             "/%e2%82",
                             "ftp://host/a",
                             "http:/a"})
        EXPECT_FALSE(parse_target(text)) << text;
    EXPECT_TRUE(parse_target("/...")) << "a name of dots";
    EXPECT_TRUE(parse_target("/a..b"));
}

TEST(Target, the_query_is_decoded_in_order_with_repetitions) {
    const auto target = parse_target("/a?x=1&y=a+b%2Bc&x=2&&empty=&alone&=v&z=a=b?#gone");
    ASSERT_TRUE(target);
    EXPECT_EQ(target->query,
              (Pairs{{"x", "1"}, {"y", "a b+c"}, {"x", "2"}, {"empty", ""}, {"alone", ""}, {"", "v"}, {"z", "a=b?"}}));
    EXPECT_EQ(target->segments, Segments{"a"});
    EXPECT_TRUE(parse_target("/a?")->query.empty());
    EXPECT_FALSE(target->bad_query);
    for (const char* text : {"/a?x=%", "/a?%ff=1", "/a?y=1&x=%00"}) {
        EXPECT_TRUE(parse_target(text)->bad_query) << text;
        EXPECT_TRUE(parse_target(text)->query.empty()) << text;
    }
}

TEST(Form, plus_is_a_blank_and_broken_escapes_are_refused) {
    EXPECT_EQ(parse_form("email=a%40b.c&password=p%26q+r"), (Pairs{{"email", "a@b.c"}, {"password", "p&q r"}}));
    EXPECT_EQ(parse_form(""), Pairs{});
    EXPECT_EQ(parse_form("a=%"), std::nullopt);
    EXPECT_EQ(parse_form("a=%ff"), std::nullopt);
    EXPECT_EQ(parse_form(std::string_view("a=\0", 3)), std::nullopt);
}

}  // namespace
}  // namespace corral::http
