// Frames of a WebSocket against the real session, over a pair of sockets: whatever a client sends, the session ends
// once, and what it hands over is whole and within its bounds.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "fuzz.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/net/websocket.hpp"

namespace {

using namespace corral;

struct Nobody final : http::Authenticator {
    Result<Caller> authenticate(const http::Request&, bool) const override { return Caller{}; }
};

struct World {
    World() { crypto::init(); }
    Nobody nobody;
    http::Dispatcher dispatcher{{}, nobody, {.prefix = "/api", .cors = {}, .version = "1"}};
    tasks::Pool workers{"fuzz", 1};
    net::Shared shared{.dispatcher = dispatcher, .workers = workers, .options = {}};
};

// The client takes what comes: one that does not is the ticks' to drop, and nothing ticks here.
struct Reader {
    boost::asio::ip::tcp::socket& from;
    std::array<char, 4096> room{};
    void go_on() {
        from.async_read_some(boost::asio::buffer(room), [this](boost::system::error_code error, std::size_t) {
            if (!error) go_on();
        });
    }
};

}  // namespace

void one(std::string_view input) {
    static World world;
    world.shared.options.socket_message_limit = 4096;
    world.shared.options.close_time = std::chrono::milliseconds{5};
    if (input.size() > 32'768) return;  // fits the sockets' buffers, so that one thread can play both sides
    int ends[2];
    must(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "there are sockets");
    boost::asio::io_context context{1};
    boost::asio::ip::tcp::socket server(context);
    server.assign(boost::asio::ip::tcp::v4(), ends[0]);
    int opened = 0;
    int closed = 0;
    std::shared_ptr<http::Socket> socket;
    http::SocketHandler handler;
    handler.opened = [&](std::shared_ptr<http::Socket> s) {
        ++opened;
        socket = std::move(s);
        socket->send(std::make_shared<const std::string>("hello"));
    };
    handler.received = [&](std::string_view message, bool) {
        must(opened == 1 && closed == 0, "messages come between beginning and end");
        must(message.size() <= world.shared.options.socket_message_limit, "and are bounded");
        if (socket) socket->send(std::make_shared<const std::string>(message.substr(0, 16)), true);
    };
    handler.closed = [&] {
        ++closed;
        socket.reset();
    };
    http::Request request;
    request.target = "/";
    for (const auto& [name, value] :
         {std::pair{"Host", "h"}, std::pair{"Connection", "Upgrade"}, std::pair{"Upgrade", "websocket"},
          std::pair{"Sec-WebSocket-Version", "13"}, std::pair{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}})
        request.headers.add(name, value);
    net::WebSocketSession::start(world.shared, net::AnyStream(std::move(server)), request, std::move(handler));
    must(::send(ends[1], input.data(), input.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(input.size()),
         "the buffers hold it");
    ::shutdown(ends[1], SHUT_WR);
    boost::asio::ip::tcp::socket client(context);
    client.assign(boost::asio::ip::tcp::v4(), ends[1]);
    Reader reader{client};
    reader.go_on();
    context.run();
    must(opened <= 1, "it begins once at most");
    must(closed == 1, "it ends once");
}
