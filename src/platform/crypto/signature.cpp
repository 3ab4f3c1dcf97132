#include "platform/crypto/signature.hpp"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <array>

#include "platform/crypto/crypto.hpp"

namespace corral::crypto {

namespace {

struct Row {
    Algorithm algorithm;
    std::string_view name;
    int type;                // of the key; 0: HMAC
    std::string_view curve;  // as JWK names it
    std::size_t half;        // bytes of r and of s
    const EVP_MD* (*hash)();
};
constexpr std::array<Row, 8> rows{{{Algorithm::hs256, "HS256", 0, "", 0, EVP_sha256},
                                   {Algorithm::hs384, "HS384", 0, "", 0, EVP_sha384},
                                   {Algorithm::hs512, "HS512", 0, "", 0, EVP_sha512},
                                   {Algorithm::rs256, "RS256", EVP_PKEY_RSA, "", 0, EVP_sha256},
                                   {Algorithm::rs384, "RS384", EVP_PKEY_RSA, "", 0, EVP_sha384},
                                   {Algorithm::rs512, "RS512", EVP_PKEY_RSA, "", 0, EVP_sha512},
                                   {Algorithm::es256, "ES256", EVP_PKEY_EC, "P-256", 32, EVP_sha256},
                                   {Algorithm::es384, "ES384", EVP_PKEY_EC, "P-384", 48, EVP_sha384}}};
constexpr int least_rsa_bits = 2048;

const Row& row_of(Algorithm algorithm) { return rows.at(static_cast<std::size_t>(algorithm)); }

template <auto free>
struct Free {
    template <class T>
    void operator()(T* p) const {
        free(p);
    }
};
template <class T, auto free>
using Owned = std::unique_ptr<T, Free<free>>;
using Number = Owned<BIGNUM, BN_free>;
using Memory = Owned<BIO, BIO_free_all>;
using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;

EVP_PKEY* raw(const std::shared_ptr<void>& key) { return static_cast<EVP_PKEY*>(key.get()); }
std::shared_ptr<void> shared(EVP_PKEY* key) {
    return {key, [](void* p) { EVP_PKEY_free(static_cast<EVP_PKEY*>(p)); }};
}

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// OpenSSL would ask on the terminal.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return 0; }

std::string number_of(EVP_PKEY* key, const char* name, std::size_t width) {
    BIGNUM* taken = nullptr;
    if (EVP_PKEY_get_bn_param(key, name, &taken) != 1) return "";
    const Number number(taken);
    std::string out(width != 0 ? width : static_cast<std::size_t>(BN_num_bytes(number.get())), '\0');
    BN_bn2binpad(number.get(), bytes_of(out), static_cast<int>(out.size()));
    return out;
}

std::string curve_of(EVP_PKEY* key) {
    std::array<char, 64> name{};
    if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name.data(), name.size(), nullptr) != 1)
        return "";
    if (std::string_view(name.data()) == "prime256v1") return "P-256";
    if (std::string_view(name.data()) == "secp384r1") return "P-384";
    return name.data();
}

Error unreadable() {
    ERR_clear_error();
    return Error{Errc::invalid, "The key must be an RSA key of 2048 bits or more, or an EC key on P-256 or P-384"};
}

bool supported(EVP_PKEY* key) {
    const int type = EVP_PKEY_get_base_id(key);
    if (type == EVP_PKEY_RSA) return EVP_PKEY_get_bits(key) >= least_rsa_bits;
    return type == EVP_PKEY_EC && (curve_of(key) == "P-256" || curve_of(key) == "P-384");
}

// r and s side by side from DER, and back.
std::string to_raw(std::string_view der, std::size_t half) {
    const unsigned char* at = bytes_of(der);
    const Owned<ECDSA_SIG, ECDSA_SIG_free> parsed(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
    std::string out(half * 2, '\0');
    if (!parsed || BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), bytes_of(out), static_cast<int>(half)) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), bytes_of(out) + half, static_cast<int>(half)) < 0)
        return "";
    return out;
}

std::string to_der(std::string_view both, std::size_t half) {
    if (both.size() != half * 2) return "";
    Number r(BN_bin2bn(bytes_of(both), static_cast<int>(half), nullptr));
    Number s(BN_bin2bn(bytes_of(both) + half, static_cast<int>(half), nullptr));
    const Owned<ECDSA_SIG, ECDSA_SIG_free> made(ECDSA_SIG_new());
    if (!r || !s || !made || ECDSA_SIG_set0(made.get(), r.get(), s.get()) != 1) return "";
    (void)r.release();  // the signature owns them now
    (void)s.release();
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(made.get(), &der);
    if (size <= 0) return "";
    std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return out;
}

}  // namespace

std::string_view to_text(Algorithm algorithm) { return row_of(algorithm).name; }

std::optional<Algorithm> algorithm_from_text(std::string_view text) {
    for (const Row& row : rows)
        if (row.name == text) return row.algorithm;
    return std::nullopt;
}

bool is_hmac(Algorithm algorithm) { return row_of(algorithm).type == 0; }

std::string hmac(Algorithm algorithm, std::string_view key, std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    HMAC(row_of(algorithm).hash(), key.data(), static_cast<int>(key.size()), bytes_of(bytes), bytes.size(), out.data(),
         &size);
    return {reinterpret_cast<const char*>(out.data()), size};
}

Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
    if (pem.find("PRIVATE KEY-----") != std::string_view::npos)
        return TRY(PrivateKey::from_pem(Secret(std::string(pem)))).public_key();
    const Memory in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    EVP_PKEY* key = PEM_read_bio_PUBKEY(in.get(), nullptr, no_passphrase, nullptr);
    if (key == nullptr) return unreadable();
    auto kept = shared(key);
    if (!supported(key)) return unreadable();
    return PublicKey(std::move(kept));
}

Result<PublicKey> PublicKey::from_jwk(const Jwk& jwk) {
    const bool rsa = jwk.kty == "RSA";
    const auto first = from_base64url(rsa ? jwk.n : jwk.x);
    const auto second = from_base64url(rsa ? jwk.e : jwk.y);
    if ((!rsa && jwk.kty != "EC") || !first || !second || first->empty() || second->empty()) return unreadable();
    const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> parts(OSSL_PARAM_BLD_new());
    const Number n(BN_bin2bn(bytes_of(*first), static_cast<int>(first->size()), nullptr));
    const Number e(BN_bin2bn(bytes_of(*second), static_cast<int>(second->size()), nullptr));
    const std::string point = "\x04" + *first + *second;  // uncompressed
    if (rsa) {
        OSSL_PARAM_BLD_push_BN(parts.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
        OSSL_PARAM_BLD_push_BN(parts.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
    } else {
        if (first->size() != second->size()) return unreadable();
        OSSL_PARAM_BLD_push_utf8_string(parts.get(), OSSL_PKEY_PARAM_GROUP_NAME, jwk.crv.c_str(), 0);
        OSSL_PARAM_BLD_push_octet_string(parts.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
    }
    const Owned<OSSL_PARAM, OSSL_PARAM_free> params(OSSL_PARAM_BLD_to_param(parts.get()));
    const Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(
        EVP_PKEY_CTX_new_from_name(nullptr, rsa ? "RSA" : "EC", nullptr));
    EVP_PKEY* key = nullptr;
    if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
        return unreadable();
    auto kept = shared(key);
    if (!supported(key)) return unreadable();
    return PublicKey(std::move(kept));
}

Jwk PublicKey::jwk() const {
    EVP_PKEY* key = raw(key_);
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
        return {.kty = "RSA",
                .n = base64url(number_of(key, OSSL_PKEY_PARAM_RSA_N, 0)),
                .e = base64url(number_of(key, OSSL_PKEY_PARAM_RSA_E, 0)),
                .crv = "",
                .x = "",
                .y = ""};
    const std::size_t width = curve_of(key) == "P-256" ? 32 : 48;
    return {.kty = "EC",
            .n = "",
            .e = "",
            .crv = curve_of(key),
            .x = base64url(number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, width)),
            .y = base64url(number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, width))};
}

std::string PublicKey::thumbprint() const {
    const Jwk key = jwk();
    // RFC 7638: the required members, in order of their names, without spaces.
    const std::string text =
        key.kty == "RSA" ? R"({"e":")" + key.e + R"(","kty":"RSA","n":")" + key.n + "\"}"
                         : R"({"crv":")" + key.crv + R"(","kty":"EC","x":")" + key.x + R"(","y":")" + key.y + "\"}";
    const Sha256 digest = sha256(text);
    return base64url({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

bool PublicKey::fits(Algorithm algorithm) const {
    const Row& row = row_of(algorithm);
    EVP_PKEY* key = raw(key_);
    return EVP_PKEY_get_base_id(key) == row.type && supported(key) &&
           (row.type != EVP_PKEY_EC || curve_of(key) == row.curve);
}

bool PublicKey::verify(Algorithm algorithm, std::string_view bytes, std::string_view signature) const {
    if (!fits(algorithm)) return false;
    const Row& row = row_of(algorithm);
    const std::string der = row.half != 0 ? to_der(signature, row.half) : std::string(signature);
    const DigestContext context(EVP_MD_CTX_new());
    const bool good = !der.empty() &&
                      EVP_DigestVerifyInit(context.get(), nullptr, row.hash(), nullptr, raw(key_)) == 1 &&
                      EVP_DigestVerify(context.get(), bytes_of(der), der.size(), bytes_of(bytes), bytes.size()) == 1;
    if (!good) ERR_clear_error();
    return good;
}

Result<PrivateKey> PrivateKey::from_pem(const Secret& pem) {
    const Memory in(BIO_new_mem_buf(pem.reveal().data(), static_cast<int>(pem.reveal().size())));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, nullptr);
    if (key == nullptr) return unreadable();
    auto kept = shared(key);
    if (!supported(key)) return unreadable();
    return PrivateKey(std::move(kept));
}

Result<PrivateKey> PrivateKey::generate(Algorithm algorithm) {
    const Row& row = row_of(algorithm);
    EVP_PKEY* key = row.type == EVP_PKEY_RSA  ? EVP_RSA_gen(least_rsa_bits)
                    : row.type == EVP_PKEY_EC ? EVP_EC_gen(std::string(row.curve).c_str())
                                              : nullptr;
    if (key == nullptr) return unreadable();
    return PrivateKey(shared(key));
}

Secret PrivateKey::pem() const {
    const Memory out(BIO_new(BIO_s_secmem()));
    PEM_write_bio_PKCS8PrivateKey(out.get(), raw(key_), nullptr, nullptr, 0, nullptr, nullptr);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return Secret(std::string(text, static_cast<std::size_t>(size)));
}

Result<std::string> PrivateKey::sign(Algorithm algorithm, std::string_view bytes) const {
    const Row& row = row_of(algorithm);
    const Error failed{Errc::internal, "A token could not be signed", "EVP_DigestSign"};
    if (!public_key().fits(algorithm)) return failed;
    const DigestContext context(EVP_MD_CTX_new());
    std::size_t size = 0;
    if (EVP_DigestSignInit(context.get(), nullptr, row.hash(), nullptr, raw(key_)) != 1 ||
        EVP_DigestSign(context.get(), nullptr, &size, bytes_of(bytes), bytes.size()) != 1)
        return failed;
    std::string out(size, '\0');
    if (EVP_DigestSign(context.get(), bytes_of(out), &size, bytes_of(bytes), bytes.size()) != 1) return failed;
    out.resize(size);
    if (row.half != 0) out = to_raw(out, row.half);
    if (out.empty()) return failed;
    return out;
}

}  // namespace corral::crypto
