// Where requests begin and end (RFC 9112), differentially: the same bytes in one piece and in any pieces are the same
// requests; and what two parties could understand in two ways is refused. The first byte chooses the pieces.
#include <optional>
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "platform/net/head.hpp"

namespace {

using namespace corral;

// The loop of a connection without its sockets.
class Reader {
public:
    void feed(std::string_view bytes) {
        buffer_ += bytes;
        while (!ended_ && step()) {
        }
    }
    [[nodiscard]] const std::vector<std::string>& seen() const { return seen_; }
    [[nodiscard]] std::string rest() const { return ended_ ? "" : buffer_; }

private:
    bool step() { return head_ ? read_body() : read_head(); }
    bool read_head() {
        while (buffer_.starts_with("\r\n")) buffer_.erase(0, 2);
        const auto size = net::head_size(buffer_);
        if (!size) {
            if (net::has_bare_line_end(buffer_)) end("refused");
            return false;
        }
        must(*size <= buffer_.size(), "a head lies in what has come");
        auto parsed = net::parse_head(std::string_view(buffer_).substr(0, *size));
        buffer_.erase(0, *size);
        if (parsed.problem) return end("refused");
        check(parsed.head);
        head_ = std::move(parsed.head);
        chunks_ = {};
        body_.clear();
        return true;
    }
    bool read_body() {
        if (head_->framing == net::Framing::length) {
            if (buffer_.size() < head_->content_length) return false;
            body_ = buffer_.substr(0, static_cast<std::size_t>(head_->content_length));
            buffer_.erase(0, static_cast<std::size_t>(head_->content_length));
        } else if (head_->framing == net::Framing::chunked) {
            std::string_view in = buffer_;
            const auto state = chunks_.feed(in, body_);
            buffer_.erase(0, buffer_.size() - in.size());
            if (state == net::ChunkedReader::State::broken) return end("broken chunks");
            if (state == net::ChunkedReader::State::more) return false;
        }
        std::string text = head_->request.method_text + " " + head_->request.target;
        for (const auto& [name, value] : head_->request.headers.all()) text += "\n" + name + ": " + value;
        seen_.push_back(text + "\n\n" + body_);
        const bool again = head_->keep_alive && !head_->websocket;
        head_.reset();
        return again || end("closed");
    }
    bool end(std::string why) {
        seen_.push_back(std::move(why));
        ended_ = true;
        return false;
    }
    static void check(const net::Head& head) {
        const auto& headers = head.request.headers;
        const bool length = headers.find("Content-Length").has_value();
        const bool coding = headers.find("Transfer-Encoding").has_value();
        must(!(length && coding), "never both framings");
        must(coding == (head.framing == net::Framing::chunked), "a coding is honoured");
        must(head.framing != net::Framing::length || length, "no length of thin air");
        must(head.minor_version == 1 || !coding, "HTTP/1.0 has no codings");
        must(head.minor_version == 0 || headers.find("Host"), "HTTP/1.1 names a host");
        for (const auto& [name, value] : headers.all()) {
            must(!name.empty() && name.find_first_of(" \t\r\n:") == std::string::npos, "names are tokens");
            must(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos, "values are one line");
        }
        must(head.request.target.find_first_of(" \r\n\t") == std::string::npos, "a target is one word");
    }
    std::string buffer_, body_;
    std::optional<net::Head> head_;
    net::ChunkedReader chunks_;
    std::vector<std::string> seen_;
    bool ended_ = false;
};

}  // namespace

void one(std::string_view input) {
    if (input.empty()) return;
    auto pieces = static_cast<unsigned char>(input.front());
    input.remove_prefix(1);
    Reader whole;
    whole.feed(input);
    Reader cut;
    for (std::string_view rest = input; !rest.empty();) {
        pieces = static_cast<unsigned char>(pieces * 5 + 3);  // any fixed sequence will do
        const std::size_t size = std::min<std::size_t>(rest.size(), 1 + (pieces % 23));
        cut.feed(rest.substr(0, size));
        rest.remove_prefix(size);
    }
    must(whole.seen() == cut.seen(), "pieces do not change what is understood");
    must(whole.rest() == cut.rest(), "nor where it ends");
}
