#include "platform/crypto/pem_keys.hpp"

#include <gtest/gtest.h>

#include "support/results.hpp"

namespace corral::crypto {
namespace {

using testing_support::fails_with;
using testing_support::refuses_field;
using testing_support::value_of;

TEST(PemKeys, are_new_each_time_and_of_the_form_that_others_read) {
    const std::string rsa = value_of(new_rsa_key(2048)).reveal();
    EXPECT_TRUE(rsa.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
    EXPECT_TRUE(rsa.ends_with("-----END RSA PRIVATE KEY-----\n"));
    EXPECT_NE(rsa, value_of(new_rsa_key(2048)).reveal());
    const std::string ec = value_of(new_ec_key()).reveal();
    EXPECT_TRUE(ec.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    EXPECT_NE(ec, value_of(new_ec_key()).reveal());
    for (const int bits : {0, 512, 1024, 2047, 8193, -1}) EXPECT_TRUE(refuses_field("bits", new_rsa_key(bits))) << bits;
}

// openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes
constexpr const char* certificate = R"(-----BEGIN CERTIFICATE-----
MIIBczCCARmgAwIBAgIUKPJ5Bg6dd1FqzRuNC2uA//a/mQ0wCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAeFw0yNjExMjcxOTQ1NDhaFw0yNjEyMDcxOTQ1NDha
MA8xDTALBgNVBAMMBHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATPoCQV
fZIJuXQZEC9/L/JQ5PD0AqWQIDaMGuFkCpygqevaFHMRPuDQkyJUC05fKuJ+3cgR
2lNF7mWYZZP6Uxkpo1MwUTAdBgNVHQ4EFgQUgXatxMhQqKSbxBUVBVLyEe76SA8w
HwYDVR0jBBgwFoAUgXatxMhQqKSbxBUVBVLyEe76SA8wDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNIADBFAiAx+nDfa5e86cOKaD9KOlfN1OuiTCQouXGO5vNI
OPX3RgIhAN4TQo8sJogHt9xDF+4NAavcGV2r3rilRdRtAHXqxsPY
-----END CERTIFICATE-----
)";

TEST(Certificate, its_time_is_read_from_the_first_of_a_chain) {
    const Validity valid = value_of(certificate_validity(certificate));
    EXPECT_EQ(to_rfc3339(valid.from), "2026-11-27T19:45:48Z");
    EXPECT_EQ(to_rfc3339(valid.until), "2026-12-07T19:45:48Z");
    EXPECT_TRUE(fails_with(Errc::invalid, certificate_validity("")));
    EXPECT_TRUE(fails_with(Errc::invalid, certificate_validity("none")));
}

}  // namespace
}  // namespace corral::crypto
