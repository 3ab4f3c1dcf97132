// Who a request comes from: tokens, API keys and the rights behind them.
#include "audit/migrations.hpp"
#include "base/temp_folder.hpp"
#include "identity/accounts/store.hpp"
#include "identity/migrations.hpp"
#include "identity/seed.hpp"
#include "identity/service.hpp"
#include "identity/store.hpp"
#include "platform/http/access.hpp"
#include "support/testing.hpp"

namespace corral::identity {
namespace {

using namespace std::chrono_literals;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::refuses_field;
using testing_support::value_of;

constexpr const char* master = "0123456789abcdef0123456789abcdef";

class Authenticate : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(ok(seed(*database_, directory_, clock_, Secret("root's password"))));
        User ann{.id = "ann-id", .username = "ann", .name = "Ann", .email = "ann@example.org"};
        ann.password_hash = value_of(crypto::hash_password(Secret("ann's password")));
        ann.roles = {"USER"};
        ann.claims = {"CREATE_VM", "LIST_VM"};
        ann.created_at = clock_.now();
        change([&](db::Tx& tx) { store::insert_user(tx, ann); });
        token_ = value_of(service_.login({.email = "ann", .password = Secret("ann's password")}, "192.0.2.1")).token;
    }
    void change(const std::function<void(db::Tx&)>& f) {
        ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) { f(tx); })));
        ASSERT_TRUE(ok(seed(*database_, directory_, clock_, Secret{})));  // loads the accounts anew
    }
    // Puts a key into the database as its creation does and returns what its owner sends.
    std::string add_key(ApiKey key, const std::string& secret) {
        const std::string mac = crypto::hmac_sha256(master, "api key\n" + key.key + "\n" + secret);
        key.id = "id-of-" + key.name;
        key.secret_mac = crypto::to_hex({reinterpret_cast<const std::uint8_t*>(mac.data()), mac.size()});
        change([&](db::Tx& tx) { store::insert_api_key(tx, key); });
        return crypto::base64(key.key + ":" + secret);
    }
    static http::Request with(const std::string& header, const std::string& value) {
        http::Request request;
        request.headers.add(header, value);
        return request;
    }
    Result<Caller> bearer(const std::string& token) {
        return service_.authenticate(with("Authorization", "Bearer " + token), false);
    }
    Result<Caller> api_key(const std::string& encoded) {
        return service_.authenticate(with("X-Api-Key", encoded), false);
    }

    TempFolder folder_;
    FakeClock clock_;
    std::unique_ptr<db::Database> database_ =
        testing_support::open_database(folder_.path(), {migrations(), audit::migrations()});
    Directory directory_{*database_};
    Service service_{*database_, directory_, clock_, {.master_key = Secret(master)}};
    std::string token_;
};

TEST_F(Authenticate, a_token_that_was_good_before_ends_with_its_time_all_the_same) {
    EXPECT_TRUE(ok(bearer(token_)));
    EXPECT_TRUE(ok(bearer(token_)));
    std::string forged = token_;
    forged.back() = forged.back() == 'A' ? 'Q' : 'A';
    EXPECT_TRUE(fails_with(Errc::unauthenticated, bearer(forged)))
        << "what is remembered is the token and not its account";
    clock_.advance(std::chrono::hours{24 * 365});
    EXPECT_TRUE(fails_with(Errc::unauthenticated, bearer(token_)));
}

TEST_F(Authenticate, a_token_gives_its_account_with_direct_claims_and_those_of_its_roles) {
    const auto who = bearer(token_);
    ASSERT_TRUE(ok(who));
    EXPECT_EQ(who->user_id().text, "ann-id");
    EXPECT_EQ(who->principal->name, "Ann");
    EXPECT_FALSE(who->super_user());
    EXPECT_TRUE(who->has_claim("CREATE_VM")) << "direct";
    EXPECT_TRUE(who->has_claim("LIST_CATALOG_MANIFEST")) << "by role USER";
    EXPECT_FALSE(who->has_claim("DELETE_VM"));
    EXPECT_EQ(std::ranges::count(who->principal->claims, "LIST_VM"), 1) << "held twice, shown once";
}

TEST_F(Authenticate, a_route_admits_by_the_effective_claims) {
    const Caller ann = value_of(bearer(token_));
    EXPECT_TRUE(http::all_of({"CREATE_VM", "LIST_CATALOG_MANIFEST"}).admits(ann));
    EXPECT_FALSE(http::all_of({"CREATE_VM", "DELETE_VM"}).admits(ann));
    EXPECT_TRUE(http::any_of({"DELETE_VM", "CREATE_VM"}).admits(ann));
    EXPECT_FALSE(http::any_of({"DELETE_VM", "CREATE_USER"}).admits(ann));
    EXPECT_FALSE(http::super_users().admits(ann));
    Caller root;
    root.principal = service_.root();
    EXPECT_TRUE(http::all_of({"DELETE_VM", "A_CLAIM_NOBODY_HOLDS"}).admits(root)) << "super users pass every check";
    EXPECT_TRUE(http::super_users().admits(root));
    EXPECT_FALSE(http::signed_in().admits(Caller{}));
}

TEST_F(Authenticate, rights_are_the_database_s_at_the_time_of_the_request_not_the_token_s) {
    change([](db::Tx& tx) {
        store::take_claim(tx, "ann-id", "CREATE_VM");
        store::grant_claim(tx, "ann-id", "DELETE_VM");
    });
    const Caller who = value_of(bearer(token_));
    EXPECT_FALSE(who.has_claim("CREATE_VM"));
    EXPECT_TRUE(who.has_claim("DELETE_VM"));
}

TEST_F(Authenticate, q92_a_token_belongs_to_an_account_not_to_its_e_mail) {
    change([](db::Tx& tx) {
        for (User user : store::users(tx))
            if (user.id == "ann-id") {
                user.email = "new@example.org";
                store::update_user(tx, user);
            }
    });
    EXPECT_EQ(value_of(bearer(token_)).principal->email, "new@example.org") << "a new address does not end it";
    change([](db::Tx& tx) {
        store::delete_user(tx, "ann-id");
        store::insert_user(tx, {.id = "other-id", .username = "ann", .name = "Ann II", .email = "ann@example.org"});
    });
    EXPECT_TRUE(fails_with(Errc::unauthenticated, bearer(token_))) << "and nobody inherits it";
}

TEST_F(Authenticate, an_id_wins_over_a_user_name_that_looks_like_one) {
    change([](db::Tx& tx) {
        store::insert_user(tx, {.id = "other-id", .username = "ann-id", .name = "Impostor", .email = "i@example.org"});
    });
    EXPECT_EQ(value_of(bearer(token_)).principal->name, "Ann");
}

TEST_F(Authenticate, credentials_are_looked_for_in_the_contract_s_order) {
    const std::string key = add_key({.name = "robot", .key = "robot", .user_id = "ann-id"}, "secret");
    http::Request both = with("authorization", "Bearer " + token_);
    both.headers.add("x-api-key", key);
    EXPECT_EQ(value_of(service_.authenticate(both, false)).api_key_id, "") << "q9: the token comes first";
    http::Request basic = with("Authorization", "Basic YTpi");
    basic.headers.add("X-API-KEY", key);
    EXPECT_EQ(value_of(service_.authenticate(basic, false)).api_key_id, "id-of-robot")
        << "q9: another scheme is no token";
    http::Request bad_token = with("Authorization", "Bearer nonsense");
    bad_token.headers.add("X-Api-Key", key);
    EXPECT_FALSE(service_.authenticate(bad_token, false)) << "a bad token is not healed by a good key";
    for (const char* header : {"", "Bearer", "Bearer ", "bearer x", "Basic YTpi", "Bearer  two blanks"})
        EXPECT_TRUE(fails_with(Errc::unauthenticated, service_.authenticate(with("Authorization", header), true)))
            << header;
}

TEST_F(Authenticate, a_header_that_is_there_twice_is_refused_whatever_it_holds) {
    const std::string key = add_key({.name = "robot", .key = "robot", .user_id = "ann-id"}, "secret");
    http::Request tokens = with("Authorization", "Bearer " + token_);
    tokens.headers.add("authorization", "Bearer " + token_);
    EXPECT_TRUE(fails_with(Errc::unauthenticated, service_.authenticate(tokens, false)));
    http::Request keys = with("X-Api-Key", key);
    keys.headers.add("x-api-key", "");
    EXPECT_TRUE(fails_with(Errc::unauthenticated, service_.authenticate(keys, false)));
}

TEST_F(Authenticate, a_key_in_another_spelling_of_base64_is_refused) {
    const std::string good = add_key({.name = "odd", .key = "ODD", .user_id = "ann-id"}, "s?>s~~");
    ASSERT_TRUE(ok(api_key(good)));
    ASSERT_NE(good.find_first_of("+/="), std::string::npos) << "or this test says little";
    std::string url = good;
    std::ranges::replace(url, '+', '-');
    std::ranges::replace(url, '/', '_');
    std::string unpadded = good;
    while (unpadded.ends_with('=')) unpadded.pop_back();
    for (const std::string& other : {url, unpadded, good + "=", " " + good, good + "\n", good.substr(0, 3),
                                     crypto::base64(std::string("ODD:s?>s~~\0", 11)), crypto::base64("odd\0:x")})
        if (other != good) EXPECT_TRUE(fails_with(Errc::unauthenticated, api_key(other))) << other;
}

TEST_F(Authenticate, a_logout_ends_this_token_at_once_and_no_other) {
    const std::string other =
        value_of(service_.login({.email = "ann", .password = Secret("ann's password")}, "192.0.2.1")).token;
    const Caller open = value_of(bearer(token_));
    ASSERT_TRUE(ok(service_.still_good(open)));
    ASSERT_TRUE(ok(service_.logout(open, {})));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, bearer(token_)));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, service_.validate({token_})));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, service_.still_good(open)));
    EXPECT_TRUE(ok(bearer(other)));
    Service restarted(*database_, directory_, clock_, {.master_key = Secret(master)});
    EXPECT_TRUE(ok(restarted.validate({token_}))) << "the control";
    ASSERT_TRUE(ok(restarted.load()));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, restarted.validate({token_}))) << "a restart does not forget it";
    clock_.advance(14min);
    ASSERT_TRUE(ok(service_.tidy()));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, bearer(token_))) << "remembered until it has expired";
}

TEST_F(Authenticate, a_logout_everywhere_ends_all_tokens_of_the_account_and_none_of_its_keys) {
    const std::string other =
        value_of(service_.login({.email = "ann", .password = Secret("ann's password")}, "192.0.2.1")).token;
    const std::string root =
        value_of(service_.login({.email = "root", .password = Secret("root's password")}, "a")).token;
    const std::string key = add_key({.name = "k", .key = "K", .user_id = "ann-id"}, "s");
    ASSERT_TRUE(ok(service_.logout(value_of(bearer(token_)), {.everywhere = true})));
    EXPECT_FALSE(bearer(token_));
    EXPECT_FALSE(bearer(other));
    EXPECT_TRUE(ok(bearer(root)));
    EXPECT_TRUE(ok(api_key(key)));
    const auto again = service_.login({.email = "ann", .password = Secret("ann's password")}, "192.0.2.1");
    ASSERT_TRUE(ok(again));
    EXPECT_TRUE(ok(bearer(again->token)));
}

TEST_F(Authenticate, an_api_key_is_not_logged_out) {
    const Caller robot = value_of(api_key(add_key({.name = "k", .key = "K", .user_id = "ann-id"}, "s")));
    EXPECT_TRUE(fails_with(Errc::invalid, service_.logout(robot, {})));
}

TEST_F(Authenticate, a_connection_is_judged_anew_with_the_rights_and_the_time_of_now) {
    const Caller before = value_of(bearer(token_));
    change([](db::Tx& tx) { store::take_claim(tx, "ann-id", "CREATE_VM"); });
    EXPECT_FALSE(value_of(service_.still_good(before)).has_claim("CREATE_VM"));
    EXPECT_TRUE(ok(service_.still_good(Caller{}))) << "nobody stays nobody";
    clock_.advance(15min);
    EXPECT_TRUE(fails_with(Errc::unauthenticated, service_.still_good(before)));
}

TEST_F(Authenticate, q28_a_token_in_the_query_counts_only_where_the_row_allows_it) {
    for (const auto& [name, value] : {std::pair{"access_token", token_}, std::pair{"authorization", token_},
                                      std::pair{"authorization", "Bearer " + token_}}) {
        http::Request request;
        request.query = {{name, value}};
        EXPECT_TRUE(ok(service_.authenticate(request, true))) << name;
        EXPECT_TRUE(fails_with(Errc::unauthenticated, service_.authenticate(request, false))) << name;
    }
}

TEST_F(Authenticate, q2_a_key_has_the_rights_of_its_owner_and_one_without_acts_as_root) {
    const Caller owned = value_of(api_key(add_key({.name = "owned", .key = "Owned", .user_id = "ann-id"}, "s1")));
    EXPECT_EQ(owned.user_id().text, "ann-id");
    EXPECT_FALSE(owned.has_claim("DELETE_VM"));
    EXPECT_FALSE(owned.forwarder);
    const std::string free_key = add_key({.name = "free", .key = "free", .forwarder = true}, "s2");
    const Caller free = value_of(api_key(free_key));
    EXPECT_TRUE(free.super_user());
    EXPECT_TRUE(free.principal->root);
    EXPECT_TRUE(free.forwarder);
}

TEST_F(Authenticate, a_key_is_refused_for_every_fault) {
    const std::string good = add_key({.name = "good", .key = "good", .user_id = "ann-id"}, "right");
    ASSERT_TRUE(ok(api_key(good))) << "the control";
    for (const std::string& encoded :
         {crypto::base64("good:wrong"), crypto::base64("good:"), crypto::base64("good"), crypto::base64("a:right"),
          crypto::base64("good:right:"), crypto::base64(":right"), std::string("good:right"), std::string("%%%")})
        EXPECT_TRUE(fails_with(Errc::unauthenticated, api_key(encoded))) << encoded;
    EXPECT_FALSE(api_key(add_key({.name = "revoked", .key = "revoked", .revoked = true}, "s")));
    const std::string ending = add_key({.name = "ending", .key = "ending", .expires_at = clock_.now() + 1h}, "s");
    EXPECT_TRUE(ok(api_key(ending)));
    clock_.advance(1h);
    EXPECT_FALSE(api_key(ending)) << "expired";
    change([](db::Tx& tx) {
        for (User user : store::users(tx))
            if (user.id == "ann-id") {
                user.blocked = true;
                store::update_user(tx, user);
            }
    });
    EXPECT_FALSE(api_key(good)) << "its owner is blocked";
    change([](db::Tx& tx) { store::delete_user(tx, "ann-id"); });
    EXPECT_FALSE(api_key(good)) << "q34: keys go with their owner";
}

TEST_F(Authenticate, another_master_key_makes_every_key_and_token_worthless) {
    const std::string key = add_key({.name = "k", .key = "k"}, "s");
    Service other(*database_, directory_, clock_, {.master_key = Secret("ffffffffffffffffffffffffffffffff")});
    EXPECT_FALSE(other.authenticate(with("X-Api-Key", key), false));
    EXPECT_FALSE(other.validate({token_}));
}

TEST_F(Authenticate, a_login_with_a_key_gives_a_token_that_ends_with_the_key) {
    const std::string key = add_key({.name = "robot", .key = "robot", .user_id = "ann-id"}, "secret");
    const auto answer = service_.login({.api_key = Secret(key)}, "192.0.2.1");
    ASSERT_TRUE(ok(answer));
    EXPECT_EQ(value_of(bearer(answer->token)).api_key_id, "id-of-robot");
    change([](db::Tx& tx) {
        for (ApiKey k : store::api_keys(tx)) {
            k.revoked = true;
            store::update_api_key(tx, k);
        }
    });
    EXPECT_TRUE(fails_with(Errc::unauthenticated, bearer(answer->token)));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, service_.login({.api_key = Secret(key)}, "192.0.2.1")));
    EXPECT_TRUE(refuses_field("/api_key", service_.login({.api_key = Secret("no base64")}, "192.0.2.1")));
}

TEST_F(Authenticate, names_of_keys_accounts_roles_and_claims_are_found_in_any_case) {
    add_key({.name = "Robot", .key = "The-Key"}, "s");
    for (const char* name : {"robot", "THE-KEY", "ID-OF-ROBOT"}) EXPECT_NE(directory_.key(name), nullptr) << name;
    for (const char* name : {"ANN", "Ann@example.org", "ANN-ID"}) EXPECT_NE(directory_.account(name), nullptr) << name;
    EXPECT_NE(directory_.role("super user"), nullptr);
    EXPECT_NE(directory_.claim("list_vm"), nullptr);
    EXPECT_EQ(directory_.role("nobody"), nullptr);
}

TEST(NormalName, replaces_what_the_contract_names_and_keeps_the_rest) {
    EXPECT_EQ(normal_name("my role:(x)"), "MY_ROLE__X_");
    EXPECT_EQ(normal_name("a-b.c_d9"), "A-B.C_D9");
    EXPECT_EQ(normal_name("\tname\n"), "NAME");
}

}  // namespace
}  // namespace corral::identity
