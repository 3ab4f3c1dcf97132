// What operators use: the log and its stream, readiness, metrics, traces, tools, restart and shutdown.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/json/parse.hpp>

#include "base/log.hpp"
#include "raw.hpp"
#include "subscriber.hpp"
#include "support/canned_api.hpp"

namespace corral::tests {
namespace {

using testing_support::CannedApi;

// The process has one log; it goes to the server's folder meanwhile.
class LoggingServer {
public:
    LoggingServer() : server({.accounts = {{.name = "ann", .claims = {"LIST"}}}, .flags = {"--LOG_TO_FILE=true"}}) {
        std::filesystem::create_directories(server / "logs");
        log::configure({.level = log::Level::info, .file = server / "logs/corral.log", .to_stderr = false});
    }
    // As it was found: other cases of this process listen to the usual level.
    ~LoggingServer() { log::configure({.level = log::Level::info, .file = "", .to_stderr = false}); }
    LoggingServer(const LoggingServer&) = delete;
    LoggingServer& operator=(const LoggingServer&) = delete;
    Server server;
};

TEST(Logs, are_read_from_disk_whole_or_in_part) {
    LoggingServer logging;
    Server& server = logging.server;
    log::info("first line", {{"n", 1}});
    log::error("second line", {{"n", 2}});
    const auto whole = server.get("/v1/logs");
    EXPECT_EQ(whole.status, 200);
    EXPECT_EQ(whole.headers.get("Content-Type"), "text/plain");
    EXPECT_NE(whole.body.find("first line n=1\n"), std::string::npos);
    EXPECT_NE(whole.body.find("second line n=2\n"), std::string::npos);
    const auto errors = server.get("/logs?level=error&lines=1").body;
    EXPECT_NE(errors.find("second line"), std::string::npos);
    EXPECT_EQ(errors.find("first line"), std::string::npos);
    EXPECT_NE(server.get("/v1/logs?contains=first").body.find("first line n=1\n"), std::string::npos);
    EXPECT_EQ(server.get("/v1/logs?since=whenever").status, 400);
    EXPECT_EQ(server.get("/v1/logs?lines=0").status, 400);
    EXPECT_EQ(server.get("/v1/logs", {.as = "ann"}).status, 401);
    EXPECT_EQ(server.get("/v1/logs", {.as = ""}).status, 401);
}

TEST(Logs, that_are_not_kept_are_a_clear_refusal) {
    Server server;
    const auto answer = server.get("/v1/logs");
    EXPECT_EQ(answer.status, 400);
    EXPECT_NE(answer.at("/message").find("LOG_TO_FILE"), std::string::npos);
}

TEST(Logs, Q22_are_streamed_to_each_listener_as_they_are_written) {
    LoggingServer logging;
    Server& server = logging.server;
    Subscriber one(server, "/v1/logs/stream");
    Subscriber two(server, "/logs/stream");
    Subscriber events(server, "/v1/ws/subscribe?event_types=system_logs");
    const auto line_with = [](Subscriber& from, const std::string& text) {
        for (;;)
            if (const auto frame = from.frame(); frame.opcode == 1 && frame.payload.find(text) != std::string::npos)
                return frame.payload;
    };
    EXPECT_EQ(events.event().at("/event_type"), "global");
    // Opening is answered before the stream knows of the socket: write until it does.
    std::jthread writer([](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            log::warn("a marked line", {{"n", 7}});
            std::this_thread::sleep_for(std::chrono::milliseconds{2});
        }
    });
    EXPECT_EQ(line_with(one, "marked"), "a marked line n=7");
    one.close();
    EXPECT_EQ(line_with(two, "marked"), "a marked line n=7") << "one who leaves takes nobody along";
    const auto event = events.event_with("/body/message", "a marked line n=7");
    EXPECT_EQ(event.at("/event_type"), "system_logs");
    EXPECT_EQ(event.at("/message"), "System Log");
    EXPECT_EQ(event.at("/body/level"), "warn");
    EXPECT_THROW(Subscriber(server, "/v1/logs/stream", "ann"), std::runtime_error);
}

TEST(Readiness, is_told_to_anybody_and_follows_the_database) {
    Server server;
    const auto answer = server.get("/v1/health/ready", {.as = ""});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.at("/status"), "ready");
    EXPECT_EQ(answer.at("/checks/0/name"), "database");
    EXPECT_EQ(server.get("/health/ready", {.as = ""}).status, 200);
}

// ---- metrics

std::string figure(const std::string& text, const std::string& series) {
    const auto at = text.find("\n" + series + " ");
    if (at == std::string::npos) return "(absent)";
    const auto from = at + series.size() + 2;
    return text.substr(from, text.find('\n', from) - from);
}

TEST(Metrics, tell_of_requests_by_row_and_of_the_service) {
    Server server;
    for (int i = 0; i < 3; ++i) server.get("/v1/machines/none");
    server.get("/no/such/path");
    const auto answer = server.get("/v1/metrics");
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.headers.get("Content-Type").starts_with("text/plain; version=0.0.4"));
    EXPECT_EQ(
        figure(answer.body, R"(corral_http_requests_total{method="GET",route="/v1/machines/{machine}",status="404"})"),
        "3");
    EXPECT_EQ(figure(answer.body, R"(corral_http_requests_total{method="GET",route="none",status="404"})"), "1");
    EXPECT_NE(answer.body.find("corral_http_request_duration_seconds_bucket{method=\"GET\""), std::string::npos);
    EXPECT_EQ(figure(answer.body, "corral_event_clients"), "0");
    EXPECT_GE(std::stoi(figure(answer.body, "corral_db_commits_total")), 1);
    EXPECT_EQ(figure(answer.body, "corral_db_failed_commits_total"), "0");
    EXPECT_NE(answer.body.find("# TYPE corral_jobs gauge"), std::string::npos);
    EXPECT_NE(figure(answer.body, "process_resident_memory_bytes"), "(absent)");
    EXPECT_NE(figure(answer.body, R"(corral_disk_free_bytes{folder="data"})"), "(absent)");
    EXPECT_EQ(answer.body.find("/no/such"), std::string::npos) << "what callers make up is no series";
}

TEST(Metrics, are_for_super_users_the_token_and_holders_of_the_claim_and_for_nobody_else) {
    Server server({.accounts = {{.name = "scraper", .claims = {"READ_METRICS"}}, {.name = "ann", .claims = {"LIST"}}},
                   .flags = {"--METRICS_TOKEN=scrape-me"}});
    const auto with = [&](const std::string& path, const std::string& bearer) {
        Raw raw(server.port());
        raw.send("GET " + path + " HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer " + bearer + "\r\n\r\n");
        return raw.answer().status;
    };
    EXPECT_EQ(server.get("/metrics").status, 200);
    EXPECT_EQ(server.get("/metrics", {.as = "scraper"}).status, 200);
    EXPECT_EQ(server.get("/metrics", {.as = "ann"}).status, 401);
    EXPECT_EQ(server.get("/metrics", {.as = ""}).status, 401);
    for (const char* path : {"/metrics", "/api/metrics", "/api/v1/metrics", "//metrics/"})
        EXPECT_EQ(with(path, "scrape-me"), 200) << path;
    EXPECT_EQ(with("/metrics", "scrape-m"), 401);
    EXPECT_EQ(with("/metrics", ""), 401);
    // The token opens nothing else, not even what asks for any credential.
    EXPECT_EQ(with("/api/v1/ws/clients", "scrape-me"), 401);
    EXPECT_EQ(with("/api/v1/config/hardware", "scrape-me"), 401);
}

TEST(Metrics, an_empty_token_is_no_token) {
    Server server({.flags = {"--METRICS_TOKEN="}});
    Raw raw(server.port());
    raw.send("GET /metrics HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer \r\n\r\n");
    EXPECT_EQ(raw.answer().status, 401);
}

// ---- traces

TEST(Traces, of_requests_reach_the_collector_and_go_on_with_the_callers) {
    CannedApi collector;
    collector.answer("POST /traces", "{}");
    {
        Server server(
            {.flags = {"--OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.url() + "/api", "--OTEL_SERVICE_NAME=test-service",
                       "--OTEL_EXPORTER_OTLP_HEADERS=X-Api-Key=of%20test"}});
        server.get("/v1/config/hardware",
                   {.headers = {{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
                                {"X-Request-Id", "request-7"}}});
    }
    ASSERT_FALSE(collector.asked().empty());
    const auto asked = collector.asked().front();
    EXPECT_EQ(asked.api_key, "of test");
    const auto body = boost::json::parse(asked.body);
    EXPECT_EQ(body.at_pointer("/resourceSpans/0/resource/attributes/0/value/stringValue"), "test-service");
    const auto& span = body.at_pointer("/resourceSpans/0/scopeSpans/0/spans/0").as_object();
    EXPECT_EQ(span.at("traceId"), "4bf92f3577b34da6a3ce929d0e0e4736");
    EXPECT_EQ(span.at("parentSpanId"), "00f067aa0ba902b7");
    EXPECT_EQ(span.at("name"), "GET /api/v1/config/hardware");
    EXPECT_NE(asked.body.find("request-7"), std::string::npos);
    EXPECT_EQ(asked.body.find("Bearer"), std::string::npos);
}

TEST(Traces, are_configured_rightly_or_not_at_all) {
    for (const char* flag : {"--OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318", "--OTEL_TRACES_SAMPLER_ARG=2",
                             "--OTEL_TRACES_SAMPLER_ARG=half", "--OTEL_EXPORTER_OTLP_HEADERS=secret"}) {
        std::vector<std::string> flags{"--OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", flag};
        EXPECT_THROW(Server({.flags = flags}), std::runtime_error) << flag;
    }
}

// ---- restart and shutdown

TEST(Restart, Q14_answers_first_refuses_nobody_and_leaves_tokens_data_and_new_sockets_working) {
    Server server;
    const int port = server.port();
    std::atomic<int> failed = 0;
    std::atomic<int> answered = 0;
    {
        std::jthread callers([&](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                try {
                    if (server.get("/health/probe", {.as = ""}).status == 200) ++answered;
                } catch (const std::exception&) {
                    ++failed;
                }
            }
        });
        for (int i = 0; i < 5; ++i) {
            const auto answer = server.post("/config/tools/restart", "");
            EXPECT_EQ(answer.status, 202);
            EXPECT_EQ(answer.body, "");
        }
        const int before = answered;
        EXPECT_TRUE(eventually([&] { return answered > before + 20; }));
    }
    EXPECT_EQ(failed, 0);
    EXPECT_EQ(server.port(), port);
    EXPECT_EQ(server.get("/v1/machines").status, 200);
    // The last of the renewals may still be under way, and tells sockets of the one before to come again.
    EXPECT_TRUE(eventually([&] {
        try {
            return Subscriber(server, "/v1/ws/subscribe").event().at("/event_type") == "global";
        } catch (const std::exception&) {
            return false;
        }
    }));
}

TEST(Restart, Q14_open_sockets_are_told_and_not_left_hanging) {
    Server server;
    Subscriber open(server, "/v1/ws/subscribe");
    EXPECT_EQ(open.event().at("/event_type"), "global");
    EXPECT_EQ(server.post("/v1/config/tools/restart", "").status, 202);
    EXPECT_EQ(open.frame().close_code(), 1001);
}

TEST(Shutdown, Q1b_is_for_super_users_and_answers_before_it_begins) {
    Server server({.accounts = {{.name = "ann", .claims = {"LIST"}}}});
    std::atomic<int> asked = 0;
    server.app().on_stop_request([&](bool failed) { asked += failed ? 100 : 1; });
    for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
        EXPECT_EQ(server.call(method, "/shutdown", "", {.as = ""}).status, 401) << method;
        EXPECT_EQ(server.call(method, "/shutdown", "", {.as = "ann"}).status, 401) << method;
    }
    EXPECT_EQ(server.get("/v1/shutdown").status, 404);
    EXPECT_EQ(asked, 0);
    const auto answer = server.post("/shutdown", "");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.headers.get("Content-Type"), "text/plain");
    EXPECT_TRUE(eventually([&] { return asked == 1; }));
}

// ---- tools and SSH: what is refused (tests/ssh has a real server)

TEST(Tools, Q1b_unknown_ones_are_refused_one_by_one_and_only_super_users_ask) {
    Server server({.accounts = {{.name = "ann", .claims = {"LIST", "EXECUTE_SSH"}}}});
    const std::string body = R"({"tools":{"no-such-tool":{}}})";
    EXPECT_EQ(server.post("/v1/config/tools/install", body, {.as = "ann"}).status, 401);
    EXPECT_EQ(server.post("/v1/config/tools/uninstall", body, {.as = ""}).status, 401);
    EXPECT_EQ(server.post("/v1/config/tools/restart", "", {.as = "ann"}).status, 401);
    const auto answer = server.post("/v1/config/tools/install", body);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.at("/success"), "true");
    EXPECT_EQ(answer.at("/installed_tools/no-such-tool/success"), "false");
    EXPECT_EQ(server.post("/v1/config/tools/uninstall", body).at("/uninstalled_tools/no-such-tool/success"), "false");
    EXPECT_EQ(server.post("/v1/config/tools/install", "{}").status, 400);
}

TEST(Ssh, Q17_bodies_are_checked_before_the_switch_and_it_is_off_by_itself) {
    Server server({.accounts = {{.name = "ann", .claims = {"EXECUTE_SSH"}}, {.name = "bob", .claims = {"LIST"}}}});
    const std::string whole = R"({"host":"127.0.0.1","port":1,"username":"u","password":"p","command":"true"})";
    EXPECT_EQ(server.post("/v1/ssh/execute", whole, {.as = "bob"}).status, 401);
    EXPECT_EQ(
        server.post("/v1/ssh/execute", R"({"host":"h","port":0,"username":"u","command":"c"})", {.as = "ann"}).status,
        400);
    const auto answer = server.post("/v1/ssh/execute", whole, {.as = "ann"});
    EXPECT_EQ(answer.status, 403);
    EXPECT_NE(answer.at("/message").find("ENABLE_SSH_EXECUTE"), std::string::npos);
    EXPECT_NE(answer.at("/diagnostics"), "(absent)");
}

}  // namespace
}  // namespace corral::tests
