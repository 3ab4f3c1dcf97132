// Which tokens of an issuer are believed. Every case differs from a good one in one thing.
#include "identity/oidc/provider.hpp"

#include "support/fake_issuer.hpp"
#include "support/testing.hpp"

namespace corral::identity::oidc {
namespace {

using namespace std::chrono_literals;
using testing_support::eventually;
using testing_support::fails_with;
using testing_support::FakeIssuer;
using testing_support::ok;
using testing_support::refuses_field;
using testing_support::value_of;

class OidcProvider : public testing::Test {
protected:
    static Settings settings_for() {
        return {.issuer = FakeIssuer::url,
                .client_id = "corral",
                .client_secret = Secret("the client's secret"),
                .redirect_url = "",
                .roles = {{"admins", "ADMIN"}},
                .default_role = "",
                .audience = "https://corral.example"};
    }
    [[nodiscard]] std::int64_t now() const {
        return std::chrono::duration_cast<std::chrono::seconds>(clock_.now().time_since_epoch()).count();
    }
    // The payload of a good id token; members of `other` (JSON text by name, "" leaves one out) win.
    [[nodiscard]] std::string payload(const std::map<std::string, std::string>& other = {}) const {
        std::map<std::string, std::string> all{
            {"iss", R"("https://idp.example")"}, {"aud", R"("corral")"},     {"sub", R"("s-1")"}, {"nonce", R"("n-1")"},
            {"exp", std::to_string(now() + 60)}, {"groups", R"(["admins"])"}};
        for (const auto& [name, value] : other) all[name] = value;
        std::string out;
        for (const auto& [name, value] : all)
            if (!value.empty()) out += (out.empty() ? "{\"" : ",\"") + name + "\":" + value;
        return out + "}";
    }
    Result<Person> id_token(const std::string& token) { return provider_.check_id_token(token, "n-1"); }
    bool refused(const Result<Person>& result) { return bool(fails_with(Errc::unauthenticated, result)); }

    FakeClock clock_;
    FakeIssuer issuer_;
    Provider provider_{settings_for(), issuer_.fetch(), clock_};
};

TEST_F(OidcProvider, a_good_id_token_says_who_it_is) {
    const auto person = id_token(issuer_.token(
        payload({{"email", R"("ann@example.org")"}, {"name", R"("Ann")"}, {"preferred_username", R"("ann")"}})));
    ASSERT_TRUE(ok(person));
    EXPECT_EQ(person->subject, "s-1");
    EXPECT_EQ(person->email, "ann@example.org");
    EXPECT_EQ(person->username, "ann");
    EXPECT_EQ(person->groups, std::vector<std::string>{"admins"});
}

TEST_F(OidcProvider, an_id_token_with_anything_wrong_is_refused) {
    for (const auto& [name, value] :
         std::vector<std::pair<std::string, std::string>>{{"iss", R"("https://idp.example/")"},
                                                          {"iss", R"("https://else.example")"},
                                                          {"iss", ""},
                                                          {"aud", R"("other")"},
                                                          {"aud", "[]"},
                                                          {"aud", ""},
                                                          {"aud", R"(["other"])"},
                                                          {"aud", R"(["corral","other"])"},  // without azp
                                                          {"nonce", R"("n-2")"},
                                                          {"nonce", ""},
                                                          {"nonce", "1"},
                                                          {"sub", ""},
                                                          {"sub", R"("")"},
                                                          {"sub", "7"},
                                                          {"exp", ""},
                                                          {"exp", R"("later")"},
                                                          {"exp", std::to_string(now() - 60)},
                                                          {"nbf", std::to_string(now() + 61)}})
        EXPECT_TRUE(refused(id_token(issuer_.token(payload({{name, value}}))))) << name << "=" << value;
    EXPECT_TRUE(ok(id_token(issuer_.token(payload({{"aud", R"(["corral","other"])"}, {"azp", R"("corral")"}})))));
    EXPECT_TRUE(ok(id_token(issuer_.token(payload({{"exp", std::to_string(now() - 59)}})))))
        << "clocks may differ a minute";
    EXPECT_TRUE(refused(id_token(issuer_.token("[]"))));
    EXPECT_TRUE(refused(id_token(issuer_.token("no JSON"))));
}

TEST_F(OidcProvider, only_a_signature_by_a_published_key_with_its_own_algorithm_counts) {
    ASSERT_TRUE(ok(id_token(issuer_.token(payload())))) << "the control";
    const auto stranger = value_of(crypto::PrivateKey::generate(crypto::Algorithm::es256));
    EXPECT_TRUE(refused(id_token(issuer_.token(payload(), R"({"alg":"ES256","kid":"k1"})", &stranger))));
    const std::string body = crypto::base64url(payload());
    const auto hmac_token = [&](const std::string& secret) {
        const std::string head = crypto::base64url(R"({"alg":"HS256","kid":"k1"})") + "." + body;
        return head + "." + crypto::base64url(crypto::hmac_sha256(secret, head));
    };
    for (const std::string& secret :
         {std::string("the client's secret"), issuer_.key().public_key().jwk().x, std::string()})
        EXPECT_TRUE(refused(id_token(hmac_token(secret)))) << "HMAC with what others know";
    for (const char* header : {R"({"alg":"none","kid":"k1"})", R"({"kid":"k1"})", "{}", "x"})
        EXPECT_TRUE(refused(id_token(crypto::base64url(header) + "." + body + "."))) << header;
    for (const char* header : {R"({"alg":"ES256"})", R"({"alg":"ES256","kid":"k2"})", R"({"alg":"ES256","kid":"odd"})",
                               R"({"alg":"RS256","kid":"k1"})", R"({"alg":"ES384","kid":"k1"})"})
        EXPECT_TRUE(refused(id_token(issuer_.token(payload(), header)))) << header;
    const auto rsa = value_of(crypto::PrivateKey::generate(crypto::Algorithm::rs256));
    issuer_.publish("r", rsa, "RS512");
    EXPECT_TRUE(
        refused(id_token(issuer_.token(payload(), R"({"alg":"RS256","kid":"r"})", &rsa, crypto::Algorithm::rs256))));
    EXPECT_TRUE(ok(id_token(issuer_.token(payload(), R"({"alg":"RS512","kid":"r"})", &rsa, crypto::Algorithm::rs512))));
}

TEST_F(OidcProvider, finds_new_keys_at_once_and_forgets_withdrawn_ones) {
    ASSERT_TRUE(ok(id_token(issuer_.token(payload()))));
    const auto next = value_of(crypto::PrivateKey::generate(crypto::Algorithm::es256));
    issuer_.withdraw("k1");
    issuer_.publish("k2", next);
    EXPECT_TRUE(ok(id_token(issuer_.token(payload(), R"({"alg":"ES256","kid":"k2"})", &next))));
    EXPECT_TRUE(refused(id_token(issuer_.token(payload()))));
}

TEST_F(OidcProvider, a_bearer_token_is_for_our_audience_and_ends_on_time) {
    const auto for_us = [&](const std::map<std::string, std::string>& more = {}) {
        std::map<std::string, std::string> all{{"aud", R"(["https://corral.example"])"}, {"nonce", ""}};
        for (const auto& [name, value] : more) all[name] = value;
        return issuer_.token(payload(all));
    };
    ASSERT_TRUE(eventually([&] { return bool(provider_.check_bearer(for_us())); })) << "keys come in the background";
    EXPECT_TRUE(refused(provider_.check_bearer(issuer_.token(payload())))) << "an id token is none";
    EXPECT_TRUE(refused(provider_.check_bearer(for_us({{"exp", std::to_string(now())}}))));
    EXPECT_TRUE(provider_.named_in(for_us()));
    EXPECT_FALSE(provider_.named_in(for_us({{"iss", R"("https://else.example")"}})));
    EXPECT_FALSE(provider_.named_in("x.y.z"));
}

TEST_F(OidcProvider, nonsense_does_not_make_us_press_the_issuer) {
    ASSERT_TRUE(ok(provider_.metadata()));
    const std::string strange =
        issuer_.token(payload({{"aud", R"("https://corral.example")"}}), R"({"alg":"ES256","kid":"?"})");
    ASSERT_TRUE(eventually([&] {
        (void)provider_.check_bearer(strange);
        return true;
    }));
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(refused(provider_.check_bearer(strange)));
    EXPECT_LE(issuer_.asked("/jwks").size(), 2U) << "the clock stands still";
}

TEST_F(OidcProvider, a_description_that_is_not_the_issuer_s_own_is_not_taken) {
    for (const std::string& text :
         {FakeIssuer::discovery("https://else.example"), FakeIssuer::discovery("https://idp.example/"),
          std::string("{}"), std::string("no JSON"),
          std::string(R"({"issuer":"https://idp.example","authorization_endpoint":"http://idp.example/a",)"
                      R"("token_endpoint":"https://idp.example/t","jwks_uri":"https://idp.example/j"})")}) {
        FakeIssuer issuer;
        issuer.answer("/.well-known/openid-configuration", 200, text);
        Provider provider(settings_for(), issuer.fetch(), clock_);
        EXPECT_TRUE(fails_with(Errc::upstream, provider.metadata())) << text;
    }
    FakeIssuer absent;
    absent.answer("/.well-known/openid-configuration", 0, "");
    Provider provider(settings_for(), absent.fetch(), clock_);
    EXPECT_TRUE(fails_with(Errc::unavailable, provider.metadata()));
    absent.answer("/.well-known/openid-configuration", 200, FakeIssuer::discovery());
    EXPECT_TRUE(ok(provider.metadata())) << "it is asked again";
}

TEST_F(OidcProvider, userinfo_fills_what_the_token_lacks_and_must_be_of_the_same_subject) {
    Person person{
        .subject = "s-1", .email = "", .name = "From the token", .username = "", .groups = {}, .token_id = ""};
    issuer_.answer("/me", 200, R"({"sub":"s-1","email":"a@x.org","name":"Other","groups":["admins","more"]})");
    ASSERT_TRUE(ok(provider_.complete(person, Secret("access"))));
    EXPECT_EQ(person.email, "a@x.org");
    EXPECT_EQ(person.name, "From the token");
    EXPECT_EQ(person.groups.size(), 2U);
    EXPECT_EQ(issuer_.asked("/me").at(0).authorization.reveal(), "Bearer access");
    Person other{.subject = "s-2", .email = "", .name = "", .username = "", .groups = {}, .token_id = ""};
    EXPECT_TRUE(fails_with(Errc::upstream, provider_.complete(other, Secret("access"))));
    EXPECT_EQ(other.email, "");
}

TEST(OidcSettings, name_the_key_that_is_wrong) {
    const Settings good{.issuer = "https://idp.example", .client_id = "corral"};
    const auto with = [&](auto change) {
        Settings out = good;
        change(out);
        return settings(out, {"a=ADMIN"});
    };
    const auto parsed = settings(good, {"vm admins=ADMIN", "cn=x=USER"});
    ASSERT_TRUE(ok(parsed));
    EXPECT_EQ(parsed->roles.at("cn=x"), "USER") << "groups may hold =";
    for (const char* url : {"http://idp.example", "idp.example", "ftp://idp.example", "http://127.0.0.1.example",
                            "http://localhost.example"})
        EXPECT_TRUE(refuses_field("OIDC_ISSUER", with([&](Settings& s) { s.issuer = url; }))) << url;
    EXPECT_TRUE(ok(with([](Settings& s) { s.issuer = "http://127.0.0.1:8080/realm"; })));
    EXPECT_TRUE(refuses_field("OIDC_CLIENT_ID", with([](Settings& s) { s.client_id = ""; })));
    EXPECT_TRUE(refuses_field("OIDC_SCOPES", with([](Settings& s) { s.scopes = "profile"; })));
    EXPECT_TRUE(
        refuses_field("OIDC_REDIRECT_URL", with([](Settings& s) { s.redirect_url = "http://corral.example/x"; })));
    for (const char* entry : {"admins", "=ADMIN", "admins="})
        EXPECT_TRUE(refuses_field("OIDC_ROLE_MAP", settings(good, {entry}))) << entry;
    EXPECT_TRUE(refuses_field("OIDC_ROLE_MAP", settings(good, {}))) << "nobody could sign in";
}

}  // namespace
}  // namespace corral::identity::oidc
