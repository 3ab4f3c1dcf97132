// A connection that became a WebSocket. send() and close() may come from any thread; the rest lives on one io_context.
#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "platform/net/any_stream.hpp"
#include "platform/net/connection.hpp"

namespace corral::net {

class WebSocketSession final : public http::Socket, public std::enable_shared_from_this<WebSocketSession> {
public:
    static void start(Shared& shared, AnyStream stream, const http::Request& request, http::SocketHandler handler);

    WebSocketSession(Shared& shared, AnyStream stream, http::SocketHandler handler);

    void send(std::shared_ptr<const std::string> message, bool binary) override;
    void close(int code, std::string reason) override;
    [[nodiscard]] std::size_t queued() const override;

    // Called about once a second by the server: pings, and ends a connection whose pongs stay away.
    void tick(std::chrono::steady_clock::time_point now);
    // Ends it without a farewell, when its io_context runs no more.
    void abandon() { finish(); }

private:
    struct Out {
        std::shared_ptr<const std::string> message;
        bool binary;
    };
    void accepted(boost::system::error_code error);
    void read();
    void write_next();
    void close_now(int code, const std::string& reason);
    void end_in_time();
    void finish();

    Shared& shared_;
    beast::websocket::stream<AnyStream, false> ws_;  // false: without compression
    http::SocketHandler handler_;
    beast::flat_buffer in_;
    asio::steady_timer close_deadline_;
    mutable std::mutex mutex_;  // guards the queue
    std::deque<Out> queue_;
    std::size_t queued_bytes_ = 0;
    bool pumping_ = false;
    bool closing_ = false;  // nothing more is queued
    // On the io_context only.
    bool close_sent_ = false;
    bool finished_ = false;
    bool pinging_ = false;
    bool open_ = false;
    std::chrono::steady_clock::time_point last_ping_;
    std::chrono::steady_clock::time_point last_pong_;
    Out writing_{};
};

}  // namespace corral::net
