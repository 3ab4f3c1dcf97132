// Catalog managers over HTTP, beside a second server that is the catalog they lead to.
#include <gtest/gtest.h>

#include "server.hpp"

namespace corral::tests {
namespace {

class CatalogManagers : public testing::Test {
protected:
    static constexpr const char* path = "/v1/catalog-managers";
    Server remote;
    Server server{{.accounts = {{.name = "ann",
                                 .claims = {"CATALOG_MANAGER_LIST_OWN", "CATALOG_MANAGER_CREATE_OWN",
                                            "CATALOG_MANAGER_UPDATE_OWN", "CATALOG_MANAGER_DELETE_OWN"},
                                 .roles = {}},
                                {.name = "bob", .claims = {"CATALOG_MANAGER_LIST_OWN", "LIST_VM"}, .roles = {}},
                                {.name = "chief", .claims = {}, .roles = {"ADMIN"}},
                                {.name = "editor", .claims = {"CATALOG_MANAGER_UPDATE"}, .roles = {}}},
                   .flags = {"--URL_WHITELIST=127.0.0.1"}}};

    std::string body(const std::string& more = "", const std::string& password = std::string(root_password)) {
        return R"({"name":"m","url":"http://127.0.0.1:)" + std::to_string(remote.port()) +
               R"(","username":"root","password":")" + password + R"(","active":true)" + more + "}";
    }
    std::string bare(const std::string& more = "") {
        return R"({"name":"m2","url":"http://127.0.0.1:)" + std::to_string(remote.port()) + R"(","active":true)" +
               more + "}";
    }
    std::string made(const std::string& more = "", const std::string& as = "ann") {
        const auto answer = server.post(path, body(more), {.as = as});
        EXPECT_EQ(answer.status, 200) << answer.body;
        return answer.at("/id");
    }
    std::string at(const std::string& id) { return std::string(path) + "/" + id; }
};

TEST_F(CatalogManagers, are_kept_after_their_connection_was_tried_and_show_no_secret) {
    const std::string id = made();
    const auto shown = server.get(at(id), {.as = "ann"});
    EXPECT_EQ(shown.at("/username"), "********");
    EXPECT_EQ(shown.at("/password"), "********");
    EXPECT_EQ(shown.at("/api_key"), "(absent)");
    EXPECT_EQ(shown.at("/owner_id"), server.user_id("ann"));
    EXPECT_EQ(server.post(path, body("", "wrong"), {.as = "ann"}).status, 400);
    EXPECT_EQ(server.post(path, bare(), {.as = "ann"}).status, 400) << "no credentials";
    EXPECT_EQ(server.post(path, bare(R"(,"username":"root")"), {.as = "ann"}).status, 400) << "half of a pair";
    EXPECT_EQ(server.get(path, {.as = "ann"}).size(), 1);
}

TEST_F(CatalogManagers, Q94_missing_and_masked_credentials_stay) {
    const std::string id = made();
    for (const char* more :
         {"", R"(,"username":"********")", R"(,"username":"********","password":"********","api_key":"********")"}) {
        const auto answer = server.put(at(id), bare(more), {.as = "ann"});
        EXPECT_EQ(answer.status, 200) << answer.body;
        EXPECT_EQ(answer.at("/password"), "********");
        EXPECT_EQ(answer.at("/api_key"), "(absent)");
    }
    EXPECT_EQ(server.put(at(id), bare(R"(,"password":"wrong")"), {.as = "ann"}).status, 400);
    EXPECT_EQ(server.put(at(id), bare(), {.as = "ann"}).status, 200) << "a refused change leaves what was stored";
}

TEST_F(CatalogManagers, Q41_claims_by_role_count_and_refusals_are_403) {
    EXPECT_EQ(server.post(path, body(R"(,"global":true)"), {.as = "chief"}).status, 200);
    EXPECT_EQ(server.post(path, body(R"(,"global":true)"), {.as = "ann"}).status, 403);
    const std::string internal = made(R"(,"internal":true)", "chief");
    EXPECT_EQ(server.put(at(internal), body(), {.as = "chief"}).status, 403);
    EXPECT_EQ(server.del(at(internal), {.as = "chief"}).status, 403);
    EXPECT_EQ(server.del(at(internal)).status, 200);
    const std::string own = made();
    EXPECT_EQ(server.put(at(own), body(R"(,"global":true)"), {.as = "ann"}).status, 403) << "nor by a change";
}

TEST_F(CatalogManagers, G4_others_see_global_ones_whose_claims_they_hold_in_any_case) {
    const std::string open = made(R"(,"global":true,"required_claims":["list_vm"])", "root");
    const std::string closed = made(R"(,"global":true,"required_claims":["LIST_USER"])", "root");
    const std::string own = made();
    EXPECT_EQ(server.get(path, {.as = "bob"}).size(), 1);
    EXPECT_EQ(server.get(at(open), {.as = "bob"}).status, 200);
    EXPECT_EQ(server.get(at(closed), {.as = "bob"}).status, 403);
    EXPECT_EQ(server.get(at(own), {.as = "bob"}).status, 403);
    EXPECT_EQ(server.get(path).size(), 3);
    EXPECT_EQ(server.del(at(open), {.as = "ann"}).status, 403);
}

TEST_F(CatalogManagers, Q43_lead_nowhere_inside_unless_allowed) {
    for (const char* url : {"http://localhost", "http://10.0.0.1", "http://[::1]:80", "http://127.0.0.2"}) {
        const auto answer = server.post(
            path, std::string(R"({"url":")") + url + R"(","username":"root","password":"x"})", {.as = "ann"});
        EXPECT_EQ(answer.status, 400) << url;
        EXPECT_NE(answer.body.find("/url"), std::string::npos) << answer.body;
    }
}

TEST_F(CatalogManagers, secrets_of_others_are_not_sent_to_another_server) {
    const std::string id = made();
    Server elsewhere;
    const std::string moved =
        R"({"name":"m","url":"http://127.0.0.1:)" + std::to_string(elsewhere.port()) + R"(","active":true)";
    EXPECT_EQ(server.put(at(id), moved + "}", {.as = "editor"}).status, 400);
    EXPECT_EQ(server.put(at(id), bare(), {.as = "editor"}).status, 200) << "the same server";
    const std::string password(root_password);
    EXPECT_EQ(server.put(at(id), moved + R"(,"password":")" + password + R"("})", {.as = "editor"}).status, 200);
}

TEST_F(CatalogManagers, changes_are_in_the_audit_trail_and_secrets_are_sealed_at_rest_G1) {
    const std::string id = made();
    server.restart();
    EXPECT_EQ(server.put(at(id), bare(), {.as = "ann"}).status, 200) << "what was sealed opens after a restart";
    EXPECT_EQ(server.del(at(id), {.as = "ann"}).at("/success"), "true");
    EXPECT_EQ(server.del(at(id), {.as = "ann"}).status, 404);
    const auto trail = server.get("/v1/audit?action=catalog_manager.*");
    EXPECT_EQ(trail.size("/entries"), 3);
    EXPECT_EQ(trail.body.find(root_password), std::string::npos);
    const std::string other = made();
    server.change([&](db::Tx& tx) {
        const auto row = tx.one<std::string, std::string>(
            "SELECT sealed_password, sealed_api_key FROM catalog_managers WHERE id = :1", other);
        ASSERT_TRUE(row);
        EXPECT_FALSE(std::get<0>(*row).empty());
        EXPECT_EQ(std::get<0>(*row).find(root_password), std::string::npos);
        EXPECT_EQ(std::get<1>(*row), "");
    });
}

}  // namespace
}  // namespace corral::tests
