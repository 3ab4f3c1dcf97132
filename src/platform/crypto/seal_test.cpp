#include "platform/crypto/seal.hpp"

#include <gtest/gtest.h>

#include "support/testing.hpp"

namespace corral::crypto {
namespace {

const Secret key(std::string(32, 'k'));

TEST(Seal, Q75_what_is_sealed_comes_out_again_and_is_different_each_time) {
    for (const std::string& text :
         {std::string(), std::string("a"), std::string("\0\xFF", 2), std::string(10'000, 'x')}) {
        EXPECT_EQ(unseal(key, seal(key, text)), text);
        EXPECT_NE(seal(key, text), seal(key, text));
    }
}

TEST(Seal, anything_changed_is_noticed) {
    const std::string sealed = seal(key, "a text");
    for (std::size_t at = 0; at < sealed.size(); ++at) {
        std::string other = sealed;
        other[at] = other[at] == 'A' ? 'B' : 'A';
        EXPECT_EQ(unseal(key, other), std::nullopt) << at;
        EXPECT_EQ(unseal(key, sealed.substr(0, at)), std::nullopt) << at;
    }
    EXPECT_EQ(unseal(key, sealed + "A"), std::nullopt);
    EXPECT_EQ(unseal(key, "not base64!"), std::nullopt);
    EXPECT_EQ(unseal(Secret(std::string(32, 'o')), sealed), std::nullopt) << "another key";
}

}  // namespace
}  // namespace corral::crypto
