#include "platform/net/websocket.hpp"

#include <boost/asio/post.hpp>
#include <boost/beast/http.hpp>

namespace corral::net {

namespace {
constexpr int overflow = 1013;  // RFC 6455 registry: try again later
constexpr int no_pong = 1011;
constexpr int going_away = 1001;
}  // namespace

WebSocketSession::WebSocketSession(Shared& shared, AnyStream stream, http::SocketHandler handler)
    : shared_(shared),
      ws_(std::move(stream)),
      handler_(std::move(handler)),
      close_deadline_(ws_.get_executor()),
      last_ping_(std::chrono::steady_clock::now()),
      last_pong_(last_ping_) {}

void WebSocketSession::start(Shared& shared, AnyStream stream, const http::Request& request,
                             http::SocketHandler handler) {
    auto self = std::make_shared<WebSocketSession>(shared, std::move(stream), std::move(handler));
    self->ws_.next_layer().tcp().expires_never();
    self->ws_.read_message_max(shared.options.socket_message_limit);
    self->ws_.write_buffer_bytes(8);  // the smallest: messages are written from their own memory
    self->ws_.auto_fragment(false);
    self->ws_.control_callback([raw = self.get()](beast::websocket::frame_type kind, beast::string_view) {
        if (kind == beast::websocket::frame_type::close) raw->end_in_time();
        if (kind != beast::websocket::frame_type::pong) return;
        raw->last_pong_ = std::chrono::steady_clock::now();
        if (raw->handler_.pong) raw->handler_.pong();
    });
    auto upgrade =
        std::make_shared<beast::http::request<beast::http::empty_body>>(beast::http::verb::get, request.target, 11);
    for (const auto& [name, value] : request.headers.all()) upgrade->insert(name, value);
    {
        std::lock_guard lock(shared.mutex);
        shared.sockets.insert(self);
    }
    self->ws_.async_accept(*upgrade, [self, upgrade](boost::system::error_code error) { self->accepted(error); });
}

void WebSocketSession::accepted(boost::system::error_code error) {
    if (error) return finish();
    open_ = true;
    handler_.opened(shared_from_this());
    // Opened while the service was told to stop: nobody else would close it.
    if (shared_.draining) return close_now(going_away, "The service is shutting down");
    read();
}

void WebSocketSession::read() {
    ws_.async_read(in_, [self = shared_from_this()](boost::system::error_code error, std::size_t) {
        if (error) return self->finish();
        if (self->handler_.received) {
            const auto data = self->in_.cdata();
            self->handler_.received({static_cast<const char*>(data.data()), data.size()}, self->ws_.got_binary());
        }
        self->in_.consume(self->in_.size());
        self->read();
    });
}

void WebSocketSession::send(std::shared_ptr<const std::string> message, bool binary) {
    {
        std::lock_guard lock(mutex_);
        if (closing_) return;
        if (queue_.size() >= shared_.options.socket_queue_messages ||
            queued_bytes_ + message->size() > shared_.options.socket_queue_bytes) {
            closing_ = true;
            queue_.clear();
            queued_bytes_ = 0;
            asio::post(ws_.get_executor(),
                       [self = shared_from_this()] { self->close_now(overflow, "The client reads too slowly"); });
            return;
        }
        queued_bytes_ += message->size();
        queue_.push_back({std::move(message), binary});
        if (pumping_) return;
        pumping_ = true;
    }
    asio::post(ws_.get_executor(), [self = shared_from_this()] { self->write_next(); });
}

void WebSocketSession::write_next() {
    {
        std::lock_guard lock(mutex_);
        if (queue_.empty() || close_sent_ || finished_) {
            pumping_ = false;
            writing_ = {};
            return;
        }
        writing_ = std::move(queue_.front());
        queue_.pop_front();
        queued_bytes_ -= writing_.message->size();
    }
    ws_.binary(writing_.binary);
    ws_.async_write(asio::buffer(*writing_.message),
                    [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                        if (error) return self->finish();
                        self->write_next();
                    });
}

void WebSocketSession::close(int code, std::string reason) {
    asio::post(ws_.get_executor(),
               [self = shared_from_this(), code, reason = std::move(reason)] { self->close_now(code, reason); });
}

void WebSocketSession::close_now(int code, const std::string& reason) {
    {
        std::lock_guard lock(mutex_);
        closing_ = true;
    }
    if (close_sent_ || finished_ || !open_) return;
    close_sent_ = true;
    end_in_time();
    beast::websocket::close_reason why(static_cast<beast::websocket::close_code>(code));
    why.reason = reason.substr(0, 120);
    ws_.async_close(why, [self = shared_from_this()](boost::system::error_code) { self->finish(); });
}

// A peer that does not answer the farewell, does not hang up after it, or does not even read what is on its way to it,
// is cut off. The stream's own timeout cannot be used: it must not be set while a read and a write are pending.
void WebSocketSession::end_in_time() {
    close_deadline_.expires_after(shared_.options.close_time);
    close_deadline_.async_wait([self = shared_from_this()](boost::system::error_code error) {
        if (!error) self->finish();
    });
}

std::size_t WebSocketSession::queued() const {
    std::lock_guard lock(mutex_);
    return queue_.size();
}

void WebSocketSession::tick(std::chrono::steady_clock::time_point now) {
    asio::post(ws_.get_executor(), [self = shared_from_this(), now] {
        if (self->finished_ || self->close_sent_ || !self->open_) return;
        // Only after a ping: one without an answer, or one that could not even be sent.
        if (self->last_ping_ > self->last_pong_ && now - self->last_pong_ > self->shared_.options.pong_timeout)
            return self->close_now(no_pong, "No answer to pings");
        if (now - self->last_ping_ < self->shared_.options.ping_interval || self->pinging_) return;
        self->last_ping_ = now;
        self->pinging_ = true;
        self->ws_.async_ping({}, [self](boost::system::error_code) { self->pinging_ = false; });
    });
}

void WebSocketSession::finish() {
    if (std::exchange(finished_, true)) return;
    {
        std::lock_guard lock(mutex_);
        closing_ = true;
        queue_.clear();
    }
    close_deadline_.cancel();
    beast_close_socket(ws_.next_layer());
    // The handler's owner holds this socket, and this socket the handler: the circle ends here.
    const http::SocketHandler handler = std::exchange(handler_, {});
    if (handler.closed) handler.closed();
    std::lock_guard lock(shared_.mutex);
    shared_.sockets.erase(shared_from_this());
}

}  // namespace corral::net
