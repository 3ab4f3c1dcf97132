#include "platform/crypto/crypto.hpp"

#include <crypt.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include <cstdlib>
#include <cstring>

#include "platform/crypto/stored_hash.hpp"

namespace corral::crypto {

void init() {
    if (sodium_init() < 0) std::abort();  // no random source: nothing here could be trusted
}

Sha256 sha256(std::string_view bytes) {
    Sha256 out{};
    unsigned size = 0;
    EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, EVP_sha256(), nullptr);
    return out;
}

struct Sha256Stream::State {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    ~State() { EVP_MD_CTX_free(context); }
};
Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {
    EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr);
}
Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
void Sha256Stream::update(std::string_view bytes) { EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()); }
Sha256 Sha256Stream::finish() {
    Sha256 out{};
    unsigned size = 0;
    EVP_DigestFinal_ex(state_->context, out.data(), &size);
    return out;
}

std::string md5_hex(std::string_view bytes) {
    std::array<std::uint8_t, 16> out{};
    unsigned size = 0;
    EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, EVP_md5(), nullptr);
    return to_hex(out);
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const auto b : bytes) {
        out += digits[b >> 4U];
        out += digits[b & 15U];
    }
    return out;
}

std::optional<std::string> from_hex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::string out(text.size() / 2, '\0');
    std::size_t written = 0;
    const char* end = nullptr;
    if (sodium_hex2bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(), text.size(), nullptr,
                       &written, &end) != 0 ||
        end != text.data() + text.size() || written != out.size())
        return std::nullopt;
    return out;
}

namespace {

std::string encode(std::string_view bytes, int variant) {
    std::string out(sodium_base64_encoded_len(bytes.size(), variant), '\0');
    sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                      variant);
    out.resize(std::strlen(out.c_str()));
    return out;
}

std::optional<std::string> decode(std::string_view text, int variant) {
    std::string out(text.size() / 4 * 3 + 3, '\0');
    std::size_t written = 0;
    const char* end = nullptr;
    if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(), text.size(), nullptr,
                          &written, &end, variant) != 0 ||
        end != text.data() + text.size())
        return std::nullopt;
    out.resize(written);
    return out;
}

}  // namespace

std::string base64(std::string_view bytes) { return encode(bytes, sodium_base64_VARIANT_ORIGINAL); }
std::optional<std::string> from_base64(std::string_view text) { return decode(text, sodium_base64_VARIANT_ORIGINAL); }
std::string base64url(std::string_view bytes) { return encode(bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING); }

// By table. libsodium decodes in constant time, which is right for secrets and costs every signed-in request 20 µs for
// the payload of its token, which is none.
std::optional<std::string> from_base64url(std::string_view text) {
    static constexpr auto values = [] {
        std::array<std::int8_t, 256> table{};
        table.fill(-1);
        std::int8_t value = 0;
        for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
            table[static_cast<unsigned char>(c)] = value++;
        return table;
    }();
    const auto value = [&](std::size_t at) -> int { return values[static_cast<unsigned char>(text[at])]; };
    std::string out(text.size() / 4 * 3, '\0');
    std::size_t at = 0;
    for (char* to = out.data(); at + 4 <= text.size(); at += 4, to += 3) {
        const int bits = value(at) << 18 | value(at + 1) << 12 | value(at + 2) << 6 | value(at + 3);
        if (bits < 0) return std::nullopt;
        to[0] = static_cast<char>(bits >> 16);
        to[1] = static_cast<char>(bits >> 8);
        to[2] = static_cast<char>(bits);
    }
    const std::size_t rest = text.size() - at;
    if (rest == 0) return out;
    if (rest == 1) return std::nullopt;
    const int bits = value(at) << 12 | value(at + 1) << 6 | (rest == 3 ? value(at + 2) : 0);
    const int unused = rest == 3 ? 3 : 1023;  // must be zero, so that there is one text a value
    if (bits < 0 || (bits & unused) != 0) return std::nullopt;
    out += static_cast<char>(bits >> 10);
    if (rest == 3) out += static_cast<char>(bits >> 2);
    return out;
}

std::string random_bytes(std::size_t size) {
    std::string out(size, '\0');
    randombytes_buf(out.data(), out.size());
    return out;
}

std::string random_id() {
    const std::string bytes = random_bytes(32);
    return to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

std::string random_uuid() {  // RFC 9562, version 4
    std::string bytes = random_bytes(16);
    bytes[6] = static_cast<char>((static_cast<unsigned char>(bytes[6]) & 0x0FU) | 0x40U);
    bytes[8] = static_cast<char>((static_cast<unsigned char>(bytes[8]) & 0x3FU) | 0x80U);
    std::string hex = to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
    for (const std::size_t at : {8U, 13U, 18U, 23U}) hex.insert(at, "-");
    return hex;
}

std::string random_alphanumeric(std::size_t size) {
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    std::string out;
    for (std::size_t i = 0; i < size; ++i) out += letters[randombytes_uniform(letters.size())];
    return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) {
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

namespace {
constexpr unsigned long long argon_passes = 2;
constexpr std::size_t argon_memory = 19U << 20;  // OWASP password storage cheat sheet: t=2, m=19 MiB
}  // namespace

Result<std::string> hash_password(const Secret& password) {
    std::array<char, crypto_pwhash_STRBYTES> out{};
    if (crypto_pwhash_str_alg(out.data(), password.reveal().data(), password.reveal().size(), argon_passes,
                              argon_memory, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return Error{Errc::unavailable, "Too little memory to check a password; try again", "crypto_pwhash_str_alg"};
    return std::string(out.data());
}

bool verify_password(const std::string& encoded, const Secret& password, std::string_view bcrypt_suffix) {
    if (encoded.starts_with(without_suffix))
        return verify_password(encoded.substr(without_suffix.size()), password, {});
    if (encoded.starts_with("$2")) {
        const Secret salted(password.reveal() + std::string(bcrypt_suffix));
        auto data = std::make_unique<crypt_data>();
        const char* hashed = crypt_r(salted.reveal().c_str(), encoded.c_str(), data.get());
        return hashed != nullptr && equal_constant_time(hashed, encoded);
    }
    return crypto_pwhash_str_verify(encoded.c_str(), password.reveal().data(), password.reveal().size()) == 0;
}

bool password_needs_rehash(const std::string& encoded) {
    return crypto_pwhash_str_needs_rehash(encoded.c_str(), argon_passes, argon_memory) != 0;
}

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
    std::array<unsigned char, 32> out{};
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(bytes.data()),
         bytes.size(), out.data(), &size);
    return {reinterpret_cast<const char*>(out.data()), size};
}

}  // namespace corral::crypto
