#include "platform/crypto/seal.hpp"

#include <sodium.h>

#include <stdexcept>

#include "platform/crypto/crypto.hpp"

namespace corral::crypto {

namespace {

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

const unsigned char* checked(const Secret& key) {
    if (key.reveal().size() != crypto_secretbox_KEYBYTES) throw std::logic_error("a sealing key has 32 bytes");
    return bytes_of(key.reveal());
}

}  // namespace

std::string seal(const Secret& key, std::string_view text) {
    const std::string nonce = random_bytes(crypto_secretbox_NONCEBYTES);
    std::string box(crypto_secretbox_MACBYTES + text.size(), '\0');
    crypto_secretbox_easy(reinterpret_cast<unsigned char*>(box.data()), bytes_of(text), text.size(), bytes_of(nonce),
                          checked(key));
    return base64url(nonce + box);
}

std::optional<std::string> unseal(const Secret& key, std::string_view sealed) {
    const auto all = from_base64url(sealed);
    constexpr std::size_t least = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
    if (!all || all->size() < least) return std::nullopt;
    const std::string_view box = std::string_view(*all).substr(crypto_secretbox_NONCEBYTES);
    std::string text(all->size() - least, '\0');
    if (crypto_secretbox_open_easy(reinterpret_cast<unsigned char*>(text.data()), bytes_of(box), box.size(),
                                   bytes_of(*all), checked(key)) != 0)
        return std::nullopt;
    return text;
}

}  // namespace corral::crypto
