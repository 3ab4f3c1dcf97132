// A connection byte by byte, for what a well-behaved client cannot say: a blocking socket to a port of 127.0.0.1. Reads
// give up after half a minute with an exception. One thread at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "platform/http/message.hpp"

namespace corral::tests {

class Raw {
public:
    // With a small receive buffer a peer soon notices when nothing is read.
    explicit Raw(int port, int receive_buffer = 0);
    ~Raw();
    Raw(const Raw&) = delete;
    Raw& operator=(const Raw&) = delete;

    void send(std::string_view bytes);
    void end_sending();  // half a close: no more will come

    struct Answer {
        int status = 0;
        http::Headers headers;
        std::string body;
    };
    // One whole answer. `head_only`: to a HEAD request, which has no body whatever its headers say.
    Answer answer(bool head_only = false);
    std::string read(std::size_t bytes);
    std::string read_until(std::string_view mark);  // through the mark
    // Whether the peer ends the connection, with nothing more to read before that.
    bool closed();
    // Everything until the peer ends the connection.
    std::string rest();

private:
    bool fill();  // false: the peer has ended
    int socket_ = -1;
    std::string buffer_;
};

}  // namespace corral::tests
