#include "system/routes.hpp"

#include "platform/files/files.hpp"
#include "system/logs/log_reader.hpp"

namespace corral::system {

namespace {

using namespace http;

Response text_answer(std::string text) {
    Response out;
    out.content_type = "text/plain";
    out.body = std::move(text);
    return out;
}

void add_health(std::vector<Route>& rows, const Parts& p) {
    rows.push_back(get("/v1/health/system", open_to_anyone("load balancers and released clients ask without a token"),
                       "Health of the parts",
                       [&service = p.service](const Caller&, const Request& request) -> Result<Health> {
                           const auto full = request.query_value("full").value_or("");
                           return service.health(full == "true" || full == "1" || full == "t" || full == "TRUE");
                       })
                       .query("full", "true: also optional tools"));
    rows.push_back(get("/v1/health/ready",
                       open_to_anyone("load balancers have no token; it tells no more than ready or not"),
                       "Can this server take requests now? 503 when it cannot",
                       [answers = p.database_answers](const Caller&) -> Result<Response> {
                           Readiness out;
                           const auto database = answers();
                           out.checks.push_back({.name = "database",
                                                 .healthy = database.has_value(),
                                                 .message = "",
                                                 .error_message = database ? "" : "The database does not answer"});
                           if (!database) out.status = "not ready";
                           return json_answer(database ? 200 : 503, out);
                       }));
}

void add_metrics(std::vector<Route>& rows, const Parts& p) {
    const auto scrape = [text = p.metrics](const Caller&) -> Result<Response> {
        Response out = text_answer(text());
        out.content_type = "text/plain; version=0.0.4; charset=utf-8";
        return out;
    };
    // The claim is nobody's by default: super users, the bearer of METRICS_TOKEN, and whom it is given to.
    rows.push_back(get("/v1/metrics", any_of({"READ_METRICS"}), "Figures for Prometheus", scrape));
    rows.push_back(get("/metrics", any_of({"READ_METRICS"}), "Figures for Prometheus, where scrapers look", scrape)
                       .at_root()
                       .named("get_root_metrics"));
}

void add_config(std::vector<Route>& rows, const Parts& p) {
    rows.push_back(get("/v1/config/hardware", all_of({"LIST"}), "What this host has and what is left",
                       [&service = p.service](const Caller&) { return service.hardware(); }));
    rows.push_back(
        post("/v1/config/diskspace", super_users(), "Free disk space",
             [&service = p.service](const Caller&, DiskSpaceRequest body) { return service.disk_space(body); }));
    rows.push_back(get("/v1/config/parallels-desktop/license", all_of({"LIST"}), "Licence of the hypervisor",
                       [&service = p.service](const Caller&) { return service.license(); })
                       .alias("/v1/parallels_desktop/key"));  // as published
    rows.push_back(post("/v1/config/tools/install", super_users(), "Install tools, as packages of the system",
                        [&tools = p.tools](const Caller&, InstallToolsRequest body) { return tools.install(body); }));
    rows.push_back(
        post("/v1/config/tools/uninstall", super_users(), "Remove tools",
             [&tools = p.tools](const Caller&, UninstallToolsRequest body) { return tools.uninstall(body); }));
    rows.push_back(post("/v1/config/tools/restart", super_users(), "Renew the listeners without ending the process",
                        [restart = p.restart](const Caller&) -> Result<Response> {
                            Response out;
                            out.status = 202;
                            out.after_sent = restart;
                            return out;
                        })
                       .status(202));
    Route stop =
        get("/shutdown", super_users(), "Stop the service", [shutdown = p.shutdown](const Caller&) -> Result<Response> {
            Response out = text_answer("Shutting down\n");
            out.after_sent = shutdown;
            return out;
        }).unversioned();
    for (const Method method : {Method::post, Method::put, Method::patch, Method::del}) stop.methods.push_back(method);
    rows.push_back(std::move(stop));
}

void add_logs(std::vector<Route>& rows, const Parts& p) {
    rows.push_back(
        get("/v1/logs", super_users(), "The service's log file, as text",
            [file = p.log_file, &clock = p.clock](const Caller&, const Request& request) -> Result<Response> {
                const LogQuery query = TRY(log_query(request, clock.now()));
                if (file.empty()) return Error{Errc::invalid, "No log is kept on disk; LOG_TO_FILE switches it on"};
                if (!files::exists(file)) return Error{Errc::invalid, "There is no log file yet", file};
                if (!query.everything()) return text_answer(TRY(read_log(file, query)));
                Response out = text_answer("");
                out.file = TRY(open_file_body(file));
                return out;
            })
            .query("lines", "Only so many of the last lines")
            .query("since", "Only lines since a time (RFC 3339) or within an age (90s, 15m, 2h, 3d)")
            .query("level", "Only lines of this level and above: trace, debug, info, warn, error")
            .query("contains", "Only lines that hold this text"));
    rows.push_back(socket("/v1/logs/stream", super_users(), "The log as it is written, one text frame a line",
                          [&stream = p.log_stream](const Call&) -> Result<SocketHandler> { return stream.open(); })
                       .token_in_query());
}

}  // namespace

std::vector<Route> routes(const Parts& parts) {
    std::vector<Route> rows;
    add_health(rows, parts);
    add_config(rows, parts);
    add_logs(rows, parts);
    add_metrics(rows, parts);
    for (Route& route : rows) route.module = "config";
    rows.push_back(post("/v1/ssh/execute", all_of({"EXECUTE_SSH"}), "Run a command on another computer over SSH",
                        [&remote = parts.remote](const Caller&, SshRequest body) { return remote.execute(body); })
                       .diagnostics());
    rows.back().module = "ssh";
    return rows;
}

}  // namespace corral::system
