// One libpq session (postgresql.org/docs/15/libpq.html) with deadlines. One thread at a time. Failures throw
// db::Failure; their texts hold no values and no password. Implementation detail of platform/db.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.hpp"
#include "platform/db/db.hpp"

namespace corral::db {

// Where a database is: a URL of PostgreSQL taken apart, with our defaults for what it leaves open.
class PostgresPlace {
public:
    // postgresql://user:password@host:port/name?sslmode=verify-full, several hosts, or a socket's folder as `host`.
    static Result<PostgresPlace> parse(const Secret& url);
    [[nodiscard]] const std::vector<std::pair<std::string, Secret>>& options() const { return options_; }

private:
    std::vector<std::pair<std::string, Secret>> options_;  // names as libpq has them
};

class PostgresSession {
public:
    struct Clear {
        void operator()(PGresult* r) const { PQclear(r); }
    };
    using Rows = std::unique_ptr<PGresult, Clear>;

    explicit PostgresSession(const PostgresPlace& place);  // connects and sets up the session
    // Statements separated by ';' without values; the rows of the last one.
    Rows query(const std::string& sql);
    void prepare(const std::string& name, const std::string& sql);
    // `before`: statements without rows that go ahead of it in the same message.
    Rows execute(const std::string& name, const std::vector<Value>& in, std::string_view sql,
                 const std::vector<std::string>& before);
    // A statement of the open transaction has failed; nothing but going back is taken now.
    [[nodiscard]] bool in_error() const { return PQtransactionStatus(connection_.get()) == PQTRANS_INERROR; }
    // The server or the way to it is gone; only a new session helps.
    [[nodiscard]] bool lost() const { return connection_ == nullptr || PQstatus(connection_.get()) != CONNECTION_OK; }
    [[nodiscard]] PGconn* handle() { return connection_.get(); }
    [[nodiscard]] static std::string text(const Rows& rows, int row, int column);

private:
    Rows await(std::string_view sql);
    Rows await_pipeline(std::string_view sql);
    Rows next_result(std::chrono::steady_clock::time_point deadline);
    void flush(std::chrono::steady_clock::time_point deadline);
    void wait_for_socket(short events, std::chrono::steady_clock::time_point deadline);
    [[noreturn]] void give_up(const std::string& why);
    [[noreturn]] void fail(const PGresult* result, std::string_view sql);

    struct Finish {
        void operator()(PGconn* c) const { PQfinish(c); }
    };
    std::unique_ptr<PGconn, Finish> connection_;
};

}  // namespace corral::db
