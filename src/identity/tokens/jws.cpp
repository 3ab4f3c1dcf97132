#include "identity/tokens/jws.hpp"

#include "platform/crypto/crypto.hpp"

namespace corral::identity {

namespace {
Error malformed() { return Error{Errc::unauthenticated, "The token is malformed"}; }
}  // namespace

Result<Jws> split_jws(std::string_view token) {
    const auto first = token.find('.');
    const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) return malformed();
    auto payload = crypto::from_base64url(token.substr(first + 1, second - first - 1));
    auto signature = crypto::from_base64url(token.substr(second + 1));
    if (!payload || !signature) return malformed();
    return Jws{token.substr(0, first), token.substr(0, second), std::move(*payload), std::move(*signature)};
}

Result<JwsHeader> jws_header(const Jws& jws) {
    const auto text = crypto::from_base64url(jws.header);
    if (!text) return malformed();
    auto header = json::read<JwsHeader>(*text);
    if (!header) return malformed();
    return std::move(*header);
}

}  // namespace corral::identity
