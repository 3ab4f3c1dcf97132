#include "events/event_log.hpp"

#include "events/store.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::events {

std::string_view to_text(Type type) {
    for (const auto& [text, item] : json_enum(type))
        if (item == type) return text;
    return "global";
}

std::optional<Type> type_from_text(std::string_view wanted) {
    for (const auto& [text, item] : json_enum(Type{}))
        if (text == wanted) return item;
    return std::nullopt;
}

void EventLog::append(db::Tx& tx, Type type, std::string message, std::string body_json, std::string owner) {
    // One writer at a time, so the next number is ours until the commit.
    Event event{.sequence = store::last_sequence(tx) + 1,
                .id = crypto::random_id(),
                .type = type,
                .message = std::move(message),
                .body = std::move(body_json),
                .owner = std::move(owner),
                .timestamp = clock_.now()};
    store::insert(tx, event);
    tx.after_commit([this, event = std::move(event)] { tell(event); });
}

void EventLog::publish(Type type, std::string message, std::string body_json, std::string owner) {
    tell({.sequence = 0,
          .id = crypto::random_id(),
          .type = type,
          .message = std::move(message),
          .body = std::move(body_json),
          .owner = std::move(owner),
          .timestamp = clock_.now()});
}

void EventLog::listen(std::function<void(const Event&)> listener) {
    std::lock_guard lock(mutex_);
    listeners_.push_back(std::move(listener));
}

void EventLog::tell(const Event& event) {
    std::vector<std::function<void(const Event&)>> listeners;
    {
        std::lock_guard lock(mutex_);
        listeners = listeners_;
    }
    for (const auto& listener : listeners) listener(event);
}

Result<std::vector<Event>> EventLog::since(std::int64_t sequence, std::size_t limit) {
    return database_.read([&](db::Tx& tx) { return store::since(tx, sequence, limit); });
}

Result<void> EventLog::trim() {
    return database_.write([&](db::Tx& tx) { store::keep_newest(tx, kept_); });
}

}  // namespace corral::events
