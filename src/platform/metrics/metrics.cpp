#include "platform/metrics/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <shared_mutex>
#include <sstream>
#include <unordered_map>

namespace corral::metrics {

namespace {

const prometheus::Histogram::BucketBoundaries buckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                      0.25,  0.5,    1,     2.5,  5,     10,   30};

// Whatever a caller makes up as a method must not make a series.
std::string method_label(http::Method method) {
    return method == http::Method::other ? "other" : std::string(to_text(method));
}

class RequestFigures final : public http::Observer {
public:
    explicit RequestFigures(prometheus::Registry& registry)
        : counts_(prometheus::BuildCounter()
                      .Name("corral_http_requests_total")
                      .Help("Requests answered, by method, row of the route table and status")
                      .Register(registry)),
          times_(prometheus::BuildHistogram()
                     .Name("corral_http_request_duration_seconds")
                     .Help("Time from the end of a request's head to the end of its answer")
                     .Register(registry)),
          bytes_(prometheus::BuildCounter()
                     .Name("corral_http_response_bytes_total")
                     .Help("Bytes of answers' bodies")
                     .Register(registry)
                     .Add({})) {}

    void end(const http::Exchange& exchange) override {
        const Series& series = series_of(exchange);
        series.count->Increment();
        // How long a socket stays open says nothing of how fast it is answered.
        if (exchange.status != 101) series.times->Observe(std::chrono::duration<double>(exchange.took).count());
        bytes_.Increment(static_cast<double>(exchange.bytes));
    }

private:
    struct Series {
        prometheus::Counter* count = nullptr;
        prometheus::Histogram* times = nullptr;
    };
    struct Key {
        const http::Route* route;
        int method, status;
        bool operator==(const Key&) const = default;
    };
    struct Hash {
        std::size_t operator()(const Key& key) const {
            return std::hash<const void*>{}(key.route) ^ (static_cast<std::size_t>(key.method) << 20U) ^
                   (static_cast<std::size_t>(key.status) << 40U);
        }
    };
    Series series_of(const http::Exchange& exchange) {
        const Key key{exchange.route, static_cast<int>(exchange.request.method), exchange.status};
        {
            std::shared_lock lock(mutex_);
            if (const auto it = known_.find(key); it != known_.end()) return it->second;
        }
        const std::string method = method_label(exchange.request.method);
        const std::string row = exchange.route != nullptr ? exchange.route->pattern : "none";
        std::lock_guard lock(mutex_);
        Series& out = known_[key];
        out.count = &counts_.Add({{"method", method}, {"route", row}, {"status", std::to_string(exchange.status)}});
        out.times = &times_.Add({{"method", method}, {"route", row}}, buckets);
        return out;
    }

    prometheus::Family<prometheus::Counter>& counts_;
    prometheus::Family<prometheus::Histogram>& times_;
    prometheus::Counter& bytes_;
    std::shared_mutex mutex_;  // guards known_
    std::unordered_map<Key, Series, Hash> known_;
};

struct Family {
    std::string name, help;
    prometheus::MetricType type;
    Figures figures;
};

prometheus::MetricFamily collect(const Family& family) {
    prometheus::MetricFamily out{family.name, family.help, family.type, {}};
    for (const Sample& sample : family.figures()) {
        prometheus::ClientMetric metric;
        for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
        if (family.type == prometheus::MetricType::Counter)
            metric.counter.value = sample.value;
        else
            metric.gauge.value = sample.value;
        out.metric.push_back(std::move(metric));
    }
    return out;
}

}  // namespace

struct Metrics::State {
    prometheus::Registry registry;
    RequestFigures requests{registry};
    std::vector<Family> families;
};

Metrics::Metrics(std::string_view version) : state_(std::make_unique<State>()) {
    add_gauge("corral_build_info", "1; which build runs",
              [text = std::string(version)] { return std::vector<Sample>{{1, {{"version", text}}}}; });
    const auto process = [this](auto member, const char* name, const char* help, bool counter) {
        Figures figures = [member] { return std::vector<Sample>{{static_cast<double>(process_figures().*member)}}; };
        counter ? add_counter(name, help, figures) : add_gauge(name, help, figures);
    };
    process(&ProcessFigures::cpu_seconds, "process_cpu_seconds_total", "Processor time used", true);
    process(&ProcessFigures::start_seconds, "process_start_time_seconds", "When the process began, in Unix time",
            false);
    process(&ProcessFigures::resident_bytes, "process_resident_memory_bytes", "Memory held in RAM", false);
    process(&ProcessFigures::virtual_bytes, "process_virtual_memory_bytes", "Address space", false);
    process(&ProcessFigures::threads, "process_threads", "Threads", false);
    process(&ProcessFigures::open_files, "process_open_fds", "Open file descriptors", false);
}

Metrics::~Metrics() = default;

void Metrics::add_gauge(std::string name, std::string help, Figures figures) {
    state_->families.push_back({std::move(name), std::move(help), prometheus::MetricType::Gauge, std::move(figures)});
}

void Metrics::add_counter(std::string name, std::string help, Figures figures) {
    state_->families.push_back({std::move(name), std::move(help), prometheus::MetricType::Counter, std::move(figures)});
}

http::Observer& Metrics::requests() { return state_->requests; }

std::string Metrics::text() const {
    auto families = state_->registry.Collect();
    for (const Family& family : state_->families) families.push_back(collect(family));
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families);
    return out.str();
}

}  // namespace corral::metrics
