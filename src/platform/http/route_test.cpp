// What a row makes of its handler: parameters by type, bodies by content type, results by type.
#include "platform/http/route.hpp"

#include <gtest/gtest.h>

#include "support/testing.hpp"

namespace corral::http {
namespace {

using testing_support::caller;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

struct Make {
    std::string name;
    int cpus = 1;
};
constexpr auto json_object(const Make*) {
    return json::object("Make", json::required("name", &Make::name), json::field("cpus", &Make::cpus));
}

// Runs a row as dispatch does, after routing.
struct Asked {
    std::vector<std::string> path_values;
    std::string body;
    std::string content_type = "application/json";
    std::string filter;
};
Result<Response> ask(const Route& route, const Asked& asked = {}) {
    static const Caller who = caller("ann");
    Request request;
    request.body = asked.body;
    if (!asked.content_type.empty()) request.headers.add("Content-Type", asked.content_type);
    if (!asked.filter.empty()) request.headers.add("X-Filter", asked.filter);
    return route.handle(Call{request, who, asked.path_values}, route);
}

Route echo() {
    return post("/v1/things", signed_in(), "Echo", [](const Caller&, Make body) -> Result<Make> { return body; });
}

TEST(Row, hands_caller_request_path_values_and_body_over_by_type) {
    const Route route =
        put("/v1/a/{a}/b/{b}/c/{c}", signed_in(), "All of them",
            [](const Caller& who, const Request& request, Id<MachineTag> a, Ref<ImageTag> b, PathText c,
               Make body) -> Result<json::Raw> {
                return json::Raw{"\"" + who.user_id().text + " " + std::string(request.headers.get("Content-Type")) +
                                 " " + a.text + " " + b.text + " " + c.text + " " + body.name + "\""};
            });
    EXPECT_EQ(value_of(ask(route, {.path_values = {"1", "2", "3"}, .body = R"({"name":"n"})"})).body,
              "\"ann application/json 1 2 3 n\"\n");
    EXPECT_EQ(route.request_schema, "Make");
    EXPECT_TRUE(route.schemas.contains("Make"));
}

TEST(RowDeathTest, a_pattern_that_does_not_fit_its_handler_ends_the_start) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(get("/v1/a/{a}/{b}", signed_in(), "", [](const Caller&, PathText) -> Result<void> { return {}; }), "");
    EXPECT_DEATH(get("/v1/a", signed_in(), "", [](const Caller&, PathText) -> Result<void> { return {}; }), "");
}

TEST(Row, answers_with_its_status_and_json_that_ends_in_one_newline) {
    const auto answer = value_of(ask(echo().status(201), {.body = R"({"name":"n","cpus":4})"}));
    EXPECT_EQ(answer.status, 201);
    EXPECT_EQ(answer.content_type, "application/json") << "exactly (clients.md 5)";
    EXPECT_EQ(answer.body, "{\"name\":\"n\",\"cpus\":4}\n");
}

TEST(Row, a_handler_without_a_value_answers_with_no_body) {
    const Route route = del("/v1/a", signed_in(), "", [](const Caller&) -> Result<void> { return {}; }).status(204);
    EXPECT_EQ(value_of(ask(route)).status, 204);
    EXPECT_EQ(value_of(ask(route)).body, "");
}

TEST(Row, a_handlers_own_response_and_error_pass_unchanged) {
    const Route own = get("/v1/a", signed_in(), "", [](const Caller&) -> Result<Response> {
        Response r;
        r.status = 206;
        r.content_type = "text/plain";
        return r;
    });
    EXPECT_EQ(value_of(ask(own)).status, 206);
    const Route failing =
        get("/v1/a", signed_in(), "", [](const Caller&) -> Result<Make> { return Error{Errc::conflict, "taken"}; });
    EXPECT_TRUE(fails_with(Errc::conflict, ask(failing)));
}

TEST(Row, a_body_must_be_there_unless_the_row_says_otherwise) {
    for (const char* body : {"", "  \r\n"}) {
        EXPECT_TRUE(fails_with(Errc::invalid, ask(echo(), {.body = body})));
        EXPECT_EQ(value_of(ask(echo().optional_body(), {.body = body})).body, "{\"name\":\"\",\"cpus\":1}\n");
    }
    EXPECT_TRUE(fails_with(Errc::invalid, ask(echo().optional_body(), {.body = "{}"})))
        << "what is sent is checked all the same";
    EXPECT_TRUE(fails_with(Errc::invalid, ask(echo(), {.body = "null"})));
}

TEST(Row, every_bad_field_of_a_body_is_told_before_the_handler_runs) {
    bool ran = false;
    const Route route = post("/v1/a", signed_in(), "", [&](const Caller&, Make) -> Result<void> {
        ran = true;
        return {};
    });
    const auto answer = ask(route, {.body = R"({"cpus":"x"})"});
    ASSERT_TRUE(fails_with(Errc::invalid, answer));
    EXPECT_EQ(answer.error().fields.size(), 2U);
    EXPECT_FALSE(ran);
}

TEST(Row, a_handler_without_a_body_ignores_what_is_sent) {
    const Route route = put("/v1/a", signed_in(), "", [](const Caller&) -> Result<void> { return {}; });
    for (const char* body : {"", "null", "{\"errorPrefix\":\"x\"}", "not json"})
        EXPECT_TRUE(ok(ask(route, {.body = body}))) << body;
}

TEST(Row, bodies_are_json_unless_they_are_really_a_form_Q18) {
    for (const char* type : {"application/json", "application/json; charset=utf-8", "text/plain", "",
                             "application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=utf-8"})
        EXPECT_TRUE(ok(ask(echo(), {.body = " \n{\"name\":\"n\"}", .content_type = type}))) << type;
    const auto form =
        ask(echo(), {.body = "name=a+b%21&name=second", .content_type = "application/x-www-form-urlencoded"});
    EXPECT_EQ(value_of(form).body, "{\"name\":\"a b!\",\"cpus\":1}\n");
    EXPECT_TRUE(fails_with(Errc::invalid,
                           ask(echo(), {.body = "name=%", .content_type = "application/x-www-form-urlencoded"})));
    EXPECT_TRUE(fails_with(Errc::invalid, ask(echo(), {.body = "name=n", .content_type = "application/json"})));
    EXPECT_TRUE(
        fails_with(Errc::invalid, ask(echo(), {.body = "--b\r\n", .content_type = "multipart/form-data; boundary=b"})));
}

class ListRow : public testing::Test {
protected:
    Route row_ = get("/v1/things", signed_in(), "List", [](const Caller&) -> Result<std::vector<Make>> {
        return std::vector<Make>{{"one", 1}, {"two", 2}, {"three", 2}};
    });
};

TEST_F(ListRow, is_an_array_and_empty_never_null) {
    const Route empty =
        get("/v1/a", signed_in(), "", [](const Caller&) -> Result<std::vector<Make>> { return std::vector<Make>{}; });
    EXPECT_EQ(value_of(ask(empty)).body, "[]\n");
    EXPECT_TRUE(row_.response_is_list);
    EXPECT_EQ(row_.response_schema, "Make");
}

TEST_F(ListRow, is_filtered_by_the_members_of_its_elements) {
    EXPECT_EQ(value_of(ask(row_, {.filter = "cpus=^2$"})).body,
              "[{\"name\":\"two\",\"cpus\":2},{\"name\":\"three\",\"cpus\":2}]\n");
    EXPECT_EQ(value_of(ask(row_, {.filter = "name=T,i"})).body,
              "[{\"name\":\"two\",\"cpus\":2},{\"name\":\"three\",\"cpus\":2}]\n");
    EXPECT_EQ(value_of(ask(row_, {.filter = "unknown=."})).body, "[]\n");
    EXPECT_TRUE(fails_with(Errc::invalid, ask(row_, {.filter = "name=("})));
    EXPECT_TRUE(fails_with(Errc::invalid, ask(row_, {.filter = "name"})));
}

}  // namespace
}  // namespace corral::http
