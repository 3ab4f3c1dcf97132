#include "catalog/identifiers.hpp"

#include <gtest/gtest.h>

namespace corral::catalog {
namespace {

TEST(Identifiers, normalising_replaces_what_the_contract_names_and_lowers_the_rest) {
    EXPECT_EQ(normal("Ubuntu 24.04"), "ubuntu_24.04");
    const std::string special = R"( ,:;()[]{}'"/\|<>=+*&^%$#@!`~?)";
    EXPECT_EQ(normal(special), std::string(special.size(), '_'));
    EXPECT_EQ(normal("a-b.c_d"), "a-b.c_d");
    EXPECT_EQ(normal("\t Name\n"), "_name");
    EXPECT_EQ(normal("\xc3\x9c"), "\xc3\x9c") << "only ASCII has another case here";
    EXPECT_EQ(normal(""), "");
    EXPECT_EQ(normal(" \t"), "_");
}

TEST(Identifiers, no_normal_name_can_leave_its_folder) {
    for (const char* name : {"../../etc", "a/../b", "..\\..", "/etc/passwd"})
        EXPECT_EQ(normal(name).find_first_of("/\\"), std::string::npos) << name;
}

TEST(Identifiers, architectures_have_two_names_of_many) {
    for (const char* name : {"x86_64", "amd64", "x64", "X86_64", "AMD64"})
        EXPECT_EQ(architecture_of(name), "x86_64") << name;
    for (const char* name : {"arm64", "aarch64", "arm", "ARM64"}) EXPECT_EQ(architecture_of(name), "arm64") << name;
    for (const char* name : {"", "x86", "i386", "riscv64", "x86_64 "})
        EXPECT_EQ(architecture_of(name), std::nullopt) << name;
    EXPECT_TRUE(architecture_of(host_architecture()));
}

TEST(Identifiers, a_version_may_hold_nothing_that_would_be_replaced) {
    for (const char* good : {"1", "24.04", "v1-beta_2", "latest", "\xc3\xbc"}) EXPECT_TRUE(version_ok(good)) << good;
    for (const char* bad : {"1 2", "1/2", "a:b", "a;b", "1=2", "../x", "a\"b"}) EXPECT_FALSE(version_ok(bad)) << bad;
}

TEST(Identifiers, a_record_is_named_by_id_architecture_and_version) {
    EXPECT_EQ(record_name("Ubuntu Desktop", "x86_64", "24.04-LTS"), "ubuntu_desktop-x86_64-24.04-lts");
}

}  // namespace
}  // namespace corral::catalog
