#include "platform/db/postgres.hpp"

#include <fmt/format.h>

#include <charconv>
#include <random>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/log.hpp"
#include "platform/db/text.hpp"

namespace corral::db {

namespace {

constexpr std::size_t statements_kept = 256;
constexpr auto doubt_limit = std::chrono::seconds{10};  // how long writers wait to learn what became of a lost commit
constexpr auto doubt_pause = std::chrono::milliseconds{100};

// Object ids of built-in types, fixed for ever (pg_type.dat).
enum Oid : unsigned {
    oid_bool = 16,
    oid_bytea = 17,
    oid_int8 = 20,
    oid_int2 = 21,
    oid_int4 = 23,
    oid_float4 = 700,
    oid_float8 = 701,
    oid_numeric = 1700
};

template <class T>
T number(std::string_view text) {
    T out{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || end != text.data() + text.size())
        throw Failure(Failure::Kind::other, "a number of the database is out of range");
    return out;
}

std::string unhex(const char* text) {
    std::size_t size = 0;
    unsigned char* raw = PQunescapeBytea(reinterpret_cast<const unsigned char*>(text), &size);
    if (raw == nullptr) throw Failure(Failure::Kind::unavailable, "out of memory");
    std::string out(reinterpret_cast<const char*>(raw), size);
    PQfreemem(raw);
    return out;
}

Value value_at(const PGresult* rows, int row, int column) {
    Value v;
    if (PQgetisnull(rows, row, column) != 0) return v;
    const char* data = PQgetvalue(rows, row, column);
    const std::string_view text(data, static_cast<std::size_t>(PQgetlength(rows, row, column)));
    switch (PQftype(rows, column)) {
        case oid_bool:
            v.type = Value::Type::boolean;
            v.integer = text == "t" ? 1 : 0;
            return v;
        case oid_numeric:  // what sums of integers are
            if (text.find_first_of(".NI") != std::string_view::npos) {
                v.type = Value::Type::real;
                v.real = number<double>(text);
                return v;
            }
            [[fallthrough]];
        case oid_int2:
        case oid_int4:
        case oid_int8:
            v.type = Value::Type::integer;
            v.integer = number<std::int64_t>(text);
            return v;
        case oid_float4:
        case oid_float8:
            v.type = Value::Type::real;
            v.real = number<double>(text);
            return v;
        case oid_bytea:
            v.type = Value::Type::bytes;
            v.text = unhex(data);
            return v;
        default:
            v.type = Value::Type::text;
            v.text = text;
            return v;
    }
}

class PostgresConnection final : public Connection {
public:
    PostgresConnection(PostgresSettings settings, bool writer) : settings_(std::move(settings)) {
        connect();
        if (!writer) return;
        std::random_device random;
        run_ = fmt::format("{:08x}{:08x}", random(), random());
        begin_write();
        session_->query(
            fmt::format("CREATE TABLE IF NOT EXISTS corral_writers (controller TEXT PRIMARY KEY, mark TEXT NOT NULL);"
                        "INSERT INTO corral_writers VALUES ('{}', '') ON CONFLICT (controller) DO NOTHING; COMMIT",
                        settings_.controller));
    }

    std::vector<std::vector<Value>> run(std::string_view sql, const std::vector<Value>& in,
                                        std::int64_t* changed) override {
        const std::string& name = prepared(sql);
        const auto rows = session_->execute(name, in, sql, std::exchange(waiting_, {}));
        std::vector<std::vector<Value>> out(static_cast<std::size_t>(PQntuples(rows.get())));
        const int width = PQnfields(rows.get());
        for (std::size_t r = 0; r < out.size(); ++r) {
            out[r].reserve(static_cast<std::size_t>(width));
            for (int c = 0; c < width; ++c) out[r].push_back(value_at(rows.get(), static_cast<int>(r), c));
        }
        if (changed != nullptr) {
            const std::string_view count = PQcmdTuples(rows.get());
            *changed = count.empty() ? 0 : number<std::int64_t>(count);
        }
        return out;
    }

    void begin_read() override { begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); }
    // One writer at a time, over all processes of the database, as on SQLite: what the stores read in a write stays
    // true until its commit, and numbers they give out rise in the order of commits. Each statement sees what was
    // committed before (READ COMMITTED), so the lock has to be the first.
    void begin_write() override {
        begin(fmt::format("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock({})",
                          postgres_lock_key("write")));
    }
    // The mark goes with the transaction, in the same message as the COMMIT: it settles a commit whose answer was lost.
    // (The number of the transaction would not do: a server that crashed gives it out again.)
    void commit() override {
        try {
            mark_ = fmt::format("{}-{}", run_, ++commits_);
            const auto done =
                session_->query(fmt::format("{}UPDATE corral_writers SET mark = '{}' WHERE controller = '{}'; COMMIT",
                                            take_waiting(), mark_, settings_.controller));
            // A transaction that had failed inside ends so, and calls it a success.
            if (std::string_view(PQcmdStatus(done.get())) != "COMMIT")
                throw Failure(Failure::Kind::other, "the transaction had failed before its commit");
        } catch (const Failure&) {
            if (!session_->lost()) throw;
            if (!settle()) throw;
        }
    }
    void rollback() override {
        waiting_.clear();
        session_->query("ROLLBACK");
    }
    // A round trip each would be most of what a small write costs. Only a transaction that has failed can refuse them,
    // and that is known here.
    void set_savepoint() override { waiting_.emplace_back("SAVEPOINT one"); }
    void release_savepoint() override {
        if (!session_->lost() && session_->in_error())
            throw Failure(Failure::Kind::other, "a statement of the write had failed");
        waiting_.emplace_back("RELEASE SAVEPOINT one");
    }
    void back_to_savepoint() override { session_->query(take_waiting() + "ROLLBACK TO SAVEPOINT one"); }
    void announce(const std::string& topic) override {
        run("SELECT pg_notify('corral.' || current_schema(), :1)", {to_value(settings_.controller + " " + topic)},
            nullptr);
    }

private:
    void connect() {
        statements_.clear();
        waiting_.clear();
        session_ = std::make_unique<PostgresSession>(settings_.place);
    }
    // Connections rest between transactions and may be dead by then; nothing was done yet, so a new one is as good.
    PostgresSession::Rows begin(const std::string& sql) {
        if (!session_->lost()) try {
                return session_->query(sql);
            } catch (const Failure&) {
                if (!session_->lost()) throw;
            }
        connect();
        return session_->query(sql);
    }
    std::string take_waiting() {
        std::string out;
        for (const std::string& one : std::exchange(waiting_, {})) out += one + "; ";
        return out;
    }
    const std::string& prepared(std::string_view sql) {
        const std::string key(sql);
        if (const auto it = statements_.find(key); it != statements_.end()) return it->second;
        if (statements_.size() >= statements_kept) {
            session_->query("DEALLOCATE ALL");
            statements_.clear();
        }
        // In order: a statement that cannot be prepared fails within the savepoint.
        if (!waiting_.empty()) session_->query(take_waiting());
        const std::string name = fmt::format("s{}", statements_.size());
        session_->prepare(name, to_postgres(sql));
        return statements_.emplace(key, name).first->second;
    }
    // The connection was lost while a commit was on its way. True: the server has it. False: it has not, or cannot be
    // asked for now.
    bool settle() {
        const auto deadline = std::chrono::steady_clock::now() + doubt_limit;
        do {
            try {
                connect();
                // The lost session holds the lock for as long as it lives.
                session_->query(fmt::format("BEGIN; SELECT pg_advisory_xact_lock({})", postgres_lock_key("write")));
                const auto rows = session_->query("SELECT mark FROM corral_writers WHERE controller = '" +
                                                  settings_.controller + "'");
                const bool committed = PQntuples(rows.get()) == 1 && PostgresSession::text(rows, 0, 0) == mark_;
                session_->query("ROLLBACK");
                return committed;
            } catch (const Failure&) {
                std::this_thread::sleep_for(doubt_pause);
            }
        } while (std::chrono::steady_clock::now() < deadline);
        log::error("The connection to PostgreSQL was lost in a commit that may have happened");
        if (settings_.doubted) settings_.doubted();
        return false;
    }

    PostgresSettings settings_;
    std::string run_;  // of the writer: makes its marks its own
    std::uint64_t commits_ = 0;
    std::string mark_;
    std::vector<std::string> waiting_;  // go with the next statement
    std::unique_ptr<PostgresSession> session_;
    std::unordered_map<std::string, std::string> statements_;  // SQL → name of the prepared statement
};

}  // namespace

std::string postgres_lock_key(const std::string& name) {
    return fmt::format("hashtextextended('corral ' || current_schema() || ' {}', 0)", name);
}

std::unique_ptr<Connection> open_postgres_connection(const PostgresSettings& settings, bool writer) {
    return std::make_unique<PostgresConnection>(settings, writer);
}

}  // namespace corral::db
