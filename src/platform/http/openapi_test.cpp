// The API document of a small table that uses every feature of a row. The service's own is checked in app/server.
#include <gtest/gtest.h>

#include "platform/http/base_routes.hpp"
#include "support/results.hpp"

namespace corral::http {
namespace {

using testing_support::value_of;

struct Leaf {
    int size = 0;
};
constexpr auto json_object(const Leaf*) { return json::object("Leaf", json::field("size", &Leaf::size)); }
struct Thing {
    std::string name;
    std::vector<Leaf> leaves;
};
constexpr auto json_object(const Thing*) {
    return json::object("Thing", json::required("name", &Thing::name), json::field("leaves", &Thing::leaves));
}

class OpenApiTest : public testing::Test {
protected:
    static json::Value document() {
        std::vector<Route> rows;
        rows.push_back(get("/v1/things", all_of({"A", "B"}), "List \"things\" <all>",
                           [](const Caller&) -> Result<std::vector<Thing>> { return std::vector<Thing>{}; })
                           .query("force", "Say \"yes\"")
                           .header("X-No-Cache", ""));
        rows.push_back(put("/v1/things/{thing}/leaves/{leaf}", signed_in(), "Change",
                           [](const Caller&, PathText, PathText, Thing thing) -> Result<Thing> { return thing; })
                           .also(Method::patch)
                           .status(202)
                           .optional_body());
        rows.push_back(
            get("/v1/hidden", super_users(), "Hidden", [](const Caller&) -> Result<void> { return {}; }).hide());
        rows.push_back(get("/v1/own", signed_in(), "Owns",
                           [](const Caller&) -> Result<std::vector<Leaf>> { return std::vector<Leaf>{}; })
                           .header("X-Filter", "mine")
                           .fails({302, 501}));
        rows.push_back(get("/v1/text", signed_in(), "Text", [](const Caller&) -> Result<Response> {
                           return Response{};
                       }).sends("text/plain"));
        rows.push_back(post("/login", open_to_anyone("why"), "Log in", [](const Caller&, Leaf) -> Result<void> {
                           return {};
                       }).at_root());
        for (Route& row : rows) {
            row.operation_id = row.summary.substr(0, 4);
            row.module = "things";
        }
        return value_of(json::parse(openapi_document(rows, "/api", "1.2.3")));
    }
};

TEST_F(OpenApiTest, says_what_it_is) {
    const auto d = document();
    EXPECT_EQ(d.at("openapi").as_string(), "3.1.0");
    EXPECT_EQ(d.at("info").at("version").as_string(), "1.2.3");
    EXPECT_TRUE(d.at("components").at("securitySchemes").as_object().contains("bearer"));
    EXPECT_TRUE(d.at("components").at("securitySchemes").as_object().contains("apiKey"));
}

TEST_F(OpenApiTest, has_every_row_that_is_not_hidden_below_the_prefix) {
    std::vector<std::string> paths;
    const auto d = document();
    for (const auto& [path, methods] : d.at("paths").as_object()) paths.emplace_back(path);
    EXPECT_EQ(paths, (std::vector<std::string>{"/api/v1/own", "/api/v1/text", "/api/v1/things",
                                               "/api/v1/things/{thing}/leaves/{leaf}", "/login"}));
}

TEST_F(OpenApiTest, a_list_says_what_it_takes_and_gives) {
    const auto d = document();
    const auto& list = d.at("paths").at("/api/v1/things").at("get");
    EXPECT_EQ(list.at("summary").as_string(), "List \"things\" <all>");
    EXPECT_EQ(list.at("x-access").as_string(), "A and B");
    EXPECT_FALSE(list.as_object().contains("security")) << "the document's rule holds";
    std::vector<std::string> names;
    for (const auto& p : list.at("parameters").as_array())
        names.push_back(std::string(p.at("in").as_string()) + " " + std::string(p.at("name").as_string()));
    EXPECT_EQ(names, (std::vector<std::string>{"query force", "header X-No-Cache", "header X-Filter", "query order_by",
                                               "query page", "query page_size", "query cursor"}));
    EXPECT_EQ(json::serialize(list.at("responses").at("200").at("content").at("application/json").at("schema")),
              R"({"type":"array","items":{"$ref":"#/components/schemas/Thing"}})");
    EXPECT_TRUE(list.at("responses").as_object().contains("401"));
    EXPECT_TRUE(list.at("responses").at("200").at("headers").as_object().contains("X-Total-Count"));
}

TEST_F(OpenApiTest, failures_are_named_with_their_bodies) {
    const auto d = document();
    const auto& change = d.at("paths").at("/api/v1/things/{thing}/leaves/{leaf}").at("put").at("responses");
    for (const char* status : {"400", "401", "403", "404", "409", "413", "415", "429", "5XX"})
        EXPECT_TRUE(change.as_object().contains(status)) << status;
    EXPECT_FALSE(change.as_object().contains("default")) << "which would allow everything";
    EXPECT_EQ(json::serialize(change.at("409").at("content").at("application/json").at("schema")),
              R"({"$ref":"#/components/schemas/ApiErrorResponse"})");
    const auto& list = d.at("paths").at("/api/v1/things").at("get").at("responses").as_object();
    for (const char* status : {"403", "404", "409", "413", "415"}) EXPECT_FALSE(list.contains(status)) << status;
    for (const char* name : {"ApiErrorResponse", "ApiErrorDiagnosticsResponse", "OAuthErrorResponse"})
        EXPECT_TRUE(d.at("components").at("schemas").as_object().contains(name)) << name;
}

TEST_F(OpenApiTest, what_a_row_says_of_itself_comes_once_and_first) {
    const auto d = document();
    const auto& own = d.at("paths").at("/api/v1/own").at("get");
    ASSERT_EQ(own.at("parameters").as_array().size(), 5U);
    EXPECT_EQ(own.at("parameters").at(0).at("description").as_string(), "mine");
    EXPECT_TRUE(own.at("responses").as_object().contains("501"));
    EXPECT_FALSE(own.at("responses").at("302").as_object().contains("content"));
    const auto& text = d.at("paths").at("/api/v1/text").at("get").at("responses").at("200").at("content");
    EXPECT_TRUE(text.as_object().contains("text/plain"));
}

TEST_F(OpenApiTest, path_parameters_bodies_and_further_methods_are_told) {
    const auto d = document();
    const auto& path = d.at("paths").at("/api/v1/things/{thing}/leaves/{leaf}");
    for (const char* method : {"put", "patch"}) {
        const auto& operation = path.at(method);
        ASSERT_EQ(operation.at("parameters").as_array().size(), 2U);
        for (const auto& p : operation.at("parameters").as_array()) {
            EXPECT_EQ(p.at("in").as_string(), "path");
            EXPECT_TRUE(p.at("required").as_bool());
        }
        EXPECT_FALSE(operation.at("requestBody").at("required").as_bool());
        EXPECT_TRUE(operation.at("responses").as_object().contains("202"));
    }
    EXPECT_NE(path.at("put").at("operationId"), path.at("patch").at("operationId"));
}

TEST_F(OpenApiTest, open_rows_ask_for_no_credentials) {
    const auto d = document();
    const auto& login = d.at("paths").at("/login").at("post");
    EXPECT_TRUE(login.at("security").as_array().empty());
    EXPECT_FALSE(login.at("responses").as_object().contains("401"));
}

TEST_F(OpenApiTest, nested_structs_are_components) {
    const auto d = document();
    const auto& schemas = d.at("components").at("schemas");
    EXPECT_EQ(json::serialize(schemas.at("Thing").at("required")), R"(["name"])");
    EXPECT_EQ(json::serialize(schemas.at("Thing").at("properties").at("leaves").at("items")),
              R"({"$ref":"#/components/schemas/Leaf"})");
    EXPECT_TRUE(schemas.as_object().contains("Leaf"));
}

TEST(ApiPage, a_prefix_cannot_leave_its_string) {
    const std::string page = api_page("/a\"</script><script>x");
    EXPECT_EQ(page.find("</script><script>x"), std::string::npos);
    EXPECT_NE(page.find(R"(const prefix = "/a\"\u003c/script\u003e)"), std::string::npos);
}

TEST(ApiPage, loads_nothing_from_elsewhere) {
    const std::string page = api_page("/api");
    for (const char* foreign : {"http://", "https://", "src=", "@import", "url("})
        EXPECT_EQ(page.find(foreign), std::string::npos) << foreign;
}

}  // namespace
}  // namespace corral::http
