#include "events/event_log.hpp"

#include <atomic>

#include "base/temp_folder.hpp"
#include "events/migrations.hpp"
#include "support/testing.hpp"

namespace corral::events {
namespace {

using testing_support::ok;
using testing_support::value_of;

class EventLogTest : public testing::Test {
protected:
    void SetUp() override {
        log_.listen([this](const Event& event) {
            const std::lock_guard lock(mutex_);
            heard_.push_back(event);
        });
    }
    Result<void> append(const std::string& message, Type type = Type::pdfm) {
        return database_->write([&](db::Tx& tx) { log_.append(tx, type, message, "{}", ""); });
    }
    std::vector<std::string> heard() {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> out;
        for (const Event& event : heard_) out.push_back(event.message);
        return out;
    }
    std::vector<std::string> stored_since(std::int64_t sequence, std::size_t limit = 1000) {
        std::vector<std::string> out;
        for (const Event& event : value_of(log_.since(sequence, limit))) out.push_back(event.message);
        return out;
    }
    using Texts = std::vector<std::string>;

    TempFolder folder_;
    FakeClock clock_;
    std::unique_ptr<db::Database> database_ = testing_support::open_database(folder_.path(), {migrations()});
    EventLog log_{*database_, clock_, 3};
    std::mutex mutex_;
    std::vector<Event> heard_;
};

TEST_F(EventLogTest, an_event_comes_back_as_it_was_appended) {
    ASSERT_TRUE(ok(database_->write(
        [&](db::Tx& tx) { log_.append(tx, Type::job_manager, "JOB_CREATED", R"({"id":"j"})", "ann"); })));
    const auto all = value_of(log_.since(0, 10));
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].sequence, 1);
    EXPECT_EQ(all[0].id.size(), 64U);
    EXPECT_EQ(all[0].type, Type::job_manager);
    EXPECT_EQ(all[0].message, "JOB_CREATED");
    EXPECT_EQ(all[0].body, R"({"id":"j"})");
    EXPECT_EQ(all[0].owner, "ann");
    EXPECT_EQ(all[0].timestamp, clock_.now());
    ASSERT_EQ(heard_.size(), 1U);
    EXPECT_EQ(heard_[0].id, all[0].id);
    EXPECT_EQ(heard_[0].sequence, 1);
}

TEST_F(EventLogTest, what_is_rolled_back_was_never_said_and_leaves_no_gap) {
    ASSERT_TRUE(ok(append("one")));
    EXPECT_FALSE(database_->write([&](db::Tx& tx) -> Result<void> {
        log_.append(tx, Type::pdfm, "never", "{}", "");
        return Error{Errc::conflict, "no"};
    }));
    EXPECT_FALSE(database_->write([&](db::Tx& tx) {
        log_.append(tx, Type::pdfm, "never", "{}", "");
        tx.exec("INSERT INTO nowhere VALUES (1)");
    }));
    ASSERT_TRUE(ok(append("two")));
    EXPECT_EQ(stored_since(0), (Texts{"one", "two"}));
    EXPECT_EQ(heard(), (Texts{"one", "two"}));
    EXPECT_EQ(value_of(log_.since(1, 10)).front().sequence, 2);
}

TEST_F(EventLogTest, nobody_hears_of_an_event_before_its_transaction_is_done) {
    ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) {
        log_.append(tx, Type::pdfm, "first", "{}", "");
        log_.append(tx, Type::pdfm, "second", "{}", "");
        EXPECT_EQ(heard(), Texts{});
    })));
    EXPECT_EQ(heard(), (Texts{"first", "second"}));
}

TEST_F(EventLogTest, a_listener_finds_what_it_hears_of_already_stored) {
    std::atomic<bool> there{false};
    log_.listen([&](const Event& event) {
        const auto all = log_.since(event.sequence - 1, 1);
        there = all && all->size() == 1 && all->front().id == event.id;
    });
    ASSERT_TRUE(ok(append("x")));
    EXPECT_TRUE(there);
}

TEST_F(EventLogTest, many_writers_at_once_get_numbers_without_gaps_and_are_heard_in_their_order) {
    constexpr int threads = 8;
    constexpr int each = 25;
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < threads; ++t)
            all.emplace_back([&] {
                for (int i = 0; i < each; ++i) EXPECT_TRUE(ok(append("x")));
            });
    }
    ASSERT_EQ(heard_.size(), static_cast<std::size_t>(threads * each));
    for (std::size_t i = 0; i < heard_.size(); ++i) EXPECT_EQ(heard_[i].sequence, static_cast<std::int64_t>(i) + 1);
}

TEST_F(EventLogTest, since_gives_what_came_later_in_order_up_to_the_limit) {
    for (const char* message : {"a", "b", "c", "d"}) ASSERT_TRUE(ok(append(message)));
    EXPECT_EQ(stored_since(0), (Texts{"a", "b", "c", "d"}));
    EXPECT_EQ(stored_since(2), (Texts{"c", "d"}));
    EXPECT_EQ(stored_since(1, 2), (Texts{"b", "c"}));
    EXPECT_EQ(stored_since(4), Texts{});
    EXPECT_EQ(stored_since(99), Texts{});
}

TEST_F(EventLogTest, trim_keeps_the_newest_and_numbers_go_on) {
    for (const char* message : {"a", "b", "c", "d", "e"}) ASSERT_TRUE(ok(append(message)));
    ASSERT_TRUE(ok(log_.trim()));
    EXPECT_EQ(stored_since(0), (Texts{"c", "d", "e"}));
    ASSERT_TRUE(ok(log_.trim()));
    ASSERT_TRUE(ok(append("f")));
    EXPECT_EQ(value_of(log_.since(5, 10)).front().sequence, 6);
}

TEST_F(EventLogTest, numbers_go_on_after_a_restart) {
    ASSERT_TRUE(ok(append("before")));
    EventLog after_restart(*database_, clock_);
    ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) { after_restart.append(tx, Type::pdfm, "after", "{}", ""); })));
    EXPECT_EQ(value_of(after_restart.since(1, 10)).front().sequence, 2);
}

TEST_F(EventLogTest, a_published_event_is_told_and_not_kept) {
    log_.publish(Type::stats, "figures", "{}", "");
    EXPECT_EQ(heard(), Texts{"figures"});
    EXPECT_EQ(heard_[0].sequence, 0);
    EXPECT_EQ(stored_since(0), Texts{});
}

TEST(EventTypes, have_the_words_of_the_contract) {
    const std::vector<std::string_view> words{"global",       "pdfm",  "system",        "system_logs",
                                              "health",       "stats", "reverse_proxy", "catalog_cache",
                                              "orchestrator", "auth",  "job_manager"};
    for (const auto word : words) {
        ASSERT_TRUE(type_from_text(word)) << word;
        EXPECT_EQ(to_text(*type_from_text(word)), word);
    }
    EXPECT_EQ(json_enum(Type{}).size(), words.size());
    for (const char* word : {"", "PDFM", "pdfm ", "vm"}) EXPECT_FALSE(type_from_text(word)) << word;
}

TEST(EventTables, events_of_an_earlier_version_are_kept) {
    const TempFolder folder;
    const auto database = testing_support::open_database(folder.path(), {{migrations().front()}});
    ASSERT_TRUE(ok(database->write(
        [](db::Tx& tx) { tx.exec("INSERT INTO events VALUES (5, 'i', 'pdfm', 'EARLY', '{}', 'ann', 1)"); })));
    ASSERT_TRUE(ok(database->migrate(migrations())));
    const FakeClock clock;
    EventLog log(*database, clock, 3);
    ASSERT_TRUE(ok(database->write([&](db::Tx& tx) { log.append(tx, Type::pdfm, "LATER", "{}", ""); })));
    const auto all = value_of(log.since(0, 10));
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].message, "EARLY");
    EXPECT_EQ(all[1].sequence, 6);
}

}  // namespace
}  // namespace corral::events
