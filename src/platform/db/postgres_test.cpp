// What is PostgreSQL's alone: several controllers on one database, and a server that goes away. The server is the test
// program's own.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <barrier>
#include <future>
#include <latch>
#include <thread>

#include "platform/db/db.hpp"
#include "support/postgres_server.hpp"
#include "support/results.hpp"

namespace corral::db {
namespace {

using testing_support::eventually;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::PostgresServer;
using testing_support::value_of;

class PostgresTest : public testing::Test {
protected:
    void SetUp() override {
        one_ = open("a1");
        ASSERT_TRUE(ok(one_->migrate({{1, "one", "CREATE TABLE t (k TEXT PRIMARY KEY, v BIGINT)"}})));
        two_ = open("a2");
    }
    static PostgresServer& server() { return PostgresServer::shared(); }
    std::unique_ptr<Database> open(const std::string& controller) const {
        return value_of(open_postgres(Secret(url_), controller));
    }
    static Result<void> insert(Database& database, const std::string& key) {
        return database.write([&](Tx& tx) { tx.exec("INSERT INTO t VALUES (:1, 1)", key); });
    }
    static bool has(Database& database, const std::string& key) {
        return value_of(
                   database.read([&](Tx& tx) { return tx.one<std::int64_t>("SELECT v FROM t WHERE k = :1", key); }))
            .has_value();
    }
    static Result<void> announce(Database& database, const std::string& topic) {
        return database.write([&](Tx& tx) { tx.announce(topic); });
    }
    const std::string url_ = server().url(testing::UnitTest::GetInstance()->current_test_info()->name());
    std::unique_ptr<Database> one_, two_;
};

TEST_F(PostgresTest, what_one_controller_announces_the_others_hear_after_the_commit) {
    std::atomic<int> own = 0;
    std::atomic<int> heard = 0;
    std::atomic<int> seen = 0;
    std::atomic<int> other = 0;
    const auto a = one_->listen("accounts", [&] { ++own; });
    const auto b = two_->listen("accounts", [&] {
        if (has(*two_, "x")) ++seen;
        ++heard;
    });
    const auto c = two_->listen("events", [&] { ++other; });
    ASSERT_TRUE(ok(one_->write([](Tx& tx) {
        tx.exec("INSERT INTO t VALUES ('x', 1)");
        tx.announce("accounts");
        tx.announce("accounts");
    })));
    EXPECT_TRUE(eventually([&] { return heard == 1; }));
    EXPECT_EQ(seen, 1) << "and finds it committed";
    (void)one_->write([](Tx& tx) -> Result<void> {
        tx.announce("events");
        return Error{Errc::conflict, "no"};
    });
    // In order: were the first of these heard, the second came after it.
    ASSERT_TRUE(ok(two_->write([](Tx& tx) { tx.announce("accounts"); })));
    EXPECT_TRUE(eventually([&] { return own == 1; }));
    ASSERT_TRUE(ok(announce(*one_, "accounts")));
    EXPECT_TRUE(eventually([&] { return heard == 2; }));
    EXPECT_EQ(own, 1) << "its own it knows already";
    EXPECT_EQ(other, 0) << "a rollback announces nothing";
}

TEST_F(PostgresTest, who_no_longer_listens_is_not_called) {
    std::atomic<int> first = 0;
    std::atomic<int> second = 0;
    auto gone = two_->listen("accounts", [&] { ++first; });
    const auto stays = two_->listen("accounts", [&] { ++second; });
    gone.reset();
    ASSERT_TRUE(ok(announce(*one_, "accounts")));
    EXPECT_TRUE(eventually([&] { return second == 1; }));
    EXPECT_EQ(first, 0);
}

TEST_F(PostgresTest, schemas_of_one_database_are_apart) {
    const auto stranger = value_of(open_postgres(Secret(server().url("another schema")), "a1"));
    std::atomic<int> heard = 0;
    std::atomic<int> wrong = 0;
    const auto a = stranger->listen("accounts", [&] { ++wrong; });
    const auto b = two_->listen("accounts", [&] { ++heard; });
    EXPECT_TRUE(value_of(one_->claim("host")));
    EXPECT_FALSE(value_of(stranger->claimed("host")));
    EXPECT_TRUE(value_of(stranger->claim("host")));
    ASSERT_TRUE(ok(announce(*one_, "accounts")));
    EXPECT_TRUE(eventually([&] { return heard == 1; }));
    EXPECT_EQ(wrong, 0);
    EXPECT_FALSE(stranger->read([](Tx& tx) { (void)tx.all<std::string>("SELECT k FROM t"); }));
}

TEST_F(PostgresTest, what_a_write_reads_stays_true_until_its_commit_whoever_else_writes) {
    constexpr int threads = 4;
    constexpr int each = 25;
    ASSERT_TRUE(ok(insert(*one_, "n")));
    std::vector<std::jthread> all;
    for (int i = 0; i < 2 * threads; ++i)
        all.emplace_back([&, i] {
            for (int j = 0; j < each; ++j)
                EXPECT_TRUE(ok((i % 2 == 0 ? one_ : two_)->write([](Tx& tx) {
                    const auto before = tx.one<std::int64_t>("SELECT v FROM t WHERE k = 'n'").value();
                    tx.exec("UPDATE t SET v = :1 WHERE k = 'n'", before + 1);
                })));
        });
    all.clear();
    EXPECT_EQ(value_of(two_->read([](Tx& tx) { return tx.one<std::int64_t>("SELECT v FROM t WHERE k = 'n'"); })),
              1 + 2 * threads * each);
}

TEST_F(PostgresTest, an_error_in_a_batch_takes_nothing_from_its_neighbours) {
    constexpr int writers = 42;
    std::promise<void> gate;
    auto open_gate = gate.get_future().share();
    std::atomic<bool> waiting = false;
    std::latch ready(writers);
    ASSERT_TRUE(ok(insert(*one_, "head")));
    std::jthread head([&] {
        EXPECT_TRUE(ok(one_->write([&](Tx&) {
            waiting = true;
            open_gate.wait();
        })));
    });
    ASSERT_TRUE(eventually([&] { return waiting.load(); }));
    std::vector<std::jthread> rest;
    for (int i = 0; i < writers; ++i)
        rest.emplace_back([&, i] {
            ready.count_down();
            const auto done = one_->write([&](Tx& tx) -> Result<void> {
                if (i % 6 == 5) tx.exec("INSERT INTO nowhere" + std::to_string(i) + " VALUES (1)");
                tx.exec("INSERT INTO t VALUES (:1, 1)", std::to_string(i));
                if (i % 6 == 1) return Error{Errc::conflict, "no"};
                if (i % 6 == 2) throw std::runtime_error("bug");
                if (i % 6 == 3) tx.exec("INSERT INTO t VALUES (:1, 1)", "head");
                if (i % 6 == 4) try {
                        tx.exec("INSERT INTO t VALUES (:1, 1)", "head");
                    } catch (const Failure&) {
                    }
                return {};
            });
            EXPECT_EQ(done.has_value(), i % 6 == 0) << i;
        });
    ready.wait();
    gate.set_value();
    rest.clear();
    head.join();
    for (int i = 0; i < writers; ++i) EXPECT_EQ(has(*two_, std::to_string(i)), i % 6 == 0) << i;
}

TEST_F(PostgresTest, controllers_that_start_together_migrate_once) {
    const std::vector<Migration> all{{1, "one", ""}, {2, "two", "CREATE TABLE w (n BIGINT); INSERT INTO w VALUES (1)"}};
    std::barrier together(2);
    const auto start = [&](Database& database) {
        together.arrive_and_wait();
        EXPECT_TRUE(ok(database.migrate(all)));
    };
    {
        const std::jthread a([&] { start(*one_); });
        const std::jthread b([&] { start(*two_); });
    }
    EXPECT_EQ(value_of(one_->read([](Tx& tx) { return tx.all<std::int64_t>("SELECT n FROM w"); })).size(), 1U);
}

TEST_F(PostgresTest, a_claim_has_one_holder_until_that_is_gone) {
    EXPECT_FALSE(value_of(two_->claimed("host")));
    EXPECT_TRUE(value_of(one_->claim("host")));
    EXPECT_TRUE(value_of(one_->claim("host"))) << "it holds it already";
    EXPECT_TRUE(value_of(one_->claimed("host")));
    EXPECT_TRUE(value_of(two_->claimed("host")));
    EXPECT_FALSE(value_of(two_->claim("host")));
    EXPECT_TRUE(value_of(two_->claim("other")));
    one_.reset();
    EXPECT_TRUE(eventually([&] { return value_of(two_->claim("host")); }));
}

TEST_F(PostgresTest, sessions_that_were_cut_are_made_again_and_listeners_reload) {
    std::atomic<int> heard = 0;
    const auto listening = two_->listen("accounts", [&] { ++heard; });
    EXPECT_TRUE(value_of(two_->claim("host")));
    EXPECT_FALSE(has(*one_, "x"));
    server().cut_sessions();
    EXPECT_TRUE(ok(insert(*one_, "x"))) << "nothing had begun on the old session";
    EXPECT_TRUE(has(*two_, "x"));
    EXPECT_TRUE(eventually([&] { return heard > 0; })) << "announcements may have been missed";
    EXPECT_TRUE(eventually([&] { return value_of(one_->claimed("host")); })) << "what was claimed is claimed again";
    const int before = heard;
    ASSERT_TRUE(ok(announce(*one_, "accounts")));
    EXPECT_TRUE(eventually([&] { return heard > before; }));
}

TEST_F(PostgresTest, without_a_server_everything_is_unavailable_and_comes_back_by_itself) {
    std::atomic<int> heard = 0;
    const auto listening = two_->listen("accounts", [&] { ++heard; });
    ASSERT_TRUE(ok(insert(*one_, "before")));
    server().stop();
    bool ran = false;
    EXPECT_TRUE(fails_with(Errc::unavailable, one_->write([&](Tx&) { ran = true; })));
    EXPECT_TRUE(fails_with(Errc::unavailable, one_->read([&](Tx&) { ran = true; })));
    EXPECT_TRUE(fails_with(Errc::unavailable, one_->check()));
    EXPECT_TRUE(fails_with(Errc::unavailable, one_->claim("late")));
    EXPECT_TRUE(fails_with(Errc::unavailable, open_postgres(Secret(url_), "a3")));
    EXPECT_FALSE(ran);
    server().start();
    EXPECT_TRUE(ok(insert(*one_, "after")));
    EXPECT_TRUE(ok(one_->check()));
    EXPECT_TRUE(has(*two_, "before") && has(*two_, "after"));
    EXPECT_TRUE(eventually([&] { return heard > 0; }));
    EXPECT_TRUE(eventually([&] { return one_->claim("late").value_or(false); }));
}

TEST_F(PostgresTest, a_session_that_ends_inside_a_transaction_takes_all_of_it) {
    const auto cut = one_->write([&](Tx& tx) {
        tx.exec("INSERT INTO t VALUES ('half', 1)");
        server().cut_sessions();
        tx.exec("INSERT INTO t VALUES ('whole', 1)");
    });
    EXPECT_TRUE(fails_with(Errc::unavailable, cut));
    EXPECT_TRUE(fails_with(Errc::unavailable, one_->read([&](Tx& tx) {
        (void)tx.all<std::string>("SELECT k FROM t");
        server().cut_sessions();
        (void)tx.all<std::string>("SELECT k FROM t");
    })));
    EXPECT_FALSE(has(*one_, "half") || has(*one_, "whole"));
    EXPECT_TRUE(ok(insert(*one_, "next")));
}

TEST_F(PostgresTest, what_was_answered_survives_a_crash_of_the_server_under_load) {
    std::array<std::vector<std::string>, 4> acknowledged;
    std::atomic<bool> down = false;
    std::atomic<int> written = 0;
    {
        std::vector<std::jthread> writers;
        for (std::size_t w = 0; w < acknowledged.size(); ++w)
            writers.emplace_back([&, w] {
                for (int i = 0; !down; ++i) {
                    const std::string key = std::to_string(w) + "-" + std::to_string(i);
                    const auto done = (w % 2 == 0 ? one_ : two_)->write([&](Tx& tx) {
                        tx.exec("INSERT INTO t VALUES (:1, 1)", key);
                        tx.exec("INSERT INTO t VALUES (:1, 2)", key + "'");
                    });
                    if (!done) return;
                    acknowledged.at(w).push_back(key);
                    ++written;
                }
            });
        EXPECT_TRUE(eventually([&] { return written > 40; }));
        server().stop(SIGQUIT);
        server().start();
        down = true;
    }
    for (const auto& keys : acknowledged)
        for (const std::string& key : keys) EXPECT_TRUE(has(*one_, key)) << key;
    EXPECT_EQ(value_of(two_->read([](Tx& tx) { return tx.one<std::int64_t>("SELECT COUNT(*) FROM t"); })).value() % 2,
              0);
}

TEST_F(PostgresTest, commits_are_durable_whatever_the_account_is_set_to) {
    server().sql("ALTER ROLE corral SET synchronous_commit = off");
    const auto database = open("a3");
    server().sql("ALTER ROLE corral RESET synchronous_commit");
    EXPECT_EQ(value_of(database->write(
                  [](Tx& tx) { return tx.one<std::string>("SELECT current_setting('synchronous_commit')").value(); })),
              "on");
}

TEST_F(PostgresTest, more_readers_than_connections_take_turns) {
    std::vector<std::jthread> all;
    for (int i = 0; i < 60; ++i)
        all.emplace_back(
            [&] { EXPECT_TRUE(ok(one_->read([](Tx& tx) { (void)tx.all<std::string>("SELECT k FROM t"); }))); });
    all.clear();
    // Both controllers' writers and watches, sixteen readers of the one, the first of the other.
    EXPECT_LE(
        std::stoi(server().sql("SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'corral'").front()),
        2 * 2 + 16 + 1);
}

TEST_F(PostgresTest, a_database_that_cannot_hold_every_text_is_refused) {
    server().sql("CREATE DATABASE narrow TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc");
    std::string narrow = url_;
    narrow.replace(narrow.find("/postgres?"), 10, "/narrow?");
    const auto refused = open_postgres(Secret(narrow), "a3");
    EXPECT_TRUE(fails_with(Errc::unavailable, refused));
    EXPECT_NE(refused.error().detail.find("UTF8"), std::string::npos);
}

TEST(PostgresUrl, a_password_is_in_no_error) {
    for (const char* url :
         {"postgresql://ann:hunter2@/corral?host=/nowhere", "postgresql://ann:hunter2@127.0.0.1:1/corral",
          "postgresql://ann:hunter2@db:port/corral", "postgresql://ann:hunter2@db/corral?hunter2=x", "hunter2",
          "postgresql://ann:hunter2@[::/x", "host=db password=hunter2"}) {
        const auto refused = open_postgres(Secret(url), "a1");
        ASSERT_FALSE(refused) << url;
        EXPECT_EQ((refused.error().message + refused.error().detail).find("hunter2"), std::string::npos) << url;
    }
}

}  // namespace
}  // namespace corral::db
