// Logins and what slows attackers down.
#include <time.h>

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

constexpr const char* home = "192.0.2.1";

class Login : public testing::Test {
protected:
    void SetUp() override {
        settings_.master_key = Secret("0123456789abcdef0123456789abcdef");
        restart();
        ASSERT_TRUE(ok(seed(*database_, directory_, clock_, Secret("root's password"))));
        add_user("ann");
    }
    void restart() {
        service_ = std::make_unique<Service>(*database_, directory_, clock_, settings_);
        if (!value_of(database_->read([](db::Tx& tx) { return store::users(tx); })).empty())
            ASSERT_TRUE(ok(seed(*database_, directory_, clock_, Secret{})));
    }
    void add_user(const std::string& name) {
        User user{.id = "id-of-" + name, .username = name, .name = "Ms " + name, .email = name + "@example.org"};
        user.password_hash = value_of(crypto::hash_password(Secret(name + "'s password")));
        user.created_at = clock_.now();
        ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) { store::insert_user(tx, user); })));
        ASSERT_TRUE(ok(seed(*database_, directory_, clock_, Secret{})));
    }
    Result<LoginResponse> login(const std::string& name, const std::string& password,
                                const std::string& address = home) {
        return service_->login({.email = name, .password = Secret(password)}, address);
    }
    void fail(int times) {
        for (int i = 0; i < times; ++i) EXPECT_TRUE(fails_with(Errc::unauthenticated, login("ann", "wrong")));
    }

    TempFolder folder_;
    FakeClock clock_;
    Settings settings_;
    std::unique_ptr<db::Database> database_ =
        testing_support::open_database(folder_.path(), {migrations(), audit::migrations()});
    Directory directory_{*database_};
    std::unique_ptr<Service> service_;
};

TEST_F(Login, answers_with_a_token_for_the_account_until_its_time_is_over) {
    const auto answer = login("ann@example.org", "ann's password");
    ASSERT_TRUE(ok(answer));
    EXPECT_EQ(answer->email, "ann@example.org");
    const auto fifteen_minutes =
        std::chrono::duration_cast<std::chrono::seconds>((clock_.now() + 15min).time_since_epoch());
    EXPECT_EQ(answer->expires_at, fifteen_minutes.count());
    EXPECT_TRUE(ok(service_->validate({answer->token})));
    clock_.advance(15min);
    EXPECT_TRUE(fails_with(Errc::unauthenticated, service_->validate({answer->token})));
}

TEST_F(Login, takes_e_mail_user_name_or_id_in_any_case_in_either_member) {
    for (const char* name : {"ann@example.org", "ANN@Example.ORG", "ann", "Ann", "id-of-ann"}) {
        EXPECT_TRUE(ok(login(name, "ann's password"))) << name;
        EXPECT_TRUE(ok(service_->login({.username = name, .password = Secret("ann's password")}, home))) << name;
    }
}

TEST_F(Login, finds_root_under_both_of_its_names) {
    EXPECT_TRUE(ok(login("root", "root's password")));
    EXPECT_TRUE(ok(login("root@localhost", "root's password")));
}

// Root holds every claim there is, and a token that names them all would not fit into a header.
TEST_F(Login, gives_a_token_that_fits_into_a_header_however_many_claims_are_held) {
    const std::size_t before = value_of(login("root", "root's password")).token.size();
    ASSERT_TRUE(ok(database_->write([](db::Tx& tx) {
        for (int i = 0; i < 5000; ++i) store::insert_claim(tx, {.id = "TEAM_CLAIM_" + std::to_string(i)});
    })));
    ASSERT_TRUE(ok(seed(*database_, directory_, clock_, Secret{})));
    ASSERT_GT(directory_.root()->principal->claims.size(), 5000U);
    const auto answer = value_of(login("root", "root's password"));
    EXPECT_GT(answer.token.size(), before) << "as many of the own ones as have room";
    EXPECT_LT(answer.token.size(), 8U << 10);
    http::Request request;
    request.headers.add("Authorization", "Bearer " + answer.token);
    const auto caller = service_->authenticate(request, false);
    ASSERT_TRUE(ok(caller));
    EXPECT_EQ(caller->principal->claims.size(), directory_.root()->principal->claims.size());
}

TEST_F(Login, q6_unknown_user_wrong_password_and_locked_account_cannot_be_told_apart) {
    const auto wrong = login("ann", "wrong");
    const auto unknown = login("nobody", "wrong");
    const auto too_long = login("ann", std::string(41, 'x'));
    fail(3);
    const auto locked = login("ann", "ann's password");
    for (const auto* answer : {&wrong, &unknown, &too_long, &locked}) {
        ASSERT_TRUE(fails_with(Errc::unauthenticated, *answer));
        EXPECT_EQ(answer->error().message, wrong.error().message);
        EXPECT_EQ(answer->error().fields, wrong.error().fields);
    }
}

// Processor time of this process (hashes have threads of their own), the least of some tries: argon2id is three orders
// of magnitude above all the rest.
double work_of(const std::function<void()>& f) {
    double least = 1e9;
    for (int i = 0; i < 3; ++i) {
        timespec before{};
        timespec after{};
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
        f();
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
        least = std::min(least, static_cast<double>(after.tv_sec - before.tv_sec) +
                                    static_cast<double>(after.tv_nsec - before.tv_nsec) / 1e9);
    }
    return least;
}

TEST_F(Login, q6_an_unknown_user_costs_the_work_of_a_wrong_password) {
    const double hash = work_of([] { (void)crypto::hash_password(Secret("x")); });
    for (const char* name : {"ann", "nobody"})
        EXPECT_GT(work_of([&] { (void)login(name, "wrong"); }), hash / 2) << name;
}

TEST_F(Login, missing_members_are_named_and_cost_nothing) {
    EXPECT_TRUE(refuses_field("/email", service_->login({.password = Secret("x")}, home)));
    EXPECT_TRUE(refuses_field("/password", service_->login({.email = "ann"}, home)));
    EXPECT_TRUE(ok(login("ann", "ann's password")));
}

TEST_F(Login, an_empty_api_key_beside_a_password_is_ignored) {
    EXPECT_TRUE(
        ok(service_->login({.email = "ann", .password = Secret("ann's password"), .api_key = Secret("")}, home)));
}

TEST_F(Login, q5_the_threshold_locks_the_account_for_a_while_whatever_the_password) {
    fail(4);
    EXPECT_TRUE(ok(login("ann", "ann's password"))) << "four are not enough, and a success clears the count";
    fail(4);
    fail(1);
    EXPECT_TRUE(fails_with(Errc::unauthenticated, login("ann", "ann's password")));
    clock_.advance(5s - 1us);
    EXPECT_TRUE(fails_with(Errc::unauthenticated, login("ann", "ann's password")));
    clock_.advance(1us);
    EXPECT_TRUE(ok(login("ann", "ann's password")));
    fail(4);
    EXPECT_TRUE(ok(login("ann", "ann's password"))) << "the success cleared the count";
}

TEST_F(Login, q5_attempts_while_locked_are_not_counted) {
    fail(5);
    fail(20);
    clock_.advance(5s);
    fail(1);  // the sixth that counts: twice as long, not twenty times
    clock_.advance(10s);
    EXPECT_TRUE(ok(login("ann", "ann's password")));
}

TEST_F(Login, each_failure_beyond_the_threshold_locks_longer_when_incremental) {
    fail(5);
    for (const auto length : {5s, 10s, 15s}) {
        clock_.advance(length - 1us);
        EXPECT_FALSE(login("ann", "ann's password")) << length.count();
        clock_.advance(1us);
        fail(1);
    }
    clock_.advance(20s);
    EXPECT_TRUE(ok(login("ann", "ann's password")));
}

TEST_F(Login, every_lock_has_the_same_length_when_not_incremental) {
    settings_.incremental_lockout = false;
    settings_.max_login_attempts = 1;
    restart();
    for (int i = 0; i < 3; ++i) {
        fail(1);
        clock_.advance(5s);
    }
    EXPECT_TRUE(ok(login("ann", "ann's password")));
}

TEST_F(Login, a_lock_survives_a_restart_and_concerns_that_account_only) {
    add_user("bob");
    fail(5);
    restart();
    EXPECT_FALSE(login("ann", "ann's password"));
    EXPECT_TRUE(ok(login("bob", "bob's password")));
}

TEST_F(Login, q5_tokens_that_are_out_go_on_working_while_the_account_is_locked) {
    const std::string token = value_of(login("ann", "ann's password")).token;
    fail(5);
    EXPECT_TRUE(ok(service_->validate({token})));
}

TEST_F(Login, q5_an_account_that_an_administrator_blocked_can_neither_log_in_nor_use_its_tokens) {
    const std::string token = value_of(login("ann", "ann's password")).token;
    ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) {
        for (User user : store::users(tx))
            if (user.username == "ann") {
                user.blocked = true;
                store::update_user(tx, user);
            }
    })));
    ASSERT_TRUE(ok(seed(*database_, directory_, clock_, Secret{})));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, login("ann", "ann's password")));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, service_->validate({token})));
}

TEST_F(Login, one_address_may_only_fail_so_often_in_a_minute) {
    settings_.max_failures_per_address = 3;
    restart();
    for (const char* name : {"nobody", "somebody", "ann"}) EXPECT_FALSE(login(name, "wrong"));
    EXPECT_TRUE(fails_with(Errc::too_many, login("ann", "ann's password")));
    EXPECT_TRUE(ok(login("ann", "ann's password", "192.0.2.2"))) << "other addresses are not concerned";
    clock_.advance(1min + 1s);
    EXPECT_TRUE(ok(login("ann", "ann's password")));
}

TEST_F(Login, q5_wrong_api_keys_count_against_the_address_too) {
    settings_.max_failures_per_address = 3;
    restart();
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(fails_with(Errc::unauthenticated,
                               service_->login({.api_key = Secret(crypto::base64("KEY:" + std::to_string(i)))}, home)));
    EXPECT_TRUE(fails_with(Errc::too_many, service_->login({.api_key = Secret(crypto::base64("KEY:3"))}, home)));
    EXPECT_TRUE(fails_with(Errc::too_many, login("ann", "ann's password")));
}

TEST_F(Login, many_at_once_count_every_failure) {
    std::vector<std::jthread> all;
    for (int t = 0; t < 5; ++t)
        all.emplace_back([&, t] { (void)login("ann", "wrong", "192.0.2." + std::to_string(t)); });
    all.clear();
    const int failed = value_of(database_->read([](db::Tx& tx) { return store::failed_logins(tx, "id-of-ann"); }));
    EXPECT_EQ(failed, 5);
    EXPECT_FALSE(login("ann", "ann's password"));
}

}  // namespace
}  // namespace corral::identity
