#include "platform/net/connection.hpp"

#include <fmt/chrono.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <ctime>

#include "base/log.hpp"
#include "platform/http/errors.hpp"
#include "platform/net/websocket.hpp"

namespace corral::net {

namespace {

constexpr auto use_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t discard_limit = 1U << 20;  // bytes of a refused body that are read to keep the connection

std::string_view reason(int status) {
    switch (status) {
        case 200: return "OK";
        case 201: return "Created";
        case 202: return "Accepted";
        case 204: return "No Content";
        case 206: return "Partial Content";
        case 301: return "Moved Permanently";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 409: return "Conflict";
        case 413: return "Content Too Large";
        case 415: return "Unsupported Media Type";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 502: return "Bad Gateway";
        case 503: return "Service Unavailable";
        case 504: return "Gateway Timeout";
        case 505: return "HTTP Version Not Supported";
        default: return "Status";
    }
}

// RFC 9110, 6.6.1. Made once a second.
const std::string& date_now() {
    thread_local std::time_t made = 0;  // NOLINT: a network thread's own
    thread_local std::string text;
    const std::time_t now = std::time(nullptr);
    if (now != made) {
        std::tm parts{};
        ::gmtime_r(&now, &parts);
        text = fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", parts);
        made = now;
    }
    return text;
}

// A header value from a handler must not smuggle a second header in.
void append_header(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    for (const char c : value) out += c == '\r' || c == '\n' ? ' ' : c;
    out += "\r\n";
}

}  // namespace

Connection::Connection(Shared& shared, AnyStream stream, std::string peer)
    : shared_(shared), stream_(std::move(stream)), executor_(stream_.get_executor()), peer_(std::move(peer)) {
    std::lock_guard lock(shared_.mutex);
    shared_.connections.insert(this);
}

Connection::~Connection() {
    std::lock_guard lock(shared_.mutex);
    shared_.connections.erase(this);
}

void Connection::start(const std::shared_ptr<Connection>& self) {
    asio::co_spawn(self->stream_.get_executor(), run(self), asio::detached);
}

void Connection::begin_drain() {
    asio::post(executor_, [weak = weak_from_this()] {  // the stream itself may be a socket's by now
        auto self = weak.lock();
        if (!self || !self->idle_) return;
        boost::system::error_code ignored;
        if (!self->fresh_) {
            // A request that has arrived is answered.
            if (self->stream_.tcp().socket().available(ignored) == 0) self->stream_.tcp().cancel();
            return;
        }
        auto patience = std::make_shared<asio::steady_timer>(self->executor_, self->shared_.options.first_request_time);
        patience->async_wait([weak, patience](boost::system::error_code) {
            if (auto waiting = weak.lock(); waiting && waiting->idle_) waiting->stream_.tcp().cancel();
        });
    });
}

asio::awaitable<void> Connection::run(std::shared_ptr<Connection> self) {
    if (!co_await self->handshake()) co_return;
    for (;;) {
        const std::size_t size = co_await self->read_head();
        if (size == 0) break;
        ParsedHead parsed = parse_head(std::string_view(self->buffer_).substr(0, size));
        self->buffer_.erase(0, size);
        if (parsed.problem) {
            co_await self->refuse(parsed.head, parsed.problem->status, parsed.problem->message);
            break;
        }
        self->fresh_ = false;
        const Next next = co_await self->serve(std::move(parsed.head));
        if (next == Next::close) break;
    }
    if (self->upgraded_) co_return;
    boost::system::error_code ignored;
    self->stream_.tcp().socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    if (self->unread_) co_await self->discard_rest();
}

asio::awaitable<bool> Connection::handshake() {
    if (!stream_.tls()) co_return true;
    stream_.tcp().expires_after(shared_.options.header_timeout);
    const auto [error] = co_await stream_.tls_stream().async_handshake(asio::ssl::stream_base::server, use_result);
    co_return !error;
}

asio::awaitable<bool> Connection::fill() {
    const auto [error, got] = co_await stream_.async_read_some(asio::buffer(chunk_), use_result);
    if (error) co_return false;
    buffer_.append(chunk_.data(), got);
    co_return true;
}

asio::awaitable<std::size_t> Connection::read_head() {
    bool started = false;
    for (;;) {
        // Empty lines before a request are skipped (RFC 9112, 2.2).
        while (buffer_.starts_with("\r\n")) buffer_.erase(0, 2);
        const auto size = head_size(buffer_);
        if (size && *size <= shared_.options.header_limit) co_return *size;
        if (size || buffer_.size() > shared_.options.header_limit) {
            co_await refuse(Head{}, 431, "The request header is too large");
            co_return 0;
        }
        if (has_bare_line_end(buffer_)) {
            co_await refuse(Head{}, 400, "A line of the header ends without a carriage return");
            co_return 0;
        }
        if (buffer_.empty() && shared_.draining && !fresh_) co_return 0;
        // The whole head has one deadline from its first byte: dribbling does not prolong it.
        if (buffer_.empty())
            stream_.tcp().expires_after(shared_.draining ? shared_.options.first_request_time
                                                         : shared_.options.idle_timeout);
        else if (!started) {
            stream_.tcp().expires_after(shared_.options.header_timeout);
            started = true;
        }
        idle_ = buffer_.empty();
        const bool more = co_await fill();
        idle_ = false;
        if (!more) co_return 0;
    }
}

asio::awaitable<Connection::Next> Connection::serve(Head head) {
    const auto since = std::chrono::steady_clock::now();
    head.request.peer = peer_;
    head.request.tls = stream_.tls();
    shared_.dispatcher.begin(head.request);
    http::Admission admission = shared_.dispatcher.admit(head.request);
    const bool socket_row = admission.route != nullptr && admission.route->open_socket;
    if (!admission.refusal && socket_row && head.websocket)
        co_return co_await upgrade(std::move(admission), std::move(head));

    bool keep = head.keep_alive && !shared_.draining;
    const std::size_t limit = admission.refusal ? discard_limit : admission.route->max_body;
    if (head.framing == Framing::length && head.content_length > limit) {
        if (!admission.refusal)
            admission.refusal = http::Dispatcher::refuse(
                413, "The body is larger than this route takes: " + std::to_string(limit) + " bytes");
        keep = false;
        unread_ = true;
    } else if (admission.refusal && head.expect_continue) {
        keep = false;  // it may or may not send the body now
        unread_ = true;
    } else if (head.framing != Framing::none) {
        if (head.expect_continue && buffer_.empty()) {
            static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
            const auto [error, sent] = co_await asio::async_write(stream_, asio::buffer(go_on), use_result);
            if (error) co_return Next::close;
        }
        const Body body = co_await read_body(head, limit);
        if (body == Body::cut_off) co_return Next::close;
        if (body != Body::whole) {
            if (!admission.refusal)
                co_return co_await refuse(head, body == Body::too_large ? 413 : 400,
                                          body == Body::too_large ? "The body is larger than this route takes"
                                                                  : "The chunked coding of the body is malformed",
                                          &admission);
            keep = false;
            unread_ = true;
        }
    }
    http::Response response =
        admission.refusal ? std::move(*admission.refusal) : co_await answer(admission, head.request);
    shared_.dispatcher.finish(head.request, response);
    keep = keep && !shared_.draining;  // a stop may have begun meanwhile
    const bool written = co_await write(head.request, response, keep);
    tell(head.request, &admission, response, since);
    if (response.after_sent) response.after_sent();
    co_return written&& keep ? Next::again : Next::close;
}

asio::awaitable<Connection::Body> Connection::read_body(Head& head, std::size_t limit) {
    stream_.tcp().expires_after(shared_.options.body_timeout);
    std::string& body = head.request.body;
    if (head.framing == Framing::length) {
        const auto wanted = static_cast<std::size_t>(head.content_length);
        body.reserve(wanted);
        const std::size_t at_hand = std::min(wanted, buffer_.size());
        body.assign(buffer_, 0, at_hand);
        buffer_.erase(0, at_hand);
        while (body.size() < wanted) {
            const std::size_t before = body.size();
            const std::size_t step = std::min<std::size_t>(wanted - before, 1U << 18);
            body.resize(before + step);
            const auto [error, got] =
                co_await stream_.async_read_some(asio::buffer(body.data() + before, step), use_result);
            body.resize(before + (error ? 0 : got));
            if (error) co_return Body::cut_off;
        }
        co_return Body::whole;
    }
    ChunkedReader reader;
    for (;;) {
        std::string_view in = buffer_;
        const auto state = reader.feed(in, body);
        buffer_.erase(0, buffer_.size() - in.size());
        if (body.size() > limit) co_return Body::too_large;
        if (state == ChunkedReader::State::broken) co_return Body::malformed;
        if (state == ChunkedReader::State::done) co_return Body::whole;
        if (!co_await fill()) co_return Body::cut_off;
    }
}

asio::awaitable<http::Response> Connection::answer(const http::Admission& admission, const http::Request& request) {
    if (admission.route->runs_inline || !admission.route->handle) co_return shared_.dispatcher.run(admission, request);
    // The connection's coroutine stands still meanwhile, so the references stay good.
    auto executor = stream_.get_executor();
    stream_.tcp().expires_never();
    Shared* shared = &shared_;
    const http::Admission* who = &admission;
    const http::Request* what = &request;
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(http::Response)>(
        [shared, who, what, executor](auto handler) {
            auto done = std::make_shared<decltype(handler)>(std::move(handler));
            auto resume = [done, executor](http::Response response) {
                asio::post(executor,
                           [done, response = std::move(response)]() mutable { (*done)(std::move(response)); });
            };
            const bool queued =
                shared->workers.post([shared, who, what, resume] { resume(shared->dispatcher.run(*who, *what)); });
            if (!queued) resume(http::Dispatcher::refuse(503, "The service is too busy or stopping; try again"));
        },
        asio::use_awaitable);
}

asio::awaitable<bool> Connection::write(const http::Request& request, http::Response& response, bool keep_alive) {
    const std::uint64_t length = response.file ? response.file->length : response.body.size();
    out_.clear();
    out_ += "HTTP/1.1 ";
    out_ += std::to_string(response.status);
    out_ += ' ';
    out_ += reason(response.status);
    out_ += "\r\n";
    if (response.status != 204) append_header(out_, "Content-Type", response.content_type);
    for (const auto& [name, value] : response.headers.all()) append_header(out_, name, value);
    if (response.status != 204) append_header(out_, "Content-Length", std::to_string(length));
    append_header(out_, "Date", date_now());
    if (!keep_alive) out_ += "Connection: close\r\n";
    out_ += "\r\n";
    stream_.tcp().expires_after(shared_.options.write_timeout);
    const bool with_body = request.method != http::Method::head && response.status != 204;
    if (with_body && response.file) {
        const auto [error, sent] = co_await asio::async_write(stream_, asio::buffer(out_), use_result);
        if (error) co_return false;
        co_return co_await write_file(*response.file);
    }
    const std::array<asio::const_buffer, 2> parts{asio::buffer(out_),
                                                  with_body ? asio::buffer(response.body) : asio::const_buffer{}};
    const auto [error, sent] = co_await asio::async_write(stream_, parts, use_result);
    co_return !error;
}

asio::awaitable<bool> Connection::write_file(const http::FileBody& file) {
    auto offset = static_cast<off_t>(file.offset);
    std::uint64_t left = file.length;
    if (!stream_.tls()) {
        auto& socket = stream_.tcp().socket();
        socket.non_blocking(true);
        while (left > 0) {
            const ssize_t sent = ::sendfile(socket.native_handle(), *file.descriptor, &offset,
                                            static_cast<std::size_t>(std::min<std::uint64_t>(left, 1U << 20)));
            if (sent > 0) {
                left -= static_cast<std::uint64_t>(sent);
                continue;
            }
            if (sent == 0 || (errno != EAGAIN && errno != EINTR)) co_return false;  // the file shrank, or the peer left
            const auto [error] = co_await socket.async_wait(asio::ip::tcp::socket::wait_write, use_result);
            if (error) co_return false;
        }
        co_return true;
    }
    std::string block(256U << 10, '\0');
    while (left > 0) {
        const ssize_t got =
            ::pread(*file.descriptor, block.data(), std::min<std::uint64_t>(left, block.size()), offset);
        if (got <= 0) co_return false;
        const auto [error, sent] =
            co_await asio::async_write(stream_, asio::buffer(block.data(), static_cast<std::size_t>(got)), use_result);
        if (error) co_return false;
        offset += got;
        left -= static_cast<std::uint64_t>(got);
    }
    co_return true;
}

// Closing on top of unread bytes resets the connection, and the reset may overtake the answer (RFC 9112, 9.6).
asio::awaitable<void> Connection::discard_rest() {
    stream_.tcp().expires_after(std::chrono::seconds{2});
    for (;;) {
        const auto [error, got] = co_await stream_.async_read_some(asio::buffer(chunk_), use_result);
        if (error) co_return;
    }
}

asio::awaitable<Connection::Next> Connection::refuse(const Head& head, int status, const std::string& message,
                                                     const http::Admission* admission) {
    const auto since = std::chrono::steady_clock::now();
    unread_ = true;
    http::Response response = http::Dispatcher::refuse(status, message);
    co_await write(head.request, response, false);
    tell(head.request, admission, response, since);
    co_return Next::close;
}

asio::awaitable<Connection::Next> Connection::upgrade(http::Admission admission, Head head) {
    // Browsers say where the page came from; others do not (quirk Q19).
    const auto origin = head.request.headers.find("Origin");
    const bool foreign =
        origin && shared_.dispatcher.cors().enabled() && !shared_.dispatcher.cors().origin_allowed(*origin);
    if (foreign || !buffer_.empty())
        co_return co_await refuse(
            head, foreign ? 403 : 400,
            foreign ? "This origin may not open sockets" : "Bytes before the handshake was answered", &admission);
    const auto since = std::chrono::steady_clock::now();
    // Opening may read the database (events since a number), so it runs like any handler.
    auto handler = std::make_shared<Result<http::SocketHandler>>(Error{});
    auto* shared = &shared_;
    const http::Admission* who = &admission;
    const http::Request* what = &head.request;
    auto executor = stream_.get_executor();
    stream_.tcp().expires_never();
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
        [shared, who, what, handler, executor](auto resume) {
            auto done = std::make_shared<decltype(resume)>(std::move(resume));
            const bool queued = shared->workers.post([shared, who, what, handler, done, executor] {
                *handler = shared->dispatcher.open_socket(*who, *what);
                asio::post(executor, [done] { (*done)(); });
            });
            if (!queued) {
                *handler = Error{Errc::unavailable, "The service is stopping"};
                asio::post(executor, [done] { (*done)(); });
            }
        },
        asio::use_awaitable);
    if (!*handler) {
        const Error& error = handler->error();
        http::Response response = http::error_response(error, admission.route->face, admission.route->pattern);
        shared_.dispatcher.finish(head.request, response);
        co_await write(head.request, response, false);
        tell(head.request, &admission, response, since);
        co_return Next::close;
    }
    upgraded_ = true;
    http::Response switched;
    switched.status = 101;
    tell(head.request, &admission, switched, since);
    WebSocketSession::start(shared_, std::move(stream_), head.request, std::move(**handler));
    co_return Next::close;
}

void Connection::tell(const http::Request& request, const http::Admission* admission, const http::Response& response,
                      std::chrono::steady_clock::time_point since) const {
    static const Caller nobody;
    shared_.dispatcher.end({.request = request,
                            .route = admission != nullptr ? admission->route : nullptr,
                            .caller = admission != nullptr ? admission->caller : nobody,
                            .status = response.status,
                            .bytes = request.method == http::Method::head ? 0
                                     : response.file                      ? response.file->length
                                                                          : response.body.size(),
                            .took = std::chrono::steady_clock::now() - since});
}

}  // namespace corral::net
