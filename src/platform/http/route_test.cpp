// What a row makes of its handler: parameters by type, bodies by content type, results by type.
#include "platform/http/route.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <filesystem>
#include <fstream>

#include "base/temp_folder.hpp"
#include "platform/http/message.hpp"
#include "support/results.hpp"
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

TEST(Row, a_form_may_spell_numbers) {
    const auto form = ask(echo(), {.body = "name=n&cpus=4", .content_type = "application/x-www-form-urlencoded"});
    EXPECT_EQ(value_of(form).body, "{\"name\":\"n\",\"cpus\":4}\n");
}

TEST(Body, what_cannot_be_json_is_told_by_its_type) {
    const auto readable = [](const char* type, const char* body, const char* coding = "") {
        Request request;
        request.body = body;
        request.headers.add("Content-Type", type);
        request.headers.add("Content-Encoding", coding);
        return !unreadable_body(request).has_value();
    };
    for (const char* type : {"application/json", "application/merge-patch+json", "", "text/plain; charset=\"UTF-8\"",
                             "application/octet-stream", "multipart/form-data; boundary=b"})
        EXPECT_TRUE(readable(type, "x=1")) << type;
    for (const char* type : {"application/xml", "image/png", "text/html", "application/json; charset=utf-16"})
        EXPECT_FALSE(readable(type, "x=1")) << type;
    EXPECT_TRUE(readable("application/xml", " {}")) << "clients say all kinds of things about JSON";
    EXPECT_TRUE(readable("image/png", "")) << "and about nothing";
    EXPECT_FALSE(readable("application/json", "{}", "gzip"));
    EXPECT_TRUE(readable("application/json", "{}", "identity"));
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

TEST(Headers, are_found_without_case_and_kept_in_order) {
    Headers headers;
    headers.add("X-Api-Key", "one");
    headers.add("accept", "a");
    headers.add("x-api-key", "two");
    EXPECT_EQ(headers.get("X-API-KEY"), "one") << "the first counts";
    EXPECT_EQ(headers.all().size(), 3U);
    headers.set("X-API-Key", "three");
    EXPECT_EQ(headers.get("x-api-key"), "three");
    EXPECT_EQ(headers.all().size(), 2U) << "set replaces all of the name";
    headers.erase("ACCEPT");
    EXPECT_EQ(headers.find("accept"), std::nullopt);
    EXPECT_EQ(headers.get("accept"), "");
}

TEST(Method, is_read_exactly) {
    for (const Method method :
         {Method::get, Method::head, Method::post, Method::put, Method::patch, Method::del, Method::options})
        EXPECT_EQ(method_from_text(to_text(method)), method);
    for (const char* text : {"get", "Get", "GETX", "", "TRACE", "CONNECT"})
        EXPECT_EQ(method_from_text(text), Method::other) << text;
}

TEST(FileBody, is_a_part_of_a_file_that_outlives_its_name) {
    const TempFolder folder;
    std::ofstream(folder / "f") << "0123456789";
    auto body = value_of(open_file_body(folder / "f", 2, 3));
    std::filesystem::remove(folder / "f");
    std::string text(3, '\0');
    EXPECT_EQ(::pread(*body.descriptor, text.data(), 3, static_cast<off_t>(body.offset)), 3);
    EXPECT_EQ(text, "234");
    const int number = *body.descriptor;
    body = {};
    EXPECT_EQ(::fcntl(number, F_GETFD), -1) << "closed with its last owner";
}

TEST(FileBody, takes_ranges_inside_the_file_only) {
    const TempFolder folder;
    std::ofstream(folder / "f") << "0123456789";
    EXPECT_EQ(value_of(open_file_body(folder / "f")).length, 10U);
    EXPECT_EQ(value_of(open_file_body(folder / "f", 10)).length, 0U);
    EXPECT_TRUE(fails_with(Errc::invalid, open_file_body(folder / "f", 11)));
    EXPECT_TRUE(fails_with(Errc::invalid, open_file_body(folder / "f", 5, 6)));
    EXPECT_TRUE(fails_with(Errc::invalid, open_file_body(folder / "f", 5, ~std::uint64_t{0})));
    EXPECT_TRUE(fails_with(Errc::not_found, open_file_body(folder / "absent")));
}

TEST(FileBody, is_never_anything_but_a_regular_file) {
    const TempFolder folder;
    ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    EXPECT_TRUE(fails_with(Errc::invalid, open_file_body(folder / "pipe"))) << "and opening does not wait for a writer";
    EXPECT_TRUE(fails_with(Errc::invalid, open_file_body(folder.path())));
}

}  // namespace
}  // namespace corral::http
