#include "platform/crypto/crypto.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "support/results.hpp"

namespace corral::crypto {
namespace {

using testing_support::value_of;

class CryptoTest : public testing::Test {
protected:
    static void SetUpTestSuite() { init(); }
};
using Hashes = CryptoTest;
using Encodings = CryptoTest;
using Random = CryptoTest;
using Passwords = CryptoTest;

std::string hex_of(std::string_view bytes) {
    return to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

// FIPS 180-4, examples.
TEST_F(Hashes, sha256_gives_the_standards_answers) {
    EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(to_hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_F(Hashes, sha256_in_pieces_is_sha256_of_the_whole) {
    Sha256Stream stream;
    const std::string piece(1000, 'a');
    for (int i = 0; i < 1000; ++i) stream.update(piece);
    Sha256Stream moved = std::move(stream);
    EXPECT_EQ(to_hex(moved.finish()), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    EXPECT_EQ(Sha256Stream().finish(), sha256(""));
}

TEST_F(Hashes, md5_gives_the_standards_answers) {  // RFC 1321, A.5
    EXPECT_EQ(md5_hex(""), "d41d8cd98f00b204e9800998ecf8427e");
    EXPECT_EQ(md5_hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST_F(Hashes, hmac_sha256_gives_the_standards_answers) {  // RFC 4231, 4.2, 4.3 and 4.7
    EXPECT_EQ(hex_of(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(hex_of(hmac_sha256("Jefe", "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hex_of(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_F(Encodings, base64_gives_the_standards_answers_and_reads_them_back) {  // RFC 4648, 10
    for (const auto& [plain, encoded] :
         {std::pair{"", ""}, std::pair{"f", "Zg=="}, std::pair{"fo", "Zm8="}, std::pair{"foo", "Zm9v"},
          std::pair{"foob", "Zm9vYg=="}, std::pair{"fooba", "Zm9vYmE="}, std::pair{"foobar", "Zm9vYmFy"}}) {
        EXPECT_EQ(base64(plain), encoded);
        EXPECT_EQ(from_base64(encoded), plain);
    }
    EXPECT_EQ(base64(std::string("\xfb\xff\x00", 3)), "+/8A");
    EXPECT_EQ(base64url(std::string("\xfb\xff\x00\x01", 4)), "-_8AAQ");
    EXPECT_EQ(from_base64url("-_8AAQ"), std::string("\xfb\xff\x00\x01", 4));
}

TEST_F(Encodings, base64_has_one_spelling_for_each_text) {
    for (const char* text :
         {"Zg", "Zg=", "Zg===", "Zh==", "Zm9v\n", " Zm9v", "Zm9v=", "Z", "Zm9-", "Zm9v*", "Zg==Zg=="})
        EXPECT_EQ(from_base64(text), std::nullopt) << text;
    for (const char* text : {"Zg==", "Zh", "Zm9+", "Z", "Zm 9v"}) EXPECT_EQ(from_base64url(text), std::nullopt) << text;
}

TEST_F(Encodings, hex_is_lower_case_and_read_in_both) {
    EXPECT_EQ(hex_of(std::string("\x00\x7f\xff", 3)), "007fff");
    EXPECT_EQ(from_hex("007fFF"), std::string("\x00\x7f\xff", 3));
    EXPECT_EQ(from_hex(""), "");
    for (const char* text : {"0", "0g", "00 ", " 00", "0x00", "00:00"}) EXPECT_EQ(from_hex(text), std::nullopt) << text;
}

TEST_F(Random, ids_have_the_contracts_shape_and_do_not_repeat) {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const std::string id = random_id();
        EXPECT_EQ(id.size(), 64U);
        EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
        const std::string uuid = random_uuid();
        ASSERT_EQ(uuid.size(), 36U);
        EXPECT_EQ(uuid[14], '4') << "version 4: " << uuid;
        EXPECT_NE(std::string_view("89ab").find(uuid[19]), std::string_view::npos) << uuid;
        EXPECT_TRUE(seen.insert(id).second && seen.insert(uuid).second);
    }
}

TEST_F(Random, passwords_use_all_letters_and_digits) {
    const std::string text = random_alphanumeric(20'000);
    std::set<char> used(text.begin(), text.end());
    EXPECT_EQ(used.size(), 62U);
    EXPECT_TRUE(std::ranges::all_of(used, [](unsigned char c) { return std::isalnum(c) != 0; }));
    EXPECT_EQ(random_bytes(0).size(), 0U);
    EXPECT_NE(random_bytes(32), random_bytes(32));
}

TEST_F(Random, comparing_secrets_looks_at_every_byte_and_at_the_length) {
    EXPECT_TRUE(equal_constant_time("secret", "secret"));
    EXPECT_TRUE(equal_constant_time("", ""));
    for (const char* other : {"Secret", "secreT", "secre", "secrets", ""})
        EXPECT_FALSE(equal_constant_time("secret", other));
    EXPECT_FALSE(equal_constant_time(std::string("a\0b", 3), std::string("a\0c", 3)));
}

TEST_F(Passwords, are_kept_as_argon2id_with_the_documented_cost_and_a_fresh_salt) {
    const Secret password(std::string("correct horse"));
    const std::string one = value_of(hash_password(password));
    EXPECT_TRUE(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")) << one;
    EXPECT_NE(one, value_of(hash_password(password)));
    EXPECT_FALSE(password_needs_rehash(one));
    EXPECT_TRUE(verify_password(one, password));
    for (const char* wrong : {"", "correct hors", "correct horse ", "Correct horse"})
        EXPECT_FALSE(verify_password(one, Secret(std::string(wrong)))) << wrong;
    EXPECT_FALSE(verify_password(one, Secret(std::string("correct horse\0", 14)))) << "a NUL is no end";
}

TEST_F(Passwords, hashes_of_other_argon2id_implementations_and_costs_are_understood) {
    // From the tests of the reference implementation (github.com/P-H-C/phc-winner-argon2, src/test.c).
    const std::string foreign =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    EXPECT_TRUE(verify_password(foreign, Secret(std::string("password"))));
    EXPECT_FALSE(verify_password(foreign, Secret(std::string("passwore"))));
    EXPECT_TRUE(password_needs_rehash(foreign));
}

TEST_F(Passwords, bcrypt_hashes_of_accounts_taken_over_are_understood_with_their_suffix_Q45) {
    // From the tests of OpenBSD's bcrypt (jBCrypt, TestBCrypt.java): password "abc".
    const std::string encoded = "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i";
    EXPECT_TRUE(verify_password(encoded, Secret(std::string("abc"))));
    EXPECT_TRUE(verify_password(encoded, Secret(std::string("a")), "bc"));
    EXPECT_FALSE(verify_password(encoded, Secret(std::string("abc")), "bc"));
    EXPECT_FALSE(verify_password(encoded, Secret(std::string("abd"))));
    EXPECT_TRUE(password_needs_rehash(encoded));
}

TEST_F(Passwords, nothing_matches_a_hash_that_is_none) {
    for (const char* encoded :
         {"", "abc", "$2a$", "$2a$06$short", "$argon2id$", "$argon2id$v=19$m=1,t=1,p=1$$", "*0", "*1"})
        for (const char* password : {"", "abc", "*0"})
            EXPECT_FALSE(verify_password(encoded, Secret(std::string(password)))) << encoded;
}

}  // namespace
}  // namespace corral::crypto
