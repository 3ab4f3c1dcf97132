// From a path to a row, and what every answer looks like: slashes, versions, methods, errors, CORS, the API document.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "raw.hpp"
#include "server.hpp"

namespace corral::tests {
namespace {

class Routing : public testing::Test {
protected:
    Server server;

    Raw::Answer raw(const std::string& head) {
        Raw connection(server.port());
        connection.send(head + "Host: test\r\nConnection: close\r\n\r\n");
        return connection.answer();
    }
};

TEST_F(Routing, versions_and_slashes_are_all_the_same_and_never_a_redirect) {
    const std::string expected = server.get("/v1/machines").body;
    EXPECT_EQ(expected, "[]\n");
    const std::string token = "Authorization: Bearer " + server.token("root") + "\r\n";
    for (const char* path : {"/api/v1/machines", "/api/machines", "/api/v1//machines", "//api///v1//machines",
                             "/api/v1/machines/", "/api/machines//", "/api/v1/machines?", "/api/v1/machines?x=1&&y"}) {
        SCOPED_TRACE(path);
        const auto answer = raw("GET " + std::string(path) + " HTTP/1.1\r\n" + token);
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, expected);
    }
    // The form for proxies is understood as well (RFC 9112, 3.2.2).
    EXPECT_EQ(raw("GET http://test/api/v1/machines HTTP/1.1\r\n" + token).status, 200);
}

TEST_F(Routing, a_post_to_a_double_slash_stays_a_post) {
    EXPECT_EQ(raw("POST /api/v1//auth//token/ HTTP/1.1\r\nContent-Length: 0\r\n").status, 400);
}

TEST_F(Routing, paths_that_are_none_are_not_found_with_the_code_in_the_body) {
    for (const char* path : {"/", "/v1/machines", "/api/v2/machines", "/api/v1/v1/machines", "/api/v1/machines/x/y/z",
                             "/api/v1/machines/../auth/token", "/api/v1/%2e%2e/x", "/api/v1/machines/%zz",
                             "/api/v1/machines/%00", "/api/v1/machines/%c3%28", "/api/v1/machines/a%2Fb"}) {
        SCOPED_TRACE(path);
        const auto answer = raw("GET " + std::string(path) + " HTTP/1.1\r\n");
        EXPECT_EQ(answer.status, 404);
        EXPECT_EQ(answer.headers.get("Content-Type"), "application/json");
        EXPECT_NE(answer.body.find("\"code\":404"), std::string::npos) << answer.body;
    }
}

TEST_F(Routing, a_wrong_method_is_told_before_credentials_are_looked_at) {
    const auto answer = server.call("PATCH", "/v1/machines", "", {.as = ""});
    EXPECT_EQ(answer.status, 405);
    EXPECT_EQ(answer.headers.get("Allow"), "POST, GET, HEAD");
    EXPECT_EQ(answer.at("/code"), "405");
    EXPECT_EQ(server.call("BREW", "/v1/machines", "", {.as = ""}).status, 405);
    // A fixed path beside a parameter: both rows count.
    const auto cleanup = server.call("PUT", "/v1/jobs/cleanup", "");
    EXPECT_EQ(cleanup.status, 405);
    EXPECT_NE(cleanup.headers.get("Allow").find("DELETE"), std::string_view::npos);
    EXPECT_NE(cleanup.headers.get("Allow").find("GET"), std::string_view::npos);
}

TEST_F(Routing, names_may_hold_anything_but_a_slash) {
    for (const auto& [sent, meant] :
         {std::pair{"caf%C3%A9%20%2B%25", "caf\xc3\xa9 +%"}, {"a+b", "a+b"}, {"a%3Fb%23c", "a?b#c"}}) {
        const auto answer = server.get("/v1/machines/" + std::string(sent));
        EXPECT_EQ(answer.status, 404);
        EXPECT_EQ(answer.at("/message"), "There is no machine " + std::string(meant));
    }
    // An escaped slash is part of a name, not a path: the row with the status would answer otherwise.
    EXPECT_EQ(server.get("/v1/machines/a%2Fstatus").status, 404);
    EXPECT_NE(server.get("/v1/machines/a%2Fstatus").body, server.get("/v1/machines/a/status").body);
}

TEST_F(Routing, offers_of_http_2_are_ignored) {
    const auto answer =
        raw("GET /api/health/probe HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: 0\r\n");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "{\"status\":\"OK\"}\n");
    EXPECT_FALSE(answer.headers.find("Upgrade"));
}

TEST_F(Routing, json_is_announced_as_nothing_but_application_json) {
    EXPECT_EQ(server.get("/health/probe", {.as = ""}).headers.get("Content-Type"), "application/json");
    EXPECT_EQ(server.get("/v1/machines").headers.get("Content-Type"), "application/json");
    EXPECT_EQ(server.get("/v1/machines", {.as = ""}).headers.get("Content-Type"), "application/json");
    EXPECT_EQ(server.get("/v1/nowhere").headers.get("Content-Type"), "application/json");
    EXPECT_EQ(server.post("/v1/auth/token", "{}", {.as = ""}).headers.get("Content-Type"), "application/json");
}

TEST_F(Routing, errors_have_the_face_of_their_route) {
    // Most routes: message, code, and each bad field.
    const auto plain = server.post("/v1/machines", R"({"catalog_manifest":{"catalog_id":5}})");
    EXPECT_EQ(plain.status, 400);
    EXPECT_EQ(plain.at("/code"), "400");
    EXPECT_EQ(plain.size("/stack"), 2) << plain.body;
    EXPECT_EQ(plain.at("/stack/0/path"), "/name");
    EXPECT_EQ(plain.at("/stack/1/path"), "/catalog_manifest/catalog_id");
    EXPECT_EQ(plain.at("/diagnostics"), "(absent)");
    // Sign-in and events: the diagnostics, without anything of our insides.
    const auto diagnostics = server.post("/v1/auth/token", "{}", {.as = ""});
    EXPECT_EQ(diagnostics.status, 400);
    EXPECT_EQ(diagnostics.at("/code"), "400");
    EXPECT_EQ(diagnostics.size("/diagnostics/errors"), 1) << diagnostics.body;
    EXPECT_EQ(diagnostics.at("/diagnostics/errors/0/code"), "400");
    EXPECT_EQ(diagnostics.at("/diagnostics/path/0/file_name"), "");
    EXPECT_EQ(diagnostics.at("/diagnostics/path/0/line_number"), "0");
    EXPECT_EQ(diagnostics.at("/stack"), "(absent)");
    // The gate: OAuth's words.
    const auto gate = server.get("/v1/machines", {.as = ""});
    EXPECT_EQ(gate.status, 401);
    EXPECT_EQ(gate.at("/error"), "unauthorized_client");
    EXPECT_NE(gate.at("/error_description"), "(absent)");
}

TEST_F(Routing, bodies_are_read_by_what_they_are) {
    const std::string json = R"({"email":"root","password":"wrong"})";
    const std::string form = "email=root&password=wrong";
    const auto status = [&](const std::string& body, const std::string& type, const std::string& query = "") {
        return server.post("/v1/auth/token" + query, body, {.as = "", .content_type = type}).status;
    };
    EXPECT_EQ(status(json, "application/json"), 401);
    EXPECT_EQ(status(json, "application/json; charset=utf-8"), 401);
    EXPECT_EQ(status(json, "text/plain"), 401);
    EXPECT_EQ(status(json, "application/x-www-form-urlencoded"), 401);  // curl's default
    EXPECT_EQ(status(form, "application/x-www-form-urlencoded"), 401);
    EXPECT_EQ(status(json, "application/json", "?email=other&access_token=x"), 401);  // Q18
    for (const char* bad : {"", "  ", "{", "[]", "\"x\"", "null{}", "{\"email\":\"root\",}", "{\"email\":\"\xff\"}"})
        EXPECT_EQ(status(bad, "application/json"), 400) << bad;
    EXPECT_EQ(status(std::string(1000, '[') + std::string(1000, ']'), "application/json"), 400);
    EXPECT_EQ(status(form, "multipart/form-data"), 400);
    EXPECT_EQ(status("email=%zz&password=x", "application/x-www-form-urlencoded"), 400);
}

TEST_F(Routing, filters_choose_by_members_of_the_answer) {
    const auto list = [&](const std::string& filter) {
        return server.get("/v1/jobs", {.headers = {{"X-Filter", filter}}});
    };
    EXPECT_EQ(list("state=running").status, 200);
    EXPECT_EQ(list("nothing=x").body, "[]\n");
    EXPECT_EQ(list("state").status, 400);
    EXPECT_EQ(list("state=(").status, 400);
    EXPECT_EQ(list("steps.name=x").status, 200);  // Q93: no recursion, no crash
}

TEST_F(Routing, a_request_keeps_the_id_that_it_came_with) {
    const auto id_of = [&](const std::string& given) {
        return std::string(
            server.get("/v1/machines", {.headers = {{"X-Request-Id", given}}}).headers.get("X-Request-Id"));
    };
    EXPECT_EQ(id_of("trace-42_a.b"), "trace-42_a.b");
    for (const std::string& bad : {std::string("has blank"), std::string("semi;colon"), std::string(129, 'a')}) {
        EXPECT_NE(id_of(bad), bad);
        EXPECT_EQ(id_of(bad).size(), 36U);
    }
    const auto made = [&](const std::string& path) {
        return server.get(path, {.as = ""}).headers.get("X-Request-Id").size();
    };
    EXPECT_EQ(made("/health/probe"), 36U);
    EXPECT_EQ(made("/v1/machines"), 36U);
    EXPECT_EQ(made("/v1/nowhere"), 36U);
}

TEST_F(Routing, browsers_of_other_origins_may_ask_and_are_answered) {
    const Ask preflight{
        .as = "",
        .headers = {{"Origin", "https://ui.example"},
                    {"Access-Control-Request-Method", "PUT"},
                    {"Access-Control-Request-Headers", "authorization, content-type, x-source-id, x-filter"}}};
    const auto asked = server.call("OPTIONS", "/v1/machines/web/start", "", preflight);
    EXPECT_EQ(asked.status, 200);
    EXPECT_EQ(asked.headers.get("Access-Control-Allow-Origin"), "*");
    EXPECT_EQ(asked.headers.get("Access-Control-Allow-Methods"), "PUT");
    EXPECT_EQ(asked.headers.get("Access-Control-Allow-Headers"), "Authorization,Content-Type,X-Source-Id,X-Filter");
    const auto strange = server.call("OPTIONS", "/v1/machines", "",
                                     {.as = "",
                                      .headers = {{"Origin", "https://ui.example"},
                                                  {"Access-Control-Request-Method", "GET"},
                                                  {"Access-Control-Request-Headers", "x-strange"}}});
    EXPECT_EQ(strange.status, 403);
    EXPECT_FALSE(strange.headers.find("Access-Control-Allow-Headers"));
    // Refusals carry the header too: a script must be able to read why.
    for (const char* path : {"/v1/machines", "/v1/nowhere"})
        EXPECT_EQ(server.get(path, {.as = "", .headers = {{"Origin", "https://ui.example"}}})
                      .headers.get("Access-Control-Allow-Origin"),
                  "*");
    EXPECT_FALSE(server.get("/v1/machines").headers.find("Access-Control-Allow-Origin"));
}

TEST(RoutingOptions, only_the_origins_that_are_named_are_answered) {
    Server server({.flags = {"--CORS_ALLOWED_ORIGINS=https://a.example,https://b.example"}});
    const auto allowed = [&](const std::string& origin) {
        const auto answer = server.get("/health/probe", {.as = "", .headers = {{"Origin", origin}}});
        EXPECT_EQ(answer.status, 200);
        return std::string(answer.headers.get("Access-Control-Allow-Origin"));
    };
    EXPECT_EQ(allowed("https://a.example"), "https://a.example");
    EXPECT_EQ(allowed("https://b.example"), "https://b.example");
    EXPECT_EQ(allowed("https://c.example"), "");
    EXPECT_EQ(allowed("https://a.example.evil"), "");
}

TEST(RoutingOptions, another_prefix_serves_the_same_routes) {
    Server server({.flags = {"--API_PREFIX=deep/er/"}});
    Raw raw(server.port());
    raw.send("GET /deep/er/v1/health/probe HTTP/1.1\r\nHost: test\r\n\r\n");
    EXPECT_EQ(raw.answer().status, 200);
    raw.send("GET /api/v1/health/probe HTTP/1.1\r\nHost: test\r\n\r\n");
    EXPECT_EQ(raw.answer().status, 404);
}

TEST_F(Routing, the_document_describes_every_route_and_can_be_opened) {
    const auto document = server.get("/openapi.json", {.as = ""});
    ASSERT_EQ(document.status, 200);
    EXPECT_EQ(document.at("/openapi"), "3.1.0");
    EXPECT_EQ(server.get("/v1/openapi.json", {.as = ""}).body, document.body);
    for (const http::Route& row : server.app().dispatcher().table()) {
        if (row.hidden) continue;
        std::string pointer = "/paths/";
        for (const char c : (row.outside_prefix ? "" : "/api") + row.pattern)
            pointer += c == '/' ? "~1" : std::string(1, c);
        for (const http::Method method : row.methods) {
            std::string name(to_text(method));
            for (char& c : name) c = static_cast<char>(std::tolower(c));
            EXPECT_EQ(document.at(fmt::format("{}/{}/x-access", pointer, name)), row.access.describe()) << row.pattern;
        }
    }
    const auto page = raw("GET /swagger HTTP/1.1\r\n");
    EXPECT_EQ(page.status, 301);
    EXPECT_EQ(page.headers.get("Location"), "/swagger/index.html");
    const auto browser = raw("GET /swagger/index.html HTTP/1.1\r\n");
    EXPECT_EQ(browser.status, 200);
    EXPECT_EQ(browser.headers.get("Content-Type"), "text/html; charset=utf-8");
    EXPECT_NE(browser.body.find("Corral API"), std::string::npos);
    EXPECT_EQ(browser.body.find("src=\"http"), std::string::npos) << "the page wants something from elsewhere";
    EXPECT_EQ(raw("GET /swagger/doc.json HTTP/1.1\r\n").body, document.body);
}

TEST_F(Routing, the_home_page_answers_every_method) {
    for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE"})
        EXPECT_EQ(raw(std::string(method) + " /api/ HTTP/1.1\r\nContent-Length: 0\r\n").status, 200) << method;
    EXPECT_EQ(server.get("", {.as = ""}).status, 200);
}

}  // namespace
}  // namespace corral::tests
