// Where requests begin and end (RFC 9112), byte by byte: what must be understood, and what must be refused because
// somebody else could understand it in another way.
#include <gtest/gtest.h>

#include "listener.hpp"
#include "raw.hpp"
#include "server.hpp"

namespace corral::tests {
namespace {

constexpr std::string_view probe = "GET /api/health/probe HTTP/1.1\r\nHost: test\r\n\r\n";

// A sign-in that fails on its body, and tells which body arrived: with all members missing, or with a bad one.
std::string sign_in(const std::string& headers) {
    return "POST /api/v1/auth/token HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n" + headers + "\r\n";
}

class Framing : public testing::Test {
protected:
    Server server;
    Raw raw{server.port()};

    // The server answers with this and then hangs up: nobody can tell any more where the next request begins.
    void expect_refused(const std::string& request, int status) {
        SCOPED_TRACE(request.substr(0, 120));
        Raw connection(server.port());
        connection.send(request + std::string(probe));
        const auto answer = connection.answer();
        EXPECT_EQ(answer.status, status) << answer.body;
        EXPECT_EQ(answer.headers.get("Connection"), "close");
        EXPECT_TRUE(connection.closed()) << "what stood behind the bad request was answered";
    }
};

TEST_F(Framing, one_connection_serves_many_requests) {
    for (int i = 0; i < 3; ++i) {
        raw.send(probe);
        const auto answer = raw.answer();
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, "{\"status\":\"OK\"}\n");
        EXPECT_FALSE(answer.headers.find("Connection"));
    }
    raw.send("GET /api/health/probe HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(raw.answer().headers.get("Connection"), "close");
    EXPECT_TRUE(raw.closed());
}

TEST_F(Framing, a_client_of_http_1_0_gets_one_answer_unless_it_asks_for_more) {
    raw.send("GET /api/health/probe HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(raw.answer().status, 200);
    raw.send("GET /api/health/probe HTTP/1.0\r\n\r\n");
    EXPECT_EQ(raw.answer().status, 200);
    EXPECT_TRUE(raw.closed());
}

TEST_F(Framing, requests_in_one_breath_are_answered_in_order) {
    // The first runs on a worker and takes longer than the second, which is answered in place.
    std::string all = sign_in("X-Request-Id: first\r\nContent-Length: 2\r\n") + "{}";
    all += "GET /api/health/probe HTTP/1.1\r\nHost: test\r\nX-Request-Id: second\r\n\r\n";
    all += "GET /api/v1/machines HTTP/1.1\r\nHost: test\r\nX-Request-Id: third\r\n\r\n";
    raw.send(all);
    for (const auto& [id, status] : {std::pair{"first", 400}, {"second", 200}, {"third", 401}}) {
        const auto answer = raw.answer();
        EXPECT_EQ(answer.headers.get("X-Request-Id"), id);
        EXPECT_EQ(answer.status, status);
    }
}

TEST_F(Framing, a_request_may_come_in_single_bytes_and_after_empty_lines) {
    raw.send("\r\n\r\n");
    for (const char c : probe) raw.send({&c, 1});
    EXPECT_EQ(raw.answer().status, 200);
}

TEST_F(Framing, chunked_bodies_are_put_together) {
    raw.send(sign_in("Transfer-Encoding: chunked\r\n"));
    raw.send("8\r\n{\"email\"\r\n");
    raw.send("1;note=x\r\n:\r\n000A\r\n\"somebody\"\r\n1\r\n}\r\n0\r\nTrailer: dropped\r\n\r\n");
    const auto answer = raw.answer();
    EXPECT_EQ(answer.status, 400);
    EXPECT_NE(answer.body.find("/password"), std::string::npos) << "the e-mail did not arrive: " << answer.body;
    raw.send(probe);
    EXPECT_EQ(raw.answer().status, 200) << "the next request was not found behind the body";
}

TEST_F(Framing, a_body_with_two_lengths_is_refused) {
    const std::string chunks = "0\r\n\r\n";
    expect_refused(sign_in("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + chunks, 400);
    expect_refused(sign_in("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") + chunks, 400);
    expect_refused(sign_in("Content-Length: 5\r\nContent-Length: 6\r\n") + chunks, 400);
    expect_refused(sign_in("Content-Length: 5, 6\r\n") + chunks, 400);
    expect_refused(sign_in("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n") + chunks, 400);
}

TEST_F(Framing, lengths_that_can_be_read_in_two_ways_are_refused) {
    for (const char* length : {"+5", "-5", "0x5", "5 5", "5,5", "", "5a", "99999999999999999999999"})
        expect_refused(sign_in("Content-Length: " + std::string(length) + "\r\n") + "{}   ", 400);
    for (const char* coding : {"xchunked", "chunked, chunked", "gzip, chunked", "identity", "\"chunked\""})
        expect_refused(sign_in("Transfer-Encoding: " + std::string(coding) + "\r\n") + "0\r\n\r\n", 501);
    expect_refused("POST /api/v1/auth/token HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
}

TEST_F(Framing, malformed_chunks_are_refused) {
    for (const char* body :
         {"2\r\n{}x\r\n0\r\n\r\n", "2\n{}\r\n0\r\n\r\n", "0x2\r\n{}\r\n0\r\n\r\n", "-2\r\n{}\r\n0\r\n\r\n",
          "+2\r\n{}\r\n0\r\n\r\n", " 2\r\n{}\r\n0\r\n\r\n", "\r\n{}\r\n0\r\n\r\n", ";x\r\n{}\r\n0\r\n\r\n",
          "10000000000000002\r\n{}\r\n0\r\n\r\n", "2\r\n{}\r\n0\n\r\n"})
        expect_refused(sign_in("Transfer-Encoding: chunked\r\n") + body, 400);
}

TEST_F(Framing, heads_that_can_be_read_in_two_ways_are_refused) {
    const std::string get = "GET /api/health/probe HTTP/1.1\r\n";
    expect_refused(get + "Host: test\r\nContent-Length : 0\r\n\r\n", 400);            // blank before the colon
    expect_refused(get + "Host: test\r\nX-A: b\r\n Content-Length: 9\r\n\r\n", 400);  // folded line
    expect_refused(get + "Host: test\r\nX-A: b\nContent-Length: 9\r\n\r\n", 400);     // bare line feed
    expect_refused(get + "Host: test\r\nX-A: b\rContent-Length: 9\r\n\r\n", 400);     // bare carriage return
    expect_refused(get + "Host: test\r\nX-A: b" + std::string(1, '\0') + "\r\n\r\n", 400);
    expect_refused(get + "Host: test\r\nno colon\r\n\r\n", 400);
    expect_refused(get + "Host: test\r\n: no name\r\n\r\n", 400);
    expect_refused(get + "Host: one\r\nHost: two\r\n\r\n", 400);
    expect_refused(get + "\r\n", 400);  // HTTP/1.1 without Host
    expect_refused("GET /api/health/probe\r\nHost: test\r\n\r\n", 400);
    expect_refused("GET  /api/health/probe HTTP/1.1\r\nHost: test\r\n\r\n", 400);
    expect_refused("GET /api/health/probe x HTTP/1.1\r\nHost: test\r\n\r\n", 400);
    expect_refused("GET /api/health/probe HTTP/1.1 \r\nHost: test\r\n\r\n", 400);
    expect_refused("G(T /api/health/probe HTTP/1.1\r\nHost: test\r\n\r\n", 400);
    expect_refused("GET /api/health/probe HTTP/2.0\r\nHost: test\r\n\r\n", 505);
    expect_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
}

TEST_F(Framing, a_client_that_asks_before_it_sends_is_told_to_go_on) {
    raw.send(sign_in("Content-Length: 2\r\nExpect: 100-continue\r\n"));
    EXPECT_EQ(raw.answer().status, 100);
    raw.send("{}");
    EXPECT_EQ(raw.answer().status, 400);
    raw.send(probe);
    EXPECT_EQ(raw.answer().status, 200);
}

TEST_F(Framing, a_client_that_asks_before_it_sends_is_spared_a_refused_body) {
    for (const auto& [request, status] :
         {std::pair<std::string, int>{"POST /api/v1/machines HTTP/1.1\r\nHost: test\r\n", 401},
          {"POST /api/v1/nowhere HTTP/1.1\r\nHost: test\r\n", 404},
          {"PATCH /api/v1/machines HTTP/1.1\r\nHost: test\r\n", 405}}) {
        Raw connection(server.port());
        connection.send(request + "Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n");
        EXPECT_EQ(connection.answer().status, status);
        EXPECT_TRUE(connection.closed());
    }
}

TEST_F(Framing, the_body_of_a_refused_request_is_not_the_next_request) {
    raw.send("POST /api/v1/machines HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(probe.size()) +
             "\r\n\r\n" + std::string(probe) + std::string(probe));
    EXPECT_EQ(raw.answer().status, 401);
    EXPECT_EQ(raw.answer().status, 200);
    raw.send("GET /api/health/probe HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(raw.answer().status, 200);
    EXPECT_TRUE(raw.closed()) << "a body was answered as if it were a request";
}

TEST_F(Framing, heads_that_are_too_large_get_431) {
    const std::string long_value(64U << 10, 'a');
    expect_refused("GET /api/health/probe HTTP/1.1\r\nHost: test\r\nX-Long: " + long_value + "\r\n\r\n", 431);
    Raw endless(server.port());
    endless.send("GET /api/health/probe HTTP/1.1\r\nHost: test\r\nX-Long: " + long_value);
    EXPECT_EQ(endless.answer().status, 431);
    EXPECT_TRUE(endless.closed());
}

TEST_F(Framing, bodies_that_are_too_large_get_413_before_they_are_sent) {
    raw.send(sign_in("Content-Length: 99999999999\r\n"));
    EXPECT_EQ(raw.answer().status, 413);
    EXPECT_TRUE(raw.closed());
}

TEST_F(Framing, bodies_that_are_too_large_get_413_although_the_client_goes_on_sending) {
    const std::string body(5U << 20, ' ');
    const auto answer = server.post("/v1/auth/token", body, {.as = ""});
    EXPECT_EQ(answer.status, 413);
    EXPECT_EQ(answer.at("/code"), "413");
    Raw chunked(server.port());
    chunked.send(sign_in("Transfer-Encoding: chunked\r\n") + "500000\r\n" + body);
    EXPECT_EQ(chunked.answer().status, 413);
}

TEST_F(Framing, head_answers_what_get_would_without_the_body) {
    raw.send("HEAD /api/health/probe HTTP/1.1\r\nHost: test\r\n\r\n" + std::string(probe));
    const auto head = raw.answer(true);
    const auto get = raw.answer();
    EXPECT_EQ(head.status, 200);
    for (const char* name : {"Content-Type", "Content-Length"})
        EXPECT_EQ(head.headers.get(name), get.headers.get(name));
    EXPECT_EQ(get.body, "{\"status\":\"OK\"}\n");
}

TEST_F(Framing, a_head_that_dribbles_in_is_cut_off_in_time) {
    Listener quick(server, {.header_timeout = std::chrono::milliseconds{300}});
    Raw slow(quick.port());
    const auto since = std::chrono::steady_clock::now();
    slow.send("GET /api/health/probe HTTP/1.1\r\nHost: test\r\nX-Slow: ");
    // Each byte comes well within the limit; the head as a whole does not.
    const auto dribble = [&] {
        while (std::chrono::steady_clock::now() - since < std::chrono::seconds{20}) {
            slow.send("a");
            std::this_thread::sleep_for(std::chrono::milliseconds{50});
        }
    };
    EXPECT_THROW(dribble(), std::system_error) << "the connection is still there";
}

TEST_F(Framing, a_connection_that_asks_nothing_is_let_go) {
    Listener quick(server,
                   {.header_timeout = std::chrono::seconds{20}, .idle_timeout = std::chrono::milliseconds{100}});
    Raw silent(quick.port());
    EXPECT_TRUE(silent.closed());
    Raw served(quick.port());
    served.send(probe);
    EXPECT_EQ(served.answer().status, 200);
    EXPECT_TRUE(served.closed());
}

TEST_F(Framing, Q57_a_body_that_does_not_come_is_not_waited_for_for_ever) {
    Listener quick(server, {.body_timeout = std::chrono::milliseconds{100}});
    Raw slow(quick.port());
    slow.send(sign_in("Content-Length: 100\r\n") + "{");
    EXPECT_EQ(slow.rest(), "");
}

TEST_F(Framing, a_peer_that_leaves_in_the_middle_harms_nobody) {
    for (const std::string& part : {std::string("GET /api/hea"), sign_in("Content-Length: 100\r\n") + "{",
                                    sign_in("Transfer-Encoding: chunked\r\n") + "5\r\n{"}) {
        Raw gone(server.port());
        gone.send(part);
    }
    raw.send(probe);
    EXPECT_EQ(raw.answer().status, 200);
}

TEST_F(Framing, connections_beyond_the_limit_are_turned_away) {
    Listener small(server, {.max_connections = 2});
    Raw first(small.port());
    Raw second(small.port());
    for (Raw* connection : {&first, &second}) {
        connection->send(probe);
        EXPECT_EQ(connection->answer().status, 200);
    }
    Raw third(small.port());
    EXPECT_TRUE(third.closed());
}

}  // namespace
}  // namespace corral::tests
