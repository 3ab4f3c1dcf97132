#include "events/process_stats.hpp"

#include <gtest/gtest.h>

namespace corral::events {
namespace {

TEST(ProcessMeter, tells_processor_time_of_the_interval_and_means_of_ten_samples) {
    FakeClock clock;
    ProcessMeter meter(clock);
    EXPECT_EQ(meter.sample({.memory_alloc_bytes = 100, .cpu_user_seconds = 50, .goroutines = 4}).cpu_percent, 0)
        << "there was no interval yet";
    clock.advance(std::chrono::seconds{5});
    const auto second =
        meter.sample({.memory_alloc_bytes = 300, .cpu_user_seconds = 51, .cpu_system_seconds = 0.5, .goroutines = 8});
    EXPECT_DOUBLE_EQ(second.cpu_percent, 30);
    EXPECT_EQ(second.memory_alloc_bytes, 200U);
    EXPECT_EQ(second.goroutines, 8);
    EXPECT_EQ(second.goroutines_smoothed, 6);
    ProcessStats last;
    for (int i = 0; i < 10; ++i) last = meter.sample({.memory_alloc_bytes = 7, .goroutines = 3});
    EXPECT_EQ(last.memory_alloc_bytes, 7U) << "older samples count no more";
    EXPECT_EQ(last.goroutines_smoothed, 3);
}

TEST(ProcessMeter, reads_what_this_process_uses) {
    const SystemClock clock;
    ProcessMeter meter(clock);
    const auto now = meter.sample();
    EXPECT_GT(now.memory_bytes, 1U << 20U);
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)  // their allocators do not say
    EXPECT_GT(now.memory_alloc_bytes, 0U);
#endif
    EXPECT_GT(now.cpu_user_seconds + now.cpu_system_seconds, 0);
    EXPECT_GE(now.goroutines, 1);
}

}  // namespace
}  // namespace corral::events
