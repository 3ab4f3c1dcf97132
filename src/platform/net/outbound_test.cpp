// Where users may send the service: what is refused, however it is written, and what an operator can allow.
#include "platform/net/outbound.hpp"

#include <gtest/gtest.h>

#include "support/results.hpp"

namespace corral::net {
namespace {

using testing_support::ok;
using testing_support::refuses_field;
using testing_support::value_of;

bool refused(const OutboundRule& rule, const std::string& url) {
    const auto where = parse_web_address(url);
    return !where || !rule.check(*where);
}

TEST(WebAddress, is_taken_apart_and_written_in_one_way) {
    const auto where = value_of(parse_web_address("HTTPS://Catalog.Example/base//"));
    EXPECT_EQ(where.text(), "https://catalog.example:443/base");
    EXPECT_EQ(value_of(parse_web_address("http://[2001:DB8::1]:81")).text(), "http://[2001:db8::1]:81");
    EXPECT_EQ(value_of(parse_web_address("http://a.example.")).host, "a.example");
}

TEST(WebAddress, anything_but_a_plain_web_address_is_refused) {
    for (const char* url : {"", "no url at all", "http://", "ftp://a.example", "file:///etc/passwd", "a.example",
                            "//a.example", "http://user:pw@a.example", "http://a.example/?q=1", "http://a.example/#f",
                            "http://a.example:0", "http://a.example:99999", "http://a.example\r\nX: y"})
        EXPECT_TRUE(refuses_field("/url", parse_web_address(url))) << url;
}

TEST(OutboundRule, keeps_off_this_host_and_private_networks_however_they_are_written) {
    const auto rule = value_of(OutboundRule::of({}));
    for (const char* host : {"127.0.0.1",
                             "127.9.9.9",
                             "127.1",
                             "2130706433",
                             "0x7f000001",
                             "0177.0.0.1",
                             "0.0.0.0",
                             "10.0.0.1",
                             "100.64.0.1",
                             "169.254.169.254",
                             "172.16.0.1",
                             "172.31.255.255",
                             "192.168.1.1",
                             "198.18.0.1",
                             "198.51.100.1",
                             "203.0.113.9",
                             "192.0.2.1",
                             "224.0.0.1",
                             "255.255.255.255",
                             "168.63.129.16",
                             "localhost",
                             "LOCALHOST.",
                             "a.localhost",
                             "[::1]",
                             "[::]",
                             "[::ffff:127.0.0.1]",
                             "[::127.0.0.1]",
                             "[64:ff9b::7f00:1]",
                             "[2002:7f00:1::1]",
                             "[fc00::1]",
                             "[fe80::1]",
                             "[ff02::1]",
                             "[2001:db8::1]",
                             "[fd00:ec2::254]"})
        EXPECT_TRUE(refused(rule, std::string("http://") + host + ":8080")) << host;
    for (const char* host : {"1.1.1.1", "172.32.0.1", "172.15.0.1", "[2606:4700::1]", "[::ffff:1.1.1.1]"})
        EXPECT_FALSE(refused(rule, std::string("http://") + host)) << host;
}

TEST(OutboundRule, a_host_that_nobody_knows_is_refused) {
    EXPECT_TRUE(refused(value_of(OutboundRule::of({})), "http://no-such-host.invalid"));
}

TEST(OutboundRule, hosts_with_all_below_them_and_networks_can_be_allowed_G3) {
    const auto rule = value_of(OutboundRule::of({"127.0.0.1", "Lab.Example", "10.1.0.0/16", "fc00::/7"}));
    EXPECT_FALSE(refused(rule, "http://127.0.0.1"));
    EXPECT_TRUE(refused(rule, "http://127.0.0.2"));
    EXPECT_FALSE(refused(rule, "http://lab.example"));
    EXPECT_FALSE(refused(rule, "http://a.lab.example"));
    EXPECT_TRUE(rule.allows("a.lab.example", "192.168.0.1"));
    EXPECT_FALSE(rule.allows("evil-lab.example", "192.168.0.1"));
    EXPECT_FALSE(refused(rule, "http://10.1.2.3"));
    EXPECT_TRUE(refused(rule, "http://10.2.2.3"));
    EXPECT_FALSE(refused(rule, "http://[fd00::1]"));
    EXPECT_TRUE(OutboundRule::none().allows("x", "127.0.0.1"));
}

TEST(OutboundRule, entries_that_cannot_work_are_refused) {
    for (const char* entry : {"10.0.0.0/40", "a.example/8", "*.example", "", "/"})
        EXPECT_TRUE(refuses_field("URL_WHITELIST", OutboundRule::of({entry}))) << entry;
}

// What a name stands for when the connection is made counts, not what it stood for when it was checked.
TEST(OutboundRule, Q43_an_address_is_judged_for_each_connection) {
    const auto rule = value_of(OutboundRule::of({}));
    EXPECT_TRUE(rule.allows("catalog.example", "93.184.216.34"));
    EXPECT_FALSE(rule.allows("catalog.example", "127.0.0.1"));
    EXPECT_FALSE(rule.allows("catalog.example", "::ffff:10.0.0.1"));
    EXPECT_FALSE(rule.allows("catalog.example", "fe80::1%eth0"));
    EXPECT_FALSE(rule.allows("catalog.example", "no address"));
}

}  // namespace
}  // namespace corral::net
