#include "platform/net/server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "platform/net/connection.hpp"
#include "platform/net/websocket.hpp"

namespace corral::net {

using asio::ip::tcp;

namespace {

// One thread, one io_context: a connection stays on the one it was accepted for, so it needs no strand.
struct Loop {
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
    std::thread thread;
};

}  // namespace

struct Server::State {
    Shared shared;
    std::vector<std::unique_ptr<Loop>> loops;
    std::optional<asio::ssl::context> tls;
    std::unique_ptr<tcp::acceptor> plain_acceptor;
    std::unique_ptr<tcp::acceptor> tls_acceptor;
    std::unique_ptr<asio::steady_timer> ticker;
    std::atomic<std::size_t> next_loop{0};
    int plain_port = 0;
    int secure_port = 0;
    int inherited_plain = -1;  // sockets of a server before this one
    int inherited_tls = -1;
    bool running = false;

    State(const http::Dispatcher& d, tasks::Pool& w, ServerOptions o)
        : shared{.dispatcher = d, .workers = w, .options = std::move(o)} {}

    Result<std::unique_ptr<tcp::acceptor>> listen(int port, int inherited) {
        boost::system::error_code error;
        const auto address = asio::ip::make_address(shared.options.address, error);
        if (error) return Error{Errc::invalid, "The listening address is not an IP address", shared.options.address};
        auto acceptor = std::make_unique<tcp::acceptor>(loops.front()->context);
        const tcp::endpoint endpoint(address, static_cast<unsigned short>(port));
        if (inherited >= 0) {
            acceptor->assign(endpoint.protocol(), inherited, error);
            if (error) return Error{Errc::internal, "A listening socket cannot be taken over: " + error.message()};
            return acceptor;
        }
        acceptor->open(endpoint.protocol(), error);
        if (!error) acceptor->set_option(tcp::acceptor::reuse_address(true), error);
        if (!error) acceptor->bind(endpoint, error);
        if (!error) acceptor->listen(4096, error);
        if (error)
            return Error{Errc::unavailable,
                         "Port " + std::to_string(port) + " cannot be listened on: " + error.message()};
        return acceptor;
    }

    void accept(tcp::acceptor& acceptor, bool secure) {
        Loop& loop = *loops[next_loop++ % loops.size()];
        acceptor.async_accept(loop.context,
                              [this, &acceptor, secure](boost::system::error_code error, tcp::socket socket) {
                                  // Even while draining: its client was let in, and is not told otherwise.
                                  if (!error) admit(std::move(socket), secure);
                                  if (error == asio::error::no_descriptors)
                                      log::error("Out of file descriptors; a connection was refused");
                                  if (acceptor.is_open()) accept(acceptor, secure);
                              });
    }

    void admit(tcp::socket socket, bool secure) {
        boost::system::error_code error;
        const auto peer = socket.remote_endpoint(error);
        if (error) return;
        socket.set_option(tcp::no_delay(true), error);
        {
            std::lock_guard lock(shared.mutex);
            if (shared.connections.size() + shared.sockets.size() >= shared.options.max_connections) return;
        }
        if (secure && !tls) return;
        AnyStream stream = secure ? AnyStream(std::move(socket), *tls) : AnyStream(std::move(socket));
        Connection::start(std::make_shared<Connection>(shared, std::move(stream), peer.address().to_string()));
    }

    Result<void> prepare_tls() {
        tls.emplace(asio::ssl::context::tls_server);
        boost::system::error_code error;
        tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                             asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                             asio::ssl::context::no_tlsv1_1,
                         error);
        if (!error) tls->use_certificate_chain(asio::buffer(shared.options.tls_certificate), error);
        if (!error)
            tls->use_private_key(asio::buffer(shared.options.tls_private_key.reveal()), asio::ssl::context::pem, error);
        if (error) return Error{Errc::invalid, "The TLS certificate and key do not work together: " + error.message()};
        return {};
    }

    void tick() {
        ticker->expires_after(
            std::min<std::chrono::milliseconds>(std::chrono::seconds{1}, shared.options.ping_interval));
        ticker->async_wait([this](boost::system::error_code error) {
            if (error) return;
            const auto now = std::chrono::steady_clock::now();
            std::vector<std::shared_ptr<WebSocketSession>> all;
            {
                std::lock_guard lock(shared.mutex);
                all.assign(shared.sockets.begin(), shared.sockets.end());
            }
            for (const auto& socket : all) socket->tick(now);
            tick();
        });
    }

    bool busy() {
        std::lock_guard lock(shared.mutex);
        return !shared.connections.empty() || !shared.sockets.empty();
    }
};

Server::Server(const http::Dispatcher& dispatcher, tasks::Pool& workers, ServerOptions options)
    : state_(std::make_unique<State>(dispatcher, workers, std::move(options))) {}

Server::~Server() { stop(); }

Result<void> Server::start() { return begin(); }

Result<void> Server::start_in_place_of(Server& old) {
    State& s = *state_;
    State& before = *old.state_;
    if (s.shared.options.tls_port >= 0) TRY(s.prepare_tls());  // while the old one could still go on
    std::promise<void> released;
    asio::post(before.loops.front()->context, [&] {
        boost::system::error_code ignored;
        // Not a copy of the descriptor: the old loop must forget the socket, not only close it.
        if (before.plain_acceptor) s.inherited_plain = before.plain_acceptor->release(ignored);
        if (before.tls_acceptor) s.inherited_tls = before.tls_acceptor->release(ignored);
        released.set_value();
    });
    released.get_future().wait();
    return begin();
}

Result<void> Server::begin() {
    State& s = *state_;
    for (int i = 0; i < std::max(1, s.shared.options.threads); ++i) s.loops.push_back(std::make_unique<Loop>());
    if (s.shared.options.port >= 0) {
        s.plain_acceptor = TRY(s.listen(s.shared.options.port, std::exchange(s.inherited_plain, -1)));
        s.plain_port = s.plain_acceptor->local_endpoint().port();
    }
    if (s.shared.options.tls_port >= 0) {
        if (!s.tls) TRY(s.prepare_tls());
        s.tls_acceptor = TRY(s.listen(s.shared.options.tls_port, std::exchange(s.inherited_tls, -1)));
        s.secure_port = s.tls_acceptor->local_endpoint().port();
    }
    if (s.plain_acceptor) s.accept(*s.plain_acceptor, false);
    if (s.tls_acceptor) s.accept(*s.tls_acceptor, true);
    s.ticker = std::make_unique<asio::steady_timer>(s.loops.front()->context);
    s.tick();
    for (auto& loop : s.loops) loop->thread = std::thread([raw = loop.get()] { raw->context.run(); });
    s.running = true;
    return {};
}

int Server::port() const { return state_->plain_port; }
int Server::tls_port() const { return state_->secure_port; }

void Server::stop() {
    State& s = *state_;
    if (!std::exchange(s.running, false)) return;
    s.shared.draining = true;
    std::promise<void> deaf;
    asio::post(s.loops.front()->context, [&s, &deaf] {
        boost::system::error_code ignored;
        if (s.plain_acceptor) s.plain_acceptor->close(ignored);
        if (s.tls_acceptor) s.tls_acceptor->close(ignored);
        s.ticker->cancel();
        // Behind what was accepted before, which is admitted first.
        asio::post(s.loops.front()->context, [&deaf] { deaf.set_value(); });
    });
    deaf.get_future().wait();
    {
        std::lock_guard lock(s.shared.mutex);
        for (Connection* connection : s.shared.connections) connection->begin_drain();
        for (const auto& socket : s.shared.sockets) socket->close(1001, "The service is shutting down");
    }
    const auto deadline = std::chrono::steady_clock::now() + s.shared.options.drain_time;
    while (s.busy() && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    for (auto& loop : s.loops) loop->context.stop();
    for (auto& loop : s.loops)
        if (loop->thread.joinable()) loop->thread.join();
    // The loops themselves go with the server, and the connections with them.
    for (const auto& socket : std::exchange(s.shared.sockets, {})) socket->abandon();
    s.plain_acceptor.reset();
    s.tls_acceptor.reset();
    s.ticker.reset();
}

}  // namespace corral::net
