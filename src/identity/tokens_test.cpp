#include "identity/tokens.hpp"

#include <gtest/gtest.h>

#include "platform/json/json.hpp"
#include "support/testing.hpp"

namespace corral::identity {
namespace {

using testing_support::fails_with;
using testing_support::ok;

constexpr const char* key = "a key that nobody else has";
const FakeClock clock_at_start;

std::int64_t seconds(Time time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

TokenClaims good_claims() {
    return {.exp = seconds(clock_at_start.now()) + 60,
            .email = "ann@example.org",
            .username = "Ann",
            .uid = "u-1",
            .roles = {"USER"},
            .claims = {"LIST", "LIST_VM"},
            .api_key_id = "",
            .jti = "j-1"};
}

// A token as somebody with the key, or without it, could put it together by hand.
std::string assemble(const std::string& header, const std::string& payload, const std::string& with_key = key) {
    const std::string head = crypto::base64url(header) + "." + crypto::base64url(payload);
    return head + "." + crypto::base64url(crypto::hmac_sha256(with_key, head));
}

std::string payload_of(const std::string& token) {
    const auto first = token.find('.');
    return crypto::from_base64url(token.substr(first + 1, token.find('.', first + 1) - first - 1)).value_or("");
}

class Tokens : public testing::Test {
protected:
    Result<TokenBearer> verify(const std::string& token) { return signer_.verify(token, clock_at_start.now()); }
    const TokenSigner signer_{Secret(key)};
};

TEST_F(Tokens, a_signed_token_says_whose_it_is) {
    TokenClaims in = good_claims();
    in.api_key_id = "k-1";
    const auto out = verify(signer_.sign(in));
    ASSERT_TRUE(ok(out));
    EXPECT_EQ(out->exp, in.exp);
    EXPECT_EQ(out->uid, in.uid);
    EXPECT_EQ(out->api_key_id, "k-1");
}

TEST_F(Tokens, q26_the_payload_has_the_members_and_types_that_released_clients_read) {
    const std::string token = signer_.sign(good_claims());
    EXPECT_EQ(crypto::from_base64url(token.substr(0, token.find('.'))), R"({"alg":"HS256","typ":"JWT"})");
    EXPECT_EQ(payload_of(token), R"({"exp":)" + std::to_string(good_claims().exp) +
                                     R"(,"email":"ann@example.org","username":"Ann","uid":"u-1","roles":["USER"],)"
                                     R"("claims":["LIST","LIST_VM"],"jti":"j-1"})");
}

TEST_F(Tokens, a_token_of_another_key_is_refused) {
    const TokenSigner other{Secret("another key")};
    EXPECT_TRUE(fails_with(Errc::unauthenticated, verify(other.sign(good_claims()))));
}

TEST_F(Tokens, a_token_with_any_character_changed_is_refused) {
    const std::string token = signer_.sign(good_claims());
    for (std::size_t at = 0; at < token.size(); ++at) {
        std::string forged = token;
        forged[at] = forged[at] == 'A' ? 'B' : 'A';
        EXPECT_TRUE(fails_with(Errc::unauthenticated, verify(forged))) << "character " << at;
    }
}

TEST_F(Tokens, a_token_that_is_cut_off_anywhere_or_goes_on_is_refused) {
    const std::string token = signer_.sign(good_claims());
    for (std::size_t length = 0; length < token.size(); ++length)
        EXPECT_TRUE(fails_with(Errc::unauthenticated, verify(token.substr(0, length)))) << length << " characters";
    for (const char* more : {".", ".AAAA", "A", "=", " "})
        EXPECT_TRUE(fails_with(Errc::unauthenticated, verify(token + more))) << more;
}

TEST_F(Tokens, only_the_pinned_algorithm_is_taken_even_with_a_right_signature) {
    const std::string payload = payload_of(signer_.sign(good_claims()));
    ASSERT_TRUE(ok(verify(assemble(R"({"alg":"HS256","typ":"JWT"})", payload)))) << "the control";
    for (const char* name : {"none", "None", "", "HS384", "HS512", "RS256", "hs256"}) {
        const std::string header = std::string(R"({"alg":")") + name + R"(","typ":"JWT"})";
        EXPECT_TRUE(fails_with(Errc::unauthenticated, verify(assemble(header, payload)))) << name;
        const std::string unsigned_token = crypto::base64url(header) + "." + crypto::base64url(payload) + ".";
        EXPECT_TRUE(fails_with(Errc::unauthenticated, verify(unsigned_token))) << name << " without signature";
    }
}

TEST_F(Tokens, a_token_ends_exactly_when_it_says) {
    TokenClaims claims = good_claims();
    claims.exp = seconds(clock_at_start.now());
    EXPECT_TRUE(fails_with(Errc::unauthenticated, verify(signer_.sign(claims))));
    claims.exp += 1;
    EXPECT_TRUE(ok(verify(signer_.sign(claims))));
    EXPECT_TRUE(ok(signer_.verify(signer_.sign(claims), clock_at_start.now() + std::chrono::milliseconds{999})));
    EXPECT_FALSE(signer_.verify(signer_.sign(claims), clock_at_start.now() + std::chrono::seconds{1}));
}

TEST_F(Tokens, q29_an_expired_forgery_is_called_forged_because_the_signature_is_checked_first) {
    TokenClaims claims = good_claims();
    claims.exp = 1;
    const auto expired = verify(signer_.sign(claims));
    const auto forged = verify(TokenSigner{Secret("another key")}.sign(claims));
    ASSERT_FALSE(expired);
    ASSERT_FALSE(forged);
    EXPECT_NE(expired.error().message, forged.error().message);
}

TEST_F(Tokens, q92_a_token_without_an_end_or_an_account_is_refused) {
    const std::string header = R"({"alg":"HS256","typ":"JWT"})";
    const std::string end = std::to_string(good_claims().exp);
    EXPECT_TRUE(ok(verify(assemble(header, R"({"exp":)" + end + R"(,"uid":"u-1"})")))) << "the control";
    EXPECT_FALSE(verify(assemble(header, R"({"uid":"u-1","email":"ann@example.org"})")));
    EXPECT_FALSE(verify(assemble(header, R"({"exp":)" + end + R"(,"email":"ann@example.org"})")));
    EXPECT_FALSE(verify(assemble(header, R"({"exp":"soon","uid":"u-1"})")));
    EXPECT_FALSE(verify(assemble(header, "no JSON")));
    EXPECT_FALSE(verify(assemble("no JSON", R"({"exp":)" + end + R"(,"uid":"u-1"})")));
}

}  // namespace
}  // namespace corral::identity
