// Figures for Prometheus (text format 0.0.4): requests as they are answered, the process, and whatever other modules
// can tell when somebody asks. Over prometheus-cpp, which no other folder sees. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/http/dispatch.hpp"

namespace corral::metrics {

struct Sample {
    double value = 0;
    std::vector<std::pair<std::string, std::string>> labels = {};
};
using Figures = std::function<std::vector<Sample>()>;  // called at each scrape, on any thread

class Metrics {
public:
    explicit Metrics(std::string_view version);
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    // Before the first scrape. Names follow Prometheus' rules: corral_…, base units, counters end in _total.
    void add_gauge(std::string name, std::string help, Figures figures);
    void add_counter(std::string name, std::string help, Figures figures);

    // Counts requests by method, row and status, with a histogram of the time to the last byte. Less than a microsecond
    // a request. The rows outlive it.
    [[nodiscard]] http::Observer& requests();
    [[nodiscard]] std::string text() const;
    static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

private:
    struct State;
    std::unique_ptr<State> state_;
};

// Of this process: CPU time, memory, threads, open files, start.
struct ProcessFigures {
    double cpu_seconds = 0, start_seconds = 0;  // start: Unix time
    std::uint64_t resident_bytes = 0, virtual_bytes = 0, threads = 0, open_files = 0;
};
ProcessFigures process_figures();

}  // namespace corral::metrics
