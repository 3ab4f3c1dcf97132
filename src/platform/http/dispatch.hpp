// From a request to its answer, without sockets: router, access, body, handler, error bodies, CORS, request ids.
// Immutable after building; any thread. The server calls admit() with the head alone (network thread, never blocks) and
// run() with the body (worker thread, unless the row runs inline).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform/http/cors.hpp"
#include "platform/http/router.hpp"

namespace corral::http {

struct Admission {
    std::optional<Response> refusal;  // set: answer this, do not read the body for a handler
    const Route* route = nullptr;
    Caller caller;
    std::vector<std::string> path_values;
};

class Dispatcher {
public:
    struct Settings {
        std::string prefix = "/api";
        Cors::Settings cors;
        std::string version;  // of the product, for the API document
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
    // An answer for an error outside any row.
    [[nodiscard]] static Response refuse(int status, const std::string& message);

    [[nodiscard]] const std::vector<Route>& table() const { return table_; }
    [[nodiscard]] const Settings& settings() const { return settings_; }
    [[nodiscard]] const Cors& cors() const { return cors_; }

private:
    Settings settings_;
    std::vector<Route> table_;
    Router router_;
    const Authenticator& who_;
    Cors cors_;
};

// Masks credentials in a target for the log: ?access_token=*** and ?authorization=***.
std::string loggable_target(std::string_view target);

}  // namespace corral::http
