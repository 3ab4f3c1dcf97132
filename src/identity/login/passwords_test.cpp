#include "identity/login/passwords.hpp"

#include <latch>
#include <thread>
#include <vector>

#include "support/testing.hpp"

namespace corral::identity {
namespace {

using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

TEST(Passwords, are_hashed_and_checked) {
    PasswordWork work(1, 1);
    const std::string hash = value_of(work.hash(Secret("right")));
    EXPECT_TRUE(value_of(work.verify(hash, Secret("right"), "")));
    EXPECT_FALSE(value_of(work.verify(hash, Secret("wrong"), "")));
}

TEST(Passwords, more_callers_than_may_wait_are_refused_at_once_and_the_others_served) {
    constexpr int clients = 12;
    constexpr int places = 3;
    PasswordWork work(1, places);
    const std::string hash = value_of(work.hash(Secret("right")));
    std::latch start(clients);
    std::atomic<int> served = 0;
    std::atomic<int> busy = 0;
    {
        std::vector<std::jthread> all;
        for (int i = 0; i < clients; ++i)
            all.emplace_back([&] {
                start.arrive_and_wait();
                const auto done = work.verify(hash, Secret("right"), "");
                if (done)
                    served += *done ? 1 : 0;
                else
                    busy += fails_with(Errc::busy, done) ? 1 : 0;
            });
    }
    EXPECT_EQ(served + busy, clients);
    EXPECT_GE(served, places);
    EXPECT_TRUE(ok(work.verify(hash, Secret("right"), ""))) << "the places are free again";
}

}  // namespace
}  // namespace corral::identity
