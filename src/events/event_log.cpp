#include "events/event_log.hpp"

#include "base/log.hpp"
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

namespace {
constexpr std::size_t page = 1000;
constexpr const char* topic = "events";
}  // namespace

EventLog::EventLog(db::Database& database, const Clock& clock, std::int64_t kept)
    : database_(database), clock_(clock), kept_(kept) {
    others_ = database_.listen(topic, [this] {
        std::lock_guard lock(order_);
        catch_up();
    });
    if (!others_) return;
    std::lock_guard lock(order_);
    catch_up();
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
    tx.announce(topic);
    tx.after_commit([this, event = std::move(event)] { committed(event); });
}

void EventLog::committed(const Event& event) {
    std::lock_guard lock(order_);
    if (!others_ || told_ < 0 || event.sequence == told_ + 1) {
        told_ = event.sequence;
        tell(event);
    } else if (event.sequence > told_) {
        catch_up();  // another controller's commits came between
    }
}

void EventLog::catch_up() {
    if (told_ < 0) {  // what was stored before anybody could listen is for those who ask with `since`
        if (const auto last = database_.read([](db::Tx& tx) { return store::last_sequence(tx); })) told_ = *last;
        return;
    }
    for (;;) {
        const auto news = database_.read([&](db::Tx& tx) { return store::since(tx, told_, page); });
        if (!news) {  // the next event, or the end of the disturbance, brings us here again
            log::warn("Events of other controllers cannot be read", {{"why", news.error().detail}});
            return;
        }
        for (const Event& event : *news) {
            told_ = event.sequence;
            tell(event);
        }
        if (news->size() < page) return;
    }
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

Result<Stored> EventLog::stored() {
    return database_.read([](db::Tx& tx) { return Stored{store::oldest_sequence(tx), store::last_sequence(tx)}; });
}

Result<void> EventLog::trim() {
    return database_.write([&](db::Tx& tx) { store::keep_newest(tx, kept_); });
}

}  // namespace corral::events
