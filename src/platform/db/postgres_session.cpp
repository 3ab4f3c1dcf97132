#include "platform/db/postgres_session.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"

namespace corral::db {

namespace {

// A statement that takes longer will not end: the server hangs, or the network lost it without a word.
constexpr auto patience = std::chrono::seconds{30};
constexpr int oldest_server = 130'000;  // pg_current_xact_id()

struct FreeOptions {
    void operator()(PQconninfoOption* o) const { PQconninfoFree(o); }
};

// postgresql.org/docs/15/errcodes-appendix.html
Failure::Kind kind_of(std::string_view state) {
    if (state == "23505") return Failure::Kind::unique_violation;
    for (const std::string_view unable :
         {"08" /* connection */, "53" /* disk, memory, connections */, "57P" /* shutdown */, "58" /* I/O */,
          "25006" /* a standby */, "55P03" /* lock timeout */, "40" /* rolled back to let others go on */})
        if (state.starts_with(unable)) return Failure::Kind::unavailable;
    return Failure::Kind::other;
}

std::string trimmed(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    std::ranges::replace(text, '\n', ' ');
    return text;
}

}  // namespace

Result<PostgresPlace> PostgresPlace::parse(const Secret& url) {
    // libpq's complaint about a bad URL quotes it, password and all: it goes nowhere.
    const Error bad =
        invalid_field("DATABASE_URL", "must be a URL such as postgresql://user:password@host:5432/corral");
    if (!url.reveal().starts_with("postgresql://") && !url.reveal().starts_with("postgres://")) return bad;
    char* complaint = nullptr;
    const std::unique_ptr<PQconninfoOption, FreeOptions> parsed(PQconninfoParse(url.reveal().c_str(), &complaint));
    if (complaint != nullptr) PQfreemem(complaint);
    if (!parsed) return bad;
    PostgresPlace out;
    for (const PQconninfoOption* o = parsed.get(); o->keyword != nullptr; ++o) {
        if (o->val == nullptr) continue;
        // libpq looks at ports only when it connects; several are separated by commas.
        if (std::string_view(o->keyword) == "port" &&
            std::string_view(o->val).find_first_not_of("0123456789,") != std::string_view::npos)
            return bad;
        out.options_.emplace_back(o->keyword, Secret(o->val));
    }
    const std::pair<const char*, const char*> defaults[] = {
        {"connect_timeout", "5"},  {"keepalives_idle", "10"},     {"keepalives_interval", "5"},
        {"keepalives_count", "3"}, {"tcp_user_timeout", "20000"}, {"application_name", "corral"}};
    for (const auto& [name, value] : defaults)
        if (std::ranges::none_of(out.options_, [&](const auto& o) { return o.first == name; }))
            out.options_.emplace_back(name, Secret(value));
    out.options_.emplace_back("client_encoding", Secret("UTF8"));
    return out;
}

PostgresSession::PostgresSession(const PostgresPlace& place) {
    std::vector<const char*> names;
    std::vector<const char*> values;
    for (const auto& [name, value] : place.options()) {
        names.push_back(name.c_str());
        values.push_back(value.reveal().c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    connection_.reset(PQconnectdbParams(names.data(), values.data(), 0));
    if (!connection_) throw Failure(Failure::Kind::unavailable, "out of memory");
    if (PQstatus(connection_.get()) != CONNECTION_OK)
        throw Failure(Failure::Kind::unavailable, trimmed(PQerrorMessage(connection_.get())));
    PGconn* c = connection_.get();
    if (PQserverVersion(c) < oldest_server)
        throw Failure(Failure::Kind::other, "the server is older than PostgreSQL 13");
    const char* encoding = PQparameterStatus(c, "server_encoding");
    if (encoding == nullptr || std::string_view(encoding) != "UTF8")
        throw Failure(Failure::Kind::other, "the database's encoding must be UTF8");
    PQsetNoticeProcessor(c, [](void*, const char*) {}, nullptr);
    if (PQsetnonblocking(c, 1) != 0) throw Failure(Failure::Kind::unavailable, trimmed(PQerrorMessage(c)));
    // Whatever the server or the account has as defaults: a commit is on disk when it is answered, and text that is
    // compared means what our statements say. The server, too, notices when this end is gone (claims hang on that).
    query(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';"
        "SET standard_conforming_strings = on; SET bytea_output = hex; SET lock_timeout = '10s';"
        "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3");
}

void PostgresSession::give_up(const std::string& why) {
    connection_.reset();
    throw Failure(Failure::Kind::unavailable, "the connection to PostgreSQL was lost: " + why);
}

void PostgresSession::fail(const PGresult* result, std::string_view sql) {
    const auto field = [&](int code) {
        const char* text = PQresultErrorField(result, code);
        return std::string(text == nullptr ? "" : text);
    };
    const std::string state = field(PG_DIAG_SQLSTATE);
    if (state.empty() && lost()) give_up(trimmed(PQerrorMessage(connection_.get())));
    // Not the server's DETAIL: it quotes values.
    throw Failure(kind_of(state), fmt::format("{} ({}) in: {}", field(PG_DIAG_MESSAGE_PRIMARY), state, sql));
}

void PostgresSession::wait_for_socket(short events, std::chrono::steady_clock::time_point deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd one{PQsocket(connection_.get()), events, 0};
    const int ready = left <= 0 ? 0 : ::poll(&one, 1, static_cast<int>(left));
    if (ready == 0) give_up("no answer in time");
    if (ready < 0 && errno != EINTR) give_up("poll failed");
}

void PostgresSession::flush(std::chrono::steady_clock::time_point deadline) {
    for (;;) {
        const int state = PQflush(connection_.get());
        if (state == 0) return;
        if (state < 0) give_up(trimmed(PQerrorMessage(connection_.get())));
        wait_for_socket(POLLIN | POLLOUT, deadline);
        if (PQconsumeInput(connection_.get()) == 0) give_up(trimmed(PQerrorMessage(connection_.get())));
    }
}

PostgresSession::Rows PostgresSession::next_result(std::chrono::steady_clock::time_point deadline) {
    while (PQisBusy(connection_.get()) != 0) {
        wait_for_socket(POLLIN, deadline);
        if (PQconsumeInput(connection_.get()) == 0) give_up(trimmed(PQerrorMessage(connection_.get())));
    }
    return Rows(PQgetResult(connection_.get()));
}

PostgresSession::Rows PostgresSession::await(std::string_view sql) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    flush(deadline);
    Rows last;
    Rows failed;
    for (;;) {
        Rows next = next_result(deadline);
        if (!next) break;
        const auto state = PQresultStatus(next.get());
        if (state != PGRES_COMMAND_OK && state != PGRES_TUPLES_OK && !failed)
            failed = std::move(next);
        else
            last = std::move(next);
    }
    if (failed) fail(failed.get(), sql);
    if (!last) give_up("no answer");
    return last;
}

// The rows of the last of the statements up to the sync.
PostgresSession::Rows PostgresSession::await_pipeline(std::string_view sql) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    flush(deadline);
    Rows last;
    Rows failed;
    for (;;) {
        Rows next = next_result(deadline);
        if (!next) {  // the end of one statement
            if (!lost()) continue;
            if (failed) fail(failed.get(), sql);
            give_up("no answer");
        }
        const auto state = PQresultStatus(next.get());
        if (state == PGRES_PIPELINE_SYNC) break;
        if (state == PGRES_COMMAND_OK || state == PGRES_TUPLES_OK)
            last = std::move(next);
        else if (state != PGRES_PIPELINE_ABORTED && !failed)
            failed = std::move(next);
    }
    if (PQexitPipelineMode(connection_.get()) == 0) give_up("it is out of step");
    if (failed) fail(failed.get(), sql);
    if (!last) give_up("no answer");
    return last;
}

PostgresSession::Rows PostgresSession::query(const std::string& sql) {
    if (lost()) give_up("before");
    if (PQsendQuery(connection_.get(), sql.c_str()) == 0) give_up(trimmed(PQerrorMessage(connection_.get())));
    return await(sql);
}

void PostgresSession::prepare(const std::string& name, const std::string& sql) {
    if (lost()) give_up("before");
    if (PQsendPrepare(connection_.get(), name.c_str(), sql.c_str(), 0, nullptr) == 0)
        give_up(trimmed(PQerrorMessage(connection_.get())));
    await(sql);
}

PostgresSession::Rows PostgresSession::execute(const std::string& name, const std::vector<Value>& in,
                                               std::string_view sql, const std::vector<std::string>& before) {
    if (lost()) give_up("before");
    std::vector<std::string> numbers(in.size());
    std::vector<const char*> values(in.size());
    std::vector<int> lengths(in.size());
    std::vector<int> formats(in.size());
    for (std::size_t i = 0; i < in.size(); ++i) {
        const Value& v = in[i];
        const std::string* text = &numbers[i];
        switch (v.type) {
            case Value::Type::null: continue;
            case Value::Type::integer: numbers[i] = std::to_string(v.integer); break;
            case Value::Type::boolean: numbers[i] = v.integer != 0 ? "true" : "false"; break;
            case Value::Type::real: numbers[i] = fmt::format("{}", v.real); break;
            case Value::Type::bytes: formats[i] = 1; [[fallthrough]];  // as they are, without escapes
            case Value::Type::text: text = &v.text; break;
        }
        if (text->size() > 0x3fffffff) throw Failure(Failure::Kind::other, "a value is longer than PostgreSQL takes");
        values[i] = text->c_str();
        lengths[i] = static_cast<int>(text->size());
    }
    PGconn* c = connection_.get();
    if (!before.empty() && PQenterPipelineMode(c) == 0) give_up("it is out of step");
    for (const std::string& one : before)
        if (PQsendQueryParams(c, one.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) == 0)
            give_up(trimmed(PQerrorMessage(c)));
    if (PQsendQueryPrepared(c, name.c_str(), static_cast<int>(in.size()), values.data(), lengths.data(), formats.data(),
                            0) == 0)
        give_up(trimmed(PQerrorMessage(c)));
    if (before.empty()) return await(sql);
    if (PQpipelineSync(c) == 0) give_up(trimmed(PQerrorMessage(c)));
    return await_pipeline(sql);
}

std::string PostgresSession::text(const Rows& rows, int row, int column) {
    return {PQgetvalue(rows.get(), row, column), static_cast<std::size_t>(PQgetlength(rows.get(), row, column))};
}

}  // namespace corral::db
