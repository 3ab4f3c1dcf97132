// API keys: who may make, see, revoke and remove which, and what becomes of their callers.
#include "identity/keys/keys.hpp"

#include <barrier>
#include <thread>

#include "audit/migrations.hpp"
#include "base/temp_folder.hpp"
#include "identity/accounts/store.hpp"
#include "identity/migrations.hpp"
#include "identity/seed.hpp"
#include "identity/service.hpp"
#include "identity/store.hpp"
#include "support/testing.hpp"

namespace corral::identity {
namespace {

using namespace std::chrono_literals;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::refuses_field;
using testing_support::value_of;

constexpr const char* master = "0123456789abcdef0123456789abcdef";

class Keys : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(ok(seed(*database_, directory_, clock_, Secret("root's password"))));
        add_user("ann", {"LIST_OWN_API_KEY", "CREATE_OWN_API_KEY", "DELETE_OWN_API_KEY", "LIST_VM"});
        add_user("bob", {"LIST_OWN_API_KEY", "CREATE_OWN_API_KEY", "DELETE_OWN_API_KEY"});
        add_user("clerk", {"LIST_API_KEY", "CREATE_API_KEY", "DELETE_API_KEY", "DELETE_OWN_API_KEY", "LIST_OWN_API_KEY",
                           "CREATE_OWN_API_KEY"});
    }
    void add_user(const std::string& name, std::vector<std::string> claims) {
        change([&](db::Tx& tx) {
            store::insert_user(tx, {.id = name + "-id",
                                    .username = name,
                                    .name = "N " + name,
                                    .email = name + "@example.org",
                                    .claims = std::move(claims),
                                    .created_at = clock_.now()});
        });
    }
    void change(const std::function<void(db::Tx&)>& f) {
        ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) { f(tx); })));
        ASSERT_TRUE(ok(directory_.reload()));
    }
    Caller as(const std::string& name) {
        Caller out;
        out.principal = name == "root" ? service_.root() : service_.principal_of(UserId(name + "-id"));
        return out;
    }
    static ApiKeyRequest request(const std::string& name) {
        return {.name = name, .key = name, .secret = Secret("s3cret-value")};
    }
    Result<Caller> with_key(const std::string& encoded) {
        http::Request request;
        request.headers.add("X-Api-Key", encoded);
        return service_.authenticate(request, false);
    }
    std::vector<std::string> names_seen_by(const std::string& who) {
        std::vector<std::string> out;
        for (const auto& key : keys_.list(as(who))) out.push_back(key.name);
        return out;
    }

    TempFolder folder_;
    FakeClock clock_;
    std::unique_ptr<db::Database> database_ =
        testing_support::open_database(folder_.path(), {migrations(), audit::migrations()});
    Directory directory_{*database_};
    Service service_{*database_, directory_, clock_, {.master_key = Secret(master)}};
    ApiKeys keys_{*database_, directory_, clock_, Secret(master)};
};

TEST_F(Keys, a_new_key_is_shown_with_its_secret_once_and_opens_what_its_owner_may) {
    const auto made = value_of(keys_.create(as("ann"), request("ann key")));
    EXPECT_EQ(made.key, "ANN_KEY");
    EXPECT_EQ(made.user_id, "ann-id");
    EXPECT_EQ(made.encoded, crypto::base64("ANN_KEY:s3cret-value"));
    const auto shown = value_of(keys_.get(as("ann"), made.id));
    EXPECT_EQ(shown.encoded, "");
    EXPECT_EQ(shown.user_email, "ann@example.org");
    EXPECT_EQ(shown.user_username, "ann");
    EXPECT_EQ(shown.user_name, "N ann");
    const Caller caller = value_of(with_key(made.encoded));
    EXPECT_EQ(caller.user_id().text, "ann-id");
    EXPECT_TRUE(caller.has_claim("LIST_VM"));
    EXPECT_FALSE(caller.has_claim("DELETE_VM"));
    EXPECT_EQ(caller.api_key_id, made.id);
}

TEST_F(Keys, the_database_holds_no_secret) {
    ASSERT_TRUE(ok(keys_.create(as("ann"), request("k"))));
    for (const auto& key : value_of(database_->read([](db::Tx& tx) { return store::api_keys(tx); })))
        EXPECT_EQ(key.secret_mac.find("s3cret"), std::string::npos);
}

TEST_F(Keys, is_found_by_id_name_and_key_in_any_case) {
    const auto made = value_of(keys_.create(as("ann"), request("Ann's key")));
    for (const std::string& name : {made.id, std::string("ann's KEY"), std::string("ann_s_key")})
        EXPECT_EQ(value_of(keys_.get(as("ann"), name)).id, made.id) << name;
}

TEST_F(Keys, Q11_the_own_claim_is_enough_for_one_s_own_keys_and_the_others_do_not_exist) {
    ASSERT_TRUE(ok(keys_.create(as("ann"), request("ann"))));
    clock_.advance(1s);
    ASSERT_TRUE(ok(keys_.create(as("bob"), request("bob"))));
    EXPECT_EQ(names_seen_by("ann"), std::vector<std::string>{"ann"});
    EXPECT_EQ(names_seen_by("clerk"), (std::vector<std::string>{"ann", "bob"}));
    EXPECT_TRUE(fails_with(Errc::not_found, keys_.get(as("ann"), "bob")));
    EXPECT_TRUE(fails_with(Errc::not_found, keys_.remove(as("ann"), "bob")));
    EXPECT_TRUE(fails_with(Errc::not_found, keys_.revoke(as("ann"), "bob")));
    EXPECT_TRUE(fails_with(Errc::not_found, keys_.revoke(as("clerk"), "bob"))) << "revoking: super users and owners";
    EXPECT_TRUE(ok(keys_.revoke(as("bob"), "bob")));
    EXPECT_TRUE(ok(keys_.remove(as("clerk"), "bob")));
    EXPECT_TRUE(ok(keys_.remove(as("ann"), "ann")));
    EXPECT_TRUE(names_seen_by("clerk").empty());
}

TEST_F(Keys, nobody_gets_through_a_key_for_somebody_else_what_they_do_not_hold) {
    ApiKeyRequest other = request("x");
    other.user_id = "bob";
    EXPECT_TRUE(fails_with(Errc::forbidden, keys_.create(as("ann"), other))) << "no claim for the keys of others";
    other.user_id = "nobody";
    EXPECT_TRUE(fails_with(Errc::forbidden, keys_.create(as("ann"), other)));
    EXPECT_TRUE(refuses_field("/user_id", keys_.create(as("clerk"), other)));
    for (const char* more : {"root", "ann"}) {
        other.user_id = more;
        EXPECT_TRUE(fails_with(Errc::forbidden, keys_.create(as("clerk"), other))) << more;
    }
    other.user_id = "BOB@example.org";
    EXPECT_EQ(value_of(keys_.create(as("clerk"), other)).user_id, "bob-id");
    other = request("y");
    other.user_id = "ann-id";
    EXPECT_TRUE(ok(keys_.create(as("ann"), other))) << "one's own id may be written";
    other = request("z");
    other.user_id = "ann";
    EXPECT_TRUE(ok(keys_.create(as("root"), other)));
}

TEST_F(Keys, Q2_a_key_without_owner_acts_as_root_and_only_super_users_make_one) {
    ApiKeyRequest wanted = request("service");
    wanted.ownerless = true;
    for (const char* who : {"ann", "clerk"})
        EXPECT_TRUE(fails_with(Errc::forbidden, keys_.create(as(who), wanted))) << who;
    const auto made = value_of(keys_.create(as("root"), wanted));
    EXPECT_EQ(made.user_id, "");
    Caller caller = value_of(with_key(made.encoded));
    EXPECT_TRUE(caller.super_user());
    EXPECT_EQ(value_of(keys_.create(caller, request("child"))).user_id, "") << "such a key makes others like it";
    wanted = request("both");
    wanted.ownerless = true;
    wanted.user_id = "ann";
    EXPECT_TRUE(refuses_field("/ownerless", keys_.create(as("root"), wanted)));
}

TEST_F(Keys, Q1_a_forwarder_is_made_by_super_users_only_and_shown_as_one) {
    ApiKeyRequest wanted = request("forward");
    wanted.forwarder = true;
    EXPECT_TRUE(fails_with(Errc::forbidden, keys_.create(as("clerk"), wanted)));
    const auto made = value_of(keys_.create(as("root"), wanted));
    EXPECT_TRUE(made.forwarder);
    EXPECT_TRUE(value_of(with_key(made.encoded)).forwarder);
    EXPECT_FALSE(value_of(with_key(value_of(keys_.create(as("root"), request("plain"))).encoded)).forwarder);
}

TEST_F(Keys, Q2_Q34_a_key_dies_with_its_owner_and_stops_while_the_owner_is_blocked) {
    const std::string encoded = value_of(keys_.create(as("ann"), request("k"))).encoded;
    const auto set_blocked = [&](bool blocked) {
        change([&](db::Tx& tx) {
            for (User user : store::users(tx))
                if (user.username == "ann") {
                    user.blocked = blocked;
                    store::update_user(tx, user);
                }
        });
    };
    set_blocked(true);
    EXPECT_TRUE(fails_with(Errc::unauthenticated, with_key(encoded)));
    set_blocked(false);
    EXPECT_TRUE(ok(with_key(encoded)));
    change([](db::Tx& tx) { store::delete_user(tx, "ann-id"); });
    EXPECT_TRUE(fails_with(Errc::unauthenticated, with_key(encoded)));
    EXPECT_TRUE(fails_with(Errc::not_found, keys_.get(as("root"), "k")));
}

TEST_F(Keys, Q34_no_text_leads_to_two_keys) {
    const auto first = value_of(keys_.create(as("ann"), {.name = "one", .key = "two", .secret = Secret("s")}));
    const auto create = [&](const std::string& name, const std::string& key) {
        return keys_.create(as("bob"), {.name = name, .key = key, .secret = Secret("s")});
    };
    for (const char* taken : {"one", "ONE", "two", "Two"}) {
        EXPECT_TRUE(refuses_field("/name", create(taken, "free"))) << taken;
        EXPECT_TRUE(refuses_field("/key", create("free", taken))) << taken;
    }
    EXPECT_TRUE(refuses_field("/name", create(first.id, "free")));
    EXPECT_TRUE(ok(create("free", "free"))) << "name and key of one key may be the same";
}

TEST_F(Keys, Q34_what_could_never_be_used_is_refused) {
    const auto refused = [&](const char* member, ApiKeyRequest wanted) {
        return refuses_field(member, keys_.create(as("ann"), wanted));
    };
    EXPECT_TRUE(refused("/secret", {.name = "k", .key = "k", .secret = Secret("has:colon")}));
    EXPECT_TRUE(refused("/secret", {.name = "k", .key = "k", .secret = Secret(std::string(41, 'x'))}));
    EXPECT_TRUE(refused("/secret", {.name = "k", .key = "k", .secret = Secret(std::string("a\0b", 3))}));
    EXPECT_TRUE(refused("/key", {.name = "k", .key = "has:colon", .secret = Secret("s")}));
    EXPECT_TRUE(refused("/name", {.name = "a\nb", .key = "k", .secret = Secret("s")}));
    EXPECT_TRUE(refused("/expires_at", {.name = "k", .key = "k", .secret = Secret("s"), .expires_at = "tomorrow"}));
    EXPECT_TRUE(refused("/revoked_at", {.name = "k", .key = "k", .secret = Secret("s"), .revoked_at = "2026-13-01"}));
    EXPECT_TRUE(names_seen_by("root").empty()) << "nothing half done";
    EXPECT_TRUE(ok(keys_.create(as("ann"), {.name = "k", .key = "k", .secret = Secret(std::string(40, 'x'))})));
}

TEST_F(Keys, ends_at_its_time_with_the_tokens_it_was_changed_for) {
    ApiKeyRequest wanted = request("k");
    wanted.expires_at = to_rfc3339(clock_.now() + 1h);
    const auto made = value_of(keys_.create(as("ann"), wanted));
    EXPECT_EQ(made.expires_at, wanted.expires_at);
    clock_.advance(59min);
    const auto token = value_of(service_.login({.api_key = Secret(made.encoded)}, "192.0.2.1")).token;
    EXPECT_TRUE(ok(with_key(made.encoded)));
    EXPECT_TRUE(ok(service_.validate({token})));
    clock_.advance(1min);
    EXPECT_TRUE(fails_with(Errc::unauthenticated, with_key(made.encoded)));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, service_.validate({token})));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, service_.login({.api_key = Secret(made.encoded)}, "192.0.2.1")));
}

TEST_F(Keys, revoking_counts_at_once_also_for_its_tokens_and_open_connections) {
    const auto made = value_of(keys_.create(as("ann"), request("k")));
    const auto token = value_of(service_.login({.api_key = Secret(made.encoded)}, "192.0.2.1")).token;
    const Caller open = value_of(with_key(made.encoded));
    EXPECT_TRUE(ok(service_.still_good(open)));
    ASSERT_TRUE(ok(keys_.revoke(as("ann"), "k")));
    EXPECT_TRUE(ok(keys_.revoke(as("ann"), "k"))) << "again is no error";
    EXPECT_TRUE(fails_with(Errc::unauthenticated, with_key(made.encoded)));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, service_.validate({token})));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, service_.still_good(open)));
    const auto shown = value_of(keys_.get(as("ann"), "k"));
    EXPECT_TRUE(shown.revoked);
    EXPECT_EQ(shown.revoked_at, to_rfc3339(clock_.now()));
}

TEST_F(Keys, may_be_born_revoked_with_the_time_that_was_given) {
    ApiKeyRequest wanted = request("k");
    wanted.revoked = true;
    wanted.revoked_at = "2001-02-03T04:05:06Z";
    const auto made = value_of(keys_.create(as("ann"), wanted));
    EXPECT_TRUE(made.revoked);
    EXPECT_EQ(made.revoked_at, wanted.revoked_at);
    EXPECT_TRUE(fails_with(Errc::unauthenticated, with_key(made.encoded)));
}

TEST_F(Keys, of_many_who_ask_for_one_name_at_once_one_gets_it) {
    constexpr int clients = 8;
    std::barrier start(clients);
    std::atomic<int> made{0};
    {
        std::vector<std::jthread> all;
        for (int i = 0; i < clients; ++i)
            all.emplace_back([&, i] {
                start.arrive_and_wait();
                auto done = keys_.create(as(i % 2 == 0 ? "ann" : "bob"), request("same"));
                if (done)
                    ++made;
                else
                    EXPECT_TRUE(refuses_field("/name", done));
            });
    }
    EXPECT_EQ(made, 1);
    EXPECT_EQ(names_seen_by("root").size(), 1U);
}

}  // namespace
}  // namespace corral::identity
