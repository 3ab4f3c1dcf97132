#include "platform/http/errors.hpp"

#include <gtest/gtest.h>

#include "platform/json/json.hpp"
#include "support/results.hpp"

namespace corral::http {
namespace {

using testing_support::value_of;

json::Value body_of(const Response& response) {
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_TRUE(response.body.ends_with("}\n")) << response.body;
    return value_of(json::parse(response.body));
}

const Error three_fields{Errc::invalid,
                         "Invalid request body: /name is required",
                         "secret detail",
                         {{"/name", "is required"}, {"/specs/cpu", "must be a whole number"}}};

TEST(Errors, every_code_has_its_status_in_both_faces) {
    struct Case {
        Errc code;
        int status;
    };
    for (const Case c :
         {Case{Errc::invalid, 400}, Case{Errc::unauthenticated, 401}, Case{Errc::forbidden, 403},
          Case{Errc::not_found, 404}, Case{Errc::conflict, 409}, Case{Errc::too_large, 413}, Case{Errc::too_many, 429},
          Case{Errc::internal, 500}, Case{Errc::unsupported, 501}, Case{Errc::upstream, 502}, Case{Errc::busy, 503},
          Case{Errc::unavailable, 503}, Case{Errc::timeout, 504}}) {
        for (const ErrorFace face : {ErrorFace::api, ErrorFace::diagnostics}) {
            const auto response = error_response(Error{c.code, "What went wrong"}, face, "/v1/x");
            EXPECT_EQ(response.status, c.status);
            const auto body = body_of(response);
            EXPECT_EQ(body.at("code").to_number<int>(), c.status) << "clients decide by the body's code (clients.md 7)";
            EXPECT_EQ(body.at("message").as_string(), "What went wrong");
            EXPECT_EQ(response.headers.find("Retry-After").has_value(), c.status == 503 || c.status == 429);
        }
    }
}

TEST(Errors, the_plain_face_lists_every_bad_field) {
    const auto body = body_of(error_response(three_fields, ErrorFace::api, "/v1/x"));
    EXPECT_EQ(json::serialize(body.at("stack")),
              R"([{"error":"is required","path":"/name","code":400},)"
              R"({"error":"must be a whole number","path":"/specs/cpu","code":400}])");
    const auto alone = body_of(error_response(Error{Errc::not_found, "No such machine"}, ErrorFace::api, "/v1/x"));
    EXPECT_FALSE(alone.as_object().contains("stack"));
}

TEST(Errors, the_diagnostics_face_has_the_contracts_members) {
    const auto body = body_of(error_response(three_fields, ErrorFace::diagnostics, "/v1/auth/token"));
    const auto& told = body.at("diagnostics");
    EXPECT_EQ(told.at("errors").as_array().size(), 2U);
    EXPECT_EQ(told.at("errors").at(1).at("message").as_string(), "/specs/cpu must be a whole number");
    EXPECT_EQ(told.at("errors").at(0).at("code").as_string(), "400");
    EXPECT_TRUE(told.at("warnings").as_array().empty());
    EXPECT_TRUE(from_rfc3339(std::string(told.at("start_time").as_string())));
    ASSERT_EQ(told.at("path").as_array().size(), 2U);
    const auto& step = told.at("path").at(1);
    EXPECT_EQ(step.at("operation").as_string(), "/v1/auth/token");
    EXPECT_EQ(step.at("file_name").as_string(), "") << "source positions are not shown (Q20)";
    EXPECT_EQ(step.at("line_number").to_number<int>(), 0);
    const auto single = body_of(error_response(Error{Errc::conflict, "Taken"}, ErrorFace::diagnostics, "/x"));
    EXPECT_EQ(single.at("diagnostics").at("errors").at(0).at("message").as_string(), "Taken");
}

TEST(Errors, the_detail_is_for_the_log_only) {
    for (const ErrorFace face : {ErrorFace::api, ErrorFace::diagnostics})
        EXPECT_EQ(error_response(three_fields, face, "/v1/x").body.find("secret detail"), std::string::npos);
}

TEST(Errors, the_gates_401_has_the_face_of_oauth) {
    const auto response = unauthorized_response("Not authorized: claims (AND), missing [A]");
    EXPECT_EQ(response.status, 401);
    EXPECT_EQ(
        response.body,
        "{\"error\":\"unauthorized_client\",\"error_description\":\"Not authorized: claims (AND), missing [A]\"}\n");
}

}  // namespace
}  // namespace corral::http
