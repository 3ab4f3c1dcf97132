// The audit trail over HTTP: who may read it, what is refused is in it, and how it is filtered and paged.
#include <gtest/gtest.h>

#include "server.hpp"

namespace corral::tests {
namespace {

class Audit : public testing::Test {
protected:
    Server server{{.accounts = {{.name = "ann", .claims = {}, .roles = {}},
                                {.name = "chief", .claims = {}, .roles = {"SUPER_USER"}}}}};
    // Noted on another thread within a second.
    bool comes(const std::string& query, int count = 1) {
        return eventually([&] { return server.get("/v1/audit" + query).size("/entries") == count; });
    }
};

TEST_F(Audit, is_for_super_users) {
    EXPECT_EQ(server.get("/v1/audit", {.as = ""}).status, 401);
    EXPECT_EQ(server.get("/v1/audit", {.as = "ann"}).status, 401);
    EXPECT_EQ(server.get("/v1/audit", {.as = "chief"}).status, 200);
    EXPECT_EQ(server.get("/audit").status, 200);
}

TEST_F(Audit, a_refused_change_is_noted_with_who_and_what) {
    EXPECT_EQ(server.del("/v1/machines/web", {.as = "ann"}).status, 401);
    EXPECT_EQ(server.del("/v1/machines/web", {.as = ""}).status, 401);
    ASSERT_TRUE(comes("?action=request.refused", 2));
    const auto page = server.get("/v1/audit?actor=ann&result=refused");
    EXPECT_EQ(page.at("/entries/0/actor_id"), server.user_id("ann"));
    EXPECT_EQ(page.at("/entries/0/object_id"), "DELETE /v1/machines/{machine}");
    EXPECT_EQ(page.at("/entries/0/detail/path"), "/api/v1/machines/web");
    EXPECT_EQ(page.at("/entries/0/address"), "127.0.0.1");
    EXPECT_NE(page.at("/entries/0/request_id"), "");
}

TEST_F(Audit, a_failed_login_is_noted_with_the_name_and_without_the_password) {
    const std::string body = R"({"email":"root","password":"Not-The-Password-1"})";
    EXPECT_EQ(server.post("/v1/auth/token", body, {.as = ""}).status, 401);
    ASSERT_TRUE(comes("?action=session.create&result=refused"));
    const auto page = server.get("/v1/audit?action=session.*");
    EXPECT_EQ(page.at("/entries/0/object_id"), "root");
    EXPECT_EQ(page.body.find("Not-The-Password-1"), std::string::npos);
}

TEST_F(Audit, bad_queries_name_the_parameter) {
    for (const char* query :
         {"from=yesterday", "until=1", "before=0", "before=x", "limit=0", "limit=-1", "result=good"}) {
        const auto answer = server.get(std::string("/v1/audit?") + query);
        EXPECT_EQ(answer.status, 400) << query;
        EXPECT_NE(answer.body.find(std::string(query).substr(0, 4)), std::string::npos) << answer.body;
    }
    EXPECT_EQ(server.get("/v1/audit?from=2026-01-01T00:00:00Z&until=2999-01-01T00:00:00%2B02:00&limit=5000").status,
              200);
}

}  // namespace
}  // namespace corral::tests
