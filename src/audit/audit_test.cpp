#include "audit/audit.hpp"

#include "audit/migrations.hpp"
#include "audit/routes.hpp"
#include "base/temp_folder.hpp"
#include "support/testing.hpp"

namespace corral::audit {
namespace {

using testing_support::caller;
using testing_support::ok;
using testing_support::value_of;
using Texts = std::vector<std::string>;

class AuditTest : public testing::Test {
protected:
    void start(Trail::Options options) {
        options.pace = std::chrono::hours{1};  // the test writes when it wants to
        trail_ = std::make_unique<Trail>(*database_, clock_, options);
    }
    void did(const Caller& who, const std::string& action, const std::string& object = "o",
             std::vector<std::pair<std::string, std::string>> detail = {}) {
        ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) {
            append(tx, clock_.now(), who,
                   {.action = action, .object_type = "thing", .object_id = object, .detail = std::move(detail)});
        })));
    }
    void refused(const Caller& who, const std::string& action) {
        trail_->note(who, {.action = action, .object_type = "thing", .object_id = "o", .outcome = Outcome::refused});
    }
    Texts actions(const Query& query = {}) {
        Texts out;
        for (const Record& r : value_of(trail_->list(query)).entries) out.push_back(r.action);
        return out;
    }

    TempFolder folder_;
    FakeClock clock_;
    std::unique_ptr<db::Database> database_ = testing_support::open_database(folder_.path(), {migrations()});
    std::unique_ptr<Trail> trail_ =
        std::make_unique<Trail>(*database_, clock_, Trail::Options{.pace = std::chrono::hours{1}});
    const Caller ann_ = caller("ann");
};

TEST_F(AuditTest, an_entry_says_who_did_what_to_which_object_from_where) {
    Caller who = ann_;
    who.api_key_id = "KEY";
    who.address = "10.1.2.3";
    who.request_id = "r-1";
    did(who, "user.create", "u-7", {{"username", "bob <b>"}, {"roles", "USER"}});
    const Record r = value_of(trail_->list({})).entries.at(0);
    EXPECT_EQ(r.sequence, 1);
    EXPECT_EQ(r.time, clock_.now());
    EXPECT_EQ(r.actor_id, "ann");
    EXPECT_EQ(r.actor_name, "ann");
    EXPECT_EQ(r.api_key_id, "KEY");
    EXPECT_EQ(r.address, "10.1.2.3");
    EXPECT_EQ(r.request_id, "r-1");
    EXPECT_EQ(r.action, "user.create");
    EXPECT_EQ(r.object_type, "thing");
    EXPECT_EQ(r.object_id, "u-7");
    EXPECT_EQ(r.result, Outcome::done);
    const auto detail = value_of(json::read<std::map<std::string, std::string>>(r.detail.text));
    EXPECT_EQ(detail, (std::map<std::string, std::string>{{"roles", "USER"}, {"username", "bob <b>"}}));
}

TEST_F(AuditTest, what_is_rolled_back_was_not_done_and_leaves_no_gap) {
    did(ann_, "one");
    EXPECT_FALSE(database_->write([&](db::Tx& tx) -> Result<void> {
        append(tx, clock_.now(), ann_, {.action = "never", .object_type = "t", .object_id = "o"});
        return Error{Errc::conflict, "no"};
    }));
    did(ann_, "two");
    const auto entries = value_of(trail_->list({})).entries;
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].action, "two");
    EXPECT_EQ(entries[0].sequence, 2);
}

TEST_F(AuditTest, each_filter_leaves_what_fits_and_all_of_them_hold_together) {
    did(ann_, "user.create", "u1");
    clock_.advance(std::chrono::seconds{10});
    did(caller("bob"), "user.delete", "u1");
    clock_.advance(std::chrono::seconds{10});
    did(ann_, "user_x.create", "U2");
    refused(ann_, "role.create");
    ASSERT_TRUE(ok(trail_->flush()));
    EXPECT_EQ(actions(), (Texts{"role.create", "user_x.create", "user.delete", "user.create"}));
    EXPECT_EQ(actions({.actor = "ANN"}), (Texts{"role.create", "user_x.create", "user.create"}));
    EXPECT_EQ(actions({.action = "user.*"}), (Texts{"user.delete", "user.create"}));
    EXPECT_EQ(actions({.action = "user_*"}), Texts{"user_x.create"}) << "_ is no wildcard";
    EXPECT_EQ(actions({.action = "user.create"}), Texts{"user.create"});
    EXPECT_EQ(actions({.action = "user"}), Texts{});
    EXPECT_EQ(actions({.action = "%"}), Texts{});
    EXPECT_EQ(actions({.object = "u2"}), Texts{"user_x.create"});
    EXPECT_EQ(actions({.object_type = "thing"}).size(), 4U);
    EXPECT_EQ(actions({.object_type = "other"}), Texts{});
    EXPECT_EQ(actions({.result = Outcome::refused}), Texts{"role.create"});
    EXPECT_EQ(actions({.from = clock_.now()}), (Texts{"role.create", "user_x.create"}));
    EXPECT_EQ(actions({.until = clock_.now()}), (Texts{"user.delete", "user.create"}));
    EXPECT_EQ(actions({.actor = "ann", .action = "*.create", .result = Outcome::done}), Texts{});
    EXPECT_EQ(actions({.actor = "ann", .action = "user*", .result = Outcome::done}),
              (Texts{"user_x.create", "user.create"}));
}

TEST_F(AuditTest, pages_join_without_gap_or_double_while_entries_are_added) {
    for (int i = 1; i <= 7; ++i) did(ann_, "a" + std::to_string(i));
    Texts seen;
    std::int64_t before = INT64_MAX;
    for (;;) {
        const Page page = value_of(trail_->list({.before = before, .limit = 3}));
        for (const Record& r : page.entries) seen.push_back(r.action);
        did(ann_, "later");
        before = page.next_before;
        if (before == 0) break;
    }
    EXPECT_EQ(seen, (Texts{"a7", "a6", "a5", "a4", "a3", "a2", "a1"}));
}

TEST_F(AuditTest, equal_refusals_are_one_entry_with_a_count) {
    for (int i = 0; i < 5; ++i) refused(ann_, "request.refused");
    refused(caller("bob"), "request.refused");
    ASSERT_TRUE(ok(trail_->flush()));
    const auto entries = value_of(trail_->list({.actor = "ann"})).entries;
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].detail.text, R"({"times":"5"})");
    EXPECT_EQ(value_of(trail_->list({})).entries.size(), 2U);
}

TEST_F(AuditTest, a_flood_of_refusals_is_bounded_and_what_is_lost_is_counted) {
    start({.waiting = 10});
    for (int i = 0; i < 25; ++i) refused(ann_, "a" + std::to_string(i));
    EXPECT_EQ(trail_->dropped(), 15);
    ASSERT_TRUE(ok(trail_->flush()));
    const Page page = value_of(trail_->list({}));
    EXPECT_EQ(page.entries.size(), 10U);
    EXPECT_EQ(page.dropped, 15);
    refused(ann_, "after");
    EXPECT_EQ(trail_->dropped(), 15) << "there is room again";
}

TEST_F(AuditTest, refusals_push_out_refusals_only) {
    start({.kept = 2});
    did(ann_, "done 1");
    did(ann_, "done 2");
    did(ann_, "done 3");
    for (int i = 0; i < 5; ++i) refused(ann_, "refused " + std::to_string(i));
    ASSERT_TRUE(ok(trail_->flush()));
    ASSERT_TRUE(ok(trail_->trim()));
    EXPECT_EQ(actions(), (Texts{"refused 4", "refused 3", "done 3", "done 2"}));
}

TEST_F(AuditTest, old_entries_go_and_numbers_are_never_used_again) {
    start({.kept_for = std::chrono::hours{1}});
    did(ann_, "old");
    clock_.advance(std::chrono::hours{2});
    ASSERT_TRUE(ok(trail_->trim()));
    EXPECT_EQ(actions(), Texts{});
    did(ann_, "new");
    EXPECT_EQ(value_of(trail_->list({})).entries.at(0).sequence, 2);
}

TEST_F(AuditTest, numbers_are_never_used_again_whatever_the_clock_does) {
    start({.kept_for = std::chrono::hours{1}});
    did(ann_, "young");
    clock_.advance(std::chrono::hours{-2});  // set right in between
    did(ann_, "looks old");
    clock_.advance(std::chrono::hours{2});
    ASSERT_TRUE(ok(trail_->trim()));
    did(ann_, "next");
    EXPECT_EQ(value_of(trail_->list({})).entries.at(0).sequence, 3);
}

TEST(AuditTables, entries_and_numbers_of_an_earlier_version_are_kept) {
    const TempFolder folder;
    const auto database = testing_support::open_database(folder.path(), {{migrations().front()}});
    ASSERT_TRUE(ok(database->write([](db::Tx& tx) {
        tx.exec("INSERT INTO audit VALUES (7, 1, 'i', 'n', 'k', 'a', 'r', 'early', 't', 'o', 'done', 'null')");
        tx.exec("UPDATE audit_counter SET last = 9 WHERE one = 1");
    })));
    ASSERT_TRUE(ok(database->migrate(migrations())));
    const FakeClock clock;
    Trail trail(*database, clock, {.pace = std::chrono::hours{1}});
    EXPECT_EQ(value_of(trail.list({})).entries.at(0).action, "early");
    EXPECT_EQ(value_of(trail.list({})).entries.at(0).sequence, 7);
}

TEST_F(AuditTest, what_waits_is_written_when_the_trail_ends) {
    refused(ann_, "last");
    start({});
    EXPECT_EQ(actions(), Texts{"last"});
}

TEST_F(AuditTest, long_texts_are_cut_at_a_character) {
    std::string name;
    for (int i = 0; i < 200; ++i) name += "ä";
    did(ann_, "a", name);
    const std::string kept = value_of(trail_->list({})).entries.at(0).object_id;
    EXPECT_EQ(kept, name.substr(0, 300));
    did(ann_, "a", "x" + name);
    EXPECT_EQ(value_of(trail_->list({})).entries.at(0).object_id, ("x" + name).substr(0, 299));
}

TEST_F(AuditTest, refused_requests_are_noted_when_they_would_have_changed_something) {
    const auto answer = [](const Caller&) -> Result<void> { return {}; };
    Refusals refusals(*trail_);
    const auto ask = [&](const http::Route& route, const char* method, int status = 401) {
        http::Request request;
        request.method_text = method;
        request.path = "/api/v1/things?x";
        request.peer = "10.1.2.3";
        refusals.end({.request = request, .route = &route, .caller = ann_, .status = status});
    };
    ask(http::post("/v1/others", http::super_users(), "", answer), "POST", 404);
    ask(http::post("/v1/things", http::super_users(), "", answer), "POST");
    ask(http::get("/v1/things", http::super_users(), "", answer), "GET");
    ask(http::get("/v1/things/start", http::super_users(), "", answer).also(http::Method::put), "GET");
    ask(http::post("/v1/open", http::open_to_anyone("a test"), "", answer), "POST");
    ASSERT_TRUE(ok(trail_->flush()));
    const auto entries = value_of(trail_->list({})).entries;
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].object_id, "GET /v1/things/start") << "a verb that GET may ask for too";
    EXPECT_EQ(entries[1].object_id, "POST /v1/things");
    EXPECT_EQ(entries[1].address, "10.1.2.3");
    EXPECT_EQ(entries[1].detail.text, R"({"path":"/api/v1/things?x","status":"401"})");
}

}  // namespace
}  // namespace corral::audit
