#include "identity/login/throttle.hpp"

#include <gtest/gtest.h>

namespace corral::identity {
namespace {

using namespace std::chrono_literals;

class Throttle : public testing::Test {
protected:
    void fail(const std::string& address, int times) {
        for (int i = 0; i < times; ++i) throttle_.note_failure(address);
    }
    FakeClock clock_;
    AddressThrottle throttle_{clock_, 3};
};

TEST_F(Throttle, says_how_long_an_address_with_too_many_failures_has_to_wait) {
    fail("192.0.2.1", 2);
    EXPECT_EQ(throttle_.wait_for("192.0.2.1"), 0s);
    clock_.advance(20s);
    fail("192.0.2.1", 1);
    EXPECT_EQ(throttle_.wait_for("192.0.2.1"), 41s);
    EXPECT_EQ(throttle_.wait_for("192.0.2.2"), 0s) << "others are not concerned";
    clock_.advance(41s);
    EXPECT_EQ(throttle_.wait_for("192.0.2.1"), 0s);
}

TEST_F(Throttle, failures_of_another_minute_do_not_count) {
    fail("192.0.2.1", 2);
    clock_.advance(61s);
    fail("192.0.2.1", 2);
    EXPECT_EQ(throttle_.wait_for("192.0.2.1"), 0s);
}

TEST_F(Throttle, who_has_a_whole_network_of_addresses_is_one_address) {
    fail("2001:db8:1:2::1", 2);
    fail("2001:db8:1:2:ffff::9", 1);
    EXPECT_GT(throttle_.wait_for("2001:db8:1:2::77"), 0s);
    EXPECT_EQ(throttle_.wait_for("2001:db8:1:3::1"), 0s);
    fail("::ffff:192.0.2.1", 3);
    EXPECT_EQ(throttle_.wait_for("::ffff:192.0.2.2"), 0s) << "IPv4 in the form of IPv6 is not one network";
}

TEST_F(Throttle, remembers_a_bounded_number_and_forgets_the_oldest_first) {
    fail("first", 3);
    for (std::size_t i = 1; i < AddressThrottle::most_addresses; ++i) fail("a" + std::to_string(i), 1);
    EXPECT_GT(throttle_.wait_for("first"), 0s);
    fail("last", 3);
    EXPECT_EQ(throttle_.wait_for("first"), 0s);
    EXPECT_GT(throttle_.wait_for("last"), 0s);
}

TEST(ThrottleOff, no_limit_means_none) {
    const FakeClock clock;
    AddressThrottle throttle(clock, 0);
    for (int i = 0; i < 1000; ++i) throttle.note_failure("192.0.2.1");
    EXPECT_EQ(throttle.wait_for("192.0.2.1"), 0s);
}

}  // namespace
}  // namespace corral::identity
