#include "identity/tokens.hpp"

#include <algorithm>
#include <stdexcept>

#include "base/log.hpp"
#include "identity/tokens/jws.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/json/json.hpp"

namespace corral::identity {

namespace {

Error refused(std::string why) { return Error{Errc::unauthenticated, std::move(why)}; }

struct PublishedKey {
    std::string kty, use = "sig", alg, kid, n, e, crv, x, y;
};
constexpr auto json_object(const PublishedKey*) {
    return json::object("JsonWebKey", json::field("kty", &PublishedKey::kty), json::field("use", &PublishedKey::use),
                        json::field("alg", &PublishedKey::alg), json::field("kid", &PublishedKey::kid),
                        json::omit("n", &PublishedKey::n), json::omit("e", &PublishedKey::e),
                        json::omit("crv", &PublishedKey::crv), json::omit("x", &PublishedKey::x),
                        json::omit("y", &PublishedKey::y));
}

struct KeySet {
    std::vector<PublishedKey> keys;
};
constexpr auto json_object(const KeySet*) { return json::object("JsonWebKeySet", json::field("keys", &KeySet::keys)); }

// base64 as tools print it, in lines.
std::optional<std::string> unwrapped(std::string text) {
    std::erase_if(text, [](char c) { return c == '\n' || c == '\r'; });
    return crypto::from_base64(text);
}

}  // namespace

constexpr auto json_object(const TokenClaims*) {
    return json::object("JwtClaims", json::field("exp", &TokenClaims::exp), json::field("email", &TokenClaims::email),
                        json::field("username", &TokenClaims::username), json::field("uid", &TokenClaims::uid),
                        json::field("roles", &TokenClaims::roles), json::field("claims", &TokenClaims::claims),
                        json::omit("api_key_id", &TokenClaims::api_key_id), json::field("jti", &TokenClaims::jti),
                        json::omit("epoch", &TokenClaims::epoch));
}

constexpr auto json_object(const TokenBearer*) {
    return json::object("JwtBearer", json::field("exp", &TokenBearer::exp), json::field("uid", &TokenBearer::uid),
                        json::field("api_key_id", &TokenBearer::api_key_id), json::field("jti", &TokenBearer::jti),
                        json::field("epoch", &TokenBearer::epoch));
}

Result<TokenKeys> token_keys(const std::string& algorithm, Secret secret, const Secret& private_key,
                             const std::vector<std::string>& previous) {
    TokenKeys out;
    const auto known = crypto::algorithm_from_text(algorithm);
    if (!known)
        return invalid_field("JWT_SIGN_ALGORITHM",
                             "must be one of HS256, HS384, HS512, RS256, RS384, RS512, ES256 and ES384");
    out.algorithm = *known;
    if (crypto::is_hmac(*known)) {
        if (!previous.empty())
            return invalid_field("JWT_PREVIOUS_KEYS", "goes with RS and ES algorithms, not with " + algorithm);
        out.secret = std::move(secret);
        return out;
    }
    if (private_key.empty()) return invalid_field("JWT_PRIVATE_KEY", "is needed for " + algorithm);
    const auto pem = unwrapped(private_key.reveal());
    if (!pem) return invalid_field("JWT_PRIVATE_KEY", "must be a PEM key in base64");
    auto key = crypto::PrivateKey::from_pem(Secret(*pem));
    if (!key) return invalid_field("JWT_PRIVATE_KEY", "cannot be read: " + key.error().message);
    if (!key->public_key().fits(*known)) return invalid_field("JWT_PRIVATE_KEY", "is not a key for " + algorithm);
    out.key = std::move(*key);
    for (const std::string& text : previous) {
        const auto old_pem = unwrapped(text);
        auto old = old_pem ? crypto::PublicKey::from_pem(*old_pem) : Result<crypto::PublicKey>(Error{});
        if (!old || !old->fits(*known))
            return invalid_field("JWT_PREVIOUS_KEYS", "must be PEM keys for " + algorithm + ", each in base64");
        out.previous.push_back(std::move(*old));
    }
    return out;
}

TokenSigner::TokenSigner(TokenKeys keys) : keys_(std::move(keys)) {
    JwsHeader header{.alg = std::string(crypto::to_text(keys_.algorithm)), .kid = "", .typ = "JWT"};
    const auto add = [&](const crypto::PublicKey& key) {
        const std::string id = key.thumbprint();
        if (std::ranges::find(checkers_, id, &Checker::id) == checkers_.end()) checkers_.push_back({id, key});
    };
    if (keys_.key) {
        add(keys_.key->public_key());
        header.kid = checkers_.front().id;
    }
    for (const auto& key : keys_.previous) add(key);
    KeySet set;
    for (const Checker& checker : checkers_) {
        const crypto::Jwk jwk = checker.key.jwk();
        set.keys.push_back({.kty = jwk.kty,
                            .alg = header.alg,
                            .kid = checker.id,
                            .n = jwk.n,
                            .e = jwk.e,
                            .crv = jwk.crv,
                            .x = jwk.x,
                            .y = jwk.y});
    }
    key_set_ = json::to_text(set);
    header_ = crypto::base64url(json::to_text(header));
}

std::string TokenSigner::sign(const TokenClaims& claims) const {
    const std::string signed_part = header_ + "." + crypto::base64url(json::to_text(claims));
    if (!keys_.key)
        return signed_part + "." + crypto::base64url(crypto::hmac(keys_.algorithm, keys_.secret.reveal(), signed_part));
    auto signature = keys_.key->sign(keys_.algorithm, signed_part);
    // The key was tried for its algorithm when it was read: only exhausted memory is left.
    if (!signature) throw std::runtime_error(signature.error().message);
    return signed_part + "." + crypto::base64url(*signature);
}

bool TokenSigner::signature_holds(std::string_view key_id, std::string_view signed_part,
                                  std::string_view signature) const {
    if (checkers_.empty())
        return crypto::equal_constant_time(signature,
                                           crypto::hmac(keys_.algorithm, keys_.secret.reveal(), signed_part));
    // One key only, by its id: no searching through keys for whoever sends nonsense.
    const auto checker = std::ranges::find(checkers_, key_id, &Checker::id);
    return checker != checkers_.end() && checker->key.verify(keys_.algorithm, signed_part, signature);
}

Result<TokenBearer> TokenSigner::verify(std::string_view token, Time now) const {
    const Jws jws = TRY(split_jws(token));
    std::string key_id = checkers_.empty() ? "" : checkers_.front().id;
    if (jws.header != header_) {  // not one of ours with the newest key
        const JwsHeader header = TRY(jws_header(jws));
        if (header.alg != crypto::to_text(keys_.algorithm))
            return refused("The token is signed with another algorithm");
        key_id = header.kid;
    }
    if (!signature_holds(key_id, jws.signed_part, jws.signature)) return refused("The token is not valid");
    auto bearer = json::read<TokenBearer>(jws.payload);
    if (!bearer) return refused("The token is malformed");
    if (bearer->exp == 0 || bearer->uid.empty()) return refused("The token lacks an expiry or an account");
    TRY(in_time(*bearer, now));
    return std::move(*bearer);
}

Result<void> in_time(const TokenBearer& bearer, Time now) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    if (seconds >= bearer.exp) return refused("The token has expired");
    return {};
}

}  // namespace corral::identity
