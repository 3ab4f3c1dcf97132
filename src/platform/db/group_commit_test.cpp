// Group commit over an engine that fails on demand: what each writer of a batch is told, and what is on disk.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <latch>
#include <mutex>
#include <thread>

#include "base/temp_folder.hpp"
#include "platform/db/database.hpp"
#include "platform/db/sqlite.hpp"
#include "support/results.hpp"

namespace corral::db {
namespace {

using testing_support::eventually;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

// What the test sees of the engine, and does to it.
struct Probe {
    std::atomic<int> commits = 0;
    std::atomic<bool> fail_commits = false;
    std::atomic<bool> fail_begins = false;
    std::function<void()> before_commit;
};

class ProbedConnection final : public Connection {
public:
    ProbedConnection(std::unique_ptr<Connection> inner, Probe& probe) : inner_(std::move(inner)), probe_(probe) {}
    std::vector<std::vector<Value>> run(std::string_view sql, const std::vector<Value>& in,
                                        std::int64_t* changed) override {
        return inner_->run(sql, in, changed);
    }
    void begin_read() override {
        if (probe_.fail_begins) throw Failure(Failure::Kind::unavailable, "disk I/O error");
        inner_->begin_read();
    }
    void begin_write() override {
        if (probe_.fail_begins) throw Failure(Failure::Kind::unavailable, "disk I/O error");
        inner_->begin_write();
    }
    void commit() override {
        if (probe_.before_commit) probe_.before_commit();
        if (probe_.fail_commits) throw Failure(Failure::Kind::unavailable, "database or disk is full");
        ++probe_.commits;
        inner_->commit();
    }
    void rollback() override { inner_->rollback(); }

private:
    std::unique_ptr<Connection> inner_;
    Probe& probe_;
};

class GroupCommit : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(ok(database_->migrate({{1, "t", "CREATE TABLE t (k TEXT PRIMARY KEY)"}}))); }
    Result<void> insert(const std::string& key) {
        return database_->write([&](Tx& tx) { tx.exec("INSERT INTO t VALUES (:1)", key); });
    }
    std::int64_t count() {
        return value_of(database_->read([](Tx& tx) { return tx.one<std::int64_t>("SELECT COUNT(*) FROM t").value(); }));
    }
    TempFolder folder_;
    Probe probe_;
    std::unique_ptr<Database> database_ = std::make_unique<GroupCommitDatabase>([this](bool writer) {
        return std::make_unique<ProbedConnection>(open_sqlite_connection("file:" + folder_ / "t.db", writer), probe_);
    });
};

TEST_F(GroupCommit, writers_that_wait_for_a_commit_share_the_next_one) {
    constexpr int writers = 32;
    std::promise<void> gate;
    auto open = gate.get_future().share();
    std::latch ready(writers);
    std::atomic<bool> first = true;
    probe_.commits = 0;
    probe_.before_commit = [&] {
        if (first.exchange(false)) open.wait();
    };
    std::jthread head([&] { EXPECT_TRUE(ok(insert("head"))); });
    ASSERT_TRUE(eventually([&] { return !first; }));  // the first commit hangs now
    std::vector<std::jthread> rest;
    rest.reserve(writers);
    for (int i = 0; i < writers; ++i)
        rest.emplace_back([&, i] {
            ready.count_down();
            EXPECT_TRUE(ok(insert(std::to_string(i))));
        });
    ready.wait();
    gate.set_value();
    rest.clear();
    head.join();
    EXPECT_EQ(count(), writers + 1);
    EXPECT_LT(probe_.commits, writers / 2) << "each commit costs an fsync";
}

TEST_F(GroupCommit, an_answer_comes_only_after_its_commit) {
    std::promise<void> gate;
    auto open = gate.get_future().share();
    std::atomic<bool> committing = false;
    probe_.before_commit = [&] {
        committing = true;
        open.wait();
    };
    auto answer = std::async(std::launch::async, [&] { return insert("a"); });
    ASSERT_TRUE(eventually([&] { return committing.load(); }));
    EXPECT_EQ(answer.wait_for(std::chrono::seconds{0}), std::future_status::timeout);
    EXPECT_EQ(count(), 0) << "and nobody else sees it before";
    gate.set_value();
    EXPECT_TRUE(ok(answer.get()));
    EXPECT_EQ(count(), 1);
}

TEST_F(GroupCommit, a_commit_that_fails_is_told_to_its_writers_and_the_next_one_works) {
    bool hook = false;
    probe_.fail_commits = true;
    const auto lost = database_->write([&](Tx& tx) {
        tx.exec("INSERT INTO t VALUES ('lost')");
        tx.after_commit([&] { hook = true; });
    });
    EXPECT_TRUE(fails_with(Errc::unavailable, lost));
    EXPECT_FALSE(hook);
    probe_.fail_commits = false;
    EXPECT_TRUE(ok(insert("kept")));
    EXPECT_EQ(count(), 1);
}

TEST_F(GroupCommit, a_transaction_that_cannot_begin_runs_nothing) {
    bool ran = false;
    probe_.fail_begins = true;
    EXPECT_TRUE(fails_with(Errc::unavailable, database_->write([&](Tx&) { ran = true; })));
    EXPECT_TRUE(fails_with(Errc::unavailable, database_->read([&](Tx&) { ran = true; })));
    EXPECT_FALSE(ran);
    probe_.fail_begins = false;
    EXPECT_TRUE(ok(insert("kept")));
    EXPECT_EQ(count(), 1);
}

TEST_F(GroupCommit, an_error_in_a_batch_takes_nothing_from_its_neighbours) {
    constexpr int writers = 40;
    std::promise<void> gate;
    auto open = gate.get_future().share();
    std::latch ready(writers);
    std::atomic<bool> first = true;
    probe_.before_commit = [&] {
        if (first.exchange(false)) open.wait();
    };
    std::jthread head([&] { EXPECT_TRUE(ok(insert("head"))); });
    ASSERT_TRUE(eventually([&] { return !first; }));
    std::vector<std::jthread> rest;
    rest.reserve(writers);
    for (int i = 0; i < writers; ++i)
        rest.emplace_back([&, i] {
            ready.count_down();
            const auto done = database_->write([&](Tx& tx) -> Result<void> {
                tx.exec("INSERT INTO t VALUES (:1)", i);
                if (i % 4 == 1) return Error{Errc::conflict, "no"};
                if (i % 4 == 2) throw std::runtime_error("bug");
                if (i % 4 == 3) tx.exec("INSERT INTO t VALUES ('head')");
                return {};
            });
            EXPECT_EQ(done.has_value(), i % 4 == 0) << i;
        });
    ready.wait();
    gate.set_value();
    rest.clear();
    head.join();
    EXPECT_EQ(count(), writers / 4 + 1);
}

}  // namespace
}  // namespace corral::db
