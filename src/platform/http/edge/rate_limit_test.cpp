#include "platform/http/edge/rate_limit.hpp"

#include <gtest/gtest.h>

namespace corral::http {
namespace {

using namespace std::chrono_literals;
constexpr SteadyTime start{};

int passed(RateLimiter& limiter, std::string_view who, SteadyTime now, int tries) {
    int out = 0;
    for (int i = 0; i < tries; ++i) out += limiter.take(who, now) ? 0 : 1;
    return out;
}

TEST(RateLimit, without_a_number_there_is_none) {
    RateLimiter none({});
    EXPECT_FALSE(none.enabled());
    EXPECT_EQ(passed(none, "a", start, 10'000), 10'000);
    EXPECT_EQ(none.callers(), 0U);
}

TEST(RateLimit, a_minute_has_as_many_as_it_says_and_they_come_back_evenly) {
    RateLimiter limiter({.per_minute = 60});
    EXPECT_EQ(passed(limiter, "a", start, 100), 60);
    EXPECT_EQ(passed(limiter, "a", start + 10s, 100), 10);
    EXPECT_EQ(passed(limiter, "a", start + 1h, 100), 60) << "a bucket holds no more than it is deep";
}

TEST(RateLimit, a_burst_is_bounded_by_itself) {
    RateLimiter limiter({.per_minute = 60, .burst = 5});
    EXPECT_EQ(passed(limiter, "a", start, 100), 5);
    EXPECT_EQ(passed(limiter, "a", start + 2s, 100), 2);
}

TEST(RateLimit, who_is_refused_learns_when_to_come_back) {
    RateLimiter limiter({.per_minute = 6, .burst = 1});
    EXPECT_EQ(limiter.take("a", start), std::nullopt);
    EXPECT_EQ(limiter.take("a", start), 10s);
    EXPECT_EQ(limiter.take("a", start + 9500ms), 1s) << "never nought";
    EXPECT_EQ(limiter.take("a", start + 10s), std::nullopt) << "asking too early costs nothing";
}

TEST(RateLimit, callers_do_not_pay_for_each_other) {
    RateLimiter limiter({.per_minute = 3});
    EXPECT_EQ(passed(limiter, "a", start, 10), 3);
    EXPECT_EQ(passed(limiter, "b", start, 10), 3);
}

TEST(RateLimit, memory_is_bounded_and_full_buckets_go_first) {
    RateLimiter limiter({.per_minute = 60}, 1600);
    for (int i = 0; i < 100'000; ++i) EXPECT_EQ(limiter.take(std::to_string(i), start), std::nullopt);
    EXPECT_LE(limiter.callers(), 1600U);
    RateLimiter one({.per_minute = 60}, 16);  // one a shard
    EXPECT_EQ(passed(one, "busy", start, 100), 60);
    for (int i = 0; i < 64; ++i) (void)one.take("other " + std::to_string(i), start + 2h);
    EXPECT_LE(one.callers(), 16U);
}

}  // namespace
}  // namespace corral::http
