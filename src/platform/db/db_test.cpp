#include "platform/db/db.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <future>
#include <limits>
#include <thread>

#include "base/temp_folder.hpp"
#include "platform/files/files.hpp"
#include "support/database.hpp"
#include "support/results.hpp"

namespace corral::db {
namespace {

using testing_support::eventually;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::on_postgresql;
using testing_support::open_database_at;
using testing_support::value_of;

class DatabaseTest : public testing::Test {
protected:
    void SetUp() override {
        open();
        ASSERT_TRUE(ok(database_->migrate(
            {{1, "one", "CREATE TABLE t (k TEXT PRIMARY KEY, v BIGINT); CREATE TABLE u (x TEXT)"}})));
    }
    void open() {
        database_.reset();
        database_ = value_of(open_database_at(folder_ / "db/corral.db"));
    }
    std::int64_t count() {
        return database_->read([](Tx& tx) { return tx.one<std::int64_t>("SELECT COUNT(*) FROM t").value(); }).value();
    }
    TempFolder folder_;
    std::unique_ptr<Database> database_;
};

TEST_F(DatabaseTest, a_write_is_there_after_reopening) {
    ASSERT_TRUE(database_->write([](Tx& tx) { tx.exec("INSERT INTO t VALUES (:1, :2)", "a", 1); }));
    open();
    EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, an_error_rolls_its_own_writes_back) {
    auto failed = database_->write([](Tx& tx) -> Result<void> {
        tx.exec("INSERT INTO t VALUES ('x', 1)");
        return Error{Errc::conflict, "no"};
    });
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Errc::conflict);
    EXPECT_EQ(count(), 0);
}

TEST_F(DatabaseTest, a_double_key_is_a_conflict_and_other_failures_are_internal) {
    ASSERT_TRUE(database_->write([](Tx& tx) { tx.exec("INSERT INTO t VALUES ('x', 1)"); }));
    EXPECT_EQ(database_->write([](Tx& tx) { tx.exec("INSERT INTO t VALUES ('x', 1)"); }).error().code, Errc::conflict);
    EXPECT_EQ(database_->write([](Tx& tx) { tx.exec("INSERT INTO nowhere VALUES (1)"); }).error().code, Errc::internal);
}

TEST_F(DatabaseTest, exceptions_roll_back_and_the_writer_goes_on) {
    auto failed = database_->write([](Tx& tx) {
        tx.exec("INSERT INTO t VALUES ('x', 1)");
        throw std::runtime_error("bug");
    });
    EXPECT_EQ(failed.error().code, Errc::internal);
    ASSERT_TRUE(database_->write([](Tx& tx) { tx.exec("INSERT INTO t VALUES ('y', 1)"); }));
    EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, many_writers_lose_nothing) {
    constexpr int threads = 16;
    constexpr int each = 50;
    std::vector<std::jthread> all;
    all.reserve(threads);
    for (int t = 0; t < threads; ++t)
        all.emplace_back([&, t] {
            for (int i = 0; i < each; ++i) {
                const std::string key = std::to_string(t) + "-" + std::to_string(i);
                EXPECT_TRUE(database_->write([&](Tx& tx) { tx.exec("INSERT INTO t VALUES (:1, :2)", key, i); }));
            }
        });
    all.clear();
    EXPECT_EQ(count(), threads * each);
}

TEST_F(DatabaseTest, after_commit_runs_in_order_and_never_after_a_rollback) {
    std::string order;
    ASSERT_TRUE(database_->write([&](Tx& tx) {
        tx.after_commit([&] { order += "1"; });
        tx.after_commit([&] { order += "2"; });
    }));
    (void)database_->write([&](Tx& tx) -> Result<void> {
        tx.after_commit([&] { order += "x"; });
        return Error{Errc::invalid, "no"};
    });
    EXPECT_EQ(order, "12");
}

TEST_F(DatabaseTest, a_write_inside_a_write_is_refused) {
    auto outer = database_->write([&](Tx&) -> Result<void> {
        auto inner = database_->write([](Tx& tx) { tx.exec("INSERT INTO t VALUES ('n', 1)"); });
        EXPECT_FALSE(inner);
        return {};
    });
    EXPECT_TRUE(outer);
}

TEST_F(DatabaseTest, values_keep_their_types_through_cached_statements) {
    for (int i = 0; i < 3; ++i) {
        const std::optional<std::int64_t> v = i == 1 ? std::nullopt : std::optional<std::int64_t>(i);
        ASSERT_TRUE(database_->write(
            [&](Tx& tx) { tx.exec("INSERT INTO t VALUES (:1, :2)", std::string("k") + std::to_string(i), v); }));
    }
    const auto rows = database_->read(
        [](Tx& tx) { return tx.all<std::string, std::optional<std::int64_t>>("SELECT k, v FROM t ORDER BY k"); });
    ASSERT_EQ(rows->size(), 3U);
    EXPECT_EQ(std::get<1>((*rows)[1]), std::nullopt);
    EXPECT_EQ(std::get<1>((*rows)[2]), 2);
}

TEST_F(DatabaseTest, readers_see_a_snapshot_while_writes_go_on) {
    ASSERT_TRUE(database_->read([&](Tx& tx) {
        const auto before = tx.one<std::int64_t>("SELECT COUNT(*) FROM t").value();
        EXPECT_TRUE(database_->write([](Tx& w) { w.exec("INSERT INTO t VALUES ('new', 1)"); }));
        EXPECT_EQ(tx.one<std::int64_t>("SELECT COUNT(*) FROM t").value(), before);
    }));
    EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, nobody_sees_half_a_transaction) {
    std::promise<void> gate;
    auto open_gate = gate.get_future().share();
    std::atomic<bool> halfway = false;
    std::jthread writer([&] {
        EXPECT_TRUE(ok(database_->write([&](Tx& tx) {
            tx.exec("INSERT INTO t VALUES ('from', 0)");
            halfway = true;
            open_gate.wait();
            tx.exec("INSERT INTO t VALUES ('to', 0)");
        })));
    });
    ASSERT_TRUE(eventually([&] { return halfway.load(); }));
    EXPECT_EQ(count(), 0) << "and readers do not wait for the writer";
    gate.set_value();
    writer.join();
    EXPECT_EQ(count(), 2);
}

TEST_F(DatabaseTest, text_stays_data_whatever_it_holds) {
    const std::string hostile = "x'); DROP TABLE t; --\n\"\\ :1 $1 ?1 é \x01\x7f";
    ASSERT_TRUE(ok(database_->write([&](Tx& tx) { tx.exec("INSERT INTO t VALUES (:1, 1)", hostile); })));
    const auto back =
        database_->read([&](Tx& tx) { return tx.one<std::string>("SELECT k FROM t WHERE k = :1", hostile); });
    EXPECT_EQ(value_of(back), hostile);
}

TEST_F(DatabaseTest, text_that_is_no_utf8_or_holds_nul_is_refused_and_its_neighbours_are_not) {
    using namespace std::string_literals;
    for (const std::string& bad : {"a\0b"s, "\xff"s, "\xc0\xaf"s, "\xed\xa0\x80"s, "half \xe2\x82"s}) {
        const auto insert = [&](Tx& tx) { tx.exec("INSERT INTO t VALUES (:1, 1)", bad); };
        EXPECT_TRUE(fails_with(Errc::invalid, database_->write(insert)));
        EXPECT_TRUE(fails_with(Errc::invalid, database_->read([&](Tx& tx) {
            (void)tx.one<std::string>("SELECT k FROM t WHERE k = :1", bad);
        })));
    }
    EXPECT_EQ(count(), 0);
    EXPECT_TRUE(ok(database_->write([](Tx& tx) { tx.exec("INSERT INTO t VALUES ('good', 1)"); })));
}

TEST_F(DatabaseTest, text_is_ordered_by_its_bytes_and_lower_knows_a_to_z_only) {
    const std::vector<std::string> sorted{"A", "B b", "Ba", "Z", "_", "a", "z", "Ä", "ä"};
    ASSERT_TRUE(ok(database_->write([&](Tx& tx) {
        tx.exec("CREATE TABLE w (k TEXT NOT NULL)");
        tx.exec("CREATE UNIQUE INDEX w_k ON w (lower(k))");
        for (auto it = sorted.rbegin(); it != sorted.rend(); ++it) tx.exec("INSERT INTO t VALUES (:1, 0)", *it);
        tx.exec("INSERT INTO w VALUES ('Ärger Ü')");
        tx.exec("INSERT INTO w VALUES ('ärger Ü')");
    })));
    EXPECT_TRUE(
        fails_with(Errc::conflict, database_->write([](Tx& tx) { tx.exec("INSERT INTO w VALUES ('ÄRGER Ü')"); })));
    const auto all = [&](std::string_view sql, const auto&... in) {
        return value_of(database_->read([&](Tx& tx) { return tx.all<std::string>(sql, in...); }));
    };
    using Texts = std::vector<std::string>;
    EXPECT_EQ(all("SELECT k FROM t ORDER BY k"), sorted);
    EXPECT_EQ(all("SELECT k FROM t WHERE k > 'Z' AND k < 'b' ORDER BY k DESC"), (Texts{"a", "_"}));
    EXPECT_EQ(all("SELECT k FROM w WHERE lower(k) = lower(:1)", "ÄRGER Ü"), (Texts{"Ärger Ü"}));
    EXPECT_EQ(all("SELECT lower(k) FROM t WHERE lower(k) = lower(:1) ORDER BY k", "Z"), (Texts{"z", "z"}));
    EXPECT_EQ(all("SELECT DISTINCT lower(k) FROM t WHERE k IN ('A', 'a', 'Ä') ORDER BY lower(k)"), (Texts{"a", "Ä"}));
}

TEST_F(DatabaseTest, numbers_of_numbers_are_numbers) {
    ASSERT_TRUE(ok(database_->write([](Tx& tx) { tx.exec("INSERT INTO t VALUES ('a', 3), ('b', 4), ('c', NULL)"); })));
    const auto row = value_of(database_->read([](Tx& tx) {
        return tx.one<std::int64_t, std::int64_t, std::int64_t, std::optional<std::int64_t>>(
            "SELECT SUM(v), COUNT(v), MAX(v) / 2, MIN(v) FROM t WHERE v > :1", 0);
    }));
    EXPECT_EQ(row, std::tuple(7, 2, 2, 3));
    const auto nothing = value_of(database_->read(
        [](Tx& tx) { return tx.one<std::optional<std::int64_t>>("SELECT MAX(v) FROM t WHERE v > 100").value(); }));
    EXPECT_EQ(nothing, std::nullopt);
}

TEST_F(DatabaseTest, upserts_tell_how_many_rows_changed_and_give_them_back) {
    const auto add = [&](const char* key, int n) {
        return value_of(database_->write([&](Tx& tx) {
            return tx.one<std::int64_t>(
                "INSERT INTO t VALUES (:1, :2) ON CONFLICT (k) DO UPDATE SET v = t.v + excluded.v "
                "RETURNING v",
                key, n);
        }));
    };
    EXPECT_EQ(add("a", 2), 2);
    EXPECT_EQ(add("a", 5), 7);
    EXPECT_EQ(add("b", 1), 1);
    EXPECT_TRUE(ok(database_->write([](Tx& tx) {
        EXPECT_EQ(tx.exec("UPDATE t SET v = 0"), 2);
        EXPECT_EQ(tx.exec("INSERT INTO t VALUES ('a', 1) ON CONFLICT (k) DO NOTHING"), 0);
        EXPECT_EQ(tx.exec("DELETE FROM t WHERE k = 'none'"), 0);
    })));
}

TEST_F(DatabaseTest, every_type_comes_back_as_it_went_in) {
    const Bytes bytes{std::string("\0\xff raw", 6)};
    const Time time{std::chrono::microseconds{1'700'000'000'123'456}};
    ASSERT_TRUE(ok(database_->write([&](Tx& tx) {
        tx.exec("CREATE TABLE v (a BIGINT, b BOOLEAN, c DOUBLE PRECISION, d TEXT, e BYTEA, f BIGINT, g TEXT, h TEXT)");
        tx.exec("INSERT INTO v VALUES (:1, :2, :3, :4, :5, :6, :7, :8)", std::numeric_limits<std::int64_t>::min(), true,
                0.1, "", bytes, time, UserId("u1"), std::optional<std::string>());
    })));
    const auto row = value_of(database_->read([](Tx& tx) {
        return tx.one<std::int64_t, bool, double, std::string, Bytes, Time, UserId, std::optional<std::string>>(
            "SELECT a, b, c, d, e, f, g, h FROM v");
    }));
    ASSERT_TRUE(row);
    const auto& [a, b, c, d, e, f, g, h] = *row;
    EXPECT_EQ(a, std::numeric_limits<std::int64_t>::min());
    EXPECT_TRUE(b);
    EXPECT_EQ(c, 0.1);
    EXPECT_EQ(d, "");
    EXPECT_EQ(e.data, bytes.data);
    EXPECT_EQ(f, time);
    EXPECT_EQ(g, UserId("u1"));
    EXPECT_EQ(h, std::nullopt);
}

TEST_F(DatabaseTest, a_query_that_does_not_fit_its_row_is_an_error_and_no_garbage) {
    ASSERT_TRUE(ok(database_->write([](Tx& tx) { tx.exec("INSERT INTO t VALUES ('x', NULL)"); })));
    EXPECT_TRUE(
        fails_with(Errc::internal, database_->read([](Tx& tx) { (void)tx.one<std::int64_t>("SELECT v FROM t"); })));
    EXPECT_TRUE(
        fails_with(Errc::internal, database_->read([](Tx& tx) { (void)tx.one<std::string>("SELECT k, v FROM t"); })));
    EXPECT_TRUE(fails_with(Errc::internal, database_->read([](Tx& tx) { (void)tx.all<std::string>("SELECT"); })));
    EXPECT_EQ(count(), 1) << "and the connection is good for more";
}

TEST_F(DatabaseTest, callers_learn_nothing_of_sql) {
    const auto failed = database_->write([](Tx& tx) { tx.exec("INSERT INTO nowhere VALUES (1)"); });
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().message.find("nowhere"), std::string::npos);
    EXPECT_NE(failed.error().detail.find("nowhere"), std::string::npos) << "the log does";
}

TEST_F(DatabaseTest, references_between_tables_are_enforced) {
    ASSERT_TRUE(ok(database_->write(
        [](Tx& tx) { tx.exec("CREATE TABLE child (t TEXT NOT NULL REFERENCES t (k) ON DELETE CASCADE)"); })));
    EXPECT_FALSE(database_->write([](Tx& tx) { tx.exec("INSERT INTO child VALUES ('absent')"); }));
    ASSERT_TRUE(ok(database_->write([](Tx& tx) {
        tx.exec("INSERT INTO t VALUES ('x', 1)");
        tx.exec("INSERT INTO child VALUES ('x')");
        EXPECT_EQ(tx.exec("DELETE FROM t WHERE k = 'x'"), 1);
        EXPECT_EQ(tx.one<std::int64_t>("SELECT COUNT(*) FROM child"), 0);
    })));
}

TEST_F(DatabaseTest, a_read_changes_nothing) {
    EXPECT_FALSE(database_->read([](Tx& tx) { tx.exec("INSERT INTO t VALUES ('x', 1)"); }));
    EXPECT_EQ(count(), 0);
}

TEST_F(DatabaseTest, a_column_of_another_type_is_an_error_and_no_garbage) {
    ASSERT_TRUE(ok(database_->write([](Tx& tx) { tx.exec("INSERT INTO t VALUES ('x', 5)"); })));
    EXPECT_FALSE(database_->read([](Tx& tx) { (void)tx.one<std::int64_t>("SELECT k FROM t"); }));
    EXPECT_FALSE(database_->read([](Tx& tx) { (void)tx.one<std::string>("SELECT v FROM t"); }));
    EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, an_error_that_the_work_kept_to_itself_is_no_success) {
    const auto write = [&](bool alone) {
        return database_->write([&](Tx& tx) {
            tx.exec("INSERT INTO t VALUES (:1, 1)", alone ? "alone" : "x");
            try {
                tx.exec("INSERT INTO nowhere VALUES (1)");
            } catch (const Failure& failure) {
                EXPECT_NE(std::string(failure.what()), "");
            }
        });
    };
    // SQLite goes on after a statement that failed, PostgreSQL does not: what is answered is true on both.
    EXPECT_EQ(write(true).has_value() ? 1 : 0, count());
}

TEST_F(DatabaseTest, says_that_it_works) { EXPECT_TRUE(ok(database_->check())); }

TEST_F(DatabaseTest, a_write_from_a_hook_is_refused_and_does_not_hang) {
    Result<void> inner;
    ASSERT_TRUE(ok(database_->write([&](Tx& tx) {
        tx.after_commit([&] { inner = database_->write([](Tx& w) { w.exec("INSERT INTO t VALUES ('n', 1)"); }); });
    })));
    EXPECT_TRUE(fails_with(Errc::internal, inner));
}

TEST_F(DatabaseTest, many_statements_more_than_are_kept_prepared_go_on_working) {
    EXPECT_TRUE(ok(database_->write([](Tx& tx) {
        for (int i = 0; i < 600; ++i) EXPECT_EQ(tx.one<std::int64_t>("SELECT " + std::to_string(i)), i);
    })));
}

// The process is killed at a random point of a stream of transactions, each of which writes two rows.
TEST_F(DatabaseTest, Q78_what_was_answered_survives_a_kill_and_nothing_is_there_by_half) {
    database_.reset();  // no thread may live when this process is copied
    std::array<int, 2> acknowledged{};
    ASSERT_EQ(::pipe(acknowledged.data()), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        auto database = open_database_at(folder_ / "db/corral.db");
        for (int i = 0; database; ++i) {
            const auto done = (*database)->write([&](Tx& tx) {
                tx.exec("INSERT INTO t VALUES (:1, 1)", "a" + std::to_string(i));
                tx.exec("INSERT INTO t VALUES (:1, 2)", "b" + std::to_string(i));
            });
            if (!done || ::write(acknowledged[1], "x", 1) != 1) break;
        }
        ::_exit(1);
    }
    ::close(acknowledged[1]);
    int answered = 0;
    for (char c = 0; answered < 25 && ::read(acknowledged[0], &c, 1) == 1;) ++answered;
    ::kill(child, SIGKILL);
    for (char c = 0; ::read(acknowledged[0], &c, 1) == 1;) ++answered;
    ::close(acknowledged[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself";
    open();
    EXPECT_GE(answered, 25);
    EXPECT_GE(count(), 2 * answered);
    EXPECT_EQ(count() % 2, 0);
    if (!on_postgresql())
        EXPECT_EQ(value_of(database_->read([](Tx& tx) { return tx.one<std::string>("PRAGMA integrity_check"); })),
                  "ok");
}

TEST_F(DatabaseTest, a_database_of_a_newer_version_is_refused) {
    ASSERT_TRUE(database_->migrate({{1, "one", "CREATE TABLE t (k TEXT)"}, {2, "two", "CREATE TABLE w (x TEXT)"}}));
    auto old = database_->migrate({{1, "one", "CREATE TABLE t (k TEXT)"}});
    ASSERT_FALSE(old);
    EXPECT_EQ(old.error().code, Errc::unavailable);
}

TEST_F(DatabaseTest, migrations_run_once_in_order_of_their_numbers) {
    const std::vector<Migration> all{{3, "three", "INSERT INTO log SELECT MAX(n) + 1 FROM log"},
                                     {1, "one", "CREATE TABLE t (k TEXT)"},
                                     {2, "two", "CREATE TABLE log (n BIGINT);\n INSERT INTO log VALUES (10) ;\n"}};
    const auto logged = [&] {
        return value_of(database_->read([](Tx& tx) { return tx.all<std::int64_t>("SELECT n FROM log ORDER BY n"); }));
    };
    ASSERT_TRUE(ok(database_->migrate(all)));
    EXPECT_EQ(logged(), (std::vector<std::int64_t>{10, 11}));
    ASSERT_TRUE(ok(database_->migrate(all)));
    open();
    ASSERT_TRUE(ok(database_->migrate(all)));
    EXPECT_EQ(logged(), (std::vector<std::int64_t>{10, 11})) << "nothing ran again";
}

TEST_F(DatabaseTest, a_migration_that_fails_leaves_nothing_of_itself_and_keeps_those_before) {
    const Migration one{1, "one", "CREATE TABLE t (k TEXT)"};
    const Migration good{2, "good", "CREATE TABLE good (x TEXT)"};
    const auto failed =
        database_->migrate({one, good, {3, "bad", "CREATE TABLE half (x TEXT); INSERT INTO nowhere VALUES (1)"}});
    EXPECT_TRUE(fails_with(Errc::unavailable, failed));
    EXPECT_NE(failed.error().detail.find("bad"), std::string::npos) << "the log names it";
    EXPECT_TRUE(ok(database_->read([](Tx& tx) { (void)tx.all<std::string>("SELECT x FROM good"); })));
    EXPECT_FALSE(database_->read([](Tx& tx) { (void)tx.all<std::string>("SELECT x FROM half"); }));
    EXPECT_TRUE(ok(database_->migrate({one, good, {3, "bad", "CREATE TABLE half (x TEXT)"}}))) << "mended, it runs";
}

}  // namespace
}  // namespace corral::db
