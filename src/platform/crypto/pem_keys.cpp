#include "platform/crypto/pem_keys.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <ctime>
#include <memory>
#include <string>
#include <utility>

namespace corral::crypto {

namespace {

struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(BIO* bio) const { BIO_free_all(bio); }
    void operator()(X509* certificate) const { X509_free(certificate); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;

Result<Secret> to_pem(const Key& key, bool traditional) {
    const std::unique_ptr<BIO, Free> out(BIO_new(BIO_s_secmem()));
    const int written =
        !key || !out ? 0
        : traditional
            ? PEM_write_bio_PrivateKey_traditional(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr)
            : PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    if (written != 1) return Error{Errc::internal, "The key cannot be made"};
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return Secret(std::string(data, static_cast<std::size_t>(size)));
}

}  // namespace

Result<Secret> new_rsa_key(int bits) {
    if (bits < 2048 || bits > 8192) return invalid_field("bits", "must be from 2048 to 8192");
    return to_pem(Key(EVP_RSA_gen(static_cast<unsigned>(bits))), true);
}

Result<Secret> new_ec_key() { return to_pem(Key(EVP_EC_gen("P-256")), false); }

Result<Validity> certificate_validity(const std::string& pem_chain) {
    const std::unique_ptr<BIO, Free> in(BIO_new_mem_buf(pem_chain.data(), static_cast<int>(pem_chain.size())));
    const std::unique_ptr<X509, Free> certificate(in ? PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)
                                                     : nullptr);
    if (!certificate) return Error{Errc::invalid, "This is no certificate"};
    Validity out;
    for (const auto& [text, time] : {std::pair{X509_get0_notBefore(certificate.get()), &out.from},
                                     std::pair{X509_get0_notAfter(certificate.get()), &out.until}}) {
        std::tm fields{};
        if (ASN1_TIME_to_tm(text, &fields) != 1) return Error{Errc::invalid, "This certificate has no times"};
        *time = Time{std::chrono::seconds{::timegm(&fields)}};
    }
    return out;
}

}  // namespace corral::crypto
