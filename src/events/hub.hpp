// WebSocket subscribers: greeting, delivery by type and right, replies to client messages, statistics. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "events/service.hpp"
#include "platform/http/caller.hpp"
#include "platform/http/message.hpp"
#include "platform/tasks/tasks.hpp"

namespace corral::events {

struct ClientInfo {
    std::string id, user_id, username;
    Time connected_at{}, last_ping_at{}, last_pong_at{};
    std::vector<Type> event_subscriptions;
    bool is_alive = true;
    std::int64_t queue_depth = 0;
};
constexpr auto json_object(const ClientInfo*) {
    return json::object(
        "EventClientInfo", json::field("id", &ClientInfo::id), json::field("user_id", &ClientInfo::user_id),
        json::field("username", &ClientInfo::username), json::field("connected_at", &ClientInfo::connected_at),
        json::field("last_ping_at", &ClientInfo::last_ping_at), json::field("last_pong_at", &ClientInfo::last_pong_at),
        json::field("event_subscriptions", &ClientInfo::event_subscriptions),
        json::field("is_alive", &ClientInfo::is_alive), json::field("queue_depth", &ClientInfo::queue_depth));
}

struct Statistics {
    std::int64_t total_clients = 0, total_subscriptions = 0;
    std::map<std::string, std::int64_t> type_stats;
    std::vector<ClientInfo> clients;
    std::int64_t messages_sent = 0;
    Time start_time{};
    std::string uptime;
};
constexpr auto json_object(const Statistics*) {
    return json::object("EventEmitterStats", json::field("total_clients", &Statistics::total_clients),
                        json::field("total_subscriptions", &Statistics::total_subscriptions),
                        json::field("type_stats", &Statistics::type_stats), json::omit("clients", &Statistics::clients),
                        json::field("messages_sent", &Statistics::messages_sent),
                        json::field("start_time", &Statistics::start_time), json::field("uptime", &Statistics::uptime));
}

struct UnsubscribeRequest {
    std::string client_id, user_id;
    std::vector<std::string> event_types;
};
constexpr auto json_object(const UnsubscribeRequest*) {
    return json::object("UnsubscribeRequest", json::required("client_id", &UnsubscribeRequest::client_id),
                        json::field("user_id", &UnsubscribeRequest::user_id),
                        json::required("event_types", &UnsubscribeRequest::event_types));
}

struct Unsubscribed {
    std::vector<std::string> removed, failed;
};

class Hub {
public:
    // `who` says what became of the callers of open sockets; `generation` rises with every change that may change what
    // it says. All of them outlive the hub, the hub the server.
    Hub(Service& events, const Clock& clock, const http::Authenticator& who, std::function<std::uint64_t()> generation);

    // The handler for one new socket. `since` ≥ 0: replay what is stored after that number first, page by page as the
    // client reads; a note says so when some of it is gone.
    Result<http::SocketHandler> open(const Caller& who, const std::string& types, std::int64_t since);
    // Errc::invalid when nothing could be removed; a client of somebody else is unknown (quirk Q19).
    Result<Unsubscribed> unsubscribe(const Caller& who, const UnsubscribeRequest& request);
    [[nodiscard]] std::vector<ClientInfo> clients(const Caller& who) const;
    [[nodiscard]] Statistics statistics(const Caller& who) const;
    [[nodiscard]] bool anybody_wants(Type type) const;
    // Judges the callers of all sockets again, and closes those whose credential has ended (1008). For a timer: changes
    // of rights are noticed before the next event without it, the passing of time is not.
    void sweep();

private:
    struct Client {
        std::string id;
        Caller caller;
        std::set<Type> types;
        std::vector<Type> greeting;
        std::shared_ptr<http::Socket> socket;
        Time connected_at{}, last_ping{}, last_pong{};
        // The authenticator's generation of `caller`; none at first: the handshake took a while.
        std::uint64_t judged = UINT64_MAX;
        bool numbered = false;       // asked with `since`: events carry their numbers
        std::int64_t position = -1;  // the last stored event that the replay has read
        bool replaying = false;      // stored events come from the replay, not live
        bool begun = false;          // the replay has looked where it can begin
        bool ended = false;
    };
    // Under mutex_. False: its credential has ended, and the socket is being closed.
    bool still_good(Client& client, std::uint64_t generation) const;
    void replay_all(const std::stop_token& stop);
    bool replay_page_of(const std::shared_ptr<Client>& client);
    Result<void> begin_replay(const std::shared_ptr<Client>& client);
    void send_page(const std::shared_ptr<Client>& client, const std::vector<Event>& page);
    void opened(const std::shared_ptr<Client>& client, std::shared_ptr<http::Socket> socket);
    void received(const std::shared_ptr<Client>& client, std::string_view text);
    void deliver(const Event& event);
    void reply(const Client& client, Type type, const std::string& message, const std::string& ref,
               const std::string& body, bool targeted) const;
    [[nodiscard]] ClientInfo describe(const Client& client) const;
    static bool may_see(const Caller& caller, const Event& event);

    Service& events_;
    const Clock& clock_;
    const http::Authenticator& who_;
    std::function<std::uint64_t()> generation_;
    Time started_;
    mutable std::mutex mutex_;  // guards clients_ and each Client's changing members
    std::map<std::string, std::shared_ptr<Client>> clients_;
    std::int64_t told_ = 0;  // the highest number that was delivered
    mutable std::atomic<std::int64_t> sent_{0};
    tasks::Periodic replays_;  // last: its work uses all of the above
};

}  // namespace corral::events
