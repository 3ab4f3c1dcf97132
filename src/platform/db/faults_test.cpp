// SQLite on a disk that fails: a shim under the engine (sqlite.org/vfs.html) that lets some writes and flushes through
// and refuses the next ones. What was answered is there afterwards, the rest is not there by half, and work goes on.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
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

// What the disk does: `left` more operations succeed, `failing` after them do not.
struct Disk {
    enum class Fault { write_io, full, sync_io };
    std::atomic<Fault> fault = Fault::write_io;
    std::atomic<int> left = -1;  // < 0: all is well
    std::atomic<int> failing = 0;
    std::atomic<int> failed = 0;

    void arm(Fault what, int after, int times) {
        failed = 0;
        fault = what;
        failing = times;
        left = after;
    }
    void mend() { left = -1; }
    int write() { return fault == Fault::sync_io ? SQLITE_OK : operation(); }
    int sync() { return fault == Fault::sync_io ? operation() : SQLITE_OK; }

private:
    int operation() {
        if (left < 0) return SQLITE_OK;
        if (left > 0) {
            --left;
            return SQLITE_OK;
        }
        if (failing <= 0) return SQLITE_OK;
        --failing;
        ++failed;
        switch (fault) {
            case Fault::full: return SQLITE_FULL;
            case Fault::sync_io: return SQLITE_IOERR_FSYNC;
            default: return SQLITE_IOERR_WRITE;
        }
    }
};
Disk disk;  // of the one shim that is registered

// The engine's own file behind ours, in the memory that follows.
struct File : sqlite3_file {
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
sqlite3_file* real(sqlite3_file* f) { return static_cast<File*>(f)->real(); }

const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods all{
        .iVersion = 3,
        .xClose = [](sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); },
        .xRead = [](sqlite3_file* f, void* to, int n,
                    sqlite3_int64 at) { return real(f)->pMethods->xRead(real(f), to, n, at); },
        .xWrite =
            [](sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
                const int fault = disk.write();
                if (fault == SQLITE_OK) return real(f)->pMethods->xWrite(real(f), from, n, at);
                (void)real(f)->pMethods->xWrite(real(f), from, n / 2, at);  // as far as it came
                return fault;
            },
        .xTruncate = [](sqlite3_file* f, sqlite3_int64 size) { return real(f)->pMethods->xTruncate(real(f), size); },
        .xSync =
            [](sqlite3_file* f, int flags) {
                const int fault = disk.sync();
                return fault == SQLITE_OK ? real(f)->pMethods->xSync(real(f), flags) : fault;
            },
        .xFileSize = [](sqlite3_file* f, sqlite3_int64* size) { return real(f)->pMethods->xFileSize(real(f), size); },
        .xLock = [](sqlite3_file* f, int how) { return real(f)->pMethods->xLock(real(f), how); },
        .xUnlock = [](sqlite3_file* f, int how) { return real(f)->pMethods->xUnlock(real(f), how); },
        .xCheckReservedLock = [](sqlite3_file* f,
                                 int* out) { return real(f)->pMethods->xCheckReservedLock(real(f), out); },
        .xFileControl = [](sqlite3_file* f, int op,
                           void* arg) { return real(f)->pMethods->xFileControl(real(f), op, arg); },
        .xSectorSize = [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); },
        .xDeviceCharacteristics = [](sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); },
        .xShmMap = [](sqlite3_file* f, int page, int size, int extend,
                      void volatile** out) { return real(f)->pMethods->xShmMap(real(f), page, size, extend, out); },
        .xShmLock = [](sqlite3_file* f, int at, int n,
                       int flags) { return real(f)->pMethods->xShmLock(real(f), at, n, flags); },
        .xShmBarrier = [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); },
        .xShmUnmap = [](sqlite3_file* f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); },
        .xFetch =
            [](sqlite3_file*, sqlite3_int64, int, void** out) {
                *out = nullptr;  // no memory mapping: every byte passes here
                return SQLITE_OK;
            },
        .xUnfetch = [](sqlite3_file*, sqlite3_int64, void*) { return SQLITE_OK; }};
    return all;
}

void register_shim() {
    static sqlite3_vfs shim = [] {
        sqlite3_vfs out = *sqlite3_vfs_find(nullptr);
        out.pAppData = sqlite3_vfs_find(nullptr);
        out.zName = "faulty";
        out.szOsFile += static_cast<int>(sizeof(File));
        out.xOpen = [](sqlite3_vfs* v, const char* name, sqlite3_file* f, int flags, int* got) {
            auto* below = static_cast<sqlite3_vfs*>(v->pAppData);
            f->pMethods = nullptr;
            const int code = below->xOpen(below, name, real(f), flags, got);
            if (code == SQLITE_OK) f->pMethods = &methods();
            return code;
        };
        return out;
    }();
    static const int registered = sqlite3_vfs_register(&shim, 0);
    ASSERT_EQ(registered, SQLITE_OK);
}

class DiskFaults : public testing::Test {
protected:
    void SetUp() override {
        register_shim();
        disk.mend();
        database_ = std::make_unique<GroupCommitDatabase>([this](bool writer) {
            return open_sqlite_connection("file:" + (folder_ / "t.db") + "?vfs=faulty", writer);
        });
        ASSERT_TRUE(ok(database_->migrate({{1, "t", "CREATE TABLE t (k TEXT PRIMARY KEY, filler TEXT NOT NULL)"}})));
    }
    void TearDown() override { disk.mend(); }
    // Two rows, which are both there or neither.
    Result<void> insert(const std::string& key) {
        const std::string filler(3000, 'x');  // several pages a transaction
        return database_->write([&](Tx& tx) {
            tx.exec("INSERT INTO t VALUES (:1, :2)", key, filler);
            tx.exec("INSERT INTO t VALUES (:1, :2)", key + "'", filler);
        });
    }
    // Read with the disk as it is, by a process that starts now.
    std::set<std::string> stored() {
        database_.reset();
        const auto fresh = value_of(open_sqlite(folder_ / "t.db"));
        EXPECT_EQ(value_of(fresh->read([](Tx& tx) { return tx.one<std::string>("PRAGMA integrity_check"); })), "ok");
        const auto keys = value_of(fresh->read([](Tx& tx) { return tx.all<std::string>("SELECT k FROM t"); }));
        return {keys.begin(), keys.end()};
    }
    void expect_whole(const std::set<std::string>& acknowledged, const std::set<std::string>& found) {
        for (const std::string& key : acknowledged)
            EXPECT_TRUE(found.contains(key)) << key << " was answered and is lost";
        for (const std::string& key : found)
            if (!key.ends_with("'")) EXPECT_TRUE(found.contains(key + "'")) << key << " is there by half";
    }
    TempFolder folder_;
    std::unique_ptr<Database> database_;
};

TEST_F(DiskFaults, one_that_hits_any_single_operation_costs_that_write_and_nothing_else) {
    std::set<std::string> acknowledged;
    int hit = 0;
    for (const auto fault : {Disk::Fault::write_io, Disk::Fault::full, Disk::Fault::sync_io})
        for (int after = 0; after < 12; ++after) {
            disk.arm(fault, after, 1);
            for (int i = 0; i < 6; ++i) {
                const std::string key =
                    std::to_string(static_cast<int>(fault)) + "-" + std::to_string(after) + "-" + std::to_string(i);
                const auto done = insert(key);
                if (done)
                    acknowledged.insert(key);
                else
                    EXPECT_TRUE(fails_with(Errc::unavailable, done));
            }
            hit += disk.failed;
            disk.mend();
            EXPECT_TRUE(ok(insert(std::to_string(static_cast<int>(fault)) + "-" + std::to_string(after) + "-after")));
        }
    EXPECT_GT(hit, 24) << "the faults are where the writes are";
    EXPECT_LT(acknowledged.size(), 3U * 12 * 6);
    expect_whole(acknowledged, stored());
}

TEST_F(DiskFaults, a_full_disk_refuses_all_until_there_is_room_and_is_told_by_the_check) {
    std::mutex mutex;
    std::set<std::string> acknowledged;
    std::atomic<int> refused = 0;
    std::atomic<bool> enough = false;
    {
        std::vector<std::jthread> writers;
        for (int w = 0; w < 8; ++w)
            writers.emplace_back([&, w] {
                for (int i = 0; !enough; ++i) {
                    const std::string key = std::to_string(w) + "-" + std::to_string(i);
                    const auto done = insert(key);
                    if (!done) {
                        EXPECT_TRUE(fails_with(Errc::unavailable, done));
                        ++refused;
                        continue;
                    }
                    const std::lock_guard lock(mutex);
                    acknowledged.insert(key);
                }
            });
        const auto written = [&] {
            const std::lock_guard lock(mutex);
            return acknowledged.size();
        };
        EXPECT_TRUE(eventually([&] { return written() > 20; }));
        disk.arm(Disk::Fault::full, 3, 1'000'000'000);
        EXPECT_TRUE(eventually([&] { return refused > 50; }));
        EXPECT_TRUE(fails_with(Errc::unavailable, database_->check()));
        EXPECT_TRUE(ok(database_->read([](Tx& tx) { (void)tx.one<std::int64_t>("SELECT COUNT(*) FROM t"); })))
            << "what is stored can be read";
        const auto before = written();
        disk.mend();
        EXPECT_TRUE(eventually([&] { return written() > before + 20; })) << "and it goes on by itself";
        EXPECT_TRUE(ok(database_->check()));
        enough = true;
    }
    expect_whole(acknowledged, stored());
}

}  // namespace
}  // namespace corral::db
