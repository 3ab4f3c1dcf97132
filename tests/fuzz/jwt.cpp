// JSON Web Tokens: whatever comes, a token is good only with our algorithm and our signature.
#include <chrono>

#include "fuzz.hpp"
#include "identity/tokens.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/json/json.hpp"

namespace {

using namespace corral;

constexpr const char* key = "0123456789abcdef0123456789abcdef";
const Time now = std::chrono::sys_days{std::chrono::year{2026} / 1 / 1};

// A token that is signed well, whatever it says.
std::string signed_well(std::string_view header, std::string_view claims) {
    const std::string text = crypto::base64url(header) + "." + crypto::base64url(claims);
    return text + "." + crypto::base64url(crypto::hmac_sha256(key, text));
}

}  // namespace

void one(std::string_view input) {
    static const bool ready = (crypto::init(), true);
    (void)ready;
    static const identity::TokenSigner signer{Secret(std::string(key))};
    must(!signer.verify(input, now), "nobody guesses a signature");
    const auto cut = std::min(input.find('\n'), input.size());
    const std::string_view header = input.substr(0, cut);
    const std::string_view claims = input.substr(std::min(cut + 1, input.size()));
    const std::string token = signed_well(header, claims);
    const auto bearer = signer.verify(token, now);
    if (!bearer) return;
    must(!bearer->uid.empty(), "a token names its account");
    must(bearer->exp > std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count(),
         "and ends in the future");
    const auto read = json::parse(header);
    must(read && read->is_object(), "the header is an object");
    const std::size_t signature = token.rfind('.');
    for (std::size_t at = 0; at < signature; at += 7) {
        std::string other = token;
        other[at] = other[at] == 'A' ? 'B' : 'A';
        must(!signer.verify(other, now), "one changed letter ends it");
    }
}
