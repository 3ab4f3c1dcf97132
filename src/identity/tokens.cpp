#include "identity/tokens.hpp"

#include "platform/crypto/crypto.hpp"
#include "platform/json/json.hpp"

namespace corral::identity {

namespace {

struct Header {
    std::string alg = "HS256", typ = "JWT";
};
constexpr auto json_object(const Header*) {
    return json::object("JwtHeader", json::field("alg", &Header::alg), json::field("typ", &Header::typ));
}

Error refused(std::string why) { return Error{Errc::unauthenticated, std::move(why)}; }

}  // namespace

constexpr auto json_object(const TokenClaims*) {
    return json::object("JwtClaims", json::field("exp", &TokenClaims::exp), json::field("email", &TokenClaims::email),
                        json::field("username", &TokenClaims::username), json::field("uid", &TokenClaims::uid),
                        json::field("roles", &TokenClaims::roles), json::field("claims", &TokenClaims::claims),
                        json::omit("api_key_id", &TokenClaims::api_key_id), json::field("jti", &TokenClaims::jti));
}

constexpr auto json_object(const TokenBearer*) {
    return json::object("JwtBearer", json::field("exp", &TokenBearer::exp), json::field("uid", &TokenBearer::uid),
                        json::field("api_key_id", &TokenBearer::api_key_id));
}

std::string TokenSigner::sign(const TokenClaims& claims) const {
    const std::string signed_part =
        crypto::base64url(json::to_text(Header{})) + "." + crypto::base64url(json::to_text(claims));
    return signed_part + "." + crypto::base64url(crypto::hmac_sha256(key_.reveal(), signed_part));
}

Result<TokenBearer> TokenSigner::verify(std::string_view token, Time now) const {
    const auto first = token.find('.');
    const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
        return refused("The token is malformed");
    const auto signature = crypto::from_base64url(token.substr(second + 1));
    if (!signature ||
        !crypto::equal_constant_time(*signature, crypto::hmac_sha256(key_.reveal(), token.substr(0, second))))
        return refused("The token is not valid");
    const auto header_text = crypto::from_base64url(token.substr(0, first));
    const auto claims_text = crypto::from_base64url(token.substr(first + 1, second - first - 1));
    if (!header_text || !claims_text) return refused("The token is malformed");
    const auto header = json::read<Header>(*header_text);
    if (!header || header->alg != "HS256") return refused("The token is signed with another algorithm");
    auto bearer = json::read<TokenBearer>(*claims_text);
    if (!bearer) return refused("The token is malformed");
    if (bearer->exp == 0 || bearer->uid.empty()) return refused("The token lacks an expiry or an account");
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    if (seconds >= bearer->exp) return refused("The token has expired");
    return std::move(*bearer);
}

}  // namespace corral::identity
