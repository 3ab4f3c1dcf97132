// RFC 9112 read strictly: what two parties could read in two ways is refused (request smuggling).
#include "platform/net/head.hpp"

#include <gtest/gtest.h>

namespace corral::net {
namespace {

// A request head from lines.
std::string head_of(const std::vector<std::string>& lines) {
    std::string out;
    for (const auto& line : lines) out += line + "\r\n";
    return out + "\r\n";
}
// With the line and host that a good request has.
ParsedHead with(const std::vector<std::string>& fields, const std::string& line = "POST /a HTTP/1.1") {
    std::vector<std::string> lines{line, "Host: h"};
    lines.insert(lines.end(), fields.begin(), fields.end());
    return parse_head(head_of(lines));
}

int status_of(const ParsedHead& parsed) { return parsed.problem ? parsed.problem->status : 0; }

TEST(Head, is_complete_with_its_empty_line) {
    const std::string head = head_of({"GET / HTTP/1.1", "Host: h"});
    EXPECT_EQ(head_size(head), head.size());
    EXPECT_EQ(head_size(head + "body\r\n\r\n"), head.size());
    for (std::size_t i = 0; i < head.size(); ++i) EXPECT_EQ(head_size(head.substr(0, i)), std::nullopt) << i;
    EXPECT_EQ(head_size("GET / HTTP/1.1\nHost: h\n\n"), std::nullopt) << "bare line feeds end nothing";
    EXPECT_TRUE(has_bare_line_end("GET / HTTP/1.1\n"));
    EXPECT_TRUE(has_bare_line_end("\nGET / HTTP/1.1\r\n"));
    for (std::size_t i = 0; i < head.size(); ++i) EXPECT_FALSE(has_bare_line_end(head.substr(0, i))) << i;
}

TEST(Head, request_line_and_fields_are_taken_apart) {
    const auto parsed = parse_head(head_of({"PUT /a%20b?x=1 HTTP/1.1", "Host: h:80", "X-Empty:", "x-tabs:\t a\tb \t",
                                            "X-Api-Key: YTpi==", "X-Api-Key: two", "X-Utf: \xC3\xA9"}));
    ASSERT_EQ(status_of(parsed), 0);
    const http::Request& r = parsed.head.request;
    EXPECT_EQ(r.method, http::Method::put);
    EXPECT_EQ(r.target, "/a%20b?x=1");
    EXPECT_EQ(r.headers.get("x-empty"), "");
    EXPECT_EQ(r.headers.get("X-Tabs"), "a\tb");
    EXPECT_EQ(r.headers.get("x-api-key"), "YTpi==");
    EXPECT_EQ(r.headers.all().size(), 6U);
    EXPECT_EQ(parse_head(head_of({"BREW /pot HTTP/1.1", "Host: h"})).head.request.method_text, "BREW");
}

TEST(Head, request_lines_that_are_not_exact_are_refused) {
    struct Case {
        const char* line;
        int status;
    };
    for (const Case c :
         {Case{"GET /", 400}, Case{"GET", 400}, Case{"", 400}, Case{"GET  / HTTP/1.1", 400},
          Case{"GET /  HTTP/1.1", 400}, Case{" GET / HTTP/1.1", 400}, Case{"GET / HTTP/1.1 ", 400},
          Case{"GET /a b HTTP/1.1", 400}, Case{"G(T / HTTP/1.1", 400}, Case{"GET\t/ HTTP/1.1", 400},
          Case{"GET /\x01 HTTP/1.1", 400}, Case{"GET /\x7F HTTP/1.1", 400}, Case{"GET /a\rb HTTP/1.1", 400},
          Case{"GET / HTTP/2.0", 505}, Case{"GET / HTTP/1.10", 505}, Case{"GET / http/1.1", 505},
          Case{"GET / HTTP/0.9", 505}, Case{"GET / HTTP/1.1\nX: y", 400}, Case{"PRI * HTTP/2.0", 505}})
        EXPECT_EQ(status_of(parse_head(head_of({c.line, "Host: h"}))), c.status) << c.line;
}

TEST(Head, fields_that_parsers_disagree_about_are_refused) {
    for (const std::string& field :
         {std::string("Content-Length : 5"), std::string("Content-Length\t: 5"), std::string(" Folded: x"),
          std::string("X: y\r\n folded"), std::string("X: y\r\n\tfolded"), std::string("NoColon"),
          std::string(": empty"), std::string("X Y: z"), std::string("X\x01: z"),
          std::string("X: a\nContent-Length: 5"), std::string("X: a\rb"), std::string("X: a\0b", 6),
          std::string("X: a\x0B"), std::string("X: a\x7F"), std::string("X(): y"), std::string("\xC3\xA9: y"),
          std::string("X\n: y")})
        EXPECT_EQ(status_of(with({field})), 400) << field;
}

TEST(Head, exactly_one_host_is_needed) {
    EXPECT_EQ(status_of(parse_head(head_of({"GET / HTTP/1.1"}))), 400);
    EXPECT_EQ(status_of(parse_head(head_of({"GET / HTTP/1.1", "Host: a", "host: b"}))), 400);
    EXPECT_EQ(status_of(parse_head(head_of({"GET / HTTP/1.1", "Host: a", "Host: a"}))), 400);
    EXPECT_EQ(status_of(parse_head(head_of({"GET / HTTP/1.0"}))), 0) << "1.0 had none";
}

TEST(Framing, without_length_and_coding_there_is_no_body) {
    EXPECT_EQ(with({}).head.framing, Framing::none);
    EXPECT_EQ(with({"Content-Length: 0"}).head.framing, Framing::none) << "as Java's client sends it (clients.md 8)";
}

TEST(Framing, a_length_is_digits_only_and_always_the_same) {
    struct Case {
        std::vector<std::string> fields;
        int status;
        std::uint64_t length = 0;
    };
    for (const Case& c :
         {Case{{"Content-Length: 5"}, 0, 5}, Case{{"content-length:5"}, 0, 5},
          Case{{"Content-Length: 18446744073709551615"}, 0, 18446744073709551615U},
          Case{{"Content-Length: 5", "Content-Length: 5"}, 0, 5}, Case{{"Content-Length: 5", "Content-Length: 6"}, 400},
          Case{{"Content-Length: 5", "Content-Length: 05"}, 400}, Case{{"Content-Length: 5, 5"}, 400},
          Case{{"Content-Length: 5,6"}, 400}, Case{{"Content-Length: +5"}, 400}, Case{{"Content-Length: -5"}, 400},
          Case{{"Content-Length: 0x5"}, 400}, Case{{"Content-Length: 5 5"}, 400}, Case{{"Content-Length: 5;"}, 400},
          Case{{"Content-Length: \"5\""}, 400}, Case{{"Content-Length:"}, 400},
          Case{{"Content-Length: 18446744073709551616"}, 400}}) {
        const auto parsed = with(c.fields);
        EXPECT_EQ(status_of(parsed), c.status) << c.fields.front();
        if (c.status == 0) {
            EXPECT_EQ(parsed.head.framing, Framing::length);
            EXPECT_EQ(parsed.head.content_length, c.length);
        }
    }
}

TEST(Framing, the_chunked_coding_alone_is_taken_and_never_with_a_length) {
    EXPECT_EQ(with({"Transfer-Encoding: chunked"}).head.framing, Framing::chunked);
    EXPECT_EQ(with({"transfer-encoding:\tCHUNKED "}).head.framing, Framing::chunked);
    struct Case {
        std::vector<std::string> fields;
        int status;
    };
    for (const Case& c :
         {Case{{"Transfer-Encoding: chunked", "Content-Length: 5"}, 400},            // TE.CL
          Case{{"Content-Length: 5", "Transfer-Encoding: chunked"}, 400},            // CL.TE
          Case{{"Transfer-Encoding: chunked", "Transfer-Encoding: identity"}, 400},  // TE.TE
          Case{{"Transfer-Encoding: chunked", "Transfer-Encoding: chunked"}, 400},
          Case{{"Transfer-Encoding: gzip, chunked"}, 501}, Case{{"Transfer-Encoding: chunked, identity"}, 501},
          Case{{"Transfer-Encoding: xchunked"}, 501}, Case{{"Transfer-Encoding: chunked;q=1"}, 501},
          Case{{"Transfer-Encoding:"}, 501}, Case{{"Transfer-Encoding: \"chunked\""}, 501},
          Case{{"Transfer-Encoding: \x0B"
                "chunked"},
               400},
          Case{{"Transfer-Encoding : chunked"}, 400}, Case{{"Transfer-Encoding\x01: chunked"}, 400},
          Case{{"X: y\nTransfer-Encoding: chunked"}, 400}})
        EXPECT_EQ(status_of(with(c.fields)), c.status) << c.fields.front();
    EXPECT_EQ(status_of(with({"Transfer-Encoding: chunked"}, "POST /a HTTP/1.0")), 400) << "1.0 had no chunks";
}

TEST(Connection, is_kept_unless_one_side_says_no) {
    EXPECT_TRUE(with({}).head.keep_alive);
    EXPECT_TRUE(with({"Connection: keep-alive"}).head.keep_alive);
    EXPECT_FALSE(with({"Connection: close"}).head.keep_alive);
    EXPECT_FALSE(with({"Connection: TE, Close"}).head.keep_alive);
    EXPECT_FALSE(with({"Connection: TE", "connection: close"}).head.keep_alive) << "a list in two fields";
    EXPECT_TRUE(with({"Connection: closed"}).head.keep_alive);
    EXPECT_FALSE(with({}, "GET / HTTP/1.0").head.keep_alive);
    EXPECT_TRUE(with({"Connection: Keep-Alive"}, "GET / HTTP/1.0").head.keep_alive);
}

TEST(Connection, offers_of_another_protocol_are_ignored_but_for_a_websocket) {
    const std::string get = "GET /ws HTTP/1.1";
    const auto h2c = with({"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"}, get);
    EXPECT_EQ(status_of(h2c), 0);
    EXPECT_FALSE(h2c.head.websocket);
    EXPECT_TRUE(h2c.head.keep_alive);
    EXPECT_TRUE(with({"Connection: keep-alive, Upgrade", "Upgrade: WebSocket"}, get).head.websocket);
    EXPECT_TRUE(with({"Connection: keep-alive", "Connection: Upgrade", "Upgrade: websocket"}, get).head.websocket);
    EXPECT_FALSE(with({"Upgrade: websocket"}, get).head.websocket);
    EXPECT_FALSE(with({"Connection: Upgrade"}, get).head.websocket);
    EXPECT_FALSE(with({"Connection: Upgrade", "Upgrade: websocket"}).head.websocket) << "POST";
    EXPECT_FALSE(with({"Connection: Upgrade", "Upgrade: websocket", "Content-Length: 5"}, get).head.websocket);
    EXPECT_FALSE(with({"Connection: Upgrade", "Upgrade: websocket"}, "GET /ws HTTP/1.0").head.websocket);
}

TEST(Connection, expects_a_go_ahead_only_in_words_of_the_standard) {
    EXPECT_TRUE(with({"Expect: 100-Continue", "Content-Length: 5"}).head.expect_continue);
    EXPECT_FALSE(with({"Expect: 200-ok"}).head.expect_continue);
    EXPECT_FALSE(with({"Expect: 100-continue"}, "POST / HTTP/1.0").head.expect_continue);
}

using State = ChunkedReader::State;

struct Fed {
    State state = State::more;
    std::string body;
    std::string rest;  // not consumed
};
Fed feed_at_once(const std::string& text) {
    Fed out;
    ChunkedReader reader;
    std::string_view in = text;
    out.state = reader.feed(in, out.body);
    out.rest = in;
    return out;
}
Fed feed_by_byte(const std::string& text) {
    Fed out;
    ChunkedReader reader;
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::string_view in = std::string_view(text).substr(i, 1);
        out.state = reader.feed(in, out.body);
        if (out.state != State::more) {
            out.rest = text.substr(i + 1 - in.size());
            break;
        }
        EXPECT_TRUE(in.empty());
    }
    return out;
}

TEST(ChunkedReader, finds_the_body_and_where_it_ends_however_it_arrives) {
    struct Case {
        const char* text;
        const char* body;
        const char* rest = "";
    };
    for (const Case c : {Case{"0\r\n\r\n", ""}, Case{"5\r\nhello\r\n0\r\n\r\n", "hello"},
                         Case{"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /", "hello world", "GET /"},
                         Case{"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"},
                         Case{"00000005\r\nhello\r\n000\r\n\r\n", "hello"},
                         Case{"5;name=value;q=\"x;y\"\r\nhello\r\n0;last\r\n\r\n", "hello"},
                         Case{"5 ;x\r\nhello\r\n0\t;\r\n\r\n", "hello"},
                         Case{"5\r\nhello\r\n0\r\nX-Trailer: a\r\nContent-Length: 99\r\n\r\nrest", "hello", "rest"},
                         Case{"4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"}})
        for (const Fed& fed : {feed_at_once(c.text), feed_by_byte(c.text)}) {
            EXPECT_EQ(fed.state, State::done) << c.text;
            EXPECT_EQ(fed.body, c.body);
            EXPECT_EQ(fed.rest, c.rest);
        }
}

TEST(ChunkedReader, refuses_what_others_might_read_otherwise) {
    for (const std::string& text : {std::string("\r\n"),
                                    std::string("x\r\n"),
                                    std::string("0x5\r\nhello\r\n"),
                                    std::string("+5\r\nhello\r\n"),
                                    std::string("-5\r\nhello\r\n"),
                                    std::string(" 5\r\nhello\r\n"),
                                    std::string("5 \r\nhello\r\n"),
                                    std::string("5,\r\nhello"),
                                    std::string("5\nhello\n"),
                                    std::string("5\r\nhello\n"),
                                    std::string("5\rhello\r\n"),
                                    std::string("5\r\nhelloX\r\n"),
                                    std::string("5\r\nhello0\r\n\r\n"),
                                    std::string("5\r\nhello\r\n0\n\n"),
                                    std::string("5\r\nhello\r\n0\r\n\n"),
                                    std::string("5;a\nGET / HTTP/1.1\r\nhello\r\n"),
                                    std::string("5;a\rb\r\nhello\r\n"),
                                    std::string("0\r\nX: a\rb\r\n\r\n"),
                                    std::string("5\0\r\nhello\r\n", 10),
                                    std::string("10000000000000000\r\n"),
                                    std::string("fffffffffffffffff\r\n"),
                                    "5;" + std::string(5000, 'x') + "\r\n",
                                    std::string(5000, '0')}) {
        EXPECT_EQ(feed_at_once(text).state, State::broken) << text.substr(0, 40);
        EXPECT_EQ(feed_by_byte(text).state, State::broken) << text.substr(0, 40);
    }
}

TEST(ChunkedReader, wants_more_until_the_last_byte) {
    const std::string text = "5\r\nhello\r\n0\r\nX: y\r\n\r\n";
    for (std::size_t i = 0; i < text.size(); ++i) EXPECT_EQ(feed_at_once(text.substr(0, i)).state, State::more) << i;
}

TEST(ChunkedReader, trailers_without_end_are_cut_off) {
    std::string text = "0\r\n";
    for (int i = 0; i < 100; ++i) text += "X: " + std::string(1000, 'x') + "\r\n";
    EXPECT_EQ(feed_at_once(text).state, State::broken);
}

}  // namespace
}  // namespace corral::net
