// Signing in, and what a token is worth.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <mutex>

#include "base/log.hpp"
#include "identity/accounts/store.hpp"
#include "identity/store.hpp"
#include "identity/tokens.hpp"
#include "platform/crypto/crypto.hpp"
#include "server.hpp"
#include "subscriber.hpp"

namespace corral::tests {
namespace {

class SignIn : public testing::Test {
protected:
    Server server;

    Answer login(const std::string& name, const std::string& password, const std::string& member = "email") {
        return server.post("/v1/auth/token",
                           R"({")" + member + R"(":")" + name + R"(","password":")" + password + "\"}", {.as = ""});
    }
    int with_token(const std::string& token) {
        return server.get("/v1/machines", {.as = "", .headers = {{"Authorization", "Bearer " + token}}}).status;
    }
};

TEST_F(SignIn, a_password_gives_a_token_that_opens_the_api) {
    for (const auto& [name, member] :
         {std::pair{"root", "email"}, {"root@localhost", "email"}, {"ROOT", "email"}, {"root", "username"}}) {
        const auto answer = login(name, std::string(root_password), member);
        ASSERT_EQ(answer.status, 200) << answer.body;
        EXPECT_EQ(answer.at("/email"), "root@localhost");
        EXPECT_GT(std::stoll(answer.at("/expires_at")), 0);
        EXPECT_EQ(with_token(answer.at("/token")), 200);
        EXPECT_EQ(server.post("/v1/auth/token/validate", R"({"token":")" + answer.at("/token") + "\"}", {.as = ""})
                      .at("/valid"),
                  "true");
    }
    // An empty key beside a password is no key (clients.md 10).
    EXPECT_EQ(server
                  .post("/v1/auth/token",
                        R"({"email":"root","api_key":"","password":")" + std::string(root_password) + "\"}", {.as = ""})
                  .status,
              200);
}

TEST_F(SignIn, a_wrong_password_and_an_unknown_name_look_the_same) {
    const auto wrong = login("root", "wrong");
    const auto unknown = login("nobody", "wrong");
    EXPECT_EQ(wrong.status, 401);
    EXPECT_EQ(unknown.status, 401);
    EXPECT_EQ(wrong.at("/message"), unknown.at("/message"));
    EXPECT_EQ(wrong.body.find("root"), std::string::npos) << "the answer tells that the name is known";
    EXPECT_EQ(login("root", std::string(200, 'a')).status, 401);
    EXPECT_EQ(login("root", "").status, 400);
    EXPECT_EQ(login("", "x").status, 400);
}

TEST_F(SignIn, an_account_is_locked_after_failures_whatever_the_password) {
    for (int i = 0; i < 5; ++i) EXPECT_EQ(login("root", "wrong").status, 401);
    EXPECT_EQ(login("root", std::string(root_password)).status, 401);
    // Tokens that are out go on working: else anybody could throw root out.
    EXPECT_EQ(server.get("/v1/machines").status, 200);
    server.change([&](db::Tx& tx) { identity::store::lock_until(tx, server.user_id("root"), Time{}); });
    EXPECT_EQ(login("root", std::string(root_password)).status, 200);
    EXPECT_EQ(login("root", "wrong").status, 401);
    EXPECT_EQ(login("root", std::string(root_password)).status, 200) << "a success clears the count";
}

TEST_F(SignIn, an_address_with_too_many_failures_is_told_how_long_to_wait) {
    Server strict({.accounts = {}, .flags = {"--BRUTE_FORCE_MAX_FAILURES_PER_ADDRESS=2"}});
    const auto login = [&](const std::string& password) {
        return strict.post("/v1/auth/token", R"({"email":"nobody","password":")" + password + "\"}", {.as = ""});
    };
    for (int i = 0; i < 2; ++i) EXPECT_EQ(login("wrong").status, 401);
    const auto refused = login("wrong");
    EXPECT_EQ(refused.status, 429);
    const int wait = std::stoi(std::string(refused.headers.get("Retry-After")));
    EXPECT_TRUE(wait > 1 && wait <= 61) << wait;
    EXPECT_EQ(refused.at("/code"), "429");
    EXPECT_EQ(strict.get("/v1/machines").status, 200) << "tokens are not concerned";
}

TEST_F(SignIn, tokens_that_are_not_ours_open_nothing) {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(SystemClock{}.now().time_since_epoch()).count();
    const identity::TokenClaims good{
        .exp = now + 60, .email = "root@localhost", .username = "Root", .uid = server.user_id("root")};
    const identity::TokenSigner stranger(Secret("another secret"));
    EXPECT_EQ(with_token(server.token("root")), 200);
    EXPECT_EQ(with_token(stranger.sign(good)), 401);
    // RFC 7519, 6.1: without a signature.
    const std::string body = server.token("root").substr(server.token("root").find('.') + 1);
    const std::string payload = body.substr(0, body.find('.'));
    for (const char* header : {R"({"alg":"none"})", R"({"alg":"HS512","typ":"JWT"})", "{}", "x"})
        for (const std::string& signature : {std::string(), body.substr(body.find('.') + 1)})
            EXPECT_EQ(with_token(fmt::format("{}.{}.{}", crypto::base64url(header), payload, signature)), 401)
                << header;
    const std::string token = server.token("root");
    for (const std::string& bad : {token + "x", token.substr(1), token.substr(0, token.rfind('.')), std::string("x"),
                                   fmt::format("{}.{}", token, token)})
        EXPECT_EQ(with_token(bad), 401) << bad;
}

TEST_F(SignIn, a_token_ends_with_its_time_and_with_its_account) {
    Server brief({.accounts = {{.name = "ann", .claims = {"LIST_VM"}, .roles = {}}}, .flags = {"--JWT_DURATION=1s"}});
    const auto answer = brief.post("/v1/auth/token",
                                   R"({"email":"root","password":")" + std::string(root_password) + "\"}", {.as = ""});
    const Ask ask{.as = "", .headers = {{"Authorization", "Bearer " + answer.at("/token")}}};
    EXPECT_EQ(brief.get("/v1/machines", ask).status, 200);
    EXPECT_TRUE(eventually([&] { return brief.get("/v1/machines", ask).status == 401; }));
    EXPECT_EQ(brief.get("/v1/machines", {.as = "ann"}).status, 200);
    brief.change([&](db::Tx& tx) { identity::store::delete_user(tx, brief.user_id("ann")); });
    brief.restart();
    EXPECT_EQ(brief.get("/v1/machines", {.as = "ann"}).status, 401);
}

// Everything that is logged at the usual level, while credentials come in every way there is.
TEST_F(SignIn, no_secret_reaches_the_log) {
    std::mutex mutex;
    std::string lines;
    log::set_tap([&](log::Level, std::string_view line) {
        const std::lock_guard lock(mutex);
        lines.append(line) += '\n';
    });
    const std::string password(root_password);
    const std::string token = login("root", password).at("/token");
    login("root", "Wrong-Horse-8");
    server.post("/v1/auth/token/validate", R"({"token":")" + token + "\"}", {.as = ""});
    EXPECT_EQ(with_token(token), 200);
    const std::string key = crypto::base64("key:Secret-Of-The-Key");
    server.get("/v1/machines", {.as = "", .headers = {{"X-Api-Key", key}}});
    server.get("/v1/machines?access_token=" + token + "&authorization=" + token, {.as = ""});
    Subscriber(server.port(), "/api/v1/ws/subscribe?access_token=" + token, "").close();
    server.post(
        "/v1/catalog/push",
        R"({"catalog_id":"x","version":"1","local_path":"/nowhere/x","connection":"provider=foo;password=Secret-Of-The-Store"})");
    // A socket is logged when it is over, which is not when its client says so.
    EXPECT_TRUE(eventually([&] {
        const std::lock_guard lock(mutex);
        return lines.find("/api/v1/ws/subscribe?access_token=***") != std::string::npos;
    }));
    log::set_tap({});
    for (const std::string& secret : {password, std::string("Wrong-Horse-8"), token, token.substr(token.rfind('.') + 1),
                                      key, std::string("Secret-Of-The-Key"), std::string("Secret-Of-The-Store")})
        EXPECT_EQ(lines.find(secret), std::string::npos) << secret;
}

// What a token says about rights is for its reader; the database decides.
TEST_F(SignIn, q27_rights_are_the_account_s_and_not_the_token_s) {
    Server other({.accounts = {{.name = "ann", .claims = {"LIST_VM"}, .roles = {}}}});
    EXPECT_EQ(other.get("/v1/machines", {.as = "ann"}).status, 200);
    EXPECT_EQ(other.get("/v1/catalog", {.as = "ann"}).status, 401);
    other.change([&](db::Tx& tx) { identity::store::take_claim(tx, other.user_id("ann"), "LIST_VM"); });
    other.restart();
    EXPECT_EQ(other.get("/v1/machines", {.as = "ann"}).status, 401);
}

}  // namespace
}  // namespace corral::tests
