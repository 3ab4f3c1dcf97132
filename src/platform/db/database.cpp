#include "platform/db/database.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "base/log.hpp"
#include "platform/db/sqlite.hpp"
#include "platform/db/text.hpp"
#include "platform/files/files.hpp"

namespace corral::db {

namespace {

constexpr auto reader_patience = std::chrono::seconds{10};
constexpr std::size_t batch_limit = 256;  // bounds how long the first of a batch waits for the others

Error to_error(const Failure& failure) {
    switch (failure.kind()) {
        case Failure::Kind::unique_violation:
            return Error{Errc::conflict, "An object of that name or id exists already", failure.what()};
        case Failure::Kind::bad_text:
            return Error{Errc::invalid, "Text must be UTF-8 without the character NUL", failure.what()};
        case Failure::Kind::unavailable:
            return Error{Errc::unavailable, "The database cannot be used now; try again in a moment", failure.what()};
        case Failure::Kind::other: break;
    }
    return Error{Errc::internal, "The database refused the operation", failure.what()};
}

Result<void> guarded(const std::function<Result<void>(Tx&)>& work, Tx& tx) {
    try {
        return work(tx);
    } catch (const Failure& failure) {
        Error error = to_error(failure);
        if (error.code == Errc::internal || error.code == Errc::unavailable)
            log::error("A database statement failed", {{"why", error.detail}});
        return error;
    } catch (const std::exception& e) {
        log::error("A transaction ended with an exception", {{"what", e.what()}});
        return Error{Errc::internal, "The operation failed inside the service", e.what()};
    }
}

}  // namespace

std::vector<std::vector<Value>> Tx::run(std::string_view sql, const std::vector<Value>& in, std::int64_t* changed) {
    for (const Value& v : in)
        if (v.type == Value::Type::text && !storable_text(v.text))
            throw Failure(Failure::Kind::bad_text, "text that is no UTF-8 or holds NUL for: " + std::string(sql));
    return connection_.run(sql, in, changed);
}

GroupCommitDatabase::GroupCommitDatabase(Open open, std::size_t readers)
    : open_(std::move(open)), writer_(open_(true)), readers_left_(readers) {
    thread_ = std::jthread([this](const std::stop_token& stop) { write_loop(stop); });
}

GroupCommitDatabase::~GroupCommitDatabase() { stop(); }

void GroupCommitDatabase::stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
}

std::unique_ptr<Connection> GroupCommitDatabase::borrow_reader() {
    {
        std::unique_lock lock(readers_mutex_);
        if (!reader_free_.wait_for(lock, reader_patience, [&] { return !readers_.empty() || readers_left_ > 0; }))
            throw Failure(Failure::Kind::unavailable, "all connections for reading are taken");
        if (!readers_.empty()) {
            auto out = std::move(readers_.back());
            readers_.pop_back();
            return out;
        }
        --readers_left_;
    }
    try {
        return open_(false);
    } catch (...) {
        give_back(nullptr);
        throw;
    }
}

void GroupCommitDatabase::give_back(std::unique_ptr<Connection> connection) {
    std::lock_guard lock(readers_mutex_);
    if (connection)
        readers_.push_back(std::move(connection));
    else
        ++readers_left_;
    reader_free_.notify_one();
}

Result<void> GroupCommitDatabase::run_read(const std::function<Result<void>(Tx&)>& work) {
    std::unique_ptr<Connection> connection;
    try {
        connection = borrow_reader();
    } catch (const Failure& failure) {
        log::error("A database connection failed", {{"why", failure.what()}});
        return to_error(failure);
    }
    Result<void> result;
    try {
        connection->begin_read();
        Tx tx(*connection);
        result = guarded(work, tx);
        connection->rollback();
    } catch (const Failure& failure) {  // before the work or, when that has its result, after it
        log::error("A database connection failed", {{"why", failure.what()}});
        if (connection) connection.reset();
        give_back(nullptr);
        return to_error(failure);
    }
    give_back(std::move(connection));
    return result;
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
    const auto fail_all = [&](const Failure& failure) {
        log::error("A commit failed", {{"why", failure.what()}});
        ++failures_;
        for (Pending* pending : batch) {
            pending->after.clear();
            if (pending->result)
                pending->result =
                    Error{Errc::unavailable, "The change could not be stored; try again in a moment", failure.what()};
        }
        try {
            writer_->rollback();
        } catch (const Failure&) {  // the engine has rolled back by itself, or is gone
        }
        write_failed_ = true;
    };
    try {
        writer_->begin_write();
        if (batch.size() == 1) {
            run_alone(*batch.front());
        } else {
            std::set<std::string> topics;
            for (Pending* pending : batch) {
                run_one(*pending);
                topics.merge(pending->announced);
            }
            for (const std::string& topic : topics) writer_->announce(topic);
            writer_->commit();
        }
    } catch (const Failure& failure) {
        fail_all(failure);
        return;
    }
    write_failed_ = false;
    ++commits_;
    transactions_ += batch.size();
    for (Pending* pending : batch)
        for (const auto& hook : pending->after) hook();
}

// Without neighbours there is nobody to protect: no savepoint.
void GroupCommitDatabase::run_alone(Pending& pending) {
    Tx tx(*writer_);
    pending.result = guarded(*pending.work, tx);
    if (!pending.result) return writer_->rollback();
    for (const std::string& topic : tx.take_announced()) writer_->announce(topic);
    writer_->commit();
    pending.after = tx.take_after_commit();
}

void GroupCommitDatabase::run_one(Pending& pending) {
    writer_->set_savepoint();
    Tx tx(*writer_);
    pending.result = guarded(*pending.work, tx);
    if (pending.result) try {
            writer_->release_savepoint();
            pending.after = tx.take_after_commit();
            pending.announced = tx.take_announced();
            return;
        } catch (const Failure& failure) {  // the work kept a failed statement to itself
            pending.result = to_error(failure);
        }
    writer_->back_to_savepoint();
    writer_->release_savepoint();
}

Result<bool> GroupCommitDatabase::claim(const std::string& name) {
    std::lock_guard lock(claims_mutex_);
    claims_.insert(name);
    return true;
}

Result<bool> GroupCommitDatabase::claimed(const std::string& name) {
    std::lock_guard lock(claims_mutex_);
    return claims_.contains(name);
}

Result<void> GroupCommitDatabase::check() {
    TRY(read([](Tx& tx) { (void)tx.all<std::int64_t>("SELECT 1 FROM schema_migrations LIMIT 1"); }));
    if (!write_failed_) return {};
    // The last write failed: only one that reaches the disk tells whether the next will.
    return write([](Tx& tx) {
        tx.exec("UPDATE schema_migrations SET name = name WHERE number = (SELECT MAX(number) FROM schema_migrations)");
    });
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
            // Another process may be starting, too.
            if (tx.one<std::int64_t>("SELECT number FROM schema_migrations WHERE number = :1", migration.number))
                return;
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

std::optional<Statistics> statistics(const Database& database) {
    const auto* counting = dynamic_cast<const GroupCommitDatabase*>(&database);
    return counting == nullptr ? std::nullopt : std::optional(counting->statistics());
}

}  // namespace corral::db
