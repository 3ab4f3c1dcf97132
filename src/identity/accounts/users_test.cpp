// What the list of users tells about them.
#include "base/temp_folder.hpp"
#include "identity/accounts/service.hpp"
#include "identity/accounts/store.hpp"
#include "identity/migrations.hpp"
#include "identity/seed.hpp"
#include "support/testing.hpp"

namespace corral::identity {
namespace {

using testing_support::ok;
using testing_support::value_of;

class Users : public testing::Test {
protected:
    void SetUp() override {
        const User ann{.id = "ann-id",
                       .username = "ann",
                       .name = "Ann",
                       .email = "ann@example.org",
                       .password_hash = "hash of ann's password",
                       .roles = {"USER"},
                       .claims = {"LIST_VM", "CREATE_VM"}};
        ASSERT_TRUE(ok(seed(*database_, directory_, clock_, Secret("root's password"))));
        ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) { store::insert_user(tx, ann); })));
        ASSERT_TRUE(ok(seed(*database_, directory_, clock_, Secret{})));  // loads the accounts anew
    }
    UserResponse user(const std::string& name) {
        const auto all = value_of(accounts_.users());
        const auto found = std::ranges::find(all, name, &UserResponse::username);
        return found == all.end() ? UserResponse{} : *found;
    }

    TempFolder folder_;
    FakeClock clock_;
    std::unique_ptr<db::Database> database_ = testing_support::open_database(folder_.path(), {migrations()});
    Directory directory_{*database_};
    Accounts accounts_{*database_, directory_, clock_};
};

TEST_F(Users, are_told_with_their_own_claims_first_and_those_of_their_roles_each_once) {
    const UserResponse ann = user("ann");
    EXPECT_EQ(ann.claims, (std::vector<std::string>{"LIST_VM", "CREATE_VM"}));
    ASSERT_GT(ann.effective_claims.size(), 2U);
    EXPECT_EQ(ann.effective_claims[0].id, "LIST_VM");
    EXPECT_EQ(ann.effective_claims[1].id, "CREATE_VM");
    for (std::size_t i = 0; i < ann.effective_claims.size(); ++i) {
        const UserClaim& claim = ann.effective_claims[i];
        EXPECT_EQ(claim.is_inherited, i > 1) << claim.id;
        EXPECT_EQ(claim.source_role, i > 1 ? "USER" : "") << claim.id;
        EXPECT_EQ(std::ranges::count(ann.effective_claims, claim.id, &UserClaim::id), 1) << claim.id;
    }
}

TEST_F(Users, q32_whether_one_is_a_super_user_comes_from_the_role) {
    EXPECT_TRUE(user("root").super_user);
    EXPECT_FALSE(user("ann").super_user);
}

TEST_F(Users, are_told_without_their_password_hashes) {
    EXPECT_EQ(json::write(value_of(accounts_.users())).find("hash of"), std::string::npos);
}

}  // namespace
}  // namespace corral::identity
