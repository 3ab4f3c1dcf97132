#include "platform/db/database.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "base/log.hpp"
#include "platform/db/sqlite.hpp"
#include "platform/files/files.hpp"

namespace corral::db {

namespace {

constexpr std::size_t batch_limit = 256;  // bounds how long the first of a batch waits for the others

Error to_error(const Failure& failure) {
    if (failure.kind() == Failure::Kind::unique_violation)
        return Error{Errc::conflict, "An object of that name or id exists already", failure.what()};
    return Error{Errc::internal, "The database refused the operation", failure.what()};
}

Result<void> guarded(const std::function<Result<void>(Tx&)>& work, Tx& tx) {
    try {
        return work(tx);
    } catch (const Failure& failure) {
        Error error = to_error(failure);
        if (error.code == Errc::internal) log::error("A database statement failed", {{"why", error.detail}});
        return error;
    } catch (const std::exception& e) {
        log::error("A transaction ended with an exception", {{"what", e.what()}});
        return Error{Errc::internal, "The operation failed inside the service", e.what()};
    }
}

}  // namespace

std::vector<std::vector<Value>> Tx::run(std::string_view sql, const std::vector<Value>& in, std::int64_t* changed) {
    return connection_.run(sql, in, changed);
}

GroupCommitDatabase::GroupCommitDatabase(Open open) : open_(std::move(open)), writer_(open_(true)) {
    thread_ = std::jthread([this](const std::stop_token& stop) { write_loop(stop); });
}

GroupCommitDatabase::~GroupCommitDatabase() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
}

std::unique_ptr<Connection> GroupCommitDatabase::borrow_reader() {
    {
        std::lock_guard lock(readers_mutex_);
        if (!readers_.empty()) {
            auto out = std::move(readers_.back());
            readers_.pop_back();
            return out;
        }
    }
    return open_(false);
}

void GroupCommitDatabase::give_back(std::unique_ptr<Connection> connection) {
    std::lock_guard lock(readers_mutex_);
    readers_.push_back(std::move(connection));
}

Result<void> GroupCommitDatabase::run_read(const std::function<Result<void>(Tx&)>& work) {
    try {
        auto connection = borrow_reader();
        connection->run(connection->begin_read(), {}, nullptr);
        Tx tx(*connection);
        Result<void> result = guarded(work, tx);
        connection->run("ROLLBACK", {}, nullptr);
        give_back(std::move(connection));
        return result;
    } catch (const Failure& failure) {
        log::error("A database connection failed", {{"why", failure.what()}});
        return to_error(failure);
    }
}

Result<void> GroupCommitDatabase::run_write(const std::function<Result<void>(Tx&)>& work) {
    if (std::this_thread::get_id() == thread_.get_id())
        return Error{Errc::internal, "A transaction cannot start another one",
                     "write() inside write() or after_commit"};
    Pending pending;
    pending.work = &work;
    std::unique_lock lock(mutex_);
    if (thread_.get_stop_token().stop_requested()) return Error{Errc::unavailable, "The service is stopping"};
    queue_.push_back(&pending);
    wake_.notify_one();
    finished_.wait(lock, [&] { return pending.done; });
    return std::move(pending.result);
}

void GroupCommitDatabase::write_loop(const std::stop_token& stop) {
    for (;;) {
        std::vector<Pending*> batch;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, stop, [&] { return !queue_.empty(); });
            if (queue_.empty()) return;  // stopping, and nothing is left to write
            while (!queue_.empty() && batch.size() < batch_limit) {
                batch.push_back(queue_.front());
                queue_.pop_front();
            }
        }
        run_batch(batch);
        {
            std::lock_guard lock(mutex_);
            for (Pending* pending : batch) pending->done = true;
        }
        finished_.notify_all();
    }
}

void GroupCommitDatabase::run_batch(const std::vector<Pending*>& batch) {
    const auto fail_all = [&](const std::string& why) {
        log::error("A commit failed", {{"why", why}});
        for (Pending* pending : batch) {
            pending->after.clear();
            if (pending->result)
                pending->result = Error{Errc::unavailable, "The change could not be written to disk", why};
        }
        try {
            writer_->run("ROLLBACK", {}, nullptr);
        } catch (const Failure&) {  // SQLite has rolled back by itself
        }
    };
    try {
        writer_->run(writer_->begin_write(), {}, nullptr);
        std::set<std::string> topics;
        for (Pending* pending : batch) {
            run_one(*pending);
            topics.merge(pending->announced);
        }
        for (const std::string& topic : topics) writer_->announce(topic);
        writer_->run("COMMIT", {}, nullptr);
    } catch (const Failure& failure) {
        fail_all(failure.what());
        return;
    }
    for (Pending* pending : batch)
        for (const auto& hook : pending->after) hook();
}

void GroupCommitDatabase::run_one(Pending& pending) {
    writer_->run("SAVEPOINT one", {}, nullptr);
    Tx tx(*writer_);
    pending.result = guarded(*pending.work, tx);
    if (pending.result) {
        pending.after = tx.take_after_commit();
        pending.announced = tx.take_announced();
    } else {
        writer_->run("ROLLBACK TO SAVEPOINT one", {}, nullptr);
    }
    writer_->run("RELEASE SAVEPOINT one", {}, nullptr);
}

Result<void> GroupCommitDatabase::migrate(std::vector<Migration> all) {
    std::ranges::sort(all, {}, &Migration::number);
    TRY(write([](Tx& tx) {
        tx.exec("CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL)");
    }));
    const std::vector<std::int64_t> applied =
        TRY(read([](Tx& tx) { return tx.all<std::int64_t>("SELECT number FROM schema_migrations"); }));
    for (const auto number : applied)
        if (std::ranges::find(all, number, &Migration::number) == all.end())
            return Error{Errc::unavailable, "The database was written by a newer version of Corral; install that one",
                         "unknown migration " + std::to_string(number)};
    for (const Migration& migration : all) {
        if (std::ranges::find(applied, migration.number) != applied.end()) continue;
        auto done = write([&](Tx& tx) {
            std::string_view rest = migration.sql;
            while (!rest.empty()) {
                const auto end = std::min(rest.find(';'), rest.size());
                const std::string_view statement = rest.substr(0, end);
                rest.remove_prefix(std::min(end + 1, rest.size()));
                if (statement.find_first_not_of(" \t\r\n") != std::string_view::npos) tx.exec(statement);
            }
            tx.exec("INSERT INTO schema_migrations (number, name) VALUES (:1, :2)", migration.number,
                    std::string(migration.name));
        });
        if (!done)
            return Error{Errc::unavailable, "The database could not be brought to this version",
                         std::string(migration.name) + ": " + done.error().detail};
    }
    return {};
}

Result<std::unique_ptr<Database>> open_sqlite(const std::string& path) {
    std::string uri;
    try {
        if (path == ":memory:") {
            static std::atomic<int> next{0};
            uri = "file:corral" + std::to_string(next++) + "?mode=memory&cache=shared";
        } else {
            TRY(files::make_folders(std::filesystem::path(path).parent_path().string(), 0700));
            TRY(files::open_write(path, false, 0600));  // before SQLite makes it readable for others
            uri = "file:";
            for (const char c : path) {  // sqlite.org/uri.html: what must be escaped in a path
                if (c == '%' || c == '?' || c == '#')
                    uri += c == '%' ? "%25" : c == '?' ? "%3f" : "%23";
                else
                    uri += c;
            }
        }
        return std::unique_ptr<Database>(
            std::make_unique<GroupCommitDatabase>([uri](bool writer) { return open_sqlite_connection(uri, writer); }));
    } catch (const Failure& failure) {
        return Error{Errc::unavailable, "The database cannot be opened", failure.what()};
    }
}

}  // namespace corral::db
