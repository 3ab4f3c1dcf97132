// What every start puts into the database.
#include "identity/seed.hpp"

#include <set>

#include "base/temp_folder.hpp"
#include "identity/accounts/store.hpp"
#include "identity/migrations.hpp"
#include "identity/seed.hpp"
#include "identity/service.hpp"
#include "identity/store.hpp"
#include "support/testing.hpp"

namespace corral::identity {
namespace {

using testing_support::ok;
using testing_support::refuses_field;
using testing_support::value_of;

class Seed : public testing::Test {
protected:
    Result<std::optional<Secret>> start(const std::string& root_password) {
        return seed(*database_, directory_, clock_, Secret(root_password));
    }
    // What the database holds, whatever directory_ believes.
    std::unique_ptr<Directory> stored() {
        auto out = std::make_unique<Directory>(*database_);
        EXPECT_TRUE(ok(out->reload()));
        return out;
    }
    bool root_may_enter(const std::string& password) {
        return service_.login({.email = "root", .password = Secret(password)}, "192.0.2.1").has_value();
    }
    std::vector<std::string> claims_of(const std::string& role) { return stored()->role(role)->claims; }

    TempFolder folder_;
    FakeClock clock_;
    std::unique_ptr<db::Database> database_ = testing_support::open_database(folder_.path(), {migrations()});
    Directory directory_{*database_};
    Service service_{*database_, directory_, clock_, {.master_key = Secret("0123456789abcdef0123456789abcdef")}};
};

TEST_F(Seed, the_table_names_each_of_the_contract_s_claims_once_and_the_forgotten_one) {
    std::set<std::string_view> names;
    for (const SeedClaim& claim : seed_claims()) {
        EXPECT_TRUE(names.insert(claim.name).second) << claim.name;
        EXPECT_EQ(normal_name(claim.name), claim.name);
    }
    EXPECT_EQ(names.size(), 88U);  // 87 of the contract's table 1.10, and CONFIGURE_REVERSE_PROXY (quirk Q12)
    EXPECT_TRUE(names.contains("CONFIGURE_REVERSE_PROXY"));
}

TEST_F(Seed, makes_claims_roles_and_root) {
    ASSERT_TRUE(ok(start("secret of root")));
    const auto now = stored();
    EXPECT_EQ(now->claims().size(), seed_claims().size());
    ASSERT_EQ(now->roles().size(), 3U);
    EXPECT_FALSE(now->role("USER")->internal);
    EXPECT_FALSE(now->role("ADMIN")->internal);
    EXPECT_TRUE(now->role("SUPER_USER")->internal);
    ASSERT_NE(now->root(), nullptr);
    EXPECT_EQ(now->root()->user.username, "root");
    EXPECT_EQ(now->root()->user.email, "root@localhost");
    EXPECT_EQ(now->root()->user.roles, std::vector<std::string>{"SUPER_USER"});
    EXPECT_EQ(now->root()->user.claims.size(), seed_claims().size());
    EXPECT_EQ(now->root()->user.id.size(), 64U);
    EXPECT_TRUE(now->root()->principal->super_user);
    EXPECT_TRUE(now->root()->principal->root);
}

TEST_F(Seed, roles_get_what_the_table_gives_them) {
    ASSERT_TRUE(ok(start("x")));
    const auto user = claims_of("USER");
    const auto admin = claims_of("ADMIN");
    const auto has = [](const auto& list, const char* name) { return std::ranges::find(list, name) != list.end(); };
    EXPECT_TRUE(has(user, "LIST_VM"));
    EXPECT_TRUE(has(user, "LIST_OWN_API_KEY"));
    EXPECT_FALSE(has(user, "CREATE_VM"));
    EXPECT_FALSE(has(user, "CREATE_USER"));
    EXPECT_TRUE(has(admin, "CREATE_USER"));
    EXPECT_TRUE(has(admin, "CONFIGURE_REVERSE_PROXY"));
    EXPECT_FALSE(has(admin, "READ_ONLY"));
}

TEST_F(Seed, a_second_start_changes_nothing) {
    ASSERT_TRUE(ok(start("x")));
    const auto before = stored();
    clock_.advance(std::chrono::hours{1});
    const auto made = start("x");
    ASSERT_TRUE(ok(made));
    EXPECT_FALSE(made->has_value());
    const auto after = stored();
    ASSERT_EQ(after->claims().size(), before->claims().size());
    for (std::size_t i = 0; i < before->claims().size(); ++i)
        EXPECT_EQ(after->claims()[i]->id, before->claims()[i]->id);
    ASSERT_EQ(after->roles().size(), before->roles().size());
    for (std::size_t i = 0; i < before->roles().size(); ++i)
        EXPECT_EQ(after->roles()[i]->claims, before->roles()[i]->claims);
    ASSERT_EQ(after->accounts().size(), 1U);
    EXPECT_EQ(after->root()->user.id, before->root()->user.id);
    EXPECT_EQ(after->root()->user.password_hash, before->root()->user.password_hash);
    EXPECT_EQ(after->root()->user.claims, before->root()->user.claims);
    EXPECT_EQ(after->root()->user.updated_at, before->root()->user.updated_at);
}

TEST_F(Seed, without_a_password_one_is_made_once_and_stays) {
    const auto made = start("");
    ASSERT_TRUE(ok(made));
    ASSERT_TRUE(made->has_value());
    EXPECT_EQ((*made)->reveal().size(), 32U);
    EXPECT_TRUE(root_may_enter((*made)->reveal()));
    const auto again = start("");
    ASSERT_TRUE(ok(again));
    EXPECT_FALSE(again->has_value());
    EXPECT_TRUE(root_may_enter((*made)->reveal()));
}

TEST_F(Seed, two_installations_get_different_passwords) {
    TempFolder folder;
    const auto other_database = testing_support::open_database(folder.path(), {migrations()});
    Directory other(*other_database);
    EXPECT_NE(value_of(start(""))->reveal(), value_of(seed(*other_database, other, clock_, Secret{}))->reveal());
}

TEST_F(Seed, a_password_from_the_configuration_replaces_the_old_one) {
    ASSERT_TRUE(ok(start("first")));
    EXPECT_TRUE(root_may_enter("first"));
    ASSERT_TRUE(ok(start("second")));
    EXPECT_FALSE(root_may_enter("first"));
    EXPECT_TRUE(root_may_enter("second"));
}

TEST_F(Seed, q44_a_password_of_more_than_40_bytes_aborts_the_start) {
    EXPECT_TRUE(refuses_field("ROOT_PASSWORD", start(std::string(41, 'x'))));
    EXPECT_EQ(stored()->root(), nullptr);
    EXPECT_TRUE(ok(start(std::string(40, 'x'))));
    EXPECT_TRUE(root_may_enter(std::string(40, 'x')));
}

TEST_F(Seed, q39_what_a_built_in_role_lost_comes_back_and_what_it_was_given_stays) {
    ASSERT_TRUE(ok(start("x")));
    ASSERT_TRUE(ok(database_->write([](db::Tx& tx) {
        store::insert_claim(tx, {.id = "MINE"});
        store::take_from_role(tx, "USER", "LIST_VM");
        store::grant_to_role(tx, "USER", "MINE");
        store::take_role(tx, store::user_called(tx, "root", "").value(), "SUPER_USER");
    })));
    ASSERT_TRUE(ok(start("x")));
    const auto user = claims_of("USER");
    EXPECT_EQ(std::ranges::count(user, "LIST_VM"), 1);
    EXPECT_EQ(std::ranges::count(user, "MINE"), 1);
    EXPECT_EQ(stored()->root()->user.roles, std::vector<std::string>{"SUPER_USER"});
    EXPECT_EQ(std::ranges::count(stored()->root()->user.claims, "MINE"), 1) << "root holds every claim there is";
}

}  // namespace
}  // namespace corral::identity
