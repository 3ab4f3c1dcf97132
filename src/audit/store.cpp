#include "audit/store.hpp"

#include <algorithm>
#include <limits>

namespace corral::audit::store {

namespace {

std::string text_of(Outcome outcome) {
    for (const auto& [text, item] : json_enum(Outcome{}))
        if (item == outcome) return std::string(text);
    return "done";
}

Outcome outcome_of(std::string_view wanted) {
    for (const auto& [text, item] : json_enum(Outcome{}))
        if (text == wanted) return item;
    return Outcome::done;
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

// For LIKE … ESCAPE '!': the text itself, but a `*` at its end stands for anything. "" matches all.
std::string pattern_of(std::string_view text) {
    if (text.empty()) return "%";
    const bool open = text.ends_with('*');
    if (open) text.remove_suffix(1);
    std::string out;
    for (const char c : lower(text)) {
        if (c == '%' || c == '_' || c == '!') out += '!';
        out += c;
    }
    return open ? out + "%" : out;
}

}  // namespace

void insert(db::Tx& tx, const Record& r) {
    // Writes come one after another, so the next number is this one's. Not with RETURNING, for which SQLite makes a
    // table of its own each time.
    tx.exec(
        "INSERT INTO audit (sequence, at, actor_id, actor_name, api_key_id, address, request_id, action, object_type, "
        "object_id, result, detail) "
        "VALUES (COALESCE((SELECT MAX(sequence) FROM audit), (SELECT last FROM audit_counter WHERE one = 1)) + 1, :1, "
        ":2, :3, :4, :5, :6, :7, :8, :9, :10, :11)",
        r.time, r.actor_id, r.actor_name, r.api_key_id, r.address, r.request_id, r.action, r.object_type, r.object_id,
        text_of(r.result), r.detail.text);
}

std::vector<Record> list(db::Tx& tx, const Query& q) {
    const std::string actor = lower(q.actor);
    const std::string result = q.result ? text_of(*q.result) : "";
    std::vector<Record> out;
    for (auto& [sequence, at, actor_id, actor_name, key, address, request, action, type, object, how, detail] :
         tx.all<std::int64_t, Time, std::string, std::string, std::string, std::string, std::string, std::string,
                std::string, std::string, std::string, std::string>(
             "SELECT sequence, at, actor_id, actor_name, api_key_id, address, request_id, action, object_type, "
             "object_id, result, detail FROM audit WHERE sequence < :1 AND at >= :2 AND at < :3 "
             "AND (:4 = '' OR lower(actor_id) = :5 OR lower(actor_name) = :6) AND action LIKE :7 ESCAPE '!' "
             "AND (:8 = '' OR object_type = :9) AND (:10 = '' OR lower(object_id) = :11) "
             "AND (:12 = '' OR result = :13) ORDER BY sequence DESC LIMIT :14",
             q.before, q.from, q.until, actor, actor, actor, pattern_of(q.action), q.object_type, q.object_type,
             q.object, lower(q.object), result, result, static_cast<std::int64_t>(q.limit) + 1))
        out.push_back({sequence,
                       at,
                       actor_id,
                       actor_name,
                       key,
                       address,
                       request,
                       action,
                       type,
                       object,
                       outcome_of(how),
                       {detail}});
    return out;
}

void trim(db::Tx& tx, Time before, std::int64_t kept) {
    tx.exec("UPDATE audit_counter SET last = (SELECT MAX(sequence) FROM audit) WHERE EXISTS (SELECT 1 FROM audit)");
    // From the oldest number on, so that the newest number stays while any does, whatever the clock did meanwhile.
    tx.exec(
        "DELETE FROM audit WHERE sequence < COALESCE((SELECT sequence FROM audit WHERE at >= :1 ORDER BY sequence "
        "LIMIT 1), :2)",
        before, std::numeric_limits<std::int64_t>::max());
    for (const char* which : {"result = 'refused'", "result <> 'refused'"})
        tx.exec(std::string("DELETE FROM audit WHERE ") + which +
                    " AND sequence <= COALESCE((SELECT sequence FROM audit WHERE " + which +
                    " ORDER BY sequence DESC LIMIT 1 OFFSET :1), 0)",
                kept);
}

}  // namespace corral::audit::store
