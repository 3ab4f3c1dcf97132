// Users, roles and claims over HTTP: what a change does to those who are signed in, and names in paths.
#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "server.hpp"

namespace corral::tests {
namespace {

class AccountsApi : public testing::Test {
protected:
    static std::string user_body(const std::string& name) {
        return R"({"username":")" + name + R"(","name":"n","email":")" + name +
               R"(@example.org","password":"Valid-Passw0rd!"})";
    }
    // A token by logging in; "" when that is refused.
    std::string sign_in(const std::string& name, const std::string& password = "Valid-Passw0rd!") {
        const auto answer = server_.post("/v1/auth/token",
                                         R"({"email":")" + name + R"(","password":")" + password + R"("})", {.as = ""});
        return answer.status == 200 ? answer.at("/token") : "";
    }
    int look_with(const std::string& token) {
        return server_.get("/v1/user/configs", {.as = "", .headers = {{"Authorization", "Bearer " + token}}}).status;
    }

    Server server_{{.accounts = {{.name = "helper", .claims = {"UPDATE_USER", "CREATE_USER"}, .roles = {}},
                                 {.name = "victim", .claims = {}, .roles = {"ADMIN"}}}}};
};

TEST_F(AccountsApi, q5_a_block_ends_tokens_keys_and_logins_at_once_and_unblocking_lets_in_again) {
    ASSERT_EQ(server_.post("/v1/auth/users", user_body("ann")).status, 201);
    const std::string token = sign_in("ann");
    ASSERT_EQ(look_with(token), 200);
    const auto key = server_.post("/v1/auth/api_keys", R"({"name":"k","key":"k","secret":"s","user_id":"ann"})");
    ASSERT_EQ(key.status, 201) << key.body;
    const Ask by_key{.as = "", .headers = {{"X-Api-Key", key.at("/encoded")}}};
    ASSERT_EQ(server_.get("/v1/user/configs", by_key).status, 200);

    ASSERT_EQ(server_.put("/v1/auth/users/ann/block", "").status, 202);
    EXPECT_EQ(server_.get("/v1/auth/users/ann").at("/blocked"), "true");
    EXPECT_EQ(look_with(token), 401);
    EXPECT_EQ(server_.get("/v1/user/configs", by_key).status, 401);
    EXPECT_EQ(sign_in("ann"), "");

    ASSERT_EQ(server_.put("/v1/auth/users/ann@example.org/unblock", "").status, 202);
    EXPECT_EQ(look_with(token), 401) << "it was ended";
    EXPECT_EQ(look_with(sign_in("ann")), 200);
    EXPECT_EQ(server_.get("/v1/auth/users/ann").at("/blocked"), "(absent)");
}

TEST_F(AccountsApi, a_new_password_ends_the_tokens_of_the_old_one) {
    ASSERT_EQ(server_.post("/v1/auth/users", user_body("ann")).status, 201);
    const std::string token = sign_in("ann");
    ASSERT_EQ(look_with(token), 200);
    const auto changed = server_.put("/v1/auth/users/ann", R"({"password":"Another-Passw0rd!"})");
    EXPECT_EQ(changed.status, 202);
    EXPECT_EQ(changed.at("/username"), "ann") << "the answer may carry the user";
    EXPECT_EQ(look_with(token), 401);
    EXPECT_EQ(sign_in("ann"), "");
    EXPECT_EQ(look_with(sign_in("ann", "Another-Passw0rd!")), 200);
}

TEST_F(AccountsApi, q3_q4_who_may_only_change_users_becomes_nobody_else) {
    const Ask helper{.as = "helper"};
    const std::string root = "/v1/auth/users/" + server_.user_id("root");
    EXPECT_EQ(server_.put(root, R"({"password":"Another-Passw0rd!"})", helper).status, 403);
    EXPECT_EQ(server_.put(root + "/block", "", helper).status, 403);
    EXPECT_EQ(server_.put("/v1/auth/users/victim", R"({"password":"Another-Passw0rd!"})", helper).status, 403);
    EXPECT_EQ(server_.post("/v1/auth/users/helper/roles", R"({"name":"ADMIN"})", helper).status, 403);
    EXPECT_EQ(server_.post("/v1/auth/users/helper/claims", R"({"name":"EXECUTE_SSH"})", helper).status, 403);
    const auto refused = server_.post("/v1/auth/users/helper/roles", R"({"name":"SUPER_USER"})", helper);
    EXPECT_EQ(refused.status, 403);
    EXPECT_EQ(refused.at("/code"), "403");
    EXPECT_EQ(refused.at("/diagnostics/errors/0/code"), "403");
    EXPECT_EQ(server_.del("/v1/auth/users/root").status, 400);
}

TEST_F(AccountsApi, names_in_paths_may_be_escaped_and_written_in_any_case) {
    ASSERT_EQ(server_.post("/v1/auth/users", user_body("two words+1")).status, 201);
    EXPECT_EQ(server_.get("/v1/auth/users/Two%20Words%2B1").status, 200);
    EXPECT_EQ(server_.get("/v1/auth/users/two%20words+1%40example.org").status, 200);
    ASSERT_EQ(server_.post("/v1/auth/roles", R"({"name":"night shift"})").status, 201);
    EXPECT_EQ(server_.post("/v1/auth/users/two%20words%2B1/roles", R"({"name":"Night Shift"})").status, 201);
    EXPECT_EQ(server_.del("/v1/auth/users/two%20words%2B1/roles/night%20shift").status, 202);
    EXPECT_EQ(server_.del("/v1/auth/roles/NIGHT_SHIFT").status, 202);
}

TEST_F(AccountsApi, of_two_super_users_who_remove_each_other_at_once_one_stays) {
    for (const char* name : {"ann", "ben"}) {
        ASSERT_EQ(server_.post("/v1/auth/users", user_body(name)).status, 201);
        ASSERT_EQ(server_.post("/v1/auth/users/" + std::string(name) + "/roles", R"({"name":"SUPER_USER"})").status,
                  201);
    }
    const std::string ann = sign_in("ann");
    const std::string ben = sign_in("ben");
    std::latch start(2);
    int removed[2] = {0, 0};
    const auto strike = [&](int& status, const std::string& token, const std::string& other) {
        start.arrive_and_wait();
        status = server_.del("/v1/auth/users/" + other, {.as = "", .headers = {{"Authorization", "Bearer " + token}}})
                     .status;
    };
    std::jthread first([&] { strike(removed[0], ann, "ben"); });
    std::jthread second([&] { strike(removed[1], ben, "ann"); });
    first.join();
    second.join();
    EXPECT_EQ((removed[0] == 202) + (removed[1] == 202), 1) << removed[0] << " " << removed[1];
    EXPECT_EQ(server_.get("/v1/auth/users").size(), 4) << "root, helper, victim and one of the two";
}

TEST_F(AccountsApi, what_was_changed_is_there_after_a_restart) {
    ASSERT_EQ(server_.post("/v1/auth/claims", R"({"name":"kept"})").status, 201);
    ASSERT_EQ(server_.post("/v1/auth/roles", R"({"name":"crew","claims":["KEPT"]})").status, 201);
    ASSERT_EQ(server_.post("/v1/auth/users", user_body("ann")).status, 201);
    ASSERT_EQ(server_.post("/v1/auth/users/ann/roles", R"({"name":"crew"})").status, 201);
    const std::string before = server_.get("/v1/auth/users/ann").body;
    ASSERT_EQ(server_.put("/v1/user/configs/theme", R"({"value":"dark"})").status, 201);
    server_.restart();
    EXPECT_EQ(server_.get("/v1/auth/users/ann").body, before);
    EXPECT_EQ(server_.get("/v1/user/configs/theme").at("/value"), "dark");
}

}  // namespace
}  // namespace corral::tests
