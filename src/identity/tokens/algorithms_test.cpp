// Tokens signed with public-key algorithms: rotation, the published key set, and what must not pass.
#include <gtest/gtest.h>

#include "identity/tokens.hpp"
#include "identity/tokens/jws.hpp"
#include "support/testing.hpp"

namespace corral::identity {
namespace {

using crypto::Algorithm;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::refuses_field;
using testing_support::value_of;

const FakeClock clock_at_start;

TokenClaims good_claims() {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock_at_start.now().time_since_epoch());
    return {.exp = now.count() + 60, .email = "ann@example.org", .username = "Ann", .uid = "u-1", .jti = "j-1"};
}

const crypto::PrivateKey& key_for(Algorithm algorithm) {
    static const std::map<Algorithm, crypto::PrivateKey> made = [] {
        std::map<Algorithm, crypto::PrivateKey> out;
        for (const auto a : {Algorithm::rs256, Algorithm::es256, Algorithm::es384})
            out.emplace(a, value_of(crypto::PrivateKey::generate(a)));
        return out;
    }();
    const bool rsa = to_text(algorithm).starts_with("RS");
    return made.at(rsa ? Algorithm::rs256 : algorithm);
}

TokenSigner signer_for(Algorithm algorithm, std::vector<crypto::PublicKey> previous = {}) {
    TokenKeys keys{.algorithm = algorithm, .secret = {}, .key = {}, .previous = std::move(previous)};
    if (crypto::is_hmac(algorithm))
        keys.secret = Secret("a secret that nobody else has, long enough");
    else
        keys.key = key_for(algorithm);
    return TokenSigner(std::move(keys));
}

constexpr Algorithm all[] = {Algorithm::hs256, Algorithm::hs384, Algorithm::hs512, Algorithm::rs256,
                             Algorithm::rs384, Algorithm::rs512, Algorithm::es256, Algorithm::es384};

TEST(TokenAlgorithms, each_checks_its_own_tokens_and_no_others) {
    for (const auto signs : all)
        for (const auto checks : all) {
            const std::string token = signer_for(signs).sign(good_claims());
            EXPECT_EQ(bool(signer_for(checks).verify(token, clock_at_start.now())), signs == checks)
                << to_text(signs) << " by " << to_text(checks);
        }
}

TEST(TokenAlgorithms, the_header_names_algorithm_and_key) {
    for (const auto algorithm : all) {
        const std::string token = signer_for(algorithm).sign(good_claims());
        const auto header = value_of(jws_header(value_of(split_jws(token))));
        EXPECT_EQ(header.alg, to_text(algorithm));
        EXPECT_EQ(header.typ, "JWT");
        EXPECT_EQ(header.kid, crypto::is_hmac(algorithm) ? "" : key_for(algorithm).public_key().thumbprint());
    }
}

TEST(TokenAlgorithms, Q30_a_secret_made_of_the_public_key_signs_nothing) {
    const TokenSigner signer = signer_for(Algorithm::rs256);
    const std::string own = signer.sign(good_claims());
    const std::string payload = own.substr(own.find('.') + 1, own.rfind('.') - own.find('.') - 1);
    const auto jwk = key_for(Algorithm::rs256).public_key().jwk();
    for (const std::string& secret : {jwk.n, crypto::from_base64url(jwk.n).value(), signer.key_set()})
        for (const std::string& kid :
             {std::string(), ",\"kid\":\"" + key_for(Algorithm::rs256).public_key().thumbprint() + "\""}) {
            const std::string head = crypto::base64url(R"({"alg":"HS256")" + kid + R"(,"typ":"JWT"})") + "." + payload;
            const std::string forged = head + "." + crypto::base64url(crypto::hmac_sha256(secret, head));
            EXPECT_TRUE(fails_with(Errc::unauthenticated, signer.verify(forged, clock_at_start.now())));
        }
}

TEST(TokenAlgorithms, any_changed_or_missing_byte_of_the_signature_is_noticed) {
    for (const auto algorithm : {Algorithm::rs256, Algorithm::es256}) {
        const TokenSigner signer = signer_for(algorithm);
        const std::string token = signer.sign(good_claims());
        const std::string head = token.substr(0, token.rfind('.') + 1);
        const std::string signature = crypto::from_base64url(token.substr(token.rfind('.') + 1)).value();
        for (std::size_t at = 0; at < signature.size(); at += 7) {
            std::string other = signature;
            other[at] = static_cast<char>(other[at] ^ 1);
            EXPECT_FALSE(signer.verify(head + crypto::base64url(other), clock_at_start.now())) << at;
            EXPECT_FALSE(signer.verify(head + crypto::base64url(signature.substr(0, at)), clock_at_start.now()));
        }
        EXPECT_FALSE(signer.verify(head + crypto::base64url(signature + "x"), clock_at_start.now()));
        EXPECT_FALSE(signer.verify(head + crypto::base64url(std::string(64, '\0')), clock_at_start.now()))
            << "r = s = 0 (CVE-2022-21449)";
    }
}

TEST(TokenAlgorithms, after_a_rotation_tokens_of_the_old_key_go_on_working_while_it_is_kept) {
    const auto old_key = value_of(crypto::PrivateKey::generate(Algorithm::es256));
    const TokenSigner before(TokenKeys{.algorithm = Algorithm::es256, .secret = {}, .key = old_key, .previous = {}});
    const std::string token = before.sign(good_claims());
    EXPECT_TRUE(ok(signer_for(Algorithm::es256, {old_key.public_key()}).verify(token, clock_at_start.now())));
    EXPECT_FALSE(signer_for(Algorithm::es256).verify(token, clock_at_start.now()));
}

struct Published {
    std::string kty, use, alg, kid, n, e, crv, x, y, d, p, q;
};
constexpr auto json_object(const Published*) {
    return json::object("Published", json::field("kty", &Published::kty), json::field("use", &Published::use),
                        json::field("alg", &Published::alg), json::field("kid", &Published::kid),
                        json::field("n", &Published::n), json::field("e", &Published::e),
                        json::field("crv", &Published::crv), json::field("x", &Published::x),
                        json::field("y", &Published::y), json::field("d", &Published::d),
                        json::field("p", &Published::p), json::field("q", &Published::q));
}
struct PublishedSet {
    std::vector<Published> keys;
};
constexpr auto json_object(const PublishedSet*) {
    return json::object("PublishedSet", json::field("keys", &PublishedSet::keys));
}

TEST(TokenAlgorithms, the_key_set_is_enough_to_check_a_token_and_holds_nothing_private) {
    for (const auto algorithm : {Algorithm::rs512, Algorithm::es256, Algorithm::es384}) {
        const auto old_key = value_of(crypto::PrivateKey::generate(algorithm)).public_key();
        const TokenSigner signer = signer_for(algorithm, {old_key});
        const auto set = value_of(json::read<PublishedSet>(signer.key_set()));
        ASSERT_EQ(set.keys.size(), 2U);
        EXPECT_EQ(set.keys[1].kid, old_key.thumbprint());
        for (const auto& key : set.keys) {
            EXPECT_EQ(key.d + key.p + key.q, "");
            EXPECT_EQ(key.use, "sig");
            EXPECT_EQ(key.alg, to_text(algorithm));
        }
        const auto& key = set.keys.front();
        const auto read = value_of(crypto::PublicKey::from_jwk(
            {.kty = key.kty, .n = key.n, .e = key.e, .crv = key.crv, .x = key.x, .y = key.y}));
        const std::string token = signer.sign(good_claims());
        const auto jws = value_of(split_jws(token));
        EXPECT_TRUE(read.verify(algorithm, jws.signed_part, jws.signature));
        EXPECT_EQ(read.thumbprint(), key.kid);
    }
    EXPECT_EQ(signer_for(Algorithm::hs256).key_set(), R"({"keys":[]})");
}

// RFC 7638, 3.1.
TEST(TokenAlgorithms, a_key_s_id_is_its_thumbprint) {
    const auto key =
        value_of(crypto::PublicKey::from_jwk({.kty = "RSA",
                                              .n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1"
                                                   "RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n"
                                                   "3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-"
                                                   "65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zg"
                                                   "dAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"
                                                   "bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFC"
                                                   "ur-kEgU8awapJzKnqDKgw",
                                              .e = "AQAB"}));
    EXPECT_EQ(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

std::string pem64(const crypto::PrivateKey& key) { return crypto::base64(key.pem().reveal()); }

TEST(TokenAlgorithms, Q25_what_cannot_sign_is_refused_by_the_name_of_its_configuration_key) {
    const Secret rsa(pem64(key_for(Algorithm::rs256)));
    EXPECT_TRUE(ok(token_keys("HS384", Secret("s"), Secret(), {})));
    EXPECT_TRUE(ok(token_keys("RS512", Secret(), rsa, {rsa.reveal()})));
    for (const char* name : {"", "hs256", "HS1", "none", "PS256", "RS256 "})
        EXPECT_TRUE(refuses_field("JWT_SIGN_ALGORITHM", token_keys(name, Secret("s"), rsa, {}))) << name;
    EXPECT_TRUE(refuses_field("JWT_PRIVATE_KEY", token_keys("RS256", Secret("s"), Secret(), {})));
    EXPECT_TRUE(refuses_field("JWT_PRIVATE_KEY", token_keys("ES256", Secret(), rsa, {}))) << "a key of another kind";
    EXPECT_TRUE(
        refuses_field("JWT_PRIVATE_KEY", token_keys("ES256", Secret(), Secret(pem64(key_for(Algorithm::es384))), {})));
    for (const std::string& odd : {std::string("***"), crypto::base64("no key"), crypto::base64("")})
        EXPECT_TRUE(refuses_field("JWT_PRIVATE_KEY", token_keys("RS256", Secret(), Secret(odd), {}))) << odd;
    EXPECT_TRUE(refuses_field("JWT_PREVIOUS_KEYS", token_keys("RS256", Secret(), rsa, {"***"})));
    EXPECT_TRUE(
        refuses_field("JWT_PREVIOUS_KEYS", token_keys("RS256", Secret(), rsa, {pem64(key_for(Algorithm::es256))})));
    EXPECT_TRUE(refuses_field("JWT_PREVIOUS_KEYS", token_keys("HS256", Secret("s"), Secret(), {rsa.reveal()})));
}

TEST(TokenAlgorithms, a_key_in_base64_lines_as_tools_print_it_is_read) {
    std::string text = pem64(key_for(Algorithm::es256));
    for (std::size_t at = 64; at < text.size(); at += 65) text.insert(at, "\n");
    EXPECT_TRUE(ok(token_keys("ES256", Secret(), Secret(text + "\n"), {})));
}

TEST(TokenAlgorithms, points_that_are_not_on_their_curve_are_no_keys) {
    auto jwk = key_for(Algorithm::es256).public_key().jwk();
    std::swap(jwk.x, jwk.y);
    EXPECT_FALSE(crypto::PublicKey::from_jwk(jwk));
    jwk.x = jwk.y = crypto::base64url(std::string(32, '\0'));
    EXPECT_FALSE(crypto::PublicKey::from_jwk(jwk));
    EXPECT_FALSE(crypto::PublicKey::from_jwk({.kty = "oct"}));
    EXPECT_FALSE(crypto::PublicKey::from_jwk({.kty = "RSA", .n = "AQAB", .e = "AQAB"})) << "a short one";
}

}  // namespace
}  // namespace corral::identity
