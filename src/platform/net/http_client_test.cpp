#include "platform/net/http_client.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "support/results.hpp"

namespace corral::net {
namespace {

using namespace std::chrono_literals;
using testing_support::eventually;
using testing_support::fails_with;
using testing_support::value_of;

// A peer of the test's making: reads heads from one connection after another and answers what it is told to. An empty
// answer means none: the connection stays open until the test ends.
class Peer {
public:
    explicit Peer(std::string answer) : answer_(std::move(answer)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(listener_, 8), 0);
        EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
        port_ = ntohs(address.sin_port);
        thread_ = std::jthread([this] { serve(); });
    }
    ~Peer() {
        ::shutdown(listener_, SHUT_RDWR);
        {
            std::lock_guard lock(mutex_);
            if (open_ >= 0) ::shutdown(open_, SHUT_RDWR);
        }
        thread_.join();
        ::close(listener_);
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    [[nodiscard]] std::string url(const std::string& rest = "/") const {
        return "http://127.0.0.1:" + std::to_string(port_) + rest;
    }
    [[nodiscard]] std::string place() const { return "http://127.0.0.1:" + std::to_string(port_); }
    // All bytes that came so far.
    std::string heard() {
        std::lock_guard lock(mutex_);
        return heard_;
    }
    [[nodiscard]] int connections() const { return connections_; }

private:
    void serve() {
        for (int fd = -1; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
            ++connections_;
            {
                std::lock_guard lock(mutex_);
                open_ = fd;
            }
            std::string head;
            char buffer[4096];
            for (ssize_t got = 0; (got = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) {
                head.append(buffer, static_cast<std::size_t>(got));
                {
                    std::lock_guard lock(mutex_);
                    heard_.append(buffer, static_cast<std::size_t>(got));
                }
                if (head.find("\r\n\r\n") == std::string::npos || answer_.empty()) continue;
                head.clear();
                (void)::send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL);
                if (answer_.find("Connection: close") != std::string::npos) break;
            }
            std::lock_guard lock(mutex_);
            ::close(std::exchange(open_, -1));
        }
    }
    std::string answer_;
    int listener_ = -1;
    int port_ = 0;
    std::mutex mutex_;  // guards heard_ and open_
    std::string heard_;
    int open_ = -1;
    std::atomic<int> connections_ = 0;
    std::jthread thread_;
};

std::string answer_of(const std::string& status, const std::string& headers, const std::string& body) {
    return "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body;
}

Secret secret(const char* text) { return Secret(std::string(text)); }

TEST(HttpClient, gives_status_headers_and_body_of_any_answer) {
    for (const auto& [line, status] :
         {std::pair{"200 OK", 200}, std::pair{"404 Not Found", 404}, std::pair{"503 Busy", 503}}) {
        Peer peer(answer_of(line, "X-One:  a b \r\nx-two:c\r\n", "the body"));
        HttpClient client;
        const auto answer = value_of(client.send({.url = peer.url()}));
        EXPECT_EQ(answer.status, status);
        EXPECT_EQ(answer.headers.get("x-one"), "a b ");
        EXPECT_EQ(answer.headers.get("X-Two"), "c");
        EXPECT_EQ(answer.body, "the body");
    }
}

TEST(HttpClient, sends_method_headers_credentials_and_body_as_they_are) {
    Peer peer(answer_of("200 OK", "Connection: close\r\n", ""));
    HttpClient client;
    (void)value_of(client.send({.method = "PATCH",
                                .url = peer.url("/a%20b?x=1"),
                                .headers = {{"X-Extra", "v"}},
                                .bearer = secret("tok"),
                                .api_key = secret("key"),
                                .body = "{}",
                                .content_type = "application/json"}));
    const std::string heard = peer.heard();
    EXPECT_TRUE(heard.starts_with("PATCH /a%20b?x=1 HTTP/1.1\r\n")) << heard;
    for (const char* line : {"X-Extra: v", "Authorization: Bearer tok", "X-Api-Key: key",
                             "Content-Type: application/json", "Content-Length: 2"})
        EXPECT_NE(heard.find(std::string("\r\n") + line + "\r\n"), std::string::npos) << line;
    EXPECT_TRUE(heard.ends_with("\r\n\r\n{}"));
    EXPECT_EQ(heard.find("Expect:"), std::string::npos);
}

TEST(HttpClient, an_empty_post_says_that_its_body_is_empty) {
    Peer peer(answer_of("200 OK", "Connection: close\r\n", ""));
    HttpClient client;
    (void)value_of(client.send({.method = "POST", .url = peer.url()}));
    EXPECT_NE(peer.heard().find("\r\nContent-Length: 0\r\n"), std::string::npos);
}

TEST(HttpClient, uses_connections_again_but_no_credentials_of_the_request_before) {
    Peer peer(answer_of("200 OK", "", "x"));
    HttpClient client;
    (void)value_of(client.send({.url = peer.url(), .bearer = secret("tok")}));
    (void)value_of(client.send({.method = "HEAD", .url = peer.url()}));
    const std::string first = peer.heard();
    (void)value_of(client.send({.url = peer.url()}));
    EXPECT_EQ(first.find("tok"), first.rfind("tok"));
    EXPECT_EQ(peer.heard().rfind("tok"), first.find("tok"));
    EXPECT_LE(peer.connections(), 2) << "the second at most because an answer to HEAD had a body";
}

TEST(HttpClient, does_not_follow_redirects) {
    Peer target(answer_of("200 OK", "", "elsewhere"));
    Peer peer(answer_of("302 Found", "Location: " + target.url() + "\r\n", "here"));
    HttpClient client;
    const auto answer = value_of(client.send({.url = peer.url(), .bearer = secret("tok")}));
    EXPECT_EQ(answer.status, 302);
    EXPECT_EQ(answer.body, "here");
    EXPECT_EQ(target.connections(), 0);
}

TEST(HttpClient, speaks_http_and_nothing_else) {
    HttpClient client;
    for (const char* url :
         {"file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/", "dict://127.0.0.1/", "", "nonsense://"})
        EXPECT_TRUE(fails_with(Errc::unavailable, client.send({.url = url}))) << url;
}

TEST(HttpClient, takes_answers_up_to_its_limit) {
    Peer peer(answer_of("200 OK", "Connection: close\r\n", std::string(1000, 'x')));
    HttpClient exact({.body_limit = 1000});
    EXPECT_EQ(value_of(exact.send({.url = peer.url()})).body.size(), 1000U);
    HttpClient less({.body_limit = 999});
    EXPECT_TRUE(fails_with(Errc::too_large, less.send({.url = peer.url()})));
}

TEST(HttpClient, an_answer_without_end_is_cut_off_at_the_limit) {
    Peer peer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + std::string(1024, 'x') + "\r\n");
    HttpClient client({.body_limit = 1000});
    EXPECT_TRUE(fails_with(Errc::too_large, client.send({.url = peer.url()})));
}

TEST(HttpClient, gives_up_at_the_time_limit) {
    Peer peer("");
    HttpClient client;
    EXPECT_TRUE(fails_with(Errc::timeout, client.send({.url = peer.url(), .limit = 100ms})));
}

TEST(HttpClient, gives_up_when_it_is_cancelled) {
    Peer peer("");
    HttpClient client;
    std::stop_source stop;
    std::jthread canceller([&] {
        EXPECT_TRUE(eventually([&] { return !peer.heard().empty(); }));
        stop.request_stop();
    });
    EXPECT_TRUE(
        fails_with(Errc::timeout, client.send({.url = peer.url(), .limit = 10min, .cancel = stop.get_token()})));
}

TEST(HttpClient, a_connection_that_breaks_is_told_from_an_answer) {
    HttpClient client;
    Peer cut("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\nshort");
    EXPECT_TRUE(fails_with(Errc::unavailable, client.send({.url = cut.url()})));
    Peer garbage("Connection: close, this is not HTTP\r\n\r\n");
    EXPECT_TRUE(fails_with(Errc::unavailable, client.send({.url = garbage.url()})));
    std::string nobody;
    {
        const Peer gone("");
        nobody = gone.url();
    }
    EXPECT_TRUE(fails_with(Errc::unavailable, client.send({.url = nobody})));
}

TEST(HttpClient, nothing_secret_gets_into_an_error) {
    HttpClient client;
    std::string port;
    {
        const Peer gone("");
        port = gone.place().substr(gone.place().rfind(':'));
    }
    for (const std::string& url :
         {"http://ann:hunter2@127.0.0.1" + port + "/hunter2?token=hunter2#hunter2",
          "http://ann:p%40hunter2@127.0.0.1" + port, "http://127.0.0.1" + port + "?hunter2@x",
          "http://ann:hunter2/x@127.0.0.1" + port, "http://ann:a@hunter2@127.0.0.1" + port + "/",
          std::string("hunter2"), std::string("ftp://ann:hunter2@127.0.0.1/")}) {
        const auto answer = client.send({.url = url,
                                         .headers = {{"X-Secret", "hunter2"}},
                                         .bearer = secret("hunter2"),
                                         .api_key = secret("hunter2"),
                                         .body = "hunter2"});
        ASSERT_FALSE(answer);
        EXPECT_EQ((answer.error().message + answer.error().detail).find("hunter2"), std::string::npos)
            << answer.error().message << " " << answer.error().detail;
    }
    const auto named = client.send({.url = "http://ann:pw@127.0.0.1" + port + "/x"});
    EXPECT_TRUE(named.error().message.starts_with("http://127.0.0.1" + port + " ")) << named.error().message;
}

TEST(HttpClient, a_lines_end_in_a_header_or_secret_is_refused_before_anything_is_sent) {
    Peer peer(answer_of("200 OK", "", ""));
    HttpClient client;
    const std::string evil = "x\r\nX-Injected: y";
    for (const ClientRequest& request : {ClientRequest{.url = peer.url(), .headers = {{"X-A", evil}}},
                                         ClientRequest{.url = peer.url(), .headers = {{evil, "a"}}},
                                         ClientRequest{.url = peer.url(), .bearer = Secret(evil)},
                                         ClientRequest{.url = peer.url(), .api_key = Secret(evil)},
                                         ClientRequest{.method = "GET / HTTP/1.1\r\nX: y", .url = peer.url()},
                                         ClientRequest{.url = peer.url(), .body = "b", .content_type = evil},
                                         ClientRequest{.url = peer.url(), .bearer = Secret(std::string("a\0b", 3))}})
        EXPECT_TRUE(fails_with(Errc::invalid, client.send(request)));
    EXPECT_EQ(peer.connections(), 0);
}

TEST(HttpClient, many_threads_share_one) {
    Peer peer(answer_of("200 OK", "Connection: close\r\n", "ok"));
    HttpClient client;
    std::vector<std::jthread> threads;
    threads.reserve(8);
    for (int t = 0; t < 8; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 5; ++i) EXPECT_EQ(value_of(client.send({.url = peer.url()})).body, "ok");
        });
}

TEST(HttpClient, connects_only_where_it_may) {
    Peer peer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    HttpClient client;
    std::string asked;
    ClientRequest request{.url = peer.url()};
    request.may_connect = [&](const std::string& address) {
        asked = address;
        return false;
    };
    EXPECT_TRUE(fails_with(Errc::forbidden, client.send(request)));
    EXPECT_EQ(asked, "127.0.0.1");
    EXPECT_EQ(peer.heard(), "");
    request.may_connect = [](const std::string&) { return true; };
    EXPECT_EQ(value_of(client.send(request)).status, 200);
}

// A connection that was made without asking does not serve those who ask.
TEST(HttpClient, asks_though_a_connection_is_there) {
    Peer peer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    HttpClient client;
    ClientRequest request{.url = peer.url()};
    EXPECT_EQ(value_of(client.send(request)).status, 200);
    request.may_connect = [](const std::string&) { return false; };
    EXPECT_TRUE(fails_with(Errc::forbidden, client.send(request)));
}

}  // namespace
}  // namespace corral::net
