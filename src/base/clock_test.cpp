#include "base/clock.hpp"

#include <gtest/gtest.h>

namespace corral {
namespace {

using namespace std::chrono_literals;

Time at(int year, unsigned month, unsigned day, std::chrono::microseconds since_midnight = 0us) {
    return Time{std::chrono::sys_days{std::chrono::year{year} / month / day}} + since_midnight;
}

TEST(Rfc3339, is_written_in_utc_with_trailing_zeros_trimmed) {
    EXPECT_EQ(to_rfc3339(at(2025, 1, 2, 3h + 4min + 5s)), "2025-01-02T03:04:05Z");
    EXPECT_EQ(to_rfc3339(at(2025, 1, 2, 3h + 4min + 5s + 123456us)), "2025-01-02T03:04:05.123456Z");
    EXPECT_EQ(to_rfc3339(at(2025, 12, 31, 23h + 500ms)), "2025-12-31T23:00:00.5Z");
    EXPECT_EQ(to_rfc3339(at(2025, 1, 2, 1us)), "2025-01-02T00:00:00.000001Z");
    EXPECT_EQ(to_rfc3339(at(1969, 12, 31, 24h - 1us)), "1969-12-31T23:59:59.999999Z");
}

TEST(Rfc3339, takes_every_offset_and_fraction) {
    struct Case {
        const char* text;
        Time time;
    };
    for (const Case& c : {Case{"2025-01-02T03:04:05Z", at(2025, 1, 2, 3h + 4min + 5s)},
                          Case{"2025-01-02t03:04:05z", at(2025, 1, 2, 3h + 4min + 5s)},
                          Case{"2025-01-02 03:04:05Z", at(2025, 1, 2, 3h + 4min + 5s)},
                          Case{"2025-01-02T03:04:05+02:00", at(2025, 1, 2, 1h + 4min + 5s)},
                          Case{"2025-01-01T23:30:00-01:30", at(2025, 1, 2, 1h)},
                          Case{"2025-01-02T00:00:00.123456789Z", at(2025, 1, 2, 123456us)},
                          Case{"2025-01-02T00:00:00.1Z", at(2025, 1, 2, 100ms)},
                          Case{"2024-02-29T00:00:00Z", at(2024, 2, 29)}, Case{"2016-12-31T23:59:60Z", at(2017, 1, 1)}})
        EXPECT_EQ(from_rfc3339(c.text), c.time) << c.text;
}

TEST(Rfc3339, refuses_what_is_no_time) {
    for (const char* text : {"",
                             "now",
                             "2025-01-02",
                             "2025-01-02T03:04:05",
                             "2025-01-02T03:04Z",
                             "2025-13-02T03:04:05Z",
                             "2025-02-29T03:04:05Z",
                             "2025-00-10T03:04:05Z",
                             "2025-01-02T24:00:00Z",
                             "2025-01-02T03:60:05Z",
                             "2025-01-02T03:04:61Z",
                             "2025-01-02T03:04:05.Z",
                             "2025-01-02T03:04:05+0200",
                             "2025-01-02T03:04:05+24:00",
                             "2025-01-02T03:04:05+02:60",
                             "2025-01-02T03:04:05Z ",
                             " 2025-01-02T03:04:05Z",
                             "25-01-02T03:04:05Z",
                             "2025-1-2T03:04:05Z",
                             "-025-01-02T03:04:05Z",
                             "2025-01-02X03:04:05Z",
                             "2025-01-02T+3:04:05Z"})
        EXPECT_EQ(from_rfc3339(text), std::nullopt) << text;
}

TEST(Rfc3339, reads_back_what_it_wrote) {
    for (const Time time : {at(1970, 1, 1), at(2026, 10, 3, 12h + 1us), at(1900, 3, 1, 999999us), at(9999, 12, 31)})
        EXPECT_EQ(from_rfc3339(to_rfc3339(time)), time) << to_rfc3339(time);
}

TEST(FakeClock, stands_still_until_it_is_moved) {
    FakeClock clock;
    const Time wall = clock.now();
    const SteadyTime steady = clock.steady();
    EXPECT_EQ(clock.now(), wall);
    clock.advance(90s);
    EXPECT_EQ(clock.now() - wall, 90s);
    EXPECT_EQ(clock.steady() - steady, 90s);
}

TEST(SystemClock, never_goes_back_on_the_steady_side) {
    const SystemClock clock;
    const auto first = clock.steady();
    EXPECT_GE(clock.steady(), first);
    EXPECT_LT(std::chrono::abs(clock.now() - std::chrono::system_clock::now()), 1min);
}

}  // namespace
}  // namespace corral
