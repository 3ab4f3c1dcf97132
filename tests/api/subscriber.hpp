// A WebSocket client (RFC 6455) that can also misbehave: it reads only when asked. One thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "raw.hpp"
#include "server.hpp"

namespace corral::tests {

class Subscriber {
public:
    // Opens `path` (below /api) as `as`; throws with the status when the server does not switch protocols.
    Subscriber(Server& server, const std::string& path, const std::string& as = "root", int receive_buffer = 0);
    Subscriber(int port, const std::string& path_and_query, const std::string& headers, int receive_buffer = 0);

    struct Frame {
        int opcode = 0;  // 1 text, 8 close, 9 ping, 10 pong
        std::string payload;
        [[nodiscard]] int close_code() const;
    };
    Frame frame();   // the next one, whatever it is
    Answer event();  // the next text, as JSON
    // Reads on until an event with this member comes; others are left out.
    Answer event_with(std::string_view pointer, std::string_view value);
    void send(std::string_view text, int opcode = 1);
    void close();  // says goodbye, waits for the answer, hangs up
    void hang_up() { raw_.end_sending(); }
    bool closed() { return raw_.closed(); }

    // The request that opens a socket.
    static std::string handshake(const std::string& target, const std::string& headers);

private:
    Raw raw_;
};

}  // namespace corral::tests
