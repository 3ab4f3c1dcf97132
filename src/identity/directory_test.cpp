// The directory follows commits, and shows nothing of what was rolled back.
#include "identity/directory.hpp"

#include <atomic>
#include <latch>
#include <thread>

#include "identity/accounts/store.hpp"
#include "identity/store.hpp"
#include "support/accounts_test.hpp"

namespace corral::identity {
namespace {

using testing_support::eventually;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

class Follows : public testing_support::AccountsTest {
protected:
    // What a directory that is loaded now would show, as text.
    static std::string text_of(const Directory& directory) {
        std::string out;
        for (const auto& claim : directory.claims()) out += claim->id + "\n";
        for (const auto& role : directory.roles()) {
            out += role->id + ":";
            for (const auto& claim : role->claims) out += " " + claim;
            out += "\n";
        }
        for (const auto& account : directory.accounts()) {
            out += account->user.id + " " + account->user.username + " " + account->user.email + ":";
            for (const auto& role : account->principal->roles) out += " " + role;
            for (const auto& claim : account->principal->claims) out += " " + claim;
            out += "\n";
        }
        for (const auto& key : directory.keys()) out += key->id + " " + key->name + " of " + key->user_id + "\n";
        return out;
    }
    void expect_same_as_stored() {
        Directory fresh(*database_);
        ASSERT_TRUE(ok(fresh.reload()));
        EXPECT_EQ(text_of(directory_), text_of(fresh));
    }
    void add_key(const std::string& name, const std::string& user) {
        ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) {
            store::insert_api_key(tx, {.id = "id-" + name, .name = name, .key = "KEY-" + name, .user_id = user});
            directory_.key_changed(tx, "id-" + name);
        })));
    }
};

TEST_F(Follows, every_kind_of_change_leaves_it_as_a_load_would) {
    ASSERT_TRUE(ok(accounts_.create_claim(root(), {.name = "c1"})));
    ASSERT_TRUE(ok(accounts_.create_claim(root(), {.name = "c2"})));
    ASSERT_TRUE(ok(accounts_.create_role(root(), {.name = "r1", .claims = {"C1", "C2"}})));
    add("ann", {"C1", "LIST"}, {"R1"});
    add("ben", {"LIST"}, {"R1", "USER"});
    add_key("a", id_of("ann"));
    add_key("b", id_of("ben"));
    expect_same_as_stored();
    ASSERT_TRUE(ok(accounts_.remove_claim_of_role(root(), "r1", "c1")));
    ASSERT_TRUE(ok(accounts_.take_claim(root(), UserRef("ann"), "c1")));
    expect_same_as_stored();
    ASSERT_TRUE(ok(accounts_.remove_claim(root(), "c2")));
    EXPECT_FALSE(as("ann").has_claim("C2"));
    expect_same_as_stored();
    ASSERT_TRUE(ok(accounts_.update_user(root(), UserRef("ben"), {.name = "Ben", .email = "b@example.org"})));
    EXPECT_EQ(directory_.account("ben@example.org"), nullptr) << "the old address finds nobody";
    expect_same_as_stored();
    ASSERT_TRUE(ok(accounts_.remove_user(root(), UserRef("ann"))));
    EXPECT_EQ(directory_.key("a"), nullptr) << "a key goes with its owner";
    EXPECT_NE(directory_.key("KEY-B"), nullptr);
    expect_same_as_stored();
    ASSERT_TRUE(ok(accounts_.take_role(root(), UserRef("ben"), "r1")));
    ASSERT_TRUE(ok(accounts_.remove_role(root(), "r1")));
    expect_same_as_stored();
}

TEST_F(Follows, what_is_rolled_back_never_shows) {
    const std::string before = text_of(directory_);
    EXPECT_TRUE(fails_with(Errc::busy, database_->write([&](db::Tx& tx) -> Result<void> {
        store::insert_claim(tx, {.id = "GHOST"});
        directory_.claim_changed(tx, "GHOST");
        return Error{Errc::busy, "not now"};
    })));
    EXPECT_EQ(text_of(directory_), before);
}

TEST_F(Follows, who_holds_an_old_object_keeps_it) {
    add("ann", {"LIST"});
    const auto held = directory_.account("ann");
    ASSERT_TRUE(ok(accounts_.remove_user(root(), UserRef("ann"))));
    EXPECT_EQ(held->user.username, "ann");
    EXPECT_EQ(directory_.account("ann"), nullptr);
}

TEST_F(Follows, a_load_in_the_middle_of_changes_loses_none_of_them) {
    constexpr int each = 40;
    std::latch start(4);
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&, t] {
            start.arrive_and_wait();
            for (int i = 0; i < each; ++i) {
                const std::string name = "c" + std::to_string(t) + "-" + std::to_string(i);
                EXPECT_TRUE(ok(accounts_.create_claim(root(), {.name = name})));
                EXPECT_NE(directory_.claim(name), nullptr) << "what was answered is seen";
            }
        });
    threads.emplace_back([&] {
        start.arrive_and_wait();
        for (int i = 0; i < each; ++i) EXPECT_TRUE(ok(directory_.reload()));
    });
    threads.clear();
    EXPECT_EQ(directory_.claims().size(), seed_claims().size() + 3 * each);
    expect_same_as_stored();
}

TEST_F(Follows, of_two_super_users_who_remove_each_other_at_once_one_stays_and_root_does) {
    for (int round = 0; round < 10; ++round) {
        const Caller ann = add("ann", {}, {"SUPER_USER"});
        const Caller ben = add("ben", {}, {"SUPER_USER"});
        std::latch start(2);
        std::atomic<int> removed{0};
        const auto strike = [&](const Caller& who, const char* other) {
            start.arrive_and_wait();
            if (accounts_.remove_user(who, UserRef(other))) ++removed;
            EXPECT_FALSE(accounts_.remove_user(who, UserRef("root")));
            EXPECT_FALSE(accounts_.take_role(who, UserRef("root"), "SUPER_USER"));
            EXPECT_FALSE(accounts_.set_blocked(who, UserRef("root"), true));
        };
        std::jthread first([&] { strike(ann, "ben"); });
        std::jthread second([&] { strike(ben, "ann"); });
        first.join();
        second.join();
        EXPECT_EQ(removed, 1) << "whoever was removed removes nobody any more";
        EXPECT_TRUE(root().super_user());
        for (const char* name : {"ann", "ben"}) (void)accounts_.remove_user(root(), UserRef(name));
    }
}

TEST_F(Follows, of_two_who_make_the_same_account_at_once_one_does) {
    for (int round = 0; round < 5; ++round) {
        std::latch start(2);
        std::atomic<int> made{0};
        const auto make = [&](const std::string& name) {
            auto request = wanted(name);
            request.email = "same@example.org";
            start.arrive_and_wait();
            if (accounts_.create_user(root(), request)) ++made;
        };
        std::jthread first([&] { make("ann"); });
        std::jthread second([&] { make("ben"); });
        first.join();
        second.join();
        EXPECT_EQ(made, 1);
        EXPECT_TRUE(ok(accounts_.remove_user(root(), UserRef("same@example.org"))));
    }
}

}  // namespace
}  // namespace corral::identity
