// What watches and steers the service: log stream, metrics, traces, tools, SSH, and the renewal of the listeners. Made
// by the wiring after the domain and before the dispatcher; outlives the server.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/server/config.hpp"
#include "app/server/folders.hpp"
#include "events/hub.hpp"
#include "jobs/job_service.hpp"
#include "machines/inventory.hpp"
#include "platform/http/caller.hpp"
#include "platform/http/dispatch.hpp"
#include "platform/metrics/metrics.hpp"
#include "platform/net/http_client.hpp"
#include "platform/traces/tracer.hpp"
#include "system/routes.hpp"

namespace corral::app {

// The log file by LOG_TO_FILE and LOG_FILE_PATH; "" when none is kept.
std::string log_file(const Config& config, const Folders& folders);

// How this server calls others: TLS_DISABLE_VALIDATION holds for all of it.
net::HttpClient::Options client_options(const Config& config);

// The access of scrapers: a bearer that equals METRICS_TOKEN may read the metrics and nothing else; everybody else is
// whom `real` says.
class ScraperDoor final : public http::Authenticator {
public:
    ScraperDoor(const http::Authenticator& real, Secret token, const std::string& prefix);
    [[nodiscard]] Result<Caller> authenticate(const http::Request& request, bool allow_query_token) const override;

private:
    const http::Authenticator& real_;
    Secret token_;
    std::vector<std::string> paths_;
    std::shared_ptr<const Principal> scraper_;
};

class Operations {
public:
    struct Needs {
        const Config& config;
        const Folders& folders;
        const Clock& clock;
        const http::Authenticator& who;
        events::Service& events;
        events::Hub& hub;
        jobs::JobService& jobs;
        db::Database& database;
        const machines::Inventory* inventory = nullptr;
        std::function<std::shared_ptr<const Principal>()> root;
        std::string version;
    };
    static Result<std::unique_ptr<Operations>> make(const Needs& needs);
    ~Operations();
    Operations(const Operations&) = delete;
    Operations& operator=(const Operations&) = delete;

    [[nodiscard]] const http::Authenticator& door() const { return door_; }
    [[nodiscard]] std::vector<http::Observer*> observers();
    [[nodiscard]] system::LogStream& log_stream() { return log_stream_; }
    [[nodiscard]] system::Tools& tools() { return tools_; }
    [[nodiscard]] system::Remote& remote() { return remote_; }
    [[nodiscard]] const std::string& log_file() const { return log_file_; }
    [[nodiscard]] metrics::Metrics& metrics() { return metrics_; }

private:
    explicit Operations(const Needs& needs);
    Result<void> open_traces(const Needs& needs);
    void add_figures(const Needs& needs);

    metrics::Metrics metrics_;
    std::unique_ptr<traces::Tracer> tracer_;
    system::LogStream log_stream_;
    system::Tools tools_;
    system::Remote remote_;
    ScraperDoor door_;
    std::string log_file_;
    struct LogCounts;
    std::shared_ptr<LogCounts> log_counts_;
};

}  // namespace corral::app
