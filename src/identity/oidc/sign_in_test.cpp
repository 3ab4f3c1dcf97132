// What a sign-in at an issuer makes of accounts and rights here, and whom it refuses.
#include "identity/oidc/sign_in.hpp"

#include <set>

#include "audit/migrations.hpp"
#include "base/temp_folder.hpp"
#include "events/event_log.hpp"
#include "events/migrations.hpp"
#include "identity/accounts/store.hpp"
#include "identity/migrations.hpp"
#include "identity/seed.hpp"
#include "identity/service.hpp"
#include "platform/http/target.hpp"
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

constexpr const char* callback = "https://corral.example/api/v1/auth/oidc/callback";

class OidcSignIn : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(ok(seed(*database_, directory_, clock_, Secret("root's password"))));
        service_.accept(sign_in_);
    }
    static Settings settings_for() {
        return {.issuer = FakeIssuer::url,
                .client_id = "corral",
                .client_secret = Secret("s: é"),
                .redirect_url = "",
                .roles = {{"admins", "ADMIN"}, {"users", "USER"}, {"ghosts", "NO_SUCH_ROLE"}},
                .default_role = "",
                .audience = "https://corral.example"};
    }
    struct Begun {
        std::string cookie, state, nonce, challenge;
    };
    Begun begin(const SignIn::Begin& how = {.callback = callback, .return_to = "", .challenge = ""}) {
        const auto sent = value_of(sign_in_.begin(how));
        Begun out{.cookie = sent.cookie, .state = "", .nonce = "", .challenge = ""};
        for (const auto& [name, value] : value_of_query(sent.location)) {
            if (name == "state") out.state = value;
            if (name == "nonce") out.nonce = value;
            if (name == "code_challenge") out.challenge = value;
        }
        return out;
    }
    static std::vector<std::pair<std::string, std::string>> value_of_query(const std::string& url) {
        return http::parse_form(std::string_view(url).substr(url.find('?') + 1)).value();
    }
    // What the issuer says of the subject at its token endpoint.
    void issuer_says(const std::string& nonce, const std::string& members, const std::string& subject = "s-1") {
        const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock_.now().time_since_epoch()).count();
        const std::string token =
            issuer_.token(R"({"iss":"https://idp.example","aud":"corral","sub":")" + subject + R"(","nonce":")" +
                          nonce + R"(","exp":)" + std::to_string(now + 60) + "," + members + "}");
        issuer_.answer("/token", 200, R"({"id_token":")" + token + "\"}");
    }
    Result<SignIn::Arrived> arrive(const std::string& members, const std::string& subject = "s-1") {
        const auto begun = begin();
        issuer_says(begun.nonce, members, subject);
        return sign_in_.finish({.state = begun.state, .code = "c", .error = "", .issuer = "", .cookie = begun.cookie});
    }
    void change(const std::function<void(db::Tx&)>& f) {
        ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) { f(tx); })));
        ASSERT_TRUE(ok(directory_.reload()));
    }
    std::set<std::string> roles_of(const std::string& id) {
        const auto account = directory_.account_with_id(id);
        return account ? std::set<std::string>(account->user.roles.begin(), account->user.roles.end())
                       : std::set<std::string>{"(no account)"};
    }
    std::string bearer(const std::string& members, const std::string& subject = "service") {
        const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock_.now().time_since_epoch()).count();
        return issuer_.token(R"({"iss":"https://idp.example","aud":"https://corral.example","sub":")" + subject +
                             R"(","exp":)" + std::to_string(now + 600) + "," + members + "}");
    }
    Result<Caller> authenticate(const std::string& token) {
        http::Request request;
        request.headers.add("Authorization", "Bearer " + token);
        return service_.authenticate(request, false);
    }

    TempFolder folder_;
    FakeClock clock_;
    FakeIssuer issuer_;
    std::unique_ptr<db::Database> database_ =
        testing_support::open_database(folder_.path(), {migrations(), events::migrations(), audit::migrations()});
    Directory directory_{*database_};
    events::EventLog events_{*database_, clock_};
    SignIn sign_in_{
        *database_, directory_, events_, clock_, settings_for(), issuer_.fetch(), Secret(std::string(32, 'k'))};
    Service service_{*database_, directory_, clock_, {.master_key = Secret(std::string(32, 'm'))}};
};

TEST_F(OidcSignIn, the_code_is_changed_with_verifier_secret_and_callback) {
    const auto begun = begin();
    issuer_says(begun.nonce, R"("groups":["users"])");
    ASSERT_TRUE(ok(sign_in_.finish(
        {.state = begun.state, .code = "a code&x", .error = "", .issuer = FakeIssuer::url, .cookie = begun.cookie})));
    const auto call = issuer_.asked("/token").at(0);
    const auto form = http::parse_form(call.form).value();
    const std::map<std::string, std::string> sent(form.begin(), form.end());
    EXPECT_EQ(sent.at("grant_type"), "authorization_code");
    EXPECT_EQ(sent.at("code"), "a code&x");
    EXPECT_EQ(sent.at("redirect_uri"), callback);
    const auto digest = crypto::sha256(sent.at("code_verifier"));
    EXPECT_EQ(crypto::base64url({reinterpret_cast<const char*>(digest.data()), digest.size()}), begun.challenge);
    EXPECT_EQ(call.authorization.reveal(), "Basic " + crypto::base64("corral:s%3A%20%C3%A9")) << "RFC 6749, 2.3.1";
}

TEST_F(OidcSignIn, groups_decide_about_the_roles_of_the_map_and_leave_others_alone) {
    const std::string id = value_of(arrive(R"("groups":["admins","users","unknown"],"email":"ann@x.org")")).user;
    EXPECT_EQ(roles_of(id), (std::set<std::string>{"ADMIN", "USER"}));
    change([&](db::Tx& tx) {
        store::insert_role(tx, {.id = "LOCAL", .description = "", .internal = false, .claims = {}});
        store::grant_role(tx, id, "LOCAL");
        store::grant_claim(tx, id, "DELETE_VM");
    });
    EXPECT_EQ(value_of(arrive(R"("groups":"users","email":"ann@x.org")")).user, id);
    EXPECT_EQ(roles_of(id), (std::set<std::string>{"LOCAL", "USER"}));
    EXPECT_EQ(directory_.account_with_id(id)->user.claims, std::vector<std::string>{"DELETE_VM"});
}

TEST_F(OidcSignIn, who_has_no_role_is_refused_and_no_account_made) {
    const std::size_t before = directory_.accounts().size();
    for (const char* groups :
         {R"("groups":[])", R"("groups":["unknown"])", R"("groups":["ghosts"])", R"("groups":7)", R"("x":1)"})
        EXPECT_TRUE(fails_with(Errc::forbidden, arrive(groups))) << groups;
    EXPECT_EQ(directory_.accounts().size(), before);
}

TEST_F(OidcSignIn, an_account_belongs_to_its_subject_and_not_to_a_name_or_an_address) {
    change([&](db::Tx& tx) {
        store::insert_user(tx, {.id = "local", .username = "ann", .name = "Ann", .email = "ann@x.org"});
    });
    EXPECT_TRUE(fails_with(Errc::conflict, arrive(R"("groups":["users"],"email":"ANN@x.org")")));
    EXPECT_TRUE(fails_with(Errc::conflict, arrive(R"("groups":["users"],"email":"root@localhost")")));
    const std::string first =
        value_of(arrive(R"("groups":["users"],"email":"a1@x.org","preferred_username":"ann")")).user;
    EXPECT_EQ(directory_.account_with_id(first)->user.username, "a1@x.org") << "the name was taken";
    const std::string second =
        value_of(arrive(R"("groups":["users"],"email":"a2@x.org","preferred_username":"root")", "s-2")).user;
    EXPECT_NE(first, second);
    EXPECT_NE(directory_.account_with_id(second)->user.username, "root");
    EXPECT_FALSE(directory_.account_with_id(second)->principal->root);
    // A changed address is taken over when it is free, and kept otherwise; the account is the same.
    EXPECT_EQ(value_of(arrive(R"("groups":["users"],"email":"new@x.org","name":"Ann New")")).user, first);
    EXPECT_EQ(directory_.account_with_id(first)->user.email, "new@x.org");
    EXPECT_EQ(directory_.account_with_id(first)->user.name, "Ann New");
    EXPECT_EQ(value_of(arrive(R"("groups":["users"],"email":"a2@x.org")")).user, first);
    EXPECT_EQ(directory_.account_with_id(first)->user.email, "new@x.org");
}

TEST_F(OidcSignIn, an_account_without_a_password_cannot_be_opened_with_one) {
    ASSERT_TRUE(ok(arrive(R"("groups":["users"],"email":"ann@x.org")")));
    for (const char* password : {"x", " ", "$2a$10$"})
        EXPECT_TRUE(fails_with(Errc::unauthenticated,
                               service_.login({.email = "ann@x.org", .password = Secret(password)}, "192.0.2.1")));
}

TEST_F(OidcSignIn, a_blocked_account_stays_out) {
    const std::string id = value_of(arrive(R"("groups":["users"])")).user;
    ASSERT_TRUE(ok(service_.token_for(id)));
    change([&](db::Tx& tx) {
        User user = store::user(tx, id).value();
        user.blocked = true;
        store::update_user(tx, user);
    });
    EXPECT_TRUE(fails_with(Errc::unauthenticated, arrive(R"("groups":["users","admins"])")));
    EXPECT_FALSE(roles_of(id).contains("ADMIN")) << "nothing half done";
    EXPECT_TRUE(fails_with(Errc::unauthenticated, service_.token_for(id)));
}

TEST_F(OidcSignIn, what_does_not_belong_to_this_browser_or_is_late_is_refused) {
    const auto begun = begin();
    const auto other = begin();
    issuer_says(begun.nonce, R"("groups":["users"])");
    const auto finish = [&](SignIn::Back back) { return sign_in_.finish(back); };
    const SignIn::Back good{.state = begun.state, .code = "c", .error = "", .issuer = "", .cookie = begun.cookie};
    for (auto change : std::vector<std::function<void(SignIn::Back&)>>{
             [&](auto& b) { b.state = other.state; }, [&](auto& b) { b.cookie = other.cookie; },
             [](auto& b) { b.cookie = ""; }, [](auto& b) { b.state = ""; }, [](auto& b) { b.cookie.pop_back(); }}) {
        SignIn::Back bad = good;
        change(bad);
        EXPECT_TRUE(refuses_field("state", finish(bad)));
    }
    SignIn::Back elsewhere = good;
    elsewhere.issuer = "https://else.example";
    EXPECT_TRUE(refuses_field("iss", finish(elsewhere)));
    SignIn::Back denied = good;
    denied.error = "access_denied";
    EXPECT_TRUE(fails_with(Errc::unauthenticated, finish(denied)));
    EXPECT_TRUE(issuer_.asked("/token").empty()) << "nobody was asked for any of them";
    issuer_says(other.nonce, R"("groups":["users"])");
    EXPECT_TRUE(fails_with(Errc::unauthenticated, finish(good))) << "the token of another sign-in";
    issuer_.answer("/token", 400, R"({"error":"invalid_grant"})");
    EXPECT_TRUE(fails_with(Errc::unauthenticated, finish(good)));
    issuer_.answer("/token", 200, "{}");
    EXPECT_TRUE(fails_with(Errc::upstream, finish(good)));
    clock_.advance(10min + 1us);
    EXPECT_TRUE(refuses_field("state", finish(good)));
}

TEST_F(OidcSignIn, a_code_for_a_program_is_good_once_for_a_minute_with_its_verifier) {
    const auto digest = crypto::sha256("the verifier");
    const std::string challenge = crypto::base64url({reinterpret_cast<const char*>(digest.data()), digest.size()});
    const auto code = [&] {
        const auto begun = begin({.callback = callback, .return_to = "http://127.0.0.1:8/x", .challenge = challenge});
        issuer_says(begun.nonce, R"("groups":["users"])");
        const auto arrived = value_of(
            sign_in_.finish({.state = begun.state, .code = "c", .error = "", .issuer = "", .cookie = begun.cookie}));
        return value_of_query(arrived.redirect.value()).at(0).second;
    };
    const std::string used = code();
    EXPECT_TRUE(ok(sign_in_.redeem(used, "the verifier")));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, sign_in_.redeem(used, "the verifier")));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, sign_in_.redeem(code(), "another")));
    const std::string late = code();
    clock_.advance(61s);
    EXPECT_TRUE(fails_with(Errc::unauthenticated, sign_in_.redeem(late, "the verifier")));
    EXPECT_TRUE(
        refuses_field("challenge", sign_in_.begin({.callback = callback, .return_to = "/x", .challenge = "short"})));
}

TEST_F(OidcSignIn, a_bearer_token_has_the_rights_of_its_groups_and_its_subject_gets_an_account) {
    const std::string token = bearer(R"("groups":["users"],"jti":"j")");
    ASSERT_TRUE(eventually([&] { return authenticate(token).has_value(); })) << "keys come in the background";
    const Caller first = value_of(authenticate(token));
    EXPECT_TRUE(first.has_claim("LIST_CATALOG_MANIFEST"));
    EXPECT_FALSE(first.has_claim("DELETE_VM"));
    EXPECT_EQ(first.principal->roles, std::vector<std::string>{"USER"});
    EXPECT_TRUE(ok(service_.still_good(first)));
    EXPECT_TRUE(fails_with(Errc::invalid, service_.logout(first, {.everywhere = true}))) << "it ends at its issuer";
    const std::string id = first.user_id().text;
    EXPECT_EQ(id, sign_in_.user_id("service"));
    ASSERT_TRUE(eventually([&] { return directory_.account_with_id(id) != nullptr; }));
    EXPECT_EQ(roles_of(id), std::set<std::string>{"USER"});

    clock_.advance(1s);
    const std::string more = bearer(R"("groups":["admins"])");
    ASSERT_TRUE(eventually([&] { return value_of(authenticate(more)).has_claim("DELETE_VM"); }))
        << "each new token brings its groups";
    EXPECT_EQ(roles_of(id), std::set<std::string>{"ADMIN"});
    EXPECT_TRUE(fails_with(Errc::unauthenticated, authenticate(bearer(R"("groups":["unknown"])"))));
}

TEST_F(OidcSignIn, a_block_refuses_the_issuer_s_tokens_too) {
    const std::string token = bearer(R"("groups":["users"])");
    ASSERT_TRUE(eventually([&] { return authenticate(token).has_value(); }));
    const Caller open = value_of(authenticate(token));
    ASSERT_TRUE(eventually([&] { return directory_.account_with_id(open.user_id().text) != nullptr; }));
    change([&](db::Tx& tx) {
        User user = store::user(tx, open.user_id().text).value();
        user.blocked = true;
        store::update_user(tx, user);
    });
    EXPECT_TRUE(fails_with(Errc::unauthenticated, authenticate(token)));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, service_.still_good(open)));
}

}  // namespace
}  // namespace corral::identity::oidc
