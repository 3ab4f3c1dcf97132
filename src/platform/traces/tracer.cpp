#include "platform/traces/tracer.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>

#include "base/log.hpp"
#include "platform/http/target.hpp"
#include "platform/tasks/tasks.hpp"
#include "platform/traces/traceparent.hpp"

namespace corral::traces {

struct Tracer::State {
    const Clock& clock;
    Options options;
    net::HttpClient client;
    std::mutex mutex;  // guards queue
    std::deque<Span> queue;
    std::atomic<std::uint64_t> sent = 0, dropped = 0;
    bool away = false;  // the collector did not answer last time; only the sender
    std::unique_ptr<tasks::Periodic> sender;

    State(const Clock& c, Options o) : clock(c), options(std::move(o)), client(options.client) {}

    std::vector<Span> take() {
        std::lock_guard lock(mutex);
        const std::size_t count = std::min(queue.size(), options.batch);
        std::vector<Span> out(std::make_move_iterator(queue.begin()),
                              std::make_move_iterator(queue.begin() + static_cast<std::ptrdiff_t>(count)));
        queue.erase(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(count));
        return out;
    }
    void put_back(std::vector<Span> spans) {
        std::lock_guard lock(mutex);
        while (!spans.empty() && queue.size() < options.queue) {
            queue.push_front(std::move(spans.back()));
            spans.pop_back();
        }
        dropped += spans.size();
    }
    // True when the batch is out of our hands: taken, or refused for good.
    bool post(const std::vector<Span>& spans) {
        net::ClientRequest request{.method = "POST", .url = options.endpoint + "/v1/traces"};
        for (const auto& [name, value] : options.headers) request.headers.emplace_back(name, value.reveal());
        request.body = to_otlp(options.resource, spans);
        request.connect_limit = request.limit = options.limit;
        const auto answer = client.send(request);
        const int status = answer ? answer->status : 0;
        const bool taken = status >= 200 && status < 300;
        // What the protocol calls retryable; everything else would fail again.
        const bool again = status == 0 || status == 429 || status == 502 || status == 503 || status == 504;
        (taken ? sent : dropped) += again ? 0 : spans.size();
        if (taken == away) {  // said once, not at every attempt
            away = !taken;
            if (taken)
                log::info("Traces are taken again");
            else
                log::warn("Traces cannot be sent", {{"status", status}, {"why", answer ? "" : answer.error().message}});
        }
        return !again;
    }
    void send_all(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            auto spans = take();
            if (spans.empty()) return;
            if (!post(spans)) return put_back(std::move(spans));
        }
    }
};

Tracer::Tracer(const Clock& clock, Options options) : state_(std::make_unique<State>(clock, std::move(options))) {
    while (state_->options.endpoint.ends_with('/')) state_->options.endpoint.pop_back();
    state_->sender = std::make_unique<tasks::Periodic>(
        "traces", state_->options.period,
        [state = state_.get()](const std::stop_token& stop) { state->send_all(stop); });
}

Tracer::~Tracer() {
    state_->sender.reset();
    if (const auto spans = state_->take(); !spans.empty()) state_->post(spans);
}

void Tracer::begin(http::Request& request) {
    const auto given = request.headers.find("traceparent");
    request.trace_parent = to_text(child_of(given ? parse_trace_parent(*given) : std::nullopt, state_->options.ratio));
}

void Tracer::end(const http::Exchange& exchange) {
    const auto own = parse_trace_parent(exchange.request.trace_parent);
    if (!own || !own->sampled) return;
    const auto given = exchange.request.headers.find("traceparent");
    const auto parent = given ? parse_trace_parent(*given) : std::nullopt;
    const std::string method =
        exchange.request.method == http::Method::other ? "_OTHER" : std::string(to_text(exchange.request.method));
    Span span{
        .trace_id = own->trace_id, .span_id = own->span_id, .parent_id = parent ? parent->span_id : "", .name = method};
    span.end = state_->clock.now();
    span.start = span.end - std::chrono::duration_cast<std::chrono::microseconds>(exchange.took);
    span.failed = exchange.status >= 500;
    span.texts = {{"http.request.method", method},
                  {"url.scheme", exchange.request.tls ? "https" : "http"},
                  {"client.address", exchange.request.peer},
                  {"corral.request_id", exchange.request.request_id}};
    if (exchange.route != nullptr) {
        const std::string row =
            (exchange.route->outside_prefix ? "" : state_->options.prefix) + exchange.route->pattern;
        span.name += " " + row;
        span.texts.emplace_back("http.route", row);
        span.texts.emplace_back("url.path", exchange.request.path);
    }
    span.numbers = {{"http.response.status_code", exchange.status},
                    {"http.response.body.size", static_cast<std::int64_t>(exchange.bytes)}};
    bool many = false;
    {
        std::lock_guard lock(state_->mutex);
        if (state_->queue.size() >= state_->options.queue) {
            ++state_->dropped;
            return;
        }
        state_->queue.push_back(std::move(span));
        many = state_->queue.size() == state_->options.batch;
    }
    if (many) state_->sender->wake();
}

std::uint64_t Tracer::sent() const { return state_->sent; }
std::uint64_t Tracer::dropped() const { return state_->dropped; }

Result<std::vector<std::pair<std::string, Secret>>> parse_headers(const Secret& text) {
    std::vector<std::pair<std::string, Secret>> out;
    std::string_view rest = text.reveal();
    while (!rest.empty()) {
        const auto comma = std::min(rest.find(','), rest.size());
        std::string_view item = rest.substr(0, comma);
        rest.remove_prefix(std::min(comma + 1, rest.size()));
        while (item.starts_with(' ')) item.remove_prefix(1);
        while (item.ends_with(' ')) item.remove_suffix(1);
        if (item.empty()) continue;
        const auto equals = item.find('=');
        const auto value =
            equals == std::string_view::npos ? std::nullopt : http::percent_decode(item.substr(equals + 1), false);
        if (!value || equals == 0)
            return Error{Errc::invalid, "Headers of the collector are written name=value,name=value"};
        out.emplace_back(std::string(item.substr(0, equals)), Secret(*value));
    }
    return out;
}

}  // namespace corral::traces
