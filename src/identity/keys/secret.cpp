#include "identity/keys/secret.hpp"

#include "platform/crypto/crypto.hpp"

namespace corral::identity {

std::string key_mac(const Secret& master_key, std::string_view key, std::string_view secret) {
    constexpr std::string_view purpose = "api key\n";
    std::string text;
    text.reserve(purpose.size() + key.size() + 1 + secret.size());
    text.append(purpose).append(key).append("\n").append(secret);
    const std::string mac = crypto::hmac_sha256(master_key.reveal(), text);
    return crypto::to_hex({reinterpret_cast<const std::uint8_t*>(mac.data()), mac.size()});
}

}  // namespace corral::identity
