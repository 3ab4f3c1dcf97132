// Hashes, passwords, tokens, random bytes: thin names over libsodium and OpenSSL. Free functions; any thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace corral::crypto {

void init();  // once, first thing in main

using Sha256 = std::array<std::uint8_t, 32>;
Sha256 sha256(std::string_view bytes);
class Sha256Stream {  // one thread
public:
    Sha256Stream();
    ~Sha256Stream();
    Sha256Stream(Sha256Stream&&) noexcept;
    void update(std::string_view bytes);
    Sha256 finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};
std::string md5_hex(std::string_view bytes);  // only for the reference's checksums
std::string to_hex(std::span<const std::uint8_t>);
std::optional<std::string> from_hex(std::string_view);
std::string base64(std::string_view);                      // standard alphabet, padded
std::optional<std::string> from_base64(std::string_view);  // strict
std::string base64url(std::string_view);                   // no padding
std::optional<std::string> from_base64url(std::string_view);

std::string random_bytes(std::size_t);
std::string random_id();    // 32 random bytes as 64 lower-case hex digits: the contract's ids
std::string random_uuid();  // version 4
std::string random_alphanumeric(std::size_t);
bool equal_constant_time(std::string_view a, std::string_view b);

// argon2id (t=2, m=19 MiB), encoded with its parameters. ≈ 13 ms: never on a network thread.
Result<std::string> hash_password(const Secret&);
// Also understands bcrypt ("$2…") for accounts taken over; `bcrypt_suffix` is appended to the password there (Q45).
bool verify_password(const std::string& encoded, const Secret&, std::string_view bcrypt_suffix = {});
bool password_needs_rehash(const std::string& encoded);

std::string hmac_sha256(std::string_view key, std::string_view bytes);

}  // namespace corral::crypto
