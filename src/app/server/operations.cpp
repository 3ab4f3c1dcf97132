#include "app/server/operations.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>

#include "base/log.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/db/statistics.hpp"
#include "platform/files/files.hpp"

namespace corral::app {

namespace {

constexpr std::string_view metrics_claim = "READ_METRICS";

std::string normal_prefix(const std::string& prefix) {
    std::string out = prefix.starts_with('/') ? prefix : "/" + prefix;
    while (out.ends_with('/')) out.pop_back();
    return out;
}

Result<double> ratio_of(const Config& config) {
    const std::string& text = config.text("OTEL_TRACES_SAMPLER_ARG");
    double out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || end != text.data() + text.size() || !(out >= 0 && out <= 1))
        return invalid_field("OTEL_TRACES_SAMPLER_ARG", "must be a number from 0 to 1");
    return out;
}

}  // namespace

std::string log_file(const Config& config, const Folders& folders) {
    if (!config.boolean("LOG_TO_FILE")) return "";
    const std::string& folder = config.text("LOG_FILE_PATH");
    return (folder.empty() ? folders.data + "/logs" : folder) + "/corral.log";
}

net::HttpClient::Options client_options(const Config& config) {
    return {.accept_any_certificate = config.boolean("TLS_DISABLE_VALIDATION")};
}

ScraperDoor::ScraperDoor(const http::Authenticator& real, Secret token, const std::string& prefix)
    : real_(real),
      token_(std::move(token)),
      paths_{"/metrics", prefix + "/metrics", prefix + "/v1/metrics"},
      scraper_(std::make_shared<const Principal>(Principal{.username = "metrics",
                                                           .name = "Metrics",
                                                           .email = "",
                                                           .roles = {},
                                                           .claims = {std::string(metrics_claim)}})) {}

Result<Caller> ScraperDoor::authenticate(const http::Request& request, bool allow_query_token) const {
    constexpr std::string_view scheme = "Bearer ";
    if (!token_.empty() && std::ranges::find(paths_, request.path) != paths_.end()) {
        const std::string_view given = request.headers.get("Authorization");
        if (given.starts_with(scheme) && crypto::equal_constant_time(given.substr(scheme.size()), token_.reveal())) {
            Caller out;
            out.principal = scraper_;
            return out;
        }
    }
    return real_.authenticate(request, allow_query_token);
}

struct Operations::LogCounts {
    std::array<std::atomic<std::uint64_t>, 6> lines{};
};

Operations::Operations(const Needs& needs)
    : metrics_(needs.version),
      log_stream_(needs.events, [&hub = needs.hub] { return hub.anybody_wants(events::Type::system_logs); }),
      remote_({.enabled = needs.config.boolean("ENABLE_SSH_EXECUTE"),
               .accept_any_host_key = needs.config.boolean("ENABLE_SSH_INSECURE_KEY"),
               .known_hosts = known_hosts_file(needs.config),
               .global_known_hosts = "/etc/ssh/ssh_known_hosts",
               .limit = needs.config.duration("EXECUTE_TIME_LIMIT")}),
      door_(needs.who, needs.config.secret("METRICS_TOKEN"), normal_prefix(needs.config.text("API_PREFIX"))),
      log_file_(app::log_file(needs.config, needs.folders)),
      log_counts_(std::make_shared<LogCounts>()) {
    log::set_tap([counts = log_counts_, stream = log_stream_.tap()](log::Level level, std::string_view line) {
        counts->lines.at(static_cast<std::size_t>(level)).fetch_add(1, std::memory_order_relaxed);
        stream(level, line);
    });
}

Operations::~Operations() { log::set_tap({}); }

Result<std::unique_ptr<Operations>> Operations::make(const Needs& needs) {
    std::unique_ptr<Operations> out(new Operations(needs));
    TRY(out->open_traces(needs));
    out->add_figures(needs);
    return out;
}

std::vector<http::Observer*> Operations::observers() {
    std::vector<http::Observer*> out{&metrics_.requests()};
    if (tracer_) out.push_back(tracer_.get());
    return out;
}

Result<void> Operations::open_traces(const Needs& needs) {
    const std::string endpoint = needs.config.text("OTEL_EXPORTER_OTLP_ENDPOINT");
    if (endpoint.empty()) return {};
    if (!endpoint.starts_with("http://") && !endpoint.starts_with("https://"))
        return invalid_field("OTEL_EXPORTER_OTLP_ENDPOINT", "must be an http or https URL");
    auto headers = traces::parse_headers(needs.config.secret("OTEL_EXPORTER_OTLP_HEADERS"));
    if (!headers) return invalid_field("OTEL_EXPORTER_OTLP_HEADERS", "must be written name=value,name=value");
    traces::Tracer::Options options{.endpoint = endpoint, .headers = std::move(*headers)};
    options.resource = {.service_name = needs.config.text("OTEL_SERVICE_NAME"),
                        .service_version = needs.version,
                        .instance = crypto::random_uuid()};
    options.ratio = TRY(ratio_of(needs.config));
    options.prefix = normal_prefix(needs.config.text("API_PREFIX"));
    options.client = client_options(needs.config);
    tracer_ = std::make_unique<traces::Tracer>(needs.clock, std::move(options));
    return {};
}

void Operations::add_figures(const Needs& needs) {
    using metrics::Sample;
    const auto one = [](double value) { return std::vector<Sample>{{value}}; };
    metrics_.add_counter("corral_log_lines_total", "Log lines written, by level", [counts = log_counts_] {
        static constexpr std::array<const char*, 6> names{"trace", "debug", "info", "warn", "error", "off"};
        std::vector<Sample> out;
        for (std::size_t i = 0; i + 1 < names.size(); ++i)
            out.push_back({static_cast<double>(counts->lines.at(i)), {{"level", names.at(i)}}});
        return out;
    });
    const auto everybody = [root = needs.root] {
        Caller caller;
        caller.principal = root();
        return caller;
    };
    metrics_.add_gauge("corral_event_clients", "Connected event clients", [one, everybody, &hub = needs.hub] {
        return one(static_cast<double>(hub.statistics(everybody()).total_clients));
    });
    metrics_.add_counter("corral_event_messages_total", "Messages given to event clients",
                         [one, everybody, &hub = needs.hub] {
                             return one(static_cast<double>(hub.statistics(everybody()).messages_sent));
                         });
    metrics_.add_gauge("corral_event_queue_messages", "Messages that wait for event clients, the longest queue",
                       [one, everybody, &hub = needs.hub] {
                           std::int64_t longest = 0;
                           for (const auto& client : hub.clients(everybody()))
                               longest = std::max(longest, client.queue_depth);
                           return one(static_cast<double>(longest));
                       });
    if (needs.inventory != nullptr)
        metrics_.add_gauge("corral_machines", "Machines of this host, by state", [inventory = needs.inventory] {
            std::map<std::string, int> counts;
            for (const auto& machine : inventory->all()) ++counts[std::string(to_text(machine.state))];
            std::vector<Sample> out;
            out.reserve(counts.size());
            for (const auto& [state, count] : counts) out.push_back({static_cast<double>(count), {{"state", state}}});
            return out;
        });
    metrics_.add_gauge("corral_jobs", "Jobs that are kept, by state", [&jobs = needs.jobs] {
        std::vector<Sample> out;
        if (const auto counts = jobs.counts())
            for (const auto& [state, count] : *counts) out.push_back({static_cast<double>(count), {{"state", state}}});
        return out;
    });
    const auto written = [&](const char* name, const char* help, std::uint64_t db::Statistics::* figure) {
        metrics_.add_counter(name, help, [figure, &database = needs.database] {
            const auto figures = db::statistics(database);
            return figures ? std::vector<Sample>{{static_cast<double>((*figures).*figure)}} : std::vector<Sample>{};
        });
    };
    written("corral_db_commits_total", "Durable commits", &db::Statistics::commits);
    written("corral_db_transactions_total", "Write transactions in them: several may share one",
            &db::Statistics::transactions);
    written("corral_db_failed_commits_total", "Commits that could not be made durable", &db::Statistics::failures);
    const std::map<std::string, std::string> places{
        {"data", needs.folders.data}, {"machines", needs.folders.machines}, {"cache", needs.folders.cache}};
    metrics_.add_gauge("corral_disk_free_bytes", "Free space where the service keeps things", [places] {
        std::vector<Sample> out;
        for (const auto& [name, path] : places)
            if (const auto space = files::space_at(path))
                out.push_back({static_cast<double>(space->free_bytes), {{"folder", name}}});
        return out;
    });
    if (tracer_) {
        metrics_.add_counter("corral_trace_spans_sent_total", "Spans taken by the collector",
                             [one, tracer = tracer_.get()] { return one(static_cast<double>(tracer->sent())); });
        metrics_.add_counter("corral_trace_spans_dropped_total", "Spans given up: queue full, or refused",
                             [one, tracer = tracer_.get()] { return one(static_cast<double>(tracer->dropped())); });
    }
}

}  // namespace corral::app
