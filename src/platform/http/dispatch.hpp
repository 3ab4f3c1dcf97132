// From a request to its answer, without sockets: router, access, limits, body, handler, error bodies, CORS, request
// ids. Unchanged after building but for the limits' counts; any thread. The server calls admit() with the head alone
// (network thread, never blocks) and run() with the body (worker thread, unless the row runs inline).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform/http/edge/cors.hpp"
#include "platform/http/edge/rate_limit.hpp"
#include "platform/http/router.hpp"

namespace corral::http {

struct Admission {
    std::optional<Response> refusal;  // set: answer this, do not read the body for a handler
    const Route* route = nullptr;
    Caller caller;
    std::vector<std::string> path_values;
};

// One request and what became of it.
struct Exchange {
    const Request& request;
    const Route* route = nullptr;  // the row of the table (points into Dispatcher::table()); null when none fits
    const Caller& caller;          // anonymous when refused before it was known
    int status = 0;                // 101: it became a WebSocket
    std::uint64_t bytes = 0;       // of the answer's body
    std::chrono::steady_clock::duration took{};  // from the end of the head to the end of the answer
};

// Sees the requests that come and go: the one hook behind the access log, metrics and traces. Called on network
// threads: from memory only, never blocks, never throws. Outlives the server.
class Observer {
public:
    virtual ~Observer() = default;
    // The head is read and not routed yet; may complete the request (trace context).
    virtual void begin(Request& /*request*/) {}
    // The answer is out, or could not be sent.
    virtual void end(const Exchange& exchange) = 0;
};

class Dispatcher {
public:
    struct Settings {
        std::string prefix = "/api";
        Cors::Settings cors;
        std::string version;                    // of the product, for the API document
        std::vector<Observer*> observers = {};  // told of every request, in this order; outlive the dispatcher
        RateSettings rate = {};                 // of one account or API key
        RateSettings address_rate = {};         // of one address, for what comes without good credentials
    };
    // Takes the modules' tables and adds the base routes (probe, home, API document and page).
    Dispatcher(std::vector<Route> table, const Authenticator& who, Settings settings);
    Dispatcher(const Dispatcher&) = delete;  // the router points into the table
    Dispatcher& operator=(const Dispatcher&) = delete;

    // Completes the request (path, query, id) and decides.
    [[nodiscard]] Admission admit(Request&) const;
    [[nodiscard]] Response run(const Admission&, const Request&) const;
    [[nodiscard]] Result<SocketHandler> open_socket(const Admission&, const Request&) const;
    // Adds what every answer carries: request id, CORS.
    void finish(const Request&, Response&) const;
    // Tells the observers; network threads.
    void begin(Request&) const;
    void end(const Exchange&) const;
    // An answer for an error outside any row.
    [[nodiscard]] static Response refuse(int status, const std::string& message);

    [[nodiscard]] const std::vector<Route>& table() const { return table_; }
    [[nodiscard]] const Settings& settings() const { return settings_; }
    [[nodiscard]] const Cors& cors() const { return cors_; }
    [[nodiscard]] const Authenticator& authenticator() const { return who_; }

private:
    [[nodiscard]] std::optional<Response> over_limit(const Admission&, const Request&) const;
    [[nodiscard]] Response options_without_cors(const Request&) const;

    Settings settings_;
    std::vector<Route> table_;
    Router router_;
    const Authenticator& who_;
    Cors cors_;
    mutable RateLimiter caller_limit_;
    mutable RateLimiter address_limit_;
};

}  // namespace corral::http
