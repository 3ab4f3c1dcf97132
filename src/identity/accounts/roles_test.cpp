// Roles and claims: made, changed, removed; and what that does to those who hold them.
#include "identity/accounts/store.hpp"
#include "support/accounts_test.hpp"

namespace corral::identity {
namespace {

using testing_support::fails_with;
using testing_support::ok;
using testing_support::refuses_field;
using testing_support::value_of;
using Texts = std::vector<std::string>;

class Roles : public testing_support::AccountsTest {
protected:
    Texts claims_of(const std::string& role) {
        Texts out;
        for (const auto& claim : value_of(accounts_.claims_of_role(role))) out.push_back(claim.id);
        return out;
    }
};

TEST_F(Roles, q40_a_new_one_is_kept_under_its_normal_name) {
    const auto made =
        value_of(accounts_.create_role(root(), {.name = "my role", .claims = {"list vm", "LIST_VM", "LIST"}}));
    EXPECT_EQ(made.id, "MY_ROLE");
    EXPECT_EQ(made.name, "MY_ROLE");
    EXPECT_FALSE(made.internal);
    ASSERT_EQ(made.claims.size(), 2U);
    EXPECT_EQ(made.claims[0].group, "VMs");
    for (const char* name : {"MY_ROLE", "my role", "My_Role"}) EXPECT_TRUE(ok(accounts_.role(name))) << name;
    EXPECT_TRUE(refuses_field("/name", accounts_.create_role(root(), {.name = "my_ROLE"})));
    EXPECT_TRUE(refuses_field("/name", accounts_.create_role(root(), {.name = "\t"})));
    EXPECT_TRUE(refuses_field("/claims/1", accounts_.create_role(root(), {.name = "b", .claims = {"LIST", "NONE"}})));
    EXPECT_TRUE(fails_with(Errc::not_found, accounts_.role("b")));
    EXPECT_EQ(told(), Texts{R"(ROLE_ADDED {"role_id":"MY_ROLE"})"});
}

TEST_F(Roles, q24_what_is_put_in_and_taken_out_reaches_the_holders_at_once_and_is_told) {
    ASSERT_TRUE(ok(accounts_.create_role(root(), {.name = "crew"})));
    add("ann", {}, {"CREW"});
    EXPECT_EQ(value_of(accounts_.add_claim(root(), "crew", {.name = "list vm"})).id, "LIST_VM");
    EXPECT_TRUE(as("ann").has_claim("LIST_VM"));
    EXPECT_TRUE(refuses_field("/name", accounts_.add_claim(root(), "crew", {.name = "LIST_VM"})));
    EXPECT_TRUE(ok(accounts_.remove_claim_of_role(root(), "Crew", "List VM")));
    EXPECT_FALSE(as("ann").has_claim("LIST_VM"));
    EXPECT_TRUE(fails_with(Errc::not_found, accounts_.remove_claim_of_role(root(), "crew", "LIST_VM")));
    EXPECT_TRUE(fails_with(Errc::not_found, accounts_.add_claim(root(), "crew", {.name = "NONE"})));
    EXPECT_TRUE(fails_with(Errc::not_found, accounts_.add_claim(root(), "none", {.name = "LIST"})));
    const std::string both = R"( {"role_id":"CREW","claim_id":"LIST_VM"})";
    EXPECT_EQ(told(), (Texts{"ROLE_CLAIM_ADDED" + both, "ROLE_CLAIM_REMOVED" + both}));
}

TEST_F(Roles, one_that_is_held_stays) {
    ASSERT_TRUE(ok(accounts_.create_role(root(), {.name = "crew"})));
    add("ann", {}, {"CREW"});
    const auto shown = value_of(accounts_.role("crew"));
    ASSERT_EQ(shown.users.size(), 1U);
    EXPECT_EQ(shown.users[0].username, "ann");
    EXPECT_TRUE(shown.users[0].roles.empty()) << "in brief";
    EXPECT_TRUE(fails_with(Errc::invalid, accounts_.remove_role(root(), "crew")));
    ASSERT_TRUE(ok(accounts_.remove_user(root(), UserRef("ann"))));
    EXPECT_TRUE(ok(accounts_.remove_role(root(), "crew")));
    EXPECT_TRUE(fails_with(Errc::not_found, accounts_.remove_role(root(), "crew")));
}

TEST_F(Roles, what_is_built_in_is_changed_by_root_only) {
    const Caller keeper = add("keeper", {"UPDATE_ROLE", "DELETE_ROLE", "DELETE_CLAIM", "READ_ONLY"});
    const Caller deputy = add("deputy", {}, {"SUPER_USER"});
    for (const Caller& who : {keeper, deputy}) {
        EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.add_claim(who, "SUPER_USER", {.name = "READ_ONLY"})));
        EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.remove_claim_of_role(who, "super user", "LIST_ROLE")));
        EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.remove_role(who, "SUPER_USER")));
        EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.remove_claim(who, "LIST_ROLE")));
    }
    EXPECT_TRUE(ok(accounts_.remove_claim_of_role(root(), "SUPER_USER", "EXECUTE_SSH")));
    EXPECT_TRUE(ok(accounts_.add_claim(root(), "SUPER_USER", {.name = "EXECUTE_SSH"})));
    EXPECT_TRUE(fails_with(Errc::invalid, accounts_.remove_role(root(), "SUPER_USER"))) << "root holds it";
}

TEST_F(Roles, q3_a_role_gets_only_claims_that_its_maker_holds) {
    const Caller keeper = add("keeper", {"CREATE_ROLE", "UPDATE_ROLE", "LIST"}, {"USER"});
    EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.create_role(keeper, {.name = "r", .claims = {"CREATE_VM"}})));
    EXPECT_TRUE(ok(accounts_.create_role(keeper, {.name = "r", .claims = {"LIST"}})));
    EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.add_claim(keeper, "r", {.name = "CREATE_VM"})));
    EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.add_claim(keeper, "USER", {.name = "CREATE_USER"})))
        << "that would be its own";
    EXPECT_EQ(claims_of("r"), Texts{"LIST"});
}

TEST_F(Roles, claims_are_made_found_and_removed_by_any_spelling) {
    const auto made = value_of(accounts_.create_claim(root(), {.name = "my claim"}));
    EXPECT_EQ(made.id, "MY_CLAIM");
    EXPECT_FALSE(made.internal);
    EXPECT_TRUE(refuses_field("/name", accounts_.create_claim(root(), {.name = "MY CLAIM"})));
    EXPECT_TRUE(ok(accounts_.claim("my claim")));
    EXPECT_TRUE(ok(accounts_.remove_claim(root(), "My_Claim")));
    EXPECT_TRUE(fails_with(Errc::not_found, accounts_.claim("my claim")));
    EXPECT_TRUE(fails_with(Errc::not_found, accounts_.remove_claim(root(), "my claim")));
    EXPECT_EQ(told(), (Texts{R"(CLAIM_ADDED {"claim_id":"MY_CLAIM"})", R"(CLAIM_REMOVED {"claim_id":"MY_CLAIM"})"}));
}

TEST_F(Roles, a_claim_that_a_user_holds_stays_and_one_that_a_role_holds_leaves_it) {
    ASSERT_TRUE(ok(accounts_.create_claim(root(), {.name = "c"})));
    ASSERT_TRUE(ok(accounts_.create_role(root(), {.name = "crew", .claims = {"C"}})));
    add("ann", {"C"}, {"CREW"});
    ASSERT_EQ(value_of(accounts_.claim("c")).users.size(), 1U);
    EXPECT_TRUE(fails_with(Errc::invalid, accounts_.remove_claim(root(), "c")));
    ASSERT_TRUE(ok(accounts_.take_claim(root(), UserRef("ann"), "c")));
    EXPECT_TRUE(as("ann").has_claim("C")) << "by its role";
    EXPECT_TRUE(ok(accounts_.remove_claim(root(), "c")));
    EXPECT_TRUE(claims_of("crew").empty());
    EXPECT_FALSE(as("ann").has_claim("C"));
}

TEST_F(Roles, q38_that_root_holds_a_claim_does_not_keep_it) {
    ASSERT_TRUE(ok(accounts_.create_claim(root(), {.name = "mine"})));
    ASSERT_TRUE(ok(seed(*database_, directory_, clock_, Secret{}))) << "a start gives it to root";
    ASSERT_EQ(std::ranges::count(user("root").claims, "MINE"), 1);
    EXPECT_TRUE(ok(accounts_.remove_claim(root(), "mine")));
    EXPECT_EQ(std::ranges::count(user("root").claims, "MINE"), 0);
}

TEST_F(Roles, groups_come_in_the_contract_s_order_and_own_claims_last) {
    ASSERT_TRUE(ok(accounts_.create_claim(root(), {.name = "mine"})));
    const auto groups = value_of(accounts_.claims_by_group());
    Texts names;
    for (const auto& group : groups) names.push_back(group.group);
    EXPECT_EQ(names, (Texts{"Administration", "VMs", "Catalog", "Catalog Manager", "Reverse Proxy", "Cache", "Jobs",
                            "SSH", "Custom"}));
    ASSERT_EQ(groups.back().resources.size(), 1U);
    EXPECT_EQ(groups.back().resources[0].resource, "MINE");
    ASSERT_EQ(groups.back().resources[0].claims.size(), 1U);
    EXPECT_EQ(groups.back().resources[0].claims[0].id, "MINE");
}

TEST_F(Roles, lists_are_filtered_by_what_they_show) {
    add("ann", {"LIST_VM"}, {"USER"});
    EXPECT_EQ(value_of(accounts_.roles("name=^user$,i")).size(), 1U);
    EXPECT_EQ(value_of(accounts_.roles("internal=true")).size(), 1U);
    EXPECT_EQ(value_of(accounts_.claims("group=^Jobs$")).size(), 4U);
    EXPECT_TRUE(value_of(accounts_.claims("users=ann")).empty()) << "lists of objects have no text";
    EXPECT_TRUE(fails_with(Errc::invalid, accounts_.roles("name")));
    const auto claims = value_of(accounts_.claims("name=^LIST_VM$"));
    ASSERT_EQ(claims.size(), 1U);
    EXPECT_EQ(claims[0].users.size(), 2U) << "root and ann";
}

}  // namespace
}  // namespace corral::identity
