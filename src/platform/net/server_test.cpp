// What only many threads show of the server; tests/api holds the rest of its behaviour, over a whole service.
#include "platform/net/server.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <future>
#include <thread>

#include "platform/net/http_client.hpp"
#include "support/testing.hpp"

namespace corral::net {
namespace {

using boost::asio::ip::tcp;
using testing_support::caller;
using testing_support::eventually;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

class AnyoneIsAnn final : public http::Authenticator {
public:
    Result<Caller> authenticate(const http::Request&, bool) const override { return caller("ann"); }
};

struct Echo {
    std::string text;
};
constexpr auto json_object(const Echo*) { return json::object("Echo", json::required("text", &Echo::text)); }

// Keeps what the observers are told: "status pattern begun".
class Witness final : public http::Observer {
public:
    void begin(http::Request& request) override { request.trace_parent = "begun"; }
    void end(const http::Exchange& exchange) override {
        std::lock_guard lock(mutex_);
        seen_.push_back(std::to_string(exchange.status) + " " +
                        (exchange.route != nullptr ? exchange.route->pattern : "-") + " " +
                        exchange.request.trace_parent + (exchange.caller.anonymous() ? "" : " known") +
                        (exchange.took.count() < 0 ? " late" : ""));
    }
    std::vector<std::string> seen() {
        std::lock_guard lock(mutex_);
        return seen_;
    }

private:
    std::mutex mutex_;  // guards seen_
    std::vector<std::string> seen_;
};

class ServerTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(ok(server_.start()));
        ASSERT_GT(server_.port(), 0);
    }
    void TearDown() override {
        gate_open_ = true;
        server_.stop();
        workers_.stop();
        sockets_.clear();  // none may outlive the server
    }
    std::vector<http::Route> table() {
        std::vector<http::Route> rows;
        rows.push_back(http::post("/v1/echo", http::signed_in(), "Echo",
                                  [](const Caller&, Echo body) -> Result<Echo> { return body; }));
        rows.push_back(http::get("/v1/memory", http::signed_in(), "Memory", [](const Caller&) -> Result<Echo> {
                           return Echo{"at once"};
                       }).inline_());
        rows.push_back(http::get("/v1/slow", http::signed_in(), "Slow", [this](const Caller&) -> Result<Echo> {
            ++waiting_;
            (void)eventually([&] { return gate_open_.load(); });
            return Echo{"done"};
        }));
        rows.push_back(http::socket("/v1/ws", http::signed_in(), "Socket",
                                    [this](const http::Call&) -> Result<http::SocketHandler> { return listener(); }));
        return rows;
    }
    http::SocketHandler listener() {
        auto mine = std::make_shared<std::shared_ptr<http::Socket>>();
        return {
            .opened =
                [this, mine](std::shared_ptr<http::Socket> socket) {
                    *mine = socket;
                    std::lock_guard lock(mutex_);
                    sockets_.push_back(std::move(socket));
                },
            .received = [mine](std::string_view message,
                               bool binary) { (*mine)->send(std::make_shared<const std::string>(message), binary); },
            .pong = {},
            .closed =
                [this, mine] {
                    mine->reset();
                    ++closed_;
                }};
    }
    std::string url(const std::string& path) const {
        return "http://127.0.0.1:" + std::to_string(server_.port()) + "/api/v1" + path;
    }
    std::size_t open_sockets() {
        std::lock_guard lock(mutex_);
        return sockets_.size();
    }

    std::atomic<int> waiting_ = 0;
    std::atomic<bool> gate_open_ = false;
    std::atomic<int> closed_ = 0;
    std::mutex mutex_;  // guards sockets_
    std::vector<std::shared_ptr<http::Socket>> sockets_;
    AnyoneIsAnn doorman_;
    Witness witness_;
    http::Dispatcher dispatcher_{
        table(), doorman_, {.prefix = "/api", .cors = {}, .version = "1", .observers = {&witness_}}};
    tasks::Pool workers_{"test", 4};
    Server server_{dispatcher_,
                   workers_,
                   {.address = "127.0.0.1", .port = 0, .threads = 2, .first_request_time = std::chrono::seconds{10}}};
};

// A WebSocket client that blocks.
class Subscriber {
public:
    explicit Subscriber(int port) : stream_(context_) {
        stream_.next_layer().connect({boost::asio::ip::address_v4::loopback(), static_cast<unsigned short>(port)});
        stream_.handshake("127.0.0.1", "/api/v1/ws");
    }
    void send(const std::string& text) { stream_.write(boost::asio::buffer(text)); }
    std::string read() {
        boost::beast::flat_buffer buffer;
        stream_.read(buffer);
        return {static_cast<const char*>(buffer.cdata().data()), buffer.size()};
    }
    // The code with which the server ended it.
    int end() {
        boost::beast::flat_buffer buffer;
        boost::system::error_code error;
        while (!error) stream_.read(buffer, error);
        return stream_.reason().code;
    }

private:
    boost::asio::io_context context_;
    boost::beast::websocket::stream<tcp::socket> stream_;
};

// A connection that says what it is told, when it is told.
class RawClient {
public:
    explicit RawClient(int port) {
        socket_.connect({boost::asio::ip::address_v4::loopback(), static_cast<unsigned short>(port)});
    }
    // All that comes until the server closes.
    std::string ask(const std::string& request) {
        boost::system::error_code error;
        boost::asio::write(socket_, boost::asio::buffer(request), error);
        std::string out;
        boost::asio::read(socket_, boost::asio::dynamic_buffer(out), error);
        return error == boost::asio::error::eof ? out : error.message();
    }

private:
    boost::asio::io_context context_;
    tcp::socket socket_{context_};
};

TEST_F(ServerTest, many_clients_get_their_own_answers) {
    std::vector<std::jthread> clients;
    clients.reserve(8);
    for (int c = 0; c < 8; ++c)
        clients.emplace_back([&, c] {
            HttpClient client;
            for (int i = 0; i < 25; ++i) {
                const std::string text = std::to_string(c) + "-" + std::to_string(i) + std::string(20'000, 'x');
                const auto answer =
                    value_of(client.send({.method = "POST", .url = url("/echo"), .body = json::to_text(Echo{text})}));
                EXPECT_EQ(answer.body, json::write(Echo{text}));
                EXPECT_EQ(value_of(client.send({.url = url("/memory")})).status, 200);
            }
        });
}

TEST_F(ServerTest, rows_that_read_memory_are_answered_while_every_worker_is_busy) {
    std::vector<std::jthread> slow;
    slow.reserve(8);
    for (int i = 0; i < 8; ++i)
        slow.emplace_back([&] { EXPECT_EQ(value_of(HttpClient().send({.url = url("/slow")})).status, 200); });
    ASSERT_TRUE(eventually([&] { return waiting_ == 4 && workers_.queued() == 4; }));
    EXPECT_EQ(value_of(HttpClient().send({.url = url("/memory")})).status, 200);
    gate_open_ = true;
}

TEST_F(ServerTest, observers_are_told_of_every_request_once_with_its_row) {
    const auto status = [&](const std::string& method, const std::string& path, std::string body = "") {
        return value_of(HttpClient().send({.method = method, .url = url(path), .body = std::move(body)})).status;
    };
    EXPECT_EQ(status("GET", "/memory"), 200);
    EXPECT_EQ(status("POST", "/echo", "{}"), 400);
    EXPECT_EQ(status("GET", "/none"), 404);
    EXPECT_EQ(status("PUT", "/echo", "{}"), 405);
    Subscriber one(server_.port());
    ASSERT_TRUE(eventually([&] { return witness_.seen().size() == 5; }));
    EXPECT_EQ(witness_.seen(), (std::vector<std::string>{"200 /v1/memory begun known", "400 /v1/echo begun known",
                                                         "404 - begun", "405 - begun", "101 /v1/ws begun known"}));
}

TEST_F(ServerTest, stopping_waits_for_answers_that_are_being_made) {
    auto slow = std::async(std::launch::async, [&] { return HttpClient().send({.url = url("/slow")}); });
    ASSERT_TRUE(eventually([&] { return waiting_ == 1; }));
    std::jthread stopper([&] { server_.stop(); });
    EXPECT_TRUE(eventually([&] { return !HttpClient().send({.url = url("/memory")}); })) << "nobody new is let in";
    gate_open_ = true;
    EXPECT_EQ(value_of(slow.get()).body, "{\"text\":\"done\"}\n");
}

// A client that connected cannot know that nobody will read, and does not send its request twice (RFC 9112, 9.3.1).
TEST_F(ServerTest, who_connected_before_it_was_replaced_is_answered_at_his_first_request) {
    const std::string request = "GET /api/v1/memory HTTP/1.1\r\nHost: test\r\n\r\n";
    RawClient early(server_.port());
    // Clients are let in in their order: once this one was heard, the first was let in.
    auto idle = std::async(std::launch::async, [&] { return RawClient(server_.port()).ask(request); });
    ASSERT_TRUE(eventually([&] { return witness_.seen().size() == 1; }));
    Server next(dispatcher_, workers_, {.address = "127.0.0.1", .port = server_.port()});
    ASSERT_TRUE(ok(next.start_in_place_of(server_)));
    std::jthread stopper([&] { server_.stop(); });
    EXPECT_TRUE(idle.get().starts_with("HTTP/1.1 200 OK\r\n"));  // and was let go: the old one is leaving
    const std::string answer = early.ask(request);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos) << answer;
    stopper.join();
    next.stop();
}

TEST_F(ServerTest, who_connected_and_says_nothing_does_not_keep_it_from_stopping) {
    Server server(dispatcher_, workers_,
                  {.address = "127.0.0.1",
                   .port = 0,
                   .drain_time = std::chrono::hours{1},
                   .first_request_time = std::chrono::milliseconds{50}});
    ASSERT_TRUE(ok(server.start()));
    RawClient silent(server.port());
    const std::string address = "http://127.0.0.1:" + std::to_string(server.port()) + "/api/v1/memory";
    ASSERT_EQ(value_of(HttpClient().send({.url = address})).status, 200);
    server.stop();
    EXPECT_EQ(silent.ask(""), "");
}

TEST_F(ServerTest, sockets_get_what_many_threads_send_in_the_order_of_each) {
    constexpr int senders = 4;
    constexpr int each = 100;
    Subscriber one(server_.port());
    Subscriber two(server_.port());
    one.send("hello");
    EXPECT_EQ(one.read(), "hello");
    ASSERT_TRUE(eventually([&] { return open_sockets() == 2; }));
    {
        std::vector<std::jthread> threads;
        threads.reserve(senders);
        for (int s = 0; s < senders; ++s)
            threads.emplace_back([&, s] {
                for (int i = 0; i < each; ++i) {
                    const auto message =
                        std::make_shared<const std::string>(std::to_string(s) + " " + std::to_string(i));
                    for (const auto& socket : sockets_) socket->send(message, false);
                }
            });
    }
    for (Subscriber* subscriber : {&one, &two}) {
        std::vector<int> next(senders, 0);
        for (int i = 0; i < senders * each; ++i) {
            const std::string message = subscriber->read();
            const auto sender = static_cast<std::size_t>(message[0] - '0');
            EXPECT_EQ(std::stoi(message.substr(2)), next[sender]++);
        }
    }
}

TEST_F(ServerTest, stopping_says_farewell_to_every_socket_once) {
    Subscriber one(server_.port());
    Subscriber two(server_.port());
    ASSERT_TRUE(eventually([&] { return open_sockets() == 2; }));
    auto first = std::async(std::launch::async, [&] { return one.end(); });
    auto second = std::async(std::launch::async, [&] { return two.end(); });
    server_.stop();
    EXPECT_EQ(first.get(), 1001);
    EXPECT_EQ(second.get(), 1001);
    EXPECT_EQ(closed_, 2);
}

TEST_F(ServerTest, a_port_that_is_taken_is_an_error_Q90) {
    Server second(dispatcher_, workers_, {.address = "127.0.0.1", .port = server_.port()});
    EXPECT_TRUE(fails_with(Errc::unavailable, second.start()));
    Server nowhere(dispatcher_, workers_, {.address = "localhost", .port = 0});
    EXPECT_TRUE(fails_with(Errc::invalid, nowhere.start()));
    Server secure(
        dispatcher_, workers_,
        {.address = "127.0.0.1", .port = -1, .tls_port = 0, .tls_certificate = "x", .tls_private_key = Secret()});
    EXPECT_TRUE(fails_with(Errc::invalid, secure.start()));
}

}  // namespace
}  // namespace corral::net
