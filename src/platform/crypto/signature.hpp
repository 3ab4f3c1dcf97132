// Signatures of JSON Web Tokens (RFC 7518): HMAC, RSA (PKCS#1 v1.5) and ECDSA over OpenSSL, with keys from PEM and JWK.
// Keys are immutable and cheap to copy; any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace corral::crypto {

enum class Algorithm { hs256, hs384, hs512, rs256, rs384, rs512, es256, es384 };
std::string_view to_text(Algorithm);                             // "HS256"
std::optional<Algorithm> algorithm_from_text(std::string_view);  // exactly as RFC 7518 spells it
bool is_hmac(Algorithm);

std::string hmac(Algorithm, std::string_view key, std::string_view bytes);  // of an HS algorithm

// The public members of a JWK (RFC 7517), numbers as base64url.
struct Jwk {
    std::string kty;  // "RSA" or "EC"
    std::string n, e;
    std::string crv, x, y;
};

class PublicKey {
public:
    static Result<PublicKey> from_pem(std::string_view pem);  // SubjectPublicKeyInfo, or the half of a private key
    static Result<PublicKey> from_jwk(const Jwk&);
    [[nodiscard]] Jwk jwk() const;
    [[nodiscard]] std::string thumbprint() const;  // RFC 7638, SHA-256, base64url
    // Whether the key is of the kind and strength of the algorithm (RSA: 2048 bits at least).
    [[nodiscard]] bool fits(Algorithm) const;
    // ECDSA signatures as r and s side by side, as tokens carry them. False for keys of another kind, too.
    [[nodiscard]] bool verify(Algorithm, std::string_view bytes, std::string_view signature) const;

private:
    friend class PrivateKey;
    explicit PublicKey(std::shared_ptr<void> key) : key_(std::move(key)) {}
    std::shared_ptr<void> key_;  // EVP_PKEY
};

class PrivateKey {
public:
    static Result<PrivateKey> from_pem(const Secret& pem);  // PKCS#1, PKCS#8 or SEC1, without passphrase
    static Result<PrivateKey> generate(Algorithm);
    [[nodiscard]] Secret pem() const;  // PKCS#8
    [[nodiscard]] PublicKey public_key() const { return PublicKey(key_); }
    [[nodiscard]] Result<std::string> sign(Algorithm, std::string_view bytes) const;

private:
    explicit PrivateKey(std::shared_ptr<void> key) : key_(std::move(key)) {}
    std::shared_ptr<void> key_;
};

}  // namespace corral::crypto
