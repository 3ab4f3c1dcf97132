#include "platform/http/target.hpp"

#include <gtest/gtest.h>

namespace corral::http {
namespace {

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

TEST(Target, what_could_be_read_in_two_ways_is_no_target) {
    for (const char* text :
         {"",        "*",         "a",        "api/v1",       "/.",      "/..",        "/a/../b",
          "/a/./b",  "/%2e%2e/b", "/a/%2E",   "/a%2Fb",       "/a%2fb",  "/a%",        "/a%2",
          "/a%zz",   "/a%00b",    "/%ff",     "/\xff",        "/%c0%af", "/%ed%a0%80", "/%f4%90%80%80",
          "/%e2%82", "/a?x=%",    "/a?%ff=1", "ftp://host/a", "http:/a"})
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
