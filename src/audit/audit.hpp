// Who did what. Call it in the transaction of the change, with the service's clock:
//
//     audit::append(tx, clock_.now(), who,
//                   {.action = "user.create", .object_type = "user", .object_id = user.id,
//                    .detail = {{"username", user.username}}});
//
// Actions are "noun.verb" in lower case; `object_id` is the id that the API uses. Details are short texts, never
// secrets and never whole bodies. A refused attempt has no transaction: `Trail::note(who, {..., .outcome =
// Outcome::refused})`; 401 and 403 of changing routes are noted by themselves (app/server/wiring.cpp), as are failed
// logins.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "platform/db/db.hpp"
#include "platform/http/caller.hpp"
#include "platform/json/json.hpp"
#include "platform/tasks/tasks.hpp"

namespace corral::audit {

enum class Outcome { done, refused, failed };
constexpr auto json_enum(Outcome) {
    return std::array<std::pair<std::string_view, Outcome>, 3>{
        {{"done", Outcome::done}, {"refused", Outcome::refused}, {"failed", Outcome::failed}}};
}

struct Entry {
    std::string action;       // "machine.start"
    std::string object_type;  // "machine"
    std::string object_id;
    Outcome outcome = Outcome::done;
    std::vector<std::pair<std::string, std::string>> detail = {};  // no secrets
};

// Writes the entry with `tx`. Values that came from outside are cut to a sane length.
void append(db::Tx& tx, Time now, const Caller& who, const Entry& entry);

// An entry as it is answered.
struct Record {
    std::int64_t sequence = 0;
    Time time{};
    std::string actor_id, actor_name;  // "" for nobody who is known, and for the service itself
    std::string api_key_id;            // when an API key stood for the actor
    std::string address, request_id;
    std::string action, object_type, object_id;
    Outcome result = Outcome::done;
    json::Raw detail;
};
constexpr auto json_object(const Record*) {
    using json::field, json::omit;
    return json::object("AuditRecord", field("sequence", &Record::sequence), field("time", &Record::time),
                        field("actor_id", &Record::actor_id), field("actor_name", &Record::actor_name),
                        omit("api_key_id", &Record::api_key_id), field("address", &Record::address),
                        field("request_id", &Record::request_id), field("action", &Record::action),
                        field("object_type", &Record::object_type), field("object_id", &Record::object_id),
                        field("result", &Record::result), omit("detail", &Record::detail));
}

// Newest first. Members left as they are match everything.
struct Query {
    std::string actor;   // id or name, without case
    std::string action;  // whole, or with a `*` at its end: "user.*"
    std::string object_type;
    std::string object;  // id
    std::optional<Outcome> result;
    Time from = Time::min(), until = Time::max();  // from ≤ time < until
    std::int64_t before = INT64_MAX;               // a sequence: where the page before this one ended
    std::size_t limit = 100;
};

struct Page {
    std::vector<Record> entries;
    std::int64_t next_before = 0;  // ask again with before=… for what is older; 0: nothing is
    std::int64_t dropped = 0;      // refused attempts that could not be written since the start
};
constexpr auto json_object(const Page*) {
    return json::object("AuditPage", json::field("entries", &Page::entries),
                        json::omit("next_before", &Page::next_before), json::omit("dropped", &Page::dropped));
}

// The trail as a whole. Thread-safe; the database and the clock outlive it.
class Trail {
public:
    struct Options {
        std::int64_t kept = 100'000;  // done and failed entries, and as many refused ones
        std::chrono::milliseconds kept_for = std::chrono::hours{24 * 365};
        std::size_t waiting = 1024;  // notes held in memory at most
        std::chrono::milliseconds pace{1000};
    };
    Trail(db::Database& database, const Clock& clock, Options options);
    ~Trail();  // writes what waits
    Trail(const Trail&) = delete;
    Trail& operator=(const Trail&) = delete;

    // For what has no transaction: written within a second, on another thread. Never blocks on the database.
    void note(const Caller& who, Entry entry);
    Result<Page> list(const Query& query) const;
    Result<void> trim();
    Result<void> flush();  // writes what waits now
    [[nodiscard]] std::int64_t dropped() const { return dropped_; }

private:
    struct Waiting {
        Time at{};
        Caller who;
        Entry entry;
        std::int64_t times = 1;
    };
    db::Database& database_;
    const Clock& clock_;
    Options options_;
    std::atomic<std::int64_t> dropped_{0};
    std::mutex mutex_;  // guards what follows
    std::vector<Waiting> waiting_;
    std::unordered_map<std::string, std::size_t> known_;  // what makes two notes one → index in waiting_
    std::mutex flushing_;                                 // one writer of notes at a time; guards written_
    std::int64_t written_ = 0;                            // since the last trim
    std::unique_ptr<tasks::Periodic> writer_;
};

}  // namespace corral::audit
