#include "platform/http/lists/filter.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "support/results.hpp"

namespace corral::http {
namespace {

using testing_support::fails_with;
using testing_support::refuses_field;
using testing_support::value_of;

struct Machine {
    std::string name, host_name;
    int cpus = 0;
    bool enabled = false;
    std::vector<std::string> tags;
    Secret password;
};
constexpr auto json_object(const Machine*) {
    return json::object("Machine", json::field("Name", &Machine::name), json::field("host_name", &Machine::host_name),
                        json::field("cpus", &Machine::cpus), json::field("enabled", &Machine::enabled),
                        json::field("tags", &Machine::tags), json::field("password", &Machine::password));
}

const Machine machine{.name = "Web-01,a=b",
                      .host_name = "north",
                      .cpus = 4,
                      .enabled = true,
                      .tags = {"ci", "linux"},
                      .password = Secret(std::string("hunter2"))};

bool matches(const char* header) { return value_of(Filter::parse(header)).matches(machine); }

TEST(Filter, patterns_match_anywhere_unless_anchored) {
    EXPECT_TRUE(matches("Name=eb-0"));
    EXPECT_TRUE(matches("Name=^Web"));
    EXPECT_FALSE(matches("Name=^eb"));
    EXPECT_FALSE(matches("Name=^Web-01$"));
    EXPECT_TRUE(matches("Name=")) << "the empty pattern is in every text";
}

TEST(Filter, members_are_found_by_json_name_or_property_name_in_any_case) {
    for (const char* header : {"host_name=north", "HOST_NAME=north", "HostName=north", "hostname=north", "NAME=Web"})
        EXPECT_TRUE(matches(header)) << header;
}

TEST(Filter, case_counts_unless_the_option_says_otherwise) {
    EXPECT_FALSE(matches("Name=web"));
    EXPECT_TRUE(matches("Name=web,i"));
    EXPECT_TRUE(matches("Name=WEB,I"));
    EXPECT_FALSE(matches(R"(Name=^\W,i)")) << "the option does not turn classes round (Q7, M23)";
    EXPECT_TRUE(matches(R"(Name=^\w,i)"));
}

TEST(Filter, equals_and_commas_belong_to_the_pattern) {
    EXPECT_TRUE(matches("Name=a=b"));
    EXPECT_TRUE(matches("Name=01,a=b"));
    EXPECT_TRUE(matches("Name=01,A=B,i"));
    EXPECT_TRUE(matches(R"(Name=\w{2,3})"));
}

TEST(Filter, other_types_match_by_their_text) {
    EXPECT_TRUE(matches("cpus=^4$"));
    EXPECT_TRUE(matches("enabled=^true$"));
    EXPECT_TRUE(matches(R"(tags=^\[ci linux\]$)"));
}

TEST(Filter, what_the_answer_does_not_show_matches_nothing_Q7) {
    for (const char* header :
         {"password=.", "password=", "password=hunter2", "nope=.", "nope=", "tags.0=ci", "cpus.x=4"})
        EXPECT_FALSE(matches(header)) << header;
}

TEST(Filter, bad_syntax_is_the_callers_error) {
    for (const char* header :
         {"", "Name", "=x", "Name=(", "Name=[a", "Name=*", "Name=a{2000}", R"(Name=\1)", "Name=(?=a)"})
        EXPECT_TRUE(refuses_field("X-Filter", Filter::parse(header))) << header;
}

TEST(Filter, no_pattern_takes_more_than_linear_time_Q93) {
    // Exponential in a backtracking engine.
    const auto filter = value_of(Filter::parse("Name=^(a+)+(a|a)*(a*)*$"));
    Machine long_name;
    long_name.name = std::string(100'000, 'a') + "!";
    const auto before = std::chrono::steady_clock::now();
    EXPECT_FALSE(filter.matches(long_name));
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds{20});
    EXPECT_FALSE(Filter::parse("Name=" + std::string(2'000'000, 'a'))) << "and memory is bounded";
}

}  // namespace
}  // namespace corral::http
