#include "platform/http/dispatch.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "base/log.hpp"
#include "platform/json/json.hpp"
#include "support/testing.hpp"

namespace corral::http {
namespace {

using testing_support::caller;
using testing_support::value_of;

// Knows callers by a header; remembers how it was asked.
class Doorman final : public Authenticator {
public:
    Result<Caller> authenticate(const Request& request, bool allow_query_token) const override {
        ++asked;
        query_allowed = allow_query_token;
        const auto name = request.headers.get("X-Test-User");
        if (name.empty()) return Error{Errc::unauthenticated, "No credentials"};
        Caller who = caller(std::string(name), {"READ", "WRITE_NOTHING"}, {"USER"});
        if (name == "root") who = testing_support::super_user();
        who.forwarder = !request.headers.get("X-Test-Forwarder").empty();
        return who;
    }
    mutable int asked = 0;
    mutable bool query_allowed = false;
};

struct Item {
    std::string name;
};
constexpr auto json_object(const Item*) { return json::object("Item", json::required("name", &Item::name)); }

class DispatchTest : public testing::Test {
protected:
    static std::vector<Route> table() {
        std::vector<Route> rows;
        rows.push_back(get("/v1/items/{item}", all_of({"READ"}), "One", [](const Caller& who, PathText item) {
            return Result<Item>(Item{item.text + " for " + who.user_id().text + " at " + who.address});
        }));
        rows.push_back(post("/v1/items", all_of({"WRITE"}), "Make",
                            [](const Caller&, Item item) -> Result<Item> { return item; }));
        rows.push_back(
            post("/v1/open", open_to_anyone("test"), "Open", [](const Caller& who, Item item) -> Result<Item> {
                return Item{item.name + (who.anonymous() ? " anonymous" : " known")};
            }).diagnostics());
        rows.push_back(get("/v1/bug", open_to_anyone("test"), "Bug",
                           [](const Caller&) -> Result<Item> { throw std::runtime_error("secret of the inside"); }));
        rows.push_back(get("/v1/fails", open_to_anyone("test"), "Fails", [](const Caller&) -> Result<Item> {
            return Error{Errc::upstream, "The hypervisor failed", "stderr: /srv/secret"};
        }));
        rows.push_back(socket("/v1/ws", signed_in(), "Socket", [](const Call& call) -> Result<SocketHandler> {
                           if (call.request.query_value("bad")) return Error{Errc::invalid, "bad"};
                           return SocketHandler{};
                       }).token_in_query());
        return rows;
    }
    static Request request(Method method, std::string target, std::string body = "") {
        Request out;
        out.method = method;
        out.method_text = std::string(to_text(method));
        out.target = std::move(target);
        out.body = std::move(body);
        out.peer = "192.0.2.1";
        return out;
    }
    // As the server does it.
    Response ask(Request& request) const {
        const Admission admission = dispatcher_.admit(request);
        Response response = admission.refusal ? *admission.refusal : dispatcher_.run(admission, request);
        dispatcher_.finish(request, response);
        return response;
    }
    Response ask(Method method, const std::string& target, const std::string& user = "", const std::string& body = "") {
        Request r = request(method, target, body);
        if (!user.empty()) r.headers.add("X-Test-User", user);
        return ask(r);
    }
    Doorman doorman_;
    Dispatcher dispatcher_{table(), doorman_, {.prefix = "api/", .cors = {.enabled = true}, .version = "1.2.3"}};
};

TEST_F(DispatchTest, runs_the_row_for_a_caller_that_its_access_admits) {
    const auto answer = ask(Method::get, "/api/v1//items/a%20b/", "ann");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "{\"name\":\"a b for ann at 192.0.2.1\"}\n");
    EXPECT_EQ(ask(Method::get, "/api/items/x", "ann").status, 200);
}

TEST_F(DispatchTest, refuses_at_the_gate_before_the_handler_and_its_body) {
    const auto nobody = ask(Method::get, "/api/items/x");
    EXPECT_EQ(nobody.status, 401);
    EXPECT_EQ(nobody.body, "{\"error\":\"unauthorized_client\",\"error_description\":\"No credentials\"}\n");
    const auto without = ask(Method::post, "/api/items", "ann", "not even json");
    EXPECT_EQ(without.status, 401) << "a missing claim, too: clients log in again on it (clients.md 6)";
    EXPECT_NE(without.body.find("missing [WRITE]"), std::string::npos);
    Request r = request(Method::post, "/api/items");
    EXPECT_TRUE(dispatcher_.admit(r).refusal.has_value()) << "with the head alone";
}

TEST_F(DispatchTest, Q1_only_a_forwarder_speaks_for_others_and_never_for_more_than_it_may_itself) {
    const auto ask = [&](const std::string& name, bool forwarder,
                         std::vector<std::pair<std::string, std::string>> more) {
        Request asked = request(Method::get, "/api/v1/items/x");
        asked.headers.add("X-Test-User", name);
        if (forwarder) asked.headers.add("X-Test-Forwarder", "yes");
        for (auto& [header, value] : more) asked.headers.add(header, value);
        auto admission = dispatcher_.admit(asked);
        EXPECT_FALSE(admission.refusal) << "the gate looks at the caller's own rights";
        return admission.caller;
    };
    const std::string few = crypto::base64(" read , delete ,,");
    const std::string nobody = crypto::base64("OTHER");
    EXPECT_TRUE(ask("ann", false, {{"X-SOURCE", "CATALOG_MANAGER_REQUEST"}, {"X-Claims", nobody}}).has_claim("READ"));
    EXPECT_FALSE(ask("ann", false, {{"X-Super-User", "true"}}).super_user());
    const Caller limited = ask("ann", true, {{"X-Claims", few}, {"X-Super-User", "true"}});
    EXPECT_EQ(limited.principal->claims, std::vector<std::string>{"READ"});
    EXPECT_FALSE(limited.super_user()) << "it is none itself";
    EXPECT_EQ(limited.user_id().text, "ann");
    EXPECT_FALSE(ask("ann", true, {{"X-Roles", nobody}}).has_role("USER"));
    EXPECT_TRUE(ask("root", true, {}).super_user());
    EXPECT_TRUE(ask("root", true, {{"X-Super-User", "true"}, {"X-Claims", few}}).super_user());
    const Caller other = ask("root", true, {{"X-Claims", few}});
    EXPECT_FALSE(other.super_user()) << "who names rights and no super user speaks for somebody else";
    EXPECT_EQ(other.principal->claims, (std::vector<std::string>{"DELETE", "READ"}));
    for (const char* odd : {"", "%%%", "LCw="}) EXPECT_TRUE(ask("root", true, {{"X-Claims", odd}}).super_user()) << odd;
}

TEST_F(DispatchTest, open_rows_ask_nobody_for_credentials) {
    EXPECT_EQ(ask(Method::post, "/api/open", "", R"({"name":"x"})").body, "{\"name\":\"x anonymous\"}\n");
    EXPECT_EQ(ask(Method::post, "/api/open", "ann", R"({"name":"x"})").body, "{\"name\":\"x anonymous\"}\n");
    EXPECT_EQ(doorman_.asked, 0);
}

TEST_F(DispatchTest, a_token_in_the_query_counts_only_where_the_row_says_so) {
    (void)ask(Method::get, "/api/items/x?access_token=t", "ann");
    EXPECT_FALSE(doorman_.query_allowed);
    (void)ask(Method::get, "/api/ws?access_token=t", "ann");
    EXPECT_TRUE(doorman_.query_allowed);
}

TEST_F(DispatchTest, a_wrong_method_is_405_with_allow_before_credentials) {
    const auto answer = ask(Method::put, "/api/v1/items/x");
    EXPECT_EQ(answer.status, 405);
    EXPECT_EQ(answer.headers.get("Allow"), "GET, HEAD");
    EXPECT_EQ(ask(Method::get, "/api/items").headers.get("Allow"), "POST");
    EXPECT_EQ(doorman_.asked, 0);
    EXPECT_EQ(value_of(json::parse(answer.body)).at("code").to_number<int>(), 405);
}

TEST_F(DispatchTest, an_unknown_path_is_404_with_its_code_in_the_body) {
    for (const char* target : {"/api/v1/nope", "/", "/nope", "/api/v1/items/../open", "/api/%ff", "*", ""}) {
        const auto answer = ask(Method::get, target);
        EXPECT_EQ(answer.status, 404) << target;
        EXPECT_EQ(value_of(json::parse(answer.body)).at("code").to_number<int>(), 404) << "clients.md 7";
    }
    const auto strange = ask(Method::get, "/api/" + std::string(5000, 'x'));
    EXPECT_LT(strange.body.size(), 500U) << "long paths are not sent back whole";
}

TEST_F(DispatchTest, errors_come_in_the_face_of_the_row_without_their_detail) {
    const auto plain = ask(Method::get, "/api/fails");
    EXPECT_EQ(plain.status, 502);
    EXPECT_EQ(plain.body, "{\"message\":\"The hypervisor failed\",\"code\":502}\n");
    const auto diagnostics = ask(Method::post, "/api/open", "", "{}");
    EXPECT_EQ(diagnostics.status, 400);
    EXPECT_TRUE(value_of(json::parse(diagnostics.body)).as_object().contains("diagnostics"));
}

TEST_F(DispatchTest, an_exception_is_a_500_that_tells_only_the_request_id_Q20) {
    std::string logged;
    log::set_tap([&](log::Level, std::string_view line) { logged += std::string(line) + "\n"; });
    Request r = request(Method::get, "/api/bug");
    r.headers.add("X-Request-Id", "trace-7");
    const auto answer = ask(r);
    log::set_tap({});
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.body.find("secret of the inside"), std::string::npos);
    EXPECT_NE(answer.body.find("trace-7"), std::string::npos);
    EXPECT_NE(logged.find("secret of the inside"), std::string::npos);
    EXPECT_NE(logged.find("request=trace-7"), std::string::npos);
}

TEST_F(DispatchTest, every_answer_has_a_request_id_the_clients_own_when_it_is_well_formed) {
    Request given = request(Method::get, "/api/nope");
    given.headers.add("X-Request-Id", "Trace_1.2-3");
    EXPECT_EQ(ask(given).headers.get("X-Request-Id"), "Trace_1.2-3");
    for (const std::string& bad : {std::string(), std::string("a b"), std::string("a\r\nX: y"), std::string("\"x\""),
                                   std::string(129, 'a'), std::string("é")}) {
        Request r = request(Method::get, "/api/health/probe");
        r.headers.add("X-Request-Id", bad);
        const auto answer = ask(r);
        EXPECT_EQ(answer.headers.get("X-Request-Id").size(), 36U) << bad;
        EXPECT_NE(answer.headers.get("X-Request-Id"), bad);
    }
    Request one = request(Method::get, "/api/nope");
    Request two = request(Method::get, "/api/nope");
    EXPECT_NE(ask(one).headers.get("X-Request-Id"), ask(two).headers.get("X-Request-Id"));
}

TEST_F(DispatchTest, refusals_carry_cors_like_every_answer) {
    for (const char* target : {"/api/nope", "/api/items/x", "/api/health/probe", "/api/bug"}) {
        Request r = request(Method::get, target);
        r.headers.add("Origin", "http://ui.example");
        EXPECT_EQ(ask(r).headers.get("Access-Control-Allow-Origin"), "*") << target;
    }
}

TEST_F(DispatchTest, options_is_a_preflight_on_every_path_and_asks_nobody) {
    for (const char* target : {"/api/items/x", "/api/nope", "/swagger", "*"}) {
        Request r = request(Method::options, target);
        r.headers.add("Origin", "http://ui.example");
        r.headers.add("Access-Control-Request-Method", "PUT");
        const auto answer = ask(r);
        EXPECT_EQ(answer.status, 200) << target;
        EXPECT_EQ(answer.headers.get("Access-Control-Allow-Methods"), "PUT");
    }
    EXPECT_EQ(doorman_.asked, 0);
}

TEST_F(DispatchTest, a_socket_row_asked_without_an_upgrade_says_so) {
    EXPECT_EQ(ask(Method::get, "/api/ws", "ann").status, 400);
    EXPECT_EQ(ask(Method::get, "/api/ws").status, 401);
    Request good = request(Method::get, "/api/ws");
    good.headers.add("X-Test-User", "ann");
    EXPECT_TRUE(dispatcher_.open_socket(dispatcher_.admit(good), good));
    Request bad = request(Method::get, "/api/ws?bad=1");
    bad.headers.add("X-Test-User", "ann");
    EXPECT_FALSE(dispatcher_.open_socket(dispatcher_.admit(bad), bad));
}

TEST_F(DispatchTest, a_prefix_is_the_same_however_it_is_written_Q49) {
    EXPECT_EQ(dispatcher_.settings().prefix, "/api");
    for (const char* prefix : {"dev", "/dev", "/dev/", "//dev//"}) {
        const Dispatcher other(table(), doorman_, {.prefix = prefix, .cors = {}, .version = "1"});
        Request r = request(Method::get, "/dev/v1/health/probe");
        EXPECT_FALSE(other.admit(r).refusal) << prefix;
    }
    const Dispatcher none(table(), doorman_, {.prefix = "/", .cors = {}, .version = "1"});
    Request r = request(Method::get, "/v1/health/probe");
    EXPECT_FALSE(none.admit(r).refusal);
}

TEST_F(DispatchTest, base_routes_answer_anybody) {
    EXPECT_EQ(ask(Method::get, "/api/health/probe").body, "{\"status\":\"OK\"}\n");
    EXPECT_EQ(ask(Method::get, "/api/").status, 200);
    EXPECT_EQ(ask(Method::get, "/api").status, 200);
    EXPECT_EQ(ask(Method::get, "/swagger").headers.get("Location"), "/swagger/index.html");
    const auto page = ask(Method::get, "/swagger/index.html");
    EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
    EXPECT_NE(page.body.find("const prefix = \"/api\""), std::string::npos);
    EXPECT_EQ(ask(Method::get, "/api/openapi.json").body, ask(Method::get, "/swagger/doc.json").body);
}

TEST_F(DispatchTest, bodies_that_cannot_be_json_are_415_in_the_rows_face) {
    Request r = request(Method::post, "/api/v1/open", "<item/>");
    r.headers.add("Content-Type", "application/xml");
    const auto answer = ask(r);
    EXPECT_EQ(answer.status, 415);
    EXPECT_EQ(answer.headers.get("Accept"), "application/json");
    EXPECT_EQ(value_of(json::parse(answer.body)).at("code").as_int64(), 415);
    EXPECT_TRUE(value_of(json::parse(answer.body)).as_object().contains("diagnostics"));
}

TEST_F(DispatchTest, a_query_that_cannot_be_read_is_400_after_the_gate) {
    EXPECT_EQ(ask(Method::get, "/api/v1/items/x?a=%00", "ann").status, 400);
    EXPECT_EQ(ask(Method::get, "/api/v1/items/x?a=%zz").status, 401);
    EXPECT_EQ(ask(Method::get, "/api/v1/nope?a=%zz", "ann").status, 404);
}

TEST_F(DispatchTest, options_without_cors_tell_the_methods_Q10) {
    const Dispatcher plain(table(), doorman_, {.prefix = "/api", .cors = {}, .version = "1"});
    const auto options = [&](const char* target) {
        Request r = request(Method::options, target);
        return *plain.admit(r).refusal;
    };
    EXPECT_EQ(options("/api/v1/items/x").status, 204);
    EXPECT_EQ(options("/api/v1/items/x").headers.get("Allow"), "GET, HEAD, OPTIONS");
    EXPECT_EQ(options("/api/v1/nope").status, 404);
    EXPECT_EQ(options("*").status, 204);
}

TEST_F(DispatchTest, a_caller_that_asks_too_often_is_refused_and_others_are_not) {
    const Dispatcher limited(
        table(), doorman_,
        {.prefix = "/api", .cors = {}, .version = "1", .rate = {.per_minute = 2}, .address_rate = {.per_minute = 3}});
    const auto ask_as = [&](const char* user, const char* peer, const char* target = "/api/v1/items/x") {
        Request r = request(Method::get, target);
        r.peer = peer;
        if (*user != '\0') r.headers.add("X-Test-User", user);
        const auto admission = limited.admit(r);
        return admission.refusal ? *admission.refusal : limited.run(admission, r);
    };
    EXPECT_EQ(ask_as("ann", "192.0.2.1").status, 200);
    EXPECT_EQ(ask_as("ann", "192.0.2.2").status, 200);
    const auto refused = ask_as("ann", "192.0.2.3");
    EXPECT_EQ(refused.status, 429) << "wherever it calls from";
    EXPECT_GE(std::stoi(std::string(refused.headers.get("Retry-After"))), 1);
    EXPECT_EQ(ask_as("bob", "192.0.2.1").status, 200);
    // Bad credentials and open rows are counted by address; of IPv6 by the network that one customer has.
    for (const char* peer : {"2001:db8::1", "2001:db8::2", "2001:db8::3"}) EXPECT_EQ(ask_as("", peer).status, 401);
    EXPECT_EQ(ask_as("", "2001:db8::4").status, 429);
    EXPECT_EQ(ask_as("", "2001:db8:0:1::4").status, 401);
    EXPECT_EQ(ask_as("bob", "2001:db8::4").status, 200) << "good credentials pass";
    for (int i = 0; i < 10; ++i) EXPECT_EQ(ask_as("", "2001:db8::4", "/api/health/probe").status, 200);
}

}  // namespace
}  // namespace corral::http
