// One accepted connection: reads requests, answers in order, may become a WebSocket. Lives on one io_context, so its
// members need no lock; only begin_drain() may come from another thread (it posts). Implementation of Server.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>

#include "platform/net/any_stream.hpp"
#include "platform/net/head.hpp"
#include "platform/net/server.hpp"

namespace corral::net {

class WebSocketSession;

// What connections share. Outlives them all.
struct Shared {
    const http::Dispatcher& dispatcher;
    tasks::Pool& workers;
    ServerOptions options;
    std::atomic<bool> draining{false};
    std::mutex mutex;  // guards the two sets
    std::unordered_set<class Connection*> connections;
    std::unordered_set<std::shared_ptr<WebSocketSession>> sockets;
};

class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(Shared& shared, AnyStream stream, std::string peer);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    static void start(const std::shared_ptr<Connection>& self);
    // Any thread. Ends an idle connection now, a busy one after its answer, and one that has not asked anything after
    // first_request_time.
    void begin_drain();

private:
    enum class Next { again, close };
    enum class Body { whole, too_large, malformed, cut_off };
    static asio::awaitable<void> run(std::shared_ptr<Connection> self);
    asio::awaitable<bool> handshake();
    asio::awaitable<std::size_t> read_head();  // size of the head in buffer_, 0 when the connection is over
    asio::awaitable<bool> fill();              // more bytes into buffer_
    asio::awaitable<Next> serve(Head head);
    asio::awaitable<Body> read_body(Head& head, std::size_t limit);
    asio::awaitable<http::Response> answer(const http::Admission& admission, const http::Request& request);
    asio::awaitable<bool> write(const http::Request& request, http::Response& response, bool keep_alive);
    asio::awaitable<bool> write_file(const http::FileBody& file);
    asio::awaitable<Next> upgrade(http::Admission admission, Head head);
    // `admission`: when the head got as far as that.
    asio::awaitable<Next> refuse(const Head& head, int status, const std::string& message,
                                 const http::Admission* admission = nullptr);
    asio::awaitable<void> discard_rest();
    void tell(const http::Request& request, const http::Admission* admission, const http::Response& response,
              std::chrono::steady_clock::time_point since) const;  // the observers

    Shared& shared_;
    AnyStream stream_;
    const asio::any_io_executor executor_;  // of the stream
    std::string peer_;
    std::string buffer_;  // bytes read and not used yet
    std::string out_;     // head of the answer, reused
    std::array<char, 8192> chunk_{};
    bool idle_ = false;
    bool fresh_ = true;    // has not asked anything yet
    bool unread_ = false;  // the peer may still be sending what nobody will read
    bool upgraded_ = false;
};

}  // namespace corral::net
