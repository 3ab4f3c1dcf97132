#include "machines/locks.hpp"

#include <atomic>
#include <latch>
#include <thread>

#include "support/testing.hpp"

namespace corral::machines {
namespace {

using testing_support::eventually;
using testing_support::fails_with;
using testing_support::ok;

TEST(Locks, let_one_at_a_time_work_on_a_machine) {
    Locks locks;
    int counter = 0;  // not atomic: the lock is what guards it
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < 8; ++t)
            all.emplace_back([&] {
                for (int i = 0; i < 500; ++i) {
                    const auto held = locks.hold("one");
                    ++counter;
                }
            });
    }
    EXPECT_EQ(counter, 4000);
}

TEST(Locks, of_different_machines_do_not_wait_for_each_other) {
    Locks locks;
    const auto one = locks.hold("one");
    const auto two = locks.hold("two");
    std::latch done{1};
    std::jthread other([&] {
        const auto three = locks.hold("three");
        done.count_down();
    });
    done.wait();
}

TEST(Locks, stay_right_when_there_are_very_many_machines) {
    Locks locks;
    auto held = std::make_optional(locks.hold("held"));
    for (int i = 0; i < 10'000; ++i) (void)locks.hold(std::to_string(i));
    std::atomic<bool> got{false};
    std::jthread other([&] {
        const auto mine = locks.hold("held");
        got = true;
    });
    for (int i = 0; i < 100; ++i) (void)locks.hold("n" + std::to_string(i));
    EXPECT_FALSE(got) << "a lock in use is never dropped";
    held.reset();
    EXPECT_TRUE(eventually([&] { return got.load(); }));
}

TEST(StartGate, lets_only_so_many_through_and_the_next_when_one_leaves) {
    StartGate gate(2);
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < 8; ++t)
            all.emplace_back([&] {
                for (int i = 0; i < 50; ++i) {
                    const auto pass = gate.enter({});
                    ASSERT_TRUE(ok(pass));
                    const int now = ++inside;
                    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
                    }
                    std::this_thread::yield();
                    --inside;
                }
            });
    }
    EXPECT_LE(most, 2);
    EXPECT_GE(most, 1);
}

TEST(StartGate, serves_in_order_of_arrival) {
    StartGate gate(1);
    std::mutex mutex;
    std::vector<int> order;
    std::vector<std::jthread> all;
    {
        const auto first = gate.enter({});
        for (int t = 0; t < 5; ++t) {
            all.emplace_back([&, t] {
                const auto pass = gate.enter({});
                const std::lock_guard lock(mutex);
                order.push_back(t);
            });
            ASSERT_TRUE(eventually([&] { return gate.waiting() == static_cast<std::size_t>(t) + 1; }));
        }
    }
    all.clear();
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(StartGate, who_gives_up_leaves_the_line_and_takes_no_place) {
    StartGate gate(1);
    std::stop_source stop;
    {
        const auto first = gate.enter({});
        Result<void> waited;
        std::jthread impatient([&] {
            const auto pass = gate.enter(stop.get_token());
            EXPECT_TRUE(fails_with(Errc::timeout, pass));
        });
        ASSERT_TRUE(eventually([&] { return gate.waiting() == 1; }));
        stop.request_stop();
        impatient.join();
        EXPECT_EQ(gate.waiting(), 0U);
    }
    EXPECT_TRUE(ok(gate.enter({})));
    EXPECT_TRUE(ok(gate.enter({}))) << "the place came back each time";
}

TEST(StartGate, a_pass_that_was_moved_leaves_once) {
    StartGate gate(1);
    {
        auto pass = gate.enter({});
        const StartGate::Pass moved = std::move(*pass);
    }
    const auto one = gate.enter({});
    std::stop_source stopped;
    stopped.request_stop();
    EXPECT_TRUE(fails_with(Errc::timeout, gate.enter(stopped.get_token()))) << "there is one place, not two";
}

TEST(StartGate, has_at_least_one_place) {
    StartGate gate(0);
    EXPECT_TRUE(ok(gate.enter({})));
}

}  // namespace
}  // namespace corral::machines
