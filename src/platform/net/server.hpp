// The HTTP/1.1 and WebSocket server. Own threads; start() returns at once. Handlers of rows run on the given pool
// unless the row says inline. All methods may be called from any thread; destruction drains and stops.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/secret.hpp"
#include "platform/http/dispatch.hpp"
#include "platform/tasks/tasks.hpp"

namespace corral::net {

struct ServerOptions {
    std::string address = "0.0.0.0";
    int port = 3080;              // 0: any free one; negative: no plain listener
    int tls_port = -1;            // negative: none
    std::string tls_certificate;  // PEM chain
    Secret tls_private_key;       // PEM
    int threads = 2;
    std::size_t header_limit = 64U << 10;
    std::size_t max_connections = 10'000;
    std::chrono::milliseconds header_timeout{std::chrono::seconds{30}};
    std::chrono::milliseconds idle_timeout{std::chrono::seconds{60}};
    std::chrono::milliseconds body_timeout{std::chrono::minutes{5}};
    std::chrono::milliseconds write_timeout{std::chrono::minutes{5}};
    std::chrono::milliseconds drain_time{std::chrono::seconds{10}};
    // Once a drain began: for who has connected and asked nothing yet. Such a client does not try again by itself.
    std::chrono::milliseconds first_request_time{std::chrono::seconds{1}};
    std::chrono::milliseconds ping_interval{std::chrono::seconds{30}};
    std::chrono::milliseconds pong_timeout{std::chrono::seconds{45}};
    std::chrono::milliseconds close_time{std::chrono::seconds{5}};  // from a farewell to the end of the connection
    std::size_t socket_queue_messages = 2048;
    std::size_t socket_queue_bytes = 8U << 20;
    std::size_t socket_message_limit = 64U << 10;
};

class Server {
public:
    Server(const http::Dispatcher& dispatcher, tasks::Pool& workers, ServerOptions options);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Binds and listens. Errc::unavailable when a port cannot be had (quirk Q90: never limp on without a listener).
    Result<void> start();
    // As start(), on the listening sockets of `old`, which accepts nobody from then on and wants to be stopped: who
    // connects meanwhile waits, and is not refused. Both must listen in the same way.
    Result<void> start_in_place_of(Server& old);
    [[nodiscard]] int port() const;  // of the plain listener once started
    [[nodiscard]] int tls_port() const;
    // Stops accepting, closes idle connections and WebSockets (1001), waits for running requests up to drain_time.
    // Handlers that take longer still refer to their connections: let the pool end before the server is destroyed.
    void stop();

private:
    Result<void> begin();
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace corral::net
