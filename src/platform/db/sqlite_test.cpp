// What is SQLite's alone; db_test.cpp holds what both engines promise.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/temp_folder.hpp"
#include "platform/db/db.hpp"
#include "platform/files/files.hpp"
#include "support/results.hpp"

namespace corral::db {
namespace {

using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

class SqliteTest : public testing::Test {
protected:
    void SetUp() override {
        open();
        ASSERT_TRUE(ok(database_->migrate(
            {{1, "one", "CREATE TABLE t (k TEXT PRIMARY KEY, v BIGINT); CREATE TABLE u (x TEXT)"}})));
    }
    void open() {
        database_.reset();
        database_ = value_of(open_sqlite(folder_ / "db/corral.db"));
    }
    std::int64_t count() {
        return database_->read([](Tx& tx) { return tx.one<std::int64_t>("SELECT COUNT(*) FROM t").value(); }).value();
    }
    TempFolder folder_;
    std::unique_ptr<Database> database_;
};

TEST_F(SqliteTest, its_files_are_private) {
    ASSERT_TRUE(database_->write([](Tx& tx) { tx.exec("INSERT INTO t VALUES ('x', 1)"); }));
    for (const char* name : {"corral.db", "corral.db-wal", "corral.db-shm"}) {
        struct stat info{};
        ASSERT_EQ(::stat((folder_ / "db/" + name).c_str(), &info), 0) << name;
        EXPECT_EQ(info.st_mode & 0777U, 0600U) << name;
    }
}

TEST_F(SqliteTest, a_full_disk_fails_the_write_and_loses_nothing_that_was_answered) {
    ASSERT_TRUE(database_->write([](Tx& tx) { tx.exec("INSERT INTO t VALUES ('kept', 1)"); }));
    ASSERT_TRUE(database_->write([](Tx& tx) { tx.run("PRAGMA max_page_count = 8", {}, nullptr); }));
    const std::string large(1 << 20, 'x');
    EXPECT_TRUE(
        fails_with(Errc::unavailable, database_->write([&](Tx& tx) { tx.exec("INSERT INTO u VALUES (:1)", large); })));
    open();
    EXPECT_EQ(count(), 1);
}

TEST(OpenSqlite, takes_paths_with_the_special_characters_of_uris) {
    const TempFolder folder;
    const std::string path = folder / "a b?c#d%20é/x?mode=memory.db";
    {
        const auto database = value_of(open_sqlite(path));
        ASSERT_TRUE(ok(database->write([](Tx& tx) { tx.exec("CREATE TABLE t (k TEXT)"); })));
    }
    EXPECT_TRUE(std::filesystem::exists(path));
    EXPECT_TRUE(ok(value_of(open_sqlite(path))->write([](Tx& tx) { tx.exec("INSERT INTO t VALUES ('x')"); })));
}

TEST(OpenSqlite, refuses_what_is_no_database) {
    const TempFolder folder;
    EXPECT_FALSE(open_sqlite(folder.path()));
    ASSERT_TRUE(ok(files::replace_file(folder / "text.db", std::string(4096, 'x'))));
    EXPECT_TRUE(fails_with(Errc::unavailable, open_sqlite(folder / "text.db")));
}

TEST(OpenSqlite, databases_in_memory_are_apart_from_each_other) {
    const auto one = value_of(open_sqlite(":memory:"));
    const auto two = value_of(open_sqlite(":memory:"));
    ASSERT_TRUE(ok(one->write([](Tx& tx) { tx.exec("CREATE TABLE t (k TEXT)"); })));
    EXPECT_TRUE(ok(one->read([](Tx& tx) { (void)tx.all<std::string>("SELECT k FROM t"); })));
    EXPECT_FALSE(two->read([](Tx& tx) { (void)tx.all<std::string>("SELECT k FROM t"); }));
}

TEST_F(SqliteTest, belongs_to_one_process_which_holds_what_it_claims) {
    EXPECT_EQ(database_->listen("accounts", [] {}), nullptr);
    EXPECT_FALSE(value_of(database_->claimed("host")));
    EXPECT_TRUE(value_of(database_->claim("host")));
    EXPECT_TRUE(value_of(database_->claimed("host")));
}

}  // namespace
}  // namespace corral::db
