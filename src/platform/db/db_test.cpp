#include "platform/db/db.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "base/temp_folder.hpp"

namespace corral::db {
namespace {

class DatabaseTest : public testing::Test {
protected:
    void SetUp() override { open(); }
    void open() {
        database_.reset();
        database_ = std::move(*open_sqlite(folder_ / "db/corral.db"));
        ASSERT_TRUE(
            database_->migrate({{1, "one", "CREATE TABLE t (k TEXT PRIMARY KEY, v BIGINT); CREATE TABLE u (x TEXT)"}}));
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

TEST_F(DatabaseTest, the_file_is_private) {
    struct stat info{};
    ASSERT_EQ(::stat((folder_ / "db/corral.db").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
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

TEST_F(DatabaseTest, a_full_disk_fails_the_write_and_loses_nothing_that_was_answered) {
    ASSERT_TRUE(database_->write([](Tx& tx) { tx.exec("INSERT INTO t VALUES ('kept', 1)"); }));
    ASSERT_TRUE(database_->write([](Tx& tx) { tx.run("PRAGMA max_page_count = 8", {}, nullptr); }));
    const std::string large(1 << 20, 'x');
    EXPECT_FALSE(database_->write([&](Tx& tx) { tx.exec("INSERT INTO u VALUES (:1)", large); }));
    open();
    EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, readers_see_a_snapshot_while_writes_go_on) {
    ASSERT_TRUE(database_->read([&](Tx& tx) {
        const auto before = tx.one<std::int64_t>("SELECT COUNT(*) FROM t").value();
        EXPECT_TRUE(database_->write([](Tx& w) { w.exec("INSERT INTO t VALUES ('new', 1)"); }));
        EXPECT_EQ(tx.one<std::int64_t>("SELECT COUNT(*) FROM t").value(), before);
    }));
    EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, a_database_of_a_newer_version_is_refused) {
    ASSERT_TRUE(database_->migrate({{1, "one", "CREATE TABLE t (k TEXT)"}, {2, "two", "CREATE TABLE w (x TEXT)"}}));
    auto old = database_->migrate({{1, "one", "CREATE TABLE t (k TEXT)"}});
    ASSERT_FALSE(old);
    EXPECT_EQ(old.error().code, Errc::unavailable);
}

}  // namespace
}  // namespace corral::db
