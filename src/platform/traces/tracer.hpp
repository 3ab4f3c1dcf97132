// A span for every request, sent to an OpenTelemetry collector by OTLP over HTTP with JSON. Spans wait in a bounded
// queue: when the collector is slow or away the newest are dropped and counted, and no request ever waits. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "platform/http/dispatch.hpp"
#include "platform/net/http_client.hpp"

namespace corral::traces {

struct Span {
    std::string trace_id, span_id, parent_id;
    std::string name;
    Time start{}, end{};
    bool failed = false;
    std::vector<std::pair<std::string, std::string>> texts;
    std::vector<std::pair<std::string, std::int64_t>> numbers;
};

struct Resource {
    std::string service_name = "corral", service_version, instance;
};
// The body of POST /v1/traces: an ExportTraceServiceRequest.
std::string to_otlp(const Resource& resource, const std::vector<Span>& spans);

class Tracer final : public http::Observer {
public:
    struct Options {
        std::string endpoint;  // "http://collector:4318"; /v1/traces is put behind it
        std::vector<std::pair<std::string, Secret>> headers;
        Resource resource;
        double ratio = 1;  // of the traces that begin here
        std::string prefix = "/api";
        net::HttpClient::Options client;
        std::size_t queue = 4096, batch = 512;
        std::chrono::milliseconds period{std::chrono::seconds{2}};
        std::chrono::milliseconds limit{std::chrono::seconds{5}};  // of one call to the collector
    };
    Tracer(const Clock& clock, Options options);
    ~Tracer() override;  // sends what is queued, once

    void begin(http::Request& request) override;  // takes an incoming traceparent up, sets request.trace_parent
    void end(const http::Exchange& exchange) override;
    [[nodiscard]] std::uint64_t sent() const;
    [[nodiscard]] std::uint64_t dropped() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

// "name=value,name=value" of OTEL_EXPORTER_OTLP_HEADERS, percent-decoded. Errc::invalid without naming a value.
Result<std::vector<std::pair<std::string, Secret>>> parse_headers(const Secret& text);

}  // namespace corral::traces
