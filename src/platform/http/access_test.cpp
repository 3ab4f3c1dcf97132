#include "platform/http/access.hpp"

#include <gtest/gtest.h>

#include "platform/http/route.hpp"
#include "support/testing.hpp"

namespace corral::http {
namespace {

using testing_support::caller;
using testing_support::super_user;

static_assert(!std::is_default_constructible_v<Access> && !std::is_default_constructible_v<Route>,
              "a row without an access rule does not compile");

TEST(Access, admits_exactly_whom_its_kind_names) {
    const Caller nobody;
    const Caller none = caller("u");
    const Caller one = caller("u", {"A"});
    const Caller both = caller("u", {"B", "A"});
    const Caller other = caller("u", {"C"});
    struct Case {
        Access access;
        bool nobody, none, one, both, other, super;
    };
    for (const Case& c : {Case{open_to_anyone("why"), true, true, true, true, true, true},
                          Case{signed_in(), false, true, true, true, true, true},
                          Case{all_of({"A", "B"}), false, false, false, true, false, true},
                          Case{any_of({"A", "B"}), false, false, true, true, false, true},
                          Case{all_of({"A"}), false, false, true, true, false, true},
                          Case{super_users(), false, false, false, false, false, true}}) {
        const std::string what = c.access.describe();
        EXPECT_EQ(c.access.admits(nobody), c.nobody) << what;
        EXPECT_EQ(c.access.admits(none), c.none) << what;
        EXPECT_EQ(c.access.admits(one), c.one) << what;
        EXPECT_EQ(c.access.admits(both), c.both) << what;
        EXPECT_EQ(c.access.admits(other), c.other) << what;
        EXPECT_EQ(c.access.admits(super_user()), c.super) << what;
        EXPECT_EQ(c.access.needs_credentials(), !c.nobody) << what;
    }
}

TEST(Access, claims_are_whole_names) {
    EXPECT_FALSE(all_of({"LIST_VM"}).admits(caller("u", {"LIST", "LIST_VM_OWN", "list_vm"})));
}

TEST(Access, a_role_of_the_name_super_user_counts_only_through_the_principal) {
    auto principal = std::make_shared<Principal>();
    principal->roles = {"ADMIN"};
    principal->claims = {"SUPER_USER"};
    Caller pretender;
    pretender.principal = principal;
    EXPECT_FALSE(super_users().admits(pretender));
}

TEST(Access, says_what_is_missing) {
    EXPECT_EQ(all_of({"A", "B", "C"}).missing(caller("u", {"B"})), "claims (AND), missing [A C]");
    EXPECT_EQ(any_of({"A", "B"}).missing(caller("u")), "claims (OR), missing [A B]");
    EXPECT_EQ(super_users().missing(caller("u")), "roles (AND), missing [SUPER_USER]");
}

TEST(Access, describes_itself_for_the_matrix) {
    EXPECT_EQ(all_of({"A", "B"}).describe(), "A and B");
    EXPECT_EQ(any_of({"A", "B"}).describe(), "A or B");
    EXPECT_EQ(signed_in().describe(), "any credential");
    EXPECT_EQ(super_users().describe(), "role SUPER_USER");
    EXPECT_EQ(open_to_anyone("no token yet").describe(), "open: no token yet");
}

TEST(Caller, who_is_nobody_has_nothing) {
    const Caller nobody;
    EXPECT_TRUE(nobody.anonymous());
    EXPECT_FALSE(nobody.super_user());
    EXPECT_FALSE(nobody.has_claim("A"));
    EXPECT_FALSE(nobody.has_role("USER"));
    EXPECT_TRUE(nobody.user_id().empty());
    EXPECT_TRUE(super_user().has_role("ANY"));
}

}  // namespace
}  // namespace corral::http
