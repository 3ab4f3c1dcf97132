#include "platform/http/router.hpp"

#include <gtest/gtest.h>

#include <algorithm>

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

}  // namespace
}  // namespace corral::http
