#include "subscriber.hpp"

#include <stdexcept>

namespace corral::tests {

std::string Subscriber::handshake(const std::string& target, const std::string& headers) {
    return "GET " + target +
           " HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
           headers + "\r\n";
}

Subscriber::Subscriber(Server& server, const std::string& path, const std::string& as, int receive_buffer)
    : Subscriber(server.port(), "/api" + path, "Authorization: Bearer " + server.token(as) + "\r\n", receive_buffer) {}

Subscriber::Subscriber(int port, const std::string& path_and_query, const std::string& headers, int receive_buffer)
    : raw_(port, receive_buffer) {
    raw_.send(handshake(path_and_query, headers));
    const auto answer = raw_.answer();
    if (answer.status != 101) throw std::runtime_error("no socket: " + std::to_string(answer.status) + answer.body);
    // The answer to the key above, of RFC 6455, 1.3.
    if (answer.headers.get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        throw std::runtime_error("the server does not know the protocol");
}

int Subscriber::Frame::close_code() const {
    if (opcode != 8 || payload.size() < 2) return -1;
    return static_cast<unsigned char>(payload[0]) * 256 + static_cast<unsigned char>(payload[1]);
}

Subscriber::Frame Subscriber::frame() {
    Frame out;
    const std::string head = raw_.read(2);
    out.opcode = head[0] & 0x0f;
    std::uint64_t length = static_cast<unsigned char>(head[1]) & 0x7fU;
    const std::size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (more > 0) {
        length = 0;
        for (const char c : raw_.read(more)) length = length << 8U | static_cast<unsigned char>(c);
    }
    out.payload = raw_.read(length);
    return out;
}

Answer Subscriber::event() {
    for (;;) {
        Frame next = frame();
        if (next.opcode == 1) return {.status = 0, .headers = {}, .body = std::move(next.payload)};
        if (next.opcode == 9) continue;
        throw std::runtime_error("the socket was closed with " + std::to_string(next.close_code()));
    }
}

Answer Subscriber::event_with(std::string_view pointer, std::string_view value) {
    for (;;)
        if (Answer next = event(); next.at(pointer) == value) return next;
}

void Subscriber::send(std::string_view text, int opcode) {
    std::string out{static_cast<char>(0x80 | opcode)};
    if (text.size() < 126) {
        out += static_cast<char>(0x80 | text.size());
    } else {
        out += static_cast<char>(0x80 | 127);
        for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(text.size() >> shift & 0xffU);
    }
    out += std::string(4, '\0');  // a mask of zeros leaves the text as it is
    raw_.send(out.append(text));
}

void Subscriber::close() {
    send(std::string("\x03\xe8", 2), 8);
    while (frame().opcode != 8) {
    }
    hang_up();
}

}  // namespace corral::tests
