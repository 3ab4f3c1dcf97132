// The head of a request (RFC 9112) read strictly: what could be understood in two ways is refused, so that no proxy in
// front can be played against us. No sockets. Free functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "platform/http/message.hpp"

namespace corral::net {

enum class Framing { none, length, chunked };

struct Head {
    http::Request request;  // without body
    int minor_version = 1;
    Framing framing = Framing::none;
    std::uint64_t content_length = 0;
    bool keep_alive = true;
    bool expect_continue = false;
    bool websocket = false;
};

struct HeadProblem {
    int status = 400;
    std::string message;
};

struct ParsedHead {
    Head head;
    std::optional<HeadProblem> problem;
};

// Bytes of a whole head (through the empty line) at the front of `buffer`; nullopt: not there yet.
std::optional<std::size_t> head_size(std::string_view buffer);
// Whether a head that is not whole yet holds a line that ends without a carriage return: others would take it for whole
// (RFC 9112, 2.2), so there is nothing to wait for.
bool has_bare_line_end(std::string_view buffer);
ParsedHead parse_head(std::string_view head);

// Takes chunked coding apart as it comes. Feed bytes; `out` gets the body's.
class ChunkedReader {
public:
    enum class State { more, done, broken };
    // Consumes from `in` (moves it forward). Trailers are read and dropped.
    State feed(std::string_view& in, std::string& out);

private:
    enum class Phase { size, data, data_end, trailers };
    bool read_size_line(std::string_view& in);
    Phase phase_ = Phase::size;
    std::string line_;
    std::uint64_t left_ = 0;
    std::size_t trailer_bytes_ = 0;
    bool failed_ = false;
};

}  // namespace corral::net
