// One stream type for plain and TLS connections, so that Beast's composed operations are instantiated once.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket/teardown.hpp>
#include <functional>
#include <memory>
#include <optional>

namespace corral::net {

namespace asio = boost::asio;
namespace beast = boost::beast;

class AnyStream {
public:
    using executor_type = beast::tcp_stream::executor_type;
    using Tls = asio::ssl::stream<beast::tcp_stream&>;

    explicit AnyStream(asio::ip::tcp::socket socket) : tcp_(std::make_unique<beast::tcp_stream>(std::move(socket))) {}
    AnyStream(asio::ip::tcp::socket socket, asio::ssl::context& context) : AnyStream(std::move(socket)) {
        tls_ = std::make_unique<Tls>(*tcp_, context);
    }

    executor_type get_executor() noexcept { return tcp_->get_executor(); }
    [[nodiscard]] bool tls() const { return tls_ != nullptr; }
    Tls& tls_stream() { return *tls_; }
    beast::tcp_stream& tcp() { return *tcp_; }

    template <class Buffers, class Token>
    auto async_read_some(const Buffers& buffers, Token&& token) {
        return asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
            [this](auto handler, const Buffers& b) {
                if (tls_)
                    tls_->async_read_some(b, std::move(handler));
                else
                    tcp_->async_read_some(b, std::move(handler));
            },
            token, buffers);
    }
    template <class Buffers, class Token>
    auto async_write_some(const Buffers& buffers, Token&& token) {
        return asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
            [this](auto handler, const Buffers& b) {
                if (tls_)
                    tls_->async_write_some(b, std::move(handler));
                else
                    tcp_->async_write_some(b, std::move(handler));
            },
            token, buffers);
    }

private:
    std::unique_ptr<beast::tcp_stream> tcp_;
    std::unique_ptr<Tls> tls_;
};

// Beast finds these by argument-dependent lookup when a WebSocket closes.
template <class Handler>
void async_teardown(beast::role_type role, AnyStream& stream, Handler&& handler) {
    using beast::websocket::async_teardown;
    async_teardown(role, stream.tcp().socket(), std::forward<Handler>(handler));
}
inline void teardown(beast::role_type role, AnyStream& stream, boost::system::error_code& error) {
    using beast::websocket::teardown;
    teardown(role, stream.tcp().socket(), error);
}
inline void beast_close_socket(AnyStream& stream) {
    boost::system::error_code ignored;
    stream.tcp().socket().close(ignored);
}

}  // namespace corral::net
