#include "platform/net/head.hpp"

#include <algorithm>
#include <charconv>

#include "platform/json/text.hpp"

namespace corral::net {

namespace {

constexpr std::size_t chunk_line_limit = 4096;     // bytes of a size with its extensions, or of one trailer
constexpr std::size_t trailer_limit = 64U << 10U;  // bytes of all trailers

bool token_char(unsigned char c) {  // RFC 9110, 5.6.2
    return std::isalnum(c) != 0 ||
           std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
}

bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](unsigned char c) { return token_char(c); });
}

// Looks at every byte instead of stopping at the first bad one: so the compiler takes many at a time, and a token has
// 3 KB of them.
bool holds_control(std::string_view value) {
    bool found = false;
    for (const unsigned char c : value) found |= (c < 0x20 && c != '\t') | (c == 0x7F);
    return found;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

bool list_holds(std::string_view list, std::string_view wanted) {
    while (!list.empty()) {
        const auto end = std::min(list.find(','), list.size());
        if (json::equal_without_case(trim(list.substr(0, end)), wanted)) return true;
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return false;
}

// A list may be spread over several fields of one name (RFC 9110, 5.3).
bool any_list_holds(const http::Headers& headers, std::string_view name, std::string_view wanted) {
    return std::ranges::any_of(headers.all(), [&](const auto& field) {
        return json::equal_without_case(field.first, name) && list_holds(field.second, wanted);
    });
}

HeadProblem bad(std::string message) { return {400, std::move(message)}; }

std::optional<HeadProblem> parse_request_line(std::string_view line, Head& head) {
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    if (first == std::string_view::npos || last == first) return bad("The request line is malformed");
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!is_token(method)) return bad("The method is malformed");
    if (target.empty() || std::ranges::any_of(target, [](unsigned char c) { return c <= 0x20 || c == 0x7F; }))
        return bad("The request target is malformed");
    if (version == "HTTP/1.0")
        head.minor_version = 0;
    else if (version != "HTTP/1.1")
        return HeadProblem{505, "Only HTTP/1.1 is spoken here"};
    head.request.method_text = std::string(method);
    head.request.method = http::method_from_text(method);
    head.request.target = std::string(target);
    return std::nullopt;
}

std::optional<HeadProblem> parse_fields(std::string_view rest, Head& head) {
    while (!rest.empty()) {
        const auto end = rest.find("\r\n");
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(end + 2);
        if (line.empty()) break;
        const auto colon = line.find(':');
        // No folded lines (a blank first) and no blank before the colon: both are read in several ways (RFC 9112, 5).
        if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
            return bad("A header field is malformed");
        const std::string_view value = trim(line.substr(colon + 1));
        if (holds_control(value)) return bad("A header value holds a control character");
        head.request.headers.add(std::string(line.substr(0, colon)), std::string(value));
    }
    return std::nullopt;
}

std::optional<HeadProblem> find_framing(Head& head) {
    const auto& fields = head.request.headers.all();
    std::optional<std::string_view> length;
    int encodings = 0;
    std::string_view encoding;
    int hosts = 0;
    for (const auto& [name, value] : fields) {
        if (json::equal_without_case(name, "Content-Length")) {
            if (length && *length != value) return bad("Two different Content-Length headers");
            length = value;
        } else if (json::equal_without_case(name, "Transfer-Encoding")) {
            ++encodings;
            encoding = value;
        } else if (json::equal_without_case(name, "Host")) {
            ++hosts;
        }
    }
    if (hosts > 1 || (hosts == 0 && head.minor_version == 1)) return bad("Exactly one Host header is needed");
    if (encodings > 0) {
        if (length) return bad("Content-Length and Transfer-Encoding exclude each other");
        if (encodings > 1 || head.minor_version == 0 || !json::equal_without_case(encoding, "chunked"))
            return HeadProblem{encodings == 1 && head.minor_version == 1 ? 501 : 400,
                               "Only the chunked coding is taken"};
        head.framing = Framing::chunked;
        return std::nullopt;
    }
    if (!length) return std::nullopt;
    const auto [end, error] = std::from_chars(length->data(), length->data() + length->size(), head.content_length);
    if (error != std::errc{} || end != length->data() + length->size() || length->empty())
        return bad("The Content-Length is malformed");
    if (head.content_length > 0) head.framing = Framing::length;
    return std::nullopt;
}

}  // namespace

std::optional<std::size_t> head_size(std::string_view buffer) {
    const auto end = buffer.find("\r\n\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    return end + 4;
}

bool has_bare_line_end(std::string_view buffer) {
    for (auto at = buffer.find('\n'); at != std::string_view::npos; at = buffer.find('\n', at + 1))
        if (at == 0 || buffer[at - 1] != '\r') return true;
    return false;
}

ParsedHead parse_head(std::string_view text) {
    ParsedHead out;
    const auto line_end = text.find("\r\n");
    out.problem = parse_request_line(text.substr(0, line_end), out.head);
    if (!out.problem) out.problem = parse_fields(text.substr(line_end + 2), out.head);
    if (!out.problem) out.problem = find_framing(out.head);
    if (out.problem) return out;
    Head& head = out.head;
    const http::Headers& headers = head.request.headers;
    const bool modern = head.minor_version == 1;
    head.keep_alive =
        modern ? !any_list_holds(headers, "Connection", "close") : any_list_holds(headers, "Connection", "keep-alive");
    head.expect_continue = modern && json::equal_without_case(headers.get("Expect"), "100-continue");
    // Offers of h2c and the like are ignored (clients.md 8): only a WebSocket upgrade is one. With a body it would be
    // unclear where the frames begin.
    head.websocket = modern && head.request.method == http::Method::get && head.framing == Framing::none &&
                     any_list_holds(headers, "Connection", "upgrade") &&
                     any_list_holds(headers, "Upgrade", "websocket");
    return out;
}

bool ChunkedReader::read_size_line(std::string_view& in) {
    while (!in.empty()) {
        const char c = in.front();
        in.remove_prefix(1);
        if (c != '\n') {
            line_ += c;
            if (line_.size() > chunk_line_limit) failed_ = true;
            if (failed_) return false;
            continue;
        }
        if (line_.empty() || line_.back() != '\r') {
            failed_ = true;  // a bare line feed is read differently elsewhere
            return false;
        }
        line_.pop_back();
        failed_ = line_.find('\r') != std::string::npos;  // and so is a bare carriage return
        return !failed_;
    }
    return false;
}

ChunkedReader::State ChunkedReader::feed(std::string_view& in, std::string& out) {
    while (!in.empty() && !failed_) {
        switch (phase_) {
            case Phase::size: {
                if (!read_size_line(in)) break;
                const auto extension = line_.find(';');
                std::string_view digits = std::string_view(line_).substr(0, extension);
                if (extension != std::string::npos)  // blanks are allowed there alone (RFC 9112, 7.1.1)
                    while (digits.ends_with(' ') || digits.ends_with('\t')) digits.remove_suffix(1);
                const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
                if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size())
                    return State::broken;
                line_.clear();
                phase_ = left_ == 0 ? Phase::trailers : Phase::data;
                break;
            }
            case Phase::data: {
                const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
                out.append(in.substr(0, take));
                in.remove_prefix(take);
                left_ -= take;
                if (left_ == 0) phase_ = Phase::data_end;
                break;
            }
            case Phase::data_end:
                if (!read_size_line(in)) break;
                if (!line_.empty()) return State::broken;
                phase_ = Phase::size;
                break;
            case Phase::trailers:
                if (!read_size_line(in)) break;
                if (line_.empty()) return State::done;
                trailer_bytes_ += line_.size();
                failed_ = trailer_bytes_ > trailer_limit;
                line_.clear();
                break;
        }
    }
    return failed_ ? State::broken : State::more;
}

}  // namespace corral::net
