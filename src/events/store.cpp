#include "events/store.hpp"

namespace corral::events::store {

std::int64_t last_sequence(db::Tx& tx) {
    return tx.one<std::int64_t>("SELECT COALESCE(MAX(sequence), 0) FROM events").value_or(0);
}

std::int64_t oldest_sequence(db::Tx& tx) {
    return tx.one<std::int64_t>("SELECT COALESCE(MIN(sequence), 0) FROM events").value_or(0);
}

void insert(db::Tx& tx, const Event& e) {
    tx.exec(
        "INSERT INTO events (sequence, id, type, message, body, owner, created_at) VALUES (:1, :2, :3, :4, :5, :6, :7)",
        e.sequence, e.id, std::string(to_text(e.type)), e.message, e.body, e.owner, e.timestamp);
}

std::vector<Event> since(db::Tx& tx, std::int64_t sequence, std::size_t limit) {
    std::vector<Event> out;
    for (auto& [number, id, type, message, body, owner, created] :
         tx.all<std::int64_t, std::string, std::string, std::string, std::string, std::string, Time>(
             "SELECT sequence, id, type, message, body, owner, created_at FROM events WHERE sequence > :1 "
             "ORDER BY sequence LIMIT :2",
             sequence, static_cast<std::int64_t>(limit)))
        out.push_back({number, id, type_from_text(type).value_or(Type::global), message, body, owner, created});
    return out;
}

void keep_newest(db::Tx& tx, std::int64_t count) {
    tx.exec("DELETE FROM events WHERE sequence <= (SELECT COALESCE(MAX(sequence), 0) FROM events) - :1", count);
}

}  // namespace corral::events::store
