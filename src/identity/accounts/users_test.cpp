// Users: what is shown of them, who may make, change and remove them.
#include "identity/accounts/store.hpp"
#include "platform/crypto/crypto.hpp"
#include "support/accounts_test.hpp"

namespace corral::identity {
namespace {

using testing_support::fails_with;
using testing_support::ok;
using testing_support::refuses_field;
using testing_support::value_of;
using Texts = std::vector<std::string>;

class Users : public testing_support::AccountsTest {
protected:
    User stored(const std::string& name) { return directory_.account(name)->user; }
    bool password_is(const std::string& name, const std::string& text) {
        return crypto::verify_password(stored(name).password_hash, Secret(text));
    }
};

TEST_F(Users, are_told_with_their_own_claims_first_and_those_of_their_roles_each_once) {
    add("ann", {"LIST_VM", "CREATE_VM"}, {"USER"});
    const UserResponse ann = user("ann");
    EXPECT_EQ(ann.claims, (Texts{"LIST_VM", "CREATE_VM"}));
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
    add("ann", {}, {"ADMIN"});
    EXPECT_TRUE(user("root").super_user);
    EXPECT_FALSE(user("ann").super_user);
    ASSERT_TRUE(ok(accounts_.give_role(root(), UserRef("ann"), {.name = "super user"})));
    EXPECT_TRUE(user("ann").super_user);
}

TEST_F(Users, are_told_without_their_password_hashes) {
    add("ann");
    const std::string all = json::write(value_of(accounts_.users("")));
    EXPECT_EQ(all.find("argon2"), std::string::npos);
    EXPECT_EQ(all.find(stored("ann").password_hash), std::string::npos);
}

TEST_F(Users, a_new_one_gets_the_role_user_and_five_claims_unless_it_asks_for_others) {
    const auto made = value_of(accounts_.create_user(root(), wanted("ann")));
    EXPECT_EQ(made.roles, Texts{"USER"});
    EXPECT_EQ(made.claims, (Texts{"READ_ONLY", "LIST_CATALOG_MANIFEST", "LIST_PACKER_TEMPLATE", "LIST_VM", "LIST"}));
    auto other = wanted("ben");
    other.roles = {"admin", "ADMIN"};
    other.claims = {"list vm"};
    const auto made_other = value_of(accounts_.create_user(root(), other));
    EXPECT_EQ(made_other.roles, Texts{"ADMIN"});
    EXPECT_EQ(made_other.claims, Texts{"LIST_VM"});
    EXPECT_EQ(told(), (Texts{R"(USER_ADDED {"user_id":")" + made.id + R"("})",
                             R"(USER_ADDED {"user_id":")" + made_other.id + R"("})"}));
}

TEST_F(Users, a_super_user_is_made_with_all_roles_and_their_claims) {
    auto request = wanted("ann");
    request.is_super_user = true;
    const auto made = value_of(accounts_.create_user(root(), request));
    EXPECT_EQ(made.roles, (Texts{"USER", "ADMIN", "SUPER_USER"}));
    EXPECT_TRUE(made.super_user);
    EXPECT_EQ(std::ranges::count(made.claims, "CREATE_USER"), 1);
    EXPECT_EQ(std::ranges::count(made.claims, "LIST_VM"), 1);
}

TEST_F(Users, no_two_share_a_name_in_any_case_or_role_of_a_name) {
    add("ann");
    auto same_email = wanted("ben");
    same_email.email = "ANN@example.org";
    auto name_is_email = wanted("Ann@Example.org");
    name_is_email.email = "free@example.org";
    auto email_is_name = wanted("ben");
    email_is_name.email = "ANN";
    auto name_is_id = wanted(id_of("ann"));
    EXPECT_TRUE(refuses_field("/username", accounts_.create_user(root(), wanted("ANN"))));
    EXPECT_TRUE(refuses_field("/email", accounts_.create_user(root(), same_email)));
    EXPECT_TRUE(refuses_field("/username", accounts_.create_user(root(), name_is_email)));
    EXPECT_TRUE(refuses_field("/email", accounts_.create_user(root(), email_is_name)));
    EXPECT_TRUE(refuses_field("/username", accounts_.create_user(root(), name_is_id)));
    EXPECT_TRUE(refuses_field("/username", accounts_.create_user(root(), wanted("Root"))));
    EXPECT_EQ(value_of(accounts_.users("")).size(), 2U);
    EXPECT_TRUE(told().empty());
}

TEST_F(Users, every_unknown_role_and_claim_is_named_and_nothing_is_made) {
    auto request = wanted("ann");
    request.roles = {"USER", "NO_ROLE"};
    request.claims = {"NO_CLAIM", "LIST"};
    const auto refused = accounts_.create_user(root(), request);
    ASSERT_TRUE(fails_with(Errc::invalid, refused));
    ASSERT_EQ(refused.error().fields.size(), 2U);
    EXPECT_EQ(refused.error().fields[0].path, "/roles/1");
    EXPECT_EQ(refused.error().fields[1].path, "/claims/0");
    EXPECT_TRUE(fails_with(Errc::not_found, accounts_.user(UserRef("ann"))));
}

TEST_F(Users, a_weak_password_is_refused_with_every_rule_it_breaks) {
    auto request = wanted("ann");
    request.password = Secret("short");
    const auto refused = accounts_.create_user(root(), request);
    ASSERT_TRUE(fails_with(Errc::invalid, refused));
    EXPECT_EQ(refused.error().fields.size(), 4U);  // length, upper case, digit, special
    for (const auto& field : refused.error().fields) EXPECT_EQ(field.path, "/password");
}

TEST(PasswordRules, take_lengths_in_bytes_and_only_the_kinds_that_are_asked_for) {
    const PasswordRules all;
    EXPECT_TRUE(ok(all.check(Secret("Valid-Passw0rd!"), "/p")));
    EXPECT_TRUE(ok(all.check(Secret("Aa1!" + std::string(36, 'x')), "/p")));
    EXPECT_TRUE(fails_with(Errc::invalid, all.check(Secret("Aa1!" + std::string(37, 'x')), "/p")));
    EXPECT_TRUE(fails_with(Errc::invalid, all.check(Secret("NoSpecialChar123"), "/p")));
    const PasswordRules easy{.min_length = 1, .max_length = 99, .uppercase = false, .number = false, .special = false};
    EXPECT_TRUE(ok(easy.check(Secret("eightlet"), "/p")));
    EXPECT_FALSE(easy.check(Secret("sevenle"), "/p")) << "eight is the least whatever is configured";
    EXPECT_FALSE(easy.check(Secret(std::string(41, 'x')), "/p")) << "and forty the most";
    EXPECT_FALSE(easy.check(Secret("12345678"), "/p"));
}

TEST_F(Users, q31_a_change_obeys_the_rules_of_creation) {
    add("ann");
    add("ben");
    EXPECT_TRUE(fails_with(Errc::invalid, accounts_.update_user(root(), UserRef("ann"), new_password("weak"))));
    EXPECT_TRUE(refuses_field("/email", accounts_.update_user(root(), UserRef("ann"), {.email = "BEN@example.org"})));
    EXPECT_TRUE(refuses_field("/email", accounts_.update_user(root(), UserRef("ann"), {.email = "ben"})));
    EXPECT_TRUE(refuses_field("/name", accounts_.update_user(root(), UserRef("ann"), {})));
    EXPECT_TRUE(ok(accounts_.update_user(root(), UserRef("ann"), {.email = "Ann@example.org"}))) << "its own";
    EXPECT_TRUE(password_is("ann", password));
}

TEST_F(Users, a_change_leaves_what_is_empty_and_can_address_the_user_by_any_name) {
    add("ann");
    EXPECT_EQ(value_of(accounts_.update_user(root(), UserRef("ann"), {.name = "Ms Ann"})).name, "Ms Ann");
    EXPECT_EQ(value_of(accounts_.update_user(root(), UserRef("ANN@example.org"), {.email = "a@b"})).email, "a@b");
    ASSERT_TRUE(ok(accounts_.update_user(root(), UserRef(id_of("ann")), new_password("Another-Passw0rd!"))));
    EXPECT_TRUE(password_is("ann", "Another-Passw0rd!"));
    EXPECT_EQ(user("a@b").name, "Ms Ann");
    EXPECT_TRUE(fails_with(Errc::not_found, accounts_.user(UserRef("ann@example.org"))));
}

TEST_F(Users, a_new_password_and_a_block_end_the_tokens_that_are_out) {
    add("ann");
    const auto before = stored("ann").token_epoch;
    ASSERT_TRUE(ok(accounts_.update_user(root(), UserRef("ann"), {.name = "Ms Ann"})));
    EXPECT_EQ(stored("ann").token_epoch, before);
    ASSERT_TRUE(ok(accounts_.update_user(root(), UserRef("ann"), new_password("Another-Passw0rd!"))));
    EXPECT_GT(stored("ann").token_epoch, before);
    const auto then = stored("ann").token_epoch;
    ASSERT_TRUE(ok(accounts_.set_blocked(root(), UserRef("ann"), true)));
    EXPECT_GT(stored("ann").token_epoch, then);
    EXPECT_TRUE(user("ann").blocked);
    ASSERT_TRUE(ok(accounts_.set_blocked(root(), UserRef("ann"), false)));
    EXPECT_FALSE(user("ann").blocked);
}

TEST_F(Users, q4_root_is_known_by_its_account_not_by_the_name_in_the_request) {
    const Caller helper = add("helper", {"UPDATE_USER", "DELETE_USER"});
    const Caller deputy = add("deputy", {}, {"SUPER_USER"});
    for (const std::string& name : {std::string("root"), std::string("ROOT@localhost"), id_of("root")}) {
        SCOPED_TRACE(name);
        const UserRef ref(name);
        EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.update_user(helper, ref, {.name = "Mine"})));
        EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.take_claim(helper, ref, "LIST")));
        EXPECT_TRUE(fails_with(Errc::invalid, accounts_.set_blocked(deputy, ref, true)));
        EXPECT_TRUE(fails_with(Errc::invalid, accounts_.remove_user(deputy, ref)));
        EXPECT_TRUE(fails_with(Errc::invalid, accounts_.take_role(deputy, ref, "super_user")));
        EXPECT_TRUE(fails_with(Errc::invalid, accounts_.take_role(root(), ref, "SUPER_USER")));
    }
    EXPECT_TRUE(ok(accounts_.update_user(deputy, UserRef("root"), {.name = "Root"})));
    EXPECT_TRUE(refuses_field("/name", accounts_.update_user(root(), UserRef("helper"), {.name = "Root"})));
    EXPECT_TRUE(refuses_field("/email", accounts_.update_user(root(), UserRef("helper"), {.email = "Root@Localhost"})));
}

TEST_F(Users, accounts_of_super_users_are_changed_by_super_users_only) {
    const Caller admin = add("admin", {}, {"ADMIN"});
    add("deputy", {}, {"SUPER_USER"});
    const UserRef deputy("deputy");
    EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.update_user(admin, deputy, {.name = "x"})));
    EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.update_user(admin, deputy, new_password("Another-Passw0rd!"))));
    EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.remove_user(admin, deputy)));
    EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.set_blocked(admin, deputy, true)));
    EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.take_role(admin, deputy, "SUPER_USER")));
    EXPECT_TRUE(ok(accounts_.remove_user(root(), deputy)));
}

TEST_F(Users, the_login_of_an_account_with_more_rights_cannot_be_taken_over) {
    const Caller helper = add("helper", {"CREATE_USER", "UPDATE_USER"});
    add("admin", {}, {"ADMIN"});
    EXPECT_TRUE(fails_with(Errc::forbidden,
                           accounts_.update_user(helper, UserRef("admin"), new_password("Another-Passw0rd!"))));
    EXPECT_TRUE(
        fails_with(Errc::forbidden, accounts_.update_user(helper, UserRef("admin"), {.email = "h@example.org"})));
    EXPECT_TRUE(ok(accounts_.update_user(helper, UserRef("admin"), {.name = "The Admin"})));
    // Who may make accounts with the usual rights may also give them a new password, and everybody may do it for
    // itself.
    ASSERT_TRUE(ok(accounts_.create_user(helper, wanted("ann"))));
    EXPECT_TRUE(ok(accounts_.update_user(helper, UserRef("ann"), new_password("Another-Passw0rd!"))));
    EXPECT_TRUE(ok(accounts_.update_user(helper, UserRef("helper"), new_password("Another-Passw0rd!"))));
}

TEST_F(Users, q3_nobody_gives_what_it_does_not_hold) {
    const Caller helper = add("helper", {"CREATE_USER", "UPDATE_USER", "LIST_USER"});
    auto super = wanted("a");
    super.is_super_user = true;
    auto by_role = wanted("a");
    by_role.roles = {"super_user"};
    auto by_claim = wanted("a");
    by_claim.claims = {"CREATE_VM"};
    for (const auto& request : {super, by_role, by_claim})
        EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.create_user(helper, request)));
    const UserRef self("helper");
    EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.give_role(helper, self, {.name = "SUPER_USER"})));
    EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.give_role(helper, self, {.name = "ADMIN"})));
    EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.give_claim(helper, self, {.name = "CREATE_VM"})));
    EXPECT_TRUE(fails_with(Errc::not_found, accounts_.user(UserRef("a"))));
    EXPECT_TRUE(told().empty());
    // What it holds, and what POST users gives by itself.
    by_claim.claims = {"LIST_USER"};
    EXPECT_TRUE(ok(accounts_.create_user(helper, by_claim)));
    EXPECT_TRUE(ok(accounts_.create_user(helper, wanted("b"))));
}

TEST_F(Users, q3_a_role_is_given_by_who_holds_it_or_every_claim_in_it) {
    ASSERT_TRUE(ok(accounts_.create_role(root(), {.name = "readers", .claims = {"LIST", "LIST_VM"}})));
    ASSERT_TRUE(ok(accounts_.create_role(root(), {.name = "empty"})));
    add("ann");
    const UserRef ann("ann");
    const Caller some = add("some", {"UPDATE_USER", "LIST"});
    const Caller both = add("both", {"UPDATE_USER", "LIST", "LIST_VM"});
    const Caller member = add("member", {"UPDATE_USER"}, {"READERS"});
    EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.give_role(some, ann, {.name = "readers"})));
    EXPECT_TRUE(ok(accounts_.give_role(both, ann, {.name = "readers"})));
    EXPECT_TRUE(ok(accounts_.take_role(some, ann, "readers")));
    EXPECT_TRUE(ok(accounts_.give_role(member, ann, {.name = "Readers"})));
    EXPECT_TRUE(fails_with(Errc::forbidden, accounts_.give_role(both, ann, {.name = "empty"})))
        << "records may ask for a role that holds nothing else";
    EXPECT_TRUE(ok(accounts_.give_role(root(), ann, {.name = "empty"})));
}

TEST_F(Users, grants_are_made_and_taken_once_and_told) {
    add("ann");
    const std::string id = id_of("ann");
    const UserRef ann("ann");
    EXPECT_EQ(value_of(accounts_.give_role(root(), ann, {.name = "user"})).name, "user") << "echoed as sent";
    EXPECT_TRUE(refuses_field("/name", accounts_.give_role(root(), ann, {.name = "USER"})));
    EXPECT_TRUE(ok(accounts_.give_claim(root(), ann, {.name = "list_user"})));
    EXPECT_TRUE(refuses_field("/name", accounts_.give_claim(root(), ann, {.name = "LIST_USER"})));
    EXPECT_TRUE(as("ann").has_claim("LIST_USER"));
    EXPECT_TRUE(as("ann").has_claim("JOB_MANAGER_LIST_OWN")) << "by its role";
    EXPECT_TRUE(ok(accounts_.take_claim(root(), ann, "list user")));
    EXPECT_TRUE(fails_with(Errc::not_found, accounts_.take_claim(root(), ann, "LIST_USER")));
    EXPECT_TRUE(ok(accounts_.take_role(root(), ann, "user")));
    EXPECT_TRUE(fails_with(Errc::not_found, accounts_.take_role(root(), ann, "USER")));
    EXPECT_TRUE(fails_with(Errc::not_found, accounts_.give_role(root(), ann, {.name = "NONE"})));
    EXPECT_TRUE(fails_with(Errc::not_found, accounts_.give_claim(root(), UserRef("nobody"), {.name = "LIST"})));
    EXPECT_TRUE(as("ann").principal->claims.empty());
    const std::string role = R"( {"user_id":")" + id + R"(","role_id":"USER"})";
    const std::string claim = R"( {"user_id":")" + id + R"(","claim_id":"LIST_USER"})";
    EXPECT_EQ(told(), (Texts{"USER_ROLE_ADDED" + role, "USER_CLAIM_ADDED" + claim, "USER_CLAIM_REMOVED" + claim,
                             "USER_ROLE_REMOVED" + role}));
}

TEST_F(Users, q33_lists_of_a_user_without_roles_and_claims_are_empty) {
    add("ann");
    EXPECT_TRUE(value_of(accounts_.roles_of(UserRef("ann"))).empty());
    EXPECT_TRUE(value_of(accounts_.claims_of(UserRef("ann"))).empty());
    EXPECT_EQ(json::write(user("ann")).find("null"), std::string::npos);
}

TEST_F(Users, a_removed_one_takes_its_settings_along_and_frees_its_names) {
    const Caller ann = add("ann");
    ASSERT_TRUE(ok(configs_.put(ann, {.slug = "theme", .name = "t"})));
    const std::string id = id_of("ann");
    ASSERT_TRUE(ok(accounts_.remove_user(root(), UserRef("Ann@Example.org"))));
    EXPECT_EQ(told(), Texts{R"(USER_REMOVED {"user_id":")" + id + R"("})"});
    EXPECT_TRUE(fails_with(Errc::not_found, accounts_.remove_user(root(), UserRef(id))));
    EXPECT_TRUE(value_of(configs_.list(ann)).empty());
    EXPECT_NE(value_of(accounts_.create_user(root(), wanted("ann"))).id, id);
}

TEST_F(Users, nobody_blocks_itself_and_an_unblocked_one_is_not_locked_either) {
    const Caller deputy = add("deputy", {}, {"SUPER_USER"});
    EXPECT_TRUE(fails_with(Errc::invalid, accounts_.set_blocked(deputy, UserRef("deputy"), true)));
    ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) {
        User ann = *store::user(tx, id_of("deputy"));
        ann.failed_logins = 9;
        ann.locked_until = clock_.now() + std::chrono::hours{1};
        store::update_user(tx, ann);
        directory_.user_changed(tx, ann.id);
    })));
    ASSERT_TRUE(ok(accounts_.set_blocked(root(), UserRef("deputy"), false)));
    EXPECT_EQ(stored("deputy").failed_logins, 0);
    EXPECT_FALSE(stored("deputy").locked_until);
}

TEST_F(Users, q93_a_filter_asks_for_members_of_the_answer_only) {
    add("ann", {"LIST_USER"});
    const auto names = [&](const char* filter) {
        Texts out;
        for (const auto& found : value_of(accounts_.users(filter))) out.push_back(found.username);
        return out;
    };
    EXPECT_EQ(names("username=^ann$"), Texts{"ann"});
    EXPECT_EQ(names("USERNAME=^ANN$,i"), Texts{"ann"});
    EXPECT_EQ(names("claims=LIST_USER"), (Texts{"root", "ann"}));
    EXPECT_EQ(names("isSuperUser=true"), Texts{"root"});
    for (const char* hidden : {"password=.", "password_hash=.", "token_epoch=.", "roles.name=.", "effective_claims=."})
        EXPECT_TRUE(names(hidden).empty()) << hidden;
    EXPECT_TRUE(fails_with(Errc::invalid, accounts_.users("username=[")));
}

}  // namespace
}  // namespace corral::identity
