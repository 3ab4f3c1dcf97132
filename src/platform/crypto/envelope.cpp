#include "platform/crypto/envelope.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>

namespace corral::crypto {

namespace {

struct Free {
    void operator()(BIO* p) const { BIO_free(p); }
    void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
    void operator()(EVP_PKEY_CTX* p) const { EVP_PKEY_CTX_free(p); }
    void operator()(EVP_CIPHER_CTX* p) const { EVP_CIPHER_CTX_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// A key file with a passphrase must not make OpenSSL ask the terminal for it.
int no_passphrase(char*, int, int, void*) { return -1; }

}  // namespace

Result<std::string> open_envelope(std::string_view file, const Secret& private_key) {
    const std::string& pem = private_key.reveal();
    const Owned<BIO> source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(source.get(), nullptr, no_passphrase, nullptr));
    if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA)
        return Error{Errc::invalid, "The key must be an RSA private key in PEM, without a passphrase"};
    const auto block = static_cast<std::size_t>(EVP_PKEY_get_size(key.get()));  // quirk Q74: not always 256
    const Error unfit{Errc::invalid, "The file is not encrypted with this key"};
    if (file.size() < block) return unfit;
    const Owned<EVP_PKEY_CTX> rsa(EVP_PKEY_CTX_new(key.get(), nullptr));
    std::string inner(block, '\0');
    std::size_t size = inner.size();
    if (!rsa || EVP_PKEY_decrypt_init(rsa.get()) <= 0 ||
        EVP_PKEY_CTX_set_rsa_padding(rsa.get(), RSA_PKCS1_PADDING) <= 0 ||
        EVP_PKEY_decrypt(rsa.get(), bytes(inner), &size, bytes(file), block) <= 0)
        return unfit;
    constexpr std::size_t aes_key = 32;
    if (size != aes_key) return unfit;
    const std::string_view text = file.substr(block);
    std::string out(text.size(), '\0');
    int written = 0;
    int rest = 0;
    const Owned<EVP_CIPHER_CTX> aes(EVP_CIPHER_CTX_new());
    if (!aes || EVP_DecryptInit_ex(aes.get(), EVP_aes_256_cfb128(), nullptr, bytes(inner), bytes(inner)) != 1 ||
        EVP_DecryptUpdate(aes.get(), bytes(out), &written, bytes(text), static_cast<int>(text.size())) != 1 ||
        EVP_DecryptFinal_ex(aes.get(), bytes(out) + written, &rest) != 1)
        return unfit;
    out.resize(static_cast<std::size_t>(written + rest));
    return out;
}

}  // namespace corral::crypto
