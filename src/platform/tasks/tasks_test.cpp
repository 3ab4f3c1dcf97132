#include "platform/tasks/tasks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <latch>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/results.hpp"

namespace corral::tasks {
namespace {

using namespace std::chrono_literals;
using testing_support::eventually;

constexpr auto never = std::chrono::hours{24 * 365};

TEST(Pool, runs_as_many_things_at_once_as_it_has_threads) {
    constexpr int threads = 4;
    Pool pool("test", threads);
    std::latch together(threads);  // passed only when all of them run at the same time
    std::atomic<int> done = 0;
    for (int i = 0; i < threads; ++i)
        ASSERT_TRUE(pool.post([&] {
            together.arrive_and_wait();
            ++done;
        }));
    EXPECT_TRUE(eventually([&] { return done == threads; }));
}

TEST(Pool, takes_work_in_the_order_of_posting) {
    std::vector<int> order;
    {
        Pool pool("test", 1);
        for (int i = 0; i < 100; ++i) ASSERT_TRUE(pool.post([&, i] { order.push_back(i); }));
    }
    ASSERT_EQ(order.size(), 100U);
    EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(Pool, stop_finishes_what_is_queued_and_takes_nothing_new) {
    Pool pool("test", 2);
    std::promise<void> gate;
    auto open = gate.get_future().share();
    std::atomic<int> done = 0;
    for (int i = 0; i < 20; ++i)
        ASSERT_TRUE(pool.post([&done, open] {
            open.wait();
            ++done;
        }));
    EXPECT_TRUE(eventually([&] { return pool.queued() == 18; })) << "two run, the others wait";
    std::jthread stopper([&] { pool.stop(); });
    EXPECT_TRUE(eventually([&] { return !pool.post([] {}); }));
    gate.set_value();
    stopper.join();
    EXPECT_EQ(done, 20);
    EXPECT_EQ(pool.queued(), 0U);
    EXPECT_FALSE(pool.post([] {}));
    pool.stop();  // once more does no harm
}

TEST(Pool, refuses_work_when_ten_thousand_wait) {
    std::promise<void> gate;
    auto open = gate.get_future().share();
    std::atomic<int> done = 0;
    Pool pool("test", 1);
    ASSERT_TRUE(pool.post([open] { open.wait(); }));
    ASSERT_TRUE(eventually([&] { return pool.queued() == 0; }));
    for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(pool.post([&] { ++done; })) << i;
    EXPECT_FALSE(pool.post([&] { ++done; }));
    gate.set_value();
    pool.stop();
    EXPECT_EQ(done, 10'000);
}

TEST(Pool, survives_work_that_throws) {
    std::atomic<bool> done = false;
    Pool pool("test", 1);
    ASSERT_TRUE(pool.post([] { throw std::runtime_error("bug"); }));
    ASSERT_TRUE(pool.post([&] { done = true; }));
    EXPECT_TRUE(eventually([&] { return done.load(); }));
}

TEST(Periodic, runs_at_once_and_again_after_each_period) {
    std::atomic<int> runs = 0;
    const Periodic periodic("test", 1ms, [&](const std::stop_token&) { ++runs; });
    EXPECT_TRUE(eventually([&] { return runs >= 3; }));
}

TEST(Periodic, runs_at_once_when_woken_and_not_without_a_reason) {
    std::atomic<int> runs = 0;
    Periodic periodic("test", never, [&](const std::stop_token&) { ++runs; });
    ASSERT_TRUE(eventually([&] { return runs == 1; }));
    for (int i = 2; i <= 5; ++i) {
        periodic.wake();
        ASSERT_TRUE(eventually([&] { return runs == i; })) << i;
    }
    periodic.stop();
    EXPECT_EQ(runs, 5);
}

TEST(Periodic, a_wake_up_during_a_run_is_not_lost) {
    std::atomic<int> runs = 0;
    std::promise<void> gate;
    auto open = gate.get_future().share();
    Periodic periodic("test", never, [&, open](const std::stop_token&) {
        if (++runs == 1) open.wait();
    });
    ASSERT_TRUE(eventually([&] { return runs == 1; }));
    periodic.wake();
    gate.set_value();
    EXPECT_TRUE(eventually([&] { return runs == 2; }));
}

TEST(Periodic, stop_asks_running_work_to_end_and_waits_for_it) {
    std::atomic<bool> running = false;
    std::atomic<bool> ended = false;
    Periodic periodic("test", never, [&](const std::stop_token& stop) {
        running = true;
        ended = eventually([&] { return stop.stop_requested(); });
    });
    ASSERT_TRUE(eventually([&] { return running.load(); }));
    periodic.stop();
    EXPECT_TRUE(ended);
    periodic.stop();  // once more does no harm
    periodic.wake();
}

TEST(Periodic, survives_work_that_throws) {
    std::atomic<int> runs = 0;
    const Periodic periodic("test", 1ms, [&](const std::stop_token&) {
        ++runs;
        throw std::runtime_error("bug");
    });
    EXPECT_TRUE(eventually([&] { return runs >= 2; }));
}

}  // namespace
}  // namespace corral::tasks
