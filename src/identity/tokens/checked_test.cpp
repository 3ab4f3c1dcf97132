#include "identity/tokens/checked.hpp"

#include <gtest/gtest.h>

namespace corral::identity {
namespace {

crypto::Sha256 print(int n) { return crypto::sha256(std::to_string(n)); }

TEST(CheckedTokens, are_found_by_their_print_and_no_other) {
    CheckedTokens tokens;
    EXPECT_FALSE(tokens.find(print(1)));
    tokens.keep(print(1), {.exp = 5, .uid = "ann"});
    ASSERT_TRUE(tokens.find(print(1)));
    EXPECT_EQ(tokens.find(print(1))->uid, "ann");
    EXPECT_FALSE(tokens.find(print(2)));
}

TEST(CheckedTokens, are_bounded_and_those_in_use_stay) {
    CheckedTokens tokens(20);
    tokens.keep(print(-1), {.uid = "in use"});
    for (int n = 0; n < 1000; ++n) {
        tokens.keep(print(n), {.uid = "once"});
        ASSERT_TRUE(tokens.find(print(-1))) << n;
        ASSERT_LE(tokens.size(), 21U);
    }
    EXPECT_FALSE(tokens.find(print(0)));
}

}  // namespace
}  // namespace corral::identity
