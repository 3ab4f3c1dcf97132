#include "catalog/connection.hpp"

#include "support/testing.hpp"

namespace corral::catalog {
namespace {

using testing_support::refuses_field;
using testing_support::value_of;

struct Case {
    const char* text;
    const char* host;
    const char* port;
    const char* user;
    const char* password;
    const char* api_key;
};

// What released clients send (clients.md 17) and the contract's own table.
TEST(Connection, hosts_are_taken_apart_in_every_form_clients_use) {
    for (const Case& c : std::initializer_list<Case>{
             {"host=http://user:pw@cat.example:8080", "http://cat.example", "8080", "user", "pw", ""},
             {"host=user:pw@http://cat.example:8080", "http://cat.example", "8080", "user", "pw", ""},
             {"host=api_key:VALUE@https://cat.example", "https://cat.example", "", "", "", "VALUE"},
             {"host=API_KEY:VALUE@cat.example:1", "cat.example", "1", "", "", "VALUE"},
             {"host=u:p@cat.example:8080", "cat.example", "8080", "u", "p", ""},
             {"host=KEY@https://cat.example:8443", "https://cat.example", "8443", "", "", "KEY"},
             {"host=https://u:p@cat.example", "https://cat.example", "", "u", "p", ""},
             {"host=cat.example", "cat.example", "", "", "", ""},
             {"host=a@b:c:d@cat.example", "cat.example", "", "a@b", "c:d", ""},
             {"host=u:@cat.example", "cat.example", "", "u", "", ""},
         }) {
        const Provider p = value_of(parse_connection(c.text));
        EXPECT_EQ(p.host, c.host) << c.text;
        EXPECT_EQ(p.port, c.port) << c.text;
        EXPECT_EQ(p.user, c.user) << c.text;
        EXPECT_EQ(p.password, c.password) << c.text;
        EXPECT_EQ(p.api_key, c.api_key) << c.text;
        EXPECT_EQ(p.type, "") << c.text;
        EXPECT_TRUE(p.meta.empty()) << c.text;
    }
}

TEST(Connection, members_are_put_where_they_belong_and_the_rest_is_kept) {
    const Provider p = value_of(parse_connection(
        " provider=Local-Storage ; catalog_path = /srv/Cat ;; port=1;username=U;password=P;api_key=K;X_Y=z; "));
    EXPECT_EQ(p.type, "local-storage");
    EXPECT_EQ(p.port, "1");
    EXPECT_EQ(p.user, "U");
    EXPECT_EQ(p.password, "P");
    EXPECT_EQ(p.api_key, "K");
    EXPECT_EQ(p.meta, (std::map<std::string, std::string>{{"catalog_path", "/srv/Cat"}, {"x_y", "z"}}));
}

TEST(Connection, c26_keys_match_exactly_and_without_case_and_values_keep_theirs) {
    const Provider p = value_of(parse_connection("PROVIDER=aws-s3;support=9;Bucket=MyBucket;PassWord=a=b:c@d"));
    EXPECT_EQ(p.type, "aws-s3");
    EXPECT_EQ(p.port, "") << "support= is not port=";
    EXPECT_EQ(p.meta.at("support"), "9");
    EXPECT_EQ(p.meta.at("bucket"), "MyBucket");
    EXPECT_EQ(p.password, "a=b:c@d");
}

TEST(Connection, what_names_no_place_is_refused) {
    for (const char* text : {"", ";", "nonsense", "provider=", "provider=x;nonsense", "port=1", "catalog_path=/srv"})
        EXPECT_TRUE(refuses_field("/connection", parse_connection(text))) << text;
}

TEST(Connection, c18_every_member_that_is_set_comes_back) {
    for (const char* text : {"provider=local-storage;catalog_path=/srv/cat",
                             "provider=artifactory;host=https://af.example;port=443;username=u;password=p;repo=r",
                             "provider=x;host=h;api_key=k;a=1;b=2"}) {
        const Provider p = value_of(parse_connection(text));
        EXPECT_EQ(to_connection(p), text);
        const Provider again = value_of(parse_connection(to_connection(p)));
        EXPECT_EQ(json::to_text(again), json::to_text(p));
    }
}

TEST(Connection, masking_hides_credentials_and_every_meta_value) {
    Provider p{.type = "local-storage",
               .host = "cat.example",
               .port = "8080",
               .user = "someone",
               .password = "abcde",
               .api_key = "abcd",
               .meta = {{"catalog_path", "/srv/cat"}, {"tiny", "xy"}}};
    p = masked(p);
    EXPECT_EQ(p.type, "local-storage");
    EXPECT_EQ(p.host, "cat.example");
    EXPECT_EQ(p.port, "8080");
    EXPECT_EQ(p.user, "so****ne");
    EXPECT_EQ(p.password, "ab****de");
    EXPECT_EQ(p.api_key, "abcd") << "four characters or less stay, as the contract has it";
    EXPECT_EQ(p.meta.at("catalog_path"), "/s****at");
    EXPECT_EQ(p.meta.at("tiny"), "xy");
}

}  // namespace
}  // namespace corral::catalog
