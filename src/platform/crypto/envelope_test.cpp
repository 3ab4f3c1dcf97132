#include "platform/crypto/envelope.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>

#include "support/testing.hpp"

namespace corral::crypto {
namespace {

using testing_support::fails_with;
using testing_support::value_of;

struct Free {
    void operator()(BIO* p) const { BIO_free(p); }
    void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
    void operator()(EVP_PKEY_CTX* p) const { EVP_PKEY_CTX_free(p); }
    void operator()(EVP_CIPHER_CTX* p) const { EVP_CIPHER_CTX_free(p); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;

Key new_key(unsigned bits) { return Key(EVP_RSA_gen(bits)); }

Secret pem_of(const Key& key) {
    const std::unique_ptr<BIO, Free> out(BIO_new(BIO_s_mem()));
    EXPECT_EQ(PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr), 1);
    char* text = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &text);
    return Secret(std::string(text, static_cast<std::size_t>(size)));
}

// As behaviour-a 5.5 says that the reference does it.
std::string envelope(const Key& key, std::string_view content) {
    std::string aes_key(32, '\0');
    for (std::size_t i = 0; i < aes_key.size(); ++i) aes_key[i] = static_cast<char>(i * 7 + 1);
    const auto* in = reinterpret_cast<const unsigned char*>(aes_key.data());
    const std::unique_ptr<EVP_PKEY_CTX, Free> rsa(EVP_PKEY_CTX_new(key.get(), nullptr));
    EXPECT_EQ(EVP_PKEY_encrypt_init(rsa.get()), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(rsa.get(), RSA_PKCS1_PADDING), 1);
    auto size = static_cast<std::size_t>(EVP_PKEY_get_size(key.get()));
    std::string out(size + content.size(), '\0');
    auto* to = reinterpret_cast<unsigned char*>(out.data());
    EXPECT_EQ(EVP_PKEY_encrypt(rsa.get(), to, &size, in, aes_key.size()), 1);
    const std::unique_ptr<EVP_CIPHER_CTX, Free> aes(EVP_CIPHER_CTX_new());
    int written = 0;
    EXPECT_EQ(EVP_EncryptInit_ex(aes.get(), EVP_aes_256_cfb128(), nullptr, in, in), 1);
    EXPECT_EQ(EVP_EncryptUpdate(aes.get(), to + size, &written, reinterpret_cast<const unsigned char*>(content.data()),
                                static_cast<int>(content.size())),
              1);
    return out;
}

TEST(Envelope, q74_is_opened_with_keys_of_every_length) {
    for (const unsigned bits : {1024U, 2048U, 4096U}) {
        const Key key = new_key(bits);
        EXPECT_EQ(value_of(open_envelope(envelope(key, R"({"users":[]})"), pem_of(key))), R"({"users":[]})") << bits;
        EXPECT_EQ(value_of(open_envelope(envelope(key, ""), pem_of(key))), "") << bits;
    }
}

TEST(Envelope, of_another_key_or_cut_off_is_refused) {
    const Key key = new_key(2048);
    const std::string file = envelope(key, "content");
    // By chance another key may find something of the right length behind the padding, but not these two.
    EXPECT_TRUE(fails_with(Errc::invalid, open_envelope(file, pem_of(new_key(4096)))));
    EXPECT_TRUE(fails_with(Errc::invalid, open_envelope(file.substr(0, 255), pem_of(key))));
    EXPECT_TRUE(fails_with(Errc::invalid, open_envelope("", pem_of(key))));
}

TEST(Envelope, needs_an_rsa_key_without_a_passphrase) {
    const Key key = new_key(2048);
    const std::string file = envelope(key, "content");
    EXPECT_TRUE(fails_with(Errc::invalid, open_envelope(file, Secret("no key"))));
    const Key curve(EVP_EC_gen("P-256"));
    EXPECT_TRUE(fails_with(Errc::invalid, open_envelope(file, pem_of(curve))));
}

}  // namespace
}  // namespace corral::crypto
