#include "events/hub.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <condition_variable>

#include "base/log.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::events {

namespace {

constexpr std::size_t replay_page = 500;       // events read and sent at once
constexpr std::size_t replay_low_water = 100;  // messages that wait before the next page is read
constexpr int policy_violation = 1008;         // these three: RFC 6455 7.4 and its registry
constexpr int server_error = 1011;
constexpr std::chrono::milliseconds shortest_pause{5}, longest_pause{250};

struct Message {
    std::string id, ref_id, event_type;
    Time timestamp{};
    std::string message;
    json::Raw body;
    std::string client_id;
    std::int64_t sequence = 0;
};
constexpr auto json_object(const Message*) {
    return json::object("EventMessage", json::field("id", &Message::id), json::omit("ref_id", &Message::ref_id),
                        json::field("event_type", &Message::event_type), json::field("timestamp", &Message::timestamp),
                        json::field("message", &Message::message), json::omit("body", &Message::body),
                        json::omit("client_id", &Message::client_id), json::omit("sequence", &Message::sequence));
}

struct Incoming {
    std::string id, event_type, message;
};
constexpr auto json_object(const Incoming*) {
    return json::object("Incoming", json::field("id", &Incoming::id), json::field("event_type", &Incoming::event_type),
                        json::field("message", &Incoming::message));
}

struct Greeting {
    std::string client_id;
    std::vector<Type> subscriptions;
};
constexpr auto json_object(const Greeting*) {
    return json::object("ConnectBody", json::field("client_id", &Greeting::client_id),
                        json::field("subscriptions", &Greeting::subscriptions));
}

struct Failed {
    std::string error;
};
constexpr auto json_object(const Failed*) { return json::object("Failed", json::field("error", &Failed::error)); }

// What a replay cannot give any more: events after `after` and before `oldest`; or `after` lies beyond the `last` there
// is.
struct Missed {
    std::int64_t after = 0, oldest = 0, last = 0;
};
constexpr auto json_object(const Missed*) {
    return json::object("EventsMissed", json::field("after", &Missed::after), json::field("oldest", &Missed::oldest),
                        json::field("last", &Missed::last));
}

struct ClientId {
    std::string id;
};
constexpr auto json_object(const ClientId*) {
    return json::object("ClientId", json::field("client-id", &ClientId::id));
}

// The number is told to those who asked with `since`: released clients know no such member.
std::shared_ptr<const std::string> wire(const Event& e, bool numbered) {
    return std::make_shared<const std::string>(json::write(Message{.id = e.id,
                                                                   .event_type = std::string(to_text(e.type)),
                                                                   .timestamp = e.timestamp,
                                                                   .message = e.message,
                                                                   .body = {e.body},
                                                                   .sequence = numbered ? e.sequence : 0}));
}

std::string trimmed_lower(std::string_view text) {
    std::string out;
    for (const char c : text)
        if (c != ' ' && c != '\t') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> out;
    while (!list.empty()) {
        const auto end = std::min(list.find(','), list.size());
        out.push_back(trimmed_lower(list.substr(0, end)));
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return out;
}

std::string uptime_text(std::chrono::microseconds since) {
    const auto total = std::chrono::duration_cast<std::chrono::seconds>(since).count();
    if (total >= 3600) return fmt::format("{}h{}m{}s", total / 3600, total / 60 % 60, total % 60);
    if (total >= 60) return fmt::format("{}m{}s", total / 60, total % 60);
    return fmt::format("{}s", total);
}

}  // namespace

Hub::Hub(Service& events, const Clock& clock, const http::Authenticator& who, std::function<std::uint64_t()> generation)
    : events_(events),
      clock_(clock),
      who_(who),
      generation_(std::move(generation)),
      started_(clock.now()),
      replays_("replays", std::chrono::hours{1}, [this](const std::stop_token& stop) { replay_all(stop); }) {
    events_.listen([this](const Event& event) { deliver(event); });
}

namespace {
std::shared_ptr<const Principal> common_rights(const Principal& before, const Caller& now) {
    auto out = std::make_shared<Principal>(before);
    std::erase_if(out->claims, [&](const std::string& claim) { return !now.has_claim(claim); });
    std::erase_if(out->roles, [&](const std::string& role) { return !now.has_role(role); });
    out->super_user = before.super_user && now.super_user();
    return out;
}

bool mine(const Caller& caller, const Event& event) {
    return !event.owner.empty() && event.owner == caller.user_id().text;
}
}  // namespace

bool Hub::may_see(const Caller& caller, const Event& event) {
    if (caller.super_user()) return true;
    switch (event.type) {
        case Type::system_logs:
        case Type::auth: return false;
        case Type::job_manager: return caller.has_claim("JOB_MANAGER_LIST") || event.owner == caller.user_id().text;
        case Type::pdfm: return caller.has_claim("LIST_VM");
        // Who may not read the objects over HTTP does not hear of them either.
        case Type::catalog_cache: return caller.has_claim("LIST_CACHE") || mine(caller, event);
        case Type::reverse_proxy: return caller.has_claim("LIST_REVERSE_PROXY_HOSTS");
        case Type::orchestrator: return caller.has_claim("LIST");
        default: return event.owner.empty() || event.owner == caller.user_id().text;
    }
}

Result<http::SocketHandler> Hub::open(const Caller& who, const std::string& types, std::int64_t since) {
    auto client = std::make_shared<Client>();
    client->id = crypto::random_uuid();
    client->caller = who;
    client->connected_at = client->last_ping = client->last_pong = clock_.now();
    client->numbered = client->replaying = since >= 0;
    client->position = since;
    for (const auto& word : split(types))
        if (auto type = type_from_text(word)) {
            client->greeting.push_back(*type);
            client->types.insert(*type);
        }
    if (!client->types.contains(Type::global)) client->greeting.push_back(Type::global);
    client->types.insert(Type::global);
    http::SocketHandler handler;
    handler.opened = [this, client](std::shared_ptr<http::Socket> socket) { opened(client, std::move(socket)); };
    handler.received = [this, client](std::string_view text, bool) { received(client, text); };
    handler.pong = [this, client] {
        std::lock_guard lock(mutex_);
        client->last_ping = client->last_pong = clock_.now();
    };
    handler.closed = [this, client] {
        std::lock_guard lock(mutex_);
        client->ended = true;
        clients_.erase(client->id);
    };
    return handler;
}

void Hub::opened(const std::shared_ptr<Client>& client, std::shared_ptr<http::Socket> socket) {
    std::lock_guard lock(mutex_);
    client->socket = std::move(socket);
    reply(*client, Type::global, "Connected to the event stream", "",
          json::to_text(Greeting{client->id, client->greeting}), false);
    clients_[client->id] = client;
    if (client->replaying) replays_.wake();
}

bool Hub::still_good(Client& client, std::uint64_t generation) const {
    if (client.ended) return false;
    auto now = who_.still_good(client.caller);
    if (now) {
        // A forwarder opened it for somebody with fewer rights: those it keeps, as far as the forwarder still has them.
        if (now->forwarder) now->principal = common_rights(*client.caller.principal, *now);
        client.caller = std::move(*now);
        client.judged = generation;
        return true;
    }
    client.ended = true;
    if (client.socket) client.socket->close(policy_violation, now.error().message);
    return false;
}

void Hub::sweep() {
    const auto generation = generation_();
    std::lock_guard lock(mutex_);
    for (const auto& [id, client] : clients_) still_good(*client, generation);
}

// Page after page for each client that is behind, as fast as it reads. Ends when all have caught up or are gone.
void Hub::replay_all(const std::stop_token& stop) {
    auto pause = shortest_pause;
    while (!stop.stop_requested()) {
        std::vector<std::shared_ptr<Client>> behind;
        {
            std::lock_guard lock(mutex_);
            for (const auto& [id, client] : clients_)
                if (client->replaying && !client->ended) behind.push_back(client);
        }
        if (behind.empty()) return;
        bool moved = false;
        for (const auto& client : behind) moved = replay_page_of(client) || moved;
        // Sockets do not say when they have drained, so they are asked, less and less often.
        pause = moved ? shortest_pause : std::min(2 * pause, longest_pause);
        if (moved) continue;
        std::mutex nobody;
        std::condition_variable_any never;
        std::unique_lock lock(nobody);
        never.wait_for(lock, stop, pause, [] { return false; });
    }
}

// False when the client reads too slowly for another page just now.
bool Hub::replay_page_of(const std::shared_ptr<Client>& client) {
    if (client->socket->queued() > replay_low_water) return false;
    const auto give_up = [&](const Error& why) {
        log::error("Stored events could not be replayed", {{"why", why.message}, {"detail", why.detail}});
        std::lock_guard lock(mutex_);
        client->ended = true;
        client->socket->close(server_error, "Stored events cannot be read");
        return true;
    };
    if (auto begun = begin_replay(client); !begun) return give_up(begun.error());
    const auto page = events_.since(client->position, replay_page);
    if (!page) return give_up(page.error());
    send_page(client, *page);
    return true;
}

// Says what is missing of what was asked for, the first time.
Result<void> Hub::begin_replay(const std::shared_ptr<Client>& client) {
    if (std::exchange(client->begun, true)) return {};
    const Stored stored = TRY(events_.stored());
    std::lock_guard lock(mutex_);
    const bool beyond = client->position > stored.last;
    if (client->ended || (!beyond && client->position + 1 >= stored.oldest)) return {};
    reply(*client, Type::global, "EVENTS_MISSED", "",
          json::to_text(Missed{client->position, stored.oldest, stored.last}), false);
    client->position = beyond ? stored.last : stored.oldest - 1;
    return {};
}

void Hub::send_page(const std::shared_ptr<Client>& client, const std::vector<Event>& page) {
    std::lock_guard lock(mutex_);
    const auto generation = generation_();
    if (client->ended || (client->judged != generation && !still_good(*client, generation))) return;
    for (const Event& event : page) {
        client->position = event.sequence;
        if (!client->types.contains(event.type) || !may_see(client->caller, event)) continue;
        client->socket->send(wire(event, true));
        ++sent_;
    }
    // Everything told so far is read; what is told from now on comes live. Told means committed, so nothing is between.
    if (page.size() < replay_page && client->position >= told_) client->replaying = false;
}

void Hub::reply(const Client& client, Type type, const std::string& message, const std::string& ref,
                const std::string& body, bool targeted) const {
    if (!client.socket) return;
    client.socket->send(
        std::make_shared<const std::string>(json::write(Message{.id = crypto::random_id(),
                                                                .ref_id = ref,
                                                                .event_type = std::string(to_text(type)),
                                                                .timestamp = clock_.now(),
                                                                .message = message,
                                                                .body = {body},
                                                                .client_id = targeted ? client.id : ""})));
    ++sent_;
}

void Hub::received(const std::shared_ptr<Client>& client, std::string_view text) {
    const auto in = json::read<Incoming>(text);
    const auto type = in ? type_from_text(in->event_type) : std::nullopt;
    std::lock_guard lock(mutex_);
    if (!type) {
        const std::string why = in ? "The event type is unknown" : in.error().message;
        return reply(*client, Type::global, "error", "", json::to_text(Failed{why}), false);
    }
    const std::string ref = in->id.empty() ? crypto::random_id() : in->id;
    if (*type == Type::health) {
        if (trimmed_lower(in->message) == "ping") reply(*client, Type::health, "pong", ref, "null", true);
    } else if (*type == Type::system) {
        if (trimmed_lower(in->message) == "client-id")
            reply(*client, Type::system, "client-id", ref, json::to_text(ClientId{client->id}), true);
    } else {
        reply(*client, Type::global, "error", ref,
              json::to_text(Failed{"Messages of the type " + in->event_type + " are not taken from clients"}), true);
    }
}

void Hub::deliver(const Event& event) {
    std::array<std::shared_ptr<const std::string>, 2> texts;  // shared by all; plain and numbered
    std::lock_guard lock(mutex_);
    const auto generation = generation_();
    told_ = std::max(told_, event.sequence);
    for (const auto& [id, client] : clients_) {
        if (client->ended || !client->types.contains(event.type)) continue;
        // A change of rights counts before anything that happened after it is told.
        if (client->judged != generation && !still_good(*client, generation)) continue;
        if (!may_see(client->caller, event)) continue;
        if (event.sequence > 0 && (client->replaying || event.sequence <= client->position)) continue;
        auto& text = texts.at(client->numbered ? 1 : 0);
        if (!text) text = wire(event, client->numbered);
        client->socket->send(text);
        ++sent_;
    }
}

Result<Unsubscribed> Hub::unsubscribe(const Caller& who, const UnsubscribeRequest& request) {
    Unsubscribed out;
    std::lock_guard lock(mutex_);
    const auto it = clients_.find(request.client_id);
    if (it == clients_.end() || (!who.super_user() && it->second->caller.user_id() != who.user_id()))
        return invalid_field("/client_id", "names no connected client");
    bool valid = false;
    for (const auto& word : request.event_types) {
        const auto type = type_from_text(trimmed_lower(word));
        valid = valid || type.has_value();
        if (type && *type != Type::global) {  // removing what is not there is a success (quirk Q68)
            it->second->types.erase(*type);
            out.removed.push_back(std::string(to_text(*type)));
        } else {
            out.failed.push_back(word);
        }
    }
    if (!valid) return invalid_field("/event_types", "names no known event type");
    if (out.removed.empty()) return invalid_field("/event_types", "holds nothing that can be removed");
    return out;
}

ClientInfo Hub::describe(const Client& c) const {
    ClientInfo info{.id = c.id,
                    .user_id = c.caller.user_id().text,
                    .username = c.caller.principal ? c.caller.principal->username : "",
                    .connected_at = c.connected_at,
                    .last_ping_at = c.last_ping,
                    .last_pong_at = c.last_pong};
    info.event_subscriptions.assign(c.types.begin(), c.types.end());
    info.queue_depth = c.socket ? static_cast<std::int64_t>(c.socket->queued()) : 0;
    return info;
}

std::vector<ClientInfo> Hub::clients(const Caller& who) const {
    std::vector<ClientInfo> out;
    std::lock_guard lock(mutex_);
    for (const auto& [id, client] : clients_)
        if (who.super_user() || client->caller.user_id() == who.user_id()) out.push_back(describe(*client));
    return out;
}

bool Hub::anybody_wants(Type type) const {
    std::lock_guard lock(mutex_);
    return std::ranges::any_of(clients_, [&](const auto& entry) { return entry.second->types.contains(type); });
}

Statistics Hub::statistics(const Caller& who) const {
    Statistics out{.clients = clients(who), .messages_sent = sent_, .start_time = started_};
    out.uptime = uptime_text(clock_.now() - started_);
    std::lock_guard lock(mutex_);
    out.total_clients = static_cast<std::int64_t>(clients_.size());
    for (const auto& [id, client] : clients_)
        for (const Type type : client->types) {
            ++out.total_subscriptions;
            ++out.type_stats[std::string(to_text(type))];
        }
    return out;
}

}  // namespace corral::events
