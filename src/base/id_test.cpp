#include "base/id.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <unordered_set>
#include <vector>

#include "base/guarded.hpp"

namespace corral {
namespace {

// What the types are for: none of these mistakes compiles.
static_assert(!std::is_convertible_v<std::string, UserId>);
static_assert(!std::is_convertible_v<UserId, std::string>);
static_assert(!std::is_convertible_v<UserId, MachineId> && !std::is_constructible_v<MachineId, UserId>);
static_assert(!std::equality_comparable_with<UserId, MachineId>);
static_assert(!std::is_convertible_v<Ref<MachineTag>, MachineId>, "a name is not an id until a service resolved it");

TEST(Id, compares_orders_and_hashes_by_its_text) {
    EXPECT_EQ(UserId("a"), UserId("a"));
    EXPECT_NE(UserId("a"), UserId("A"));
    EXPECT_LT(UserId("a"), UserId("b"));
    const std::unordered_set<UserId> set{UserId("a"), UserId("b"), UserId("a")};
    EXPECT_EQ(set.size(), 2U);
    EXPECT_TRUE(UserId().empty());
}

TEST(Guarded, lets_one_thread_in_at_a_time) {
    constexpr int threads = 4;
    constexpr int each = 2000;
    Guarded<std::vector<int>> list;
    {
        std::vector<std::jthread> all;
        all.reserve(threads);
        for (int t = 0; t < threads; ++t)
            all.emplace_back([&] {
                for (int i = 0; i < each; ++i) list.lock()->push_back(i);
            });
    }
    EXPECT_EQ(list.with([](const auto& l) { return l.size(); }), std::size_t{threads} * each);
}

TEST(Guarded, holds_the_lock_as_long_as_the_handle_lives) {
    Guarded<int> value{1};
    std::jthread other;
    {
        auto held = value.lock();
        other = std::jthread([&] { *value.lock() *= 10; });
        *held += 1;  // the other thread multiplies 2, or this would be 11
    }
    other.join();
    EXPECT_EQ(*value.lock(), 20);
}

}  // namespace
}  // namespace corral
