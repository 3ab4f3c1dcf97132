// Tokens over HTTP: public-key algorithms and their key set, logout, and API keys from making to removal.
#include <gtest/gtest.h>

#include "platform/crypto/crypto.hpp"
#include "platform/crypto/signature.hpp"
#include "server.hpp"

namespace corral::tests {
namespace {

Ask with(const std::string& header, const std::string& value) { return {.as = "", .headers = {{header, value}}}; }
Ask bearer(const std::string& token) { return with("Authorization", "Bearer " + token); }

std::string root_token(Server& server) {
    const auto answer = server.post("/v1/auth/token",
                                    R"({"email":"root","password":")" + std::string(root_password) + "\"}", {.as = ""});
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.at("/token");
}

// Of the address below the server's root.
Answer at_root(Server& server, const std::string& path) {
    net::HttpClient http;
    auto answer = must(http.send({.url = server.url() + path}));
    return {answer.status, std::move(answer.headers), std::move(answer.body)};
}

std::string flag(const std::string& key, const crypto::PrivateKey& value) {
    return "--" + key + "=" + crypto::base64(value.pem().reveal());
}

TEST(Tokens, by_public_key_algorithms_are_checked_by_anybody_with_the_key_set) {
    for (const auto algorithm : {crypto::Algorithm::rs256, crypto::Algorithm::es256}) {
        const auto key = must(crypto::PrivateKey::generate(algorithm));
        Server server(
            {.flags = {"--JWT_SIGN_ALGORITHM=" + std::string(to_text(algorithm)), flag("JWT_PRIVATE_KEY", key)}});
        const std::string token = root_token(server);
        EXPECT_EQ(server.get("/v1/machines", bearer(token)).status, 200);
        const auto set = at_root(server, "/.well-known/jwks.json");
        EXPECT_EQ(set.status, 200);
        const auto published = must(crypto::PublicKey::from_jwk({.kty = set.at("/keys/0/kty"),
                                                                 .n = set.at("/keys/0/n"),
                                                                 .e = set.at("/keys/0/e"),
                                                                 .crv = set.at("/keys/0/crv"),
                                                                 .x = set.at("/keys/0/x"),
                                                                 .y = set.at("/keys/0/y")}));
        const auto dot = token.rfind('.');
        EXPECT_TRUE(published.verify(algorithm, std::string_view(token).substr(0, dot),
                                     crypto::from_base64url(std::string_view(token).substr(dot + 1)).value()));
        // What the tests' own servers sign with HS256 and the right account is not ours here.
        EXPECT_EQ(server.get("/v1/machines", {.as = "root"}).status, 401);
    }
}

TEST(Tokens, a_server_without_public_keys_shows_an_empty_set) {
    Server server;
    EXPECT_EQ(at_root(server, "/.well-known/jwks.json").body, R"({"keys":[]})");
}

TEST(Tokens, Q25_a_configuration_that_cannot_sign_stops_the_start_with_the_key_s_name) {
    const auto start = [](const std::string& flag) {
        try {
            Server server({.flags = {flag}});
        } catch (const std::exception& error) {
            return std::string(error.what());
        }
        return std::string("it started");
    };
    EXPECT_NE(start("--JWT_SIGN_ALGORITHM=HS1").find("JWT_SIGN_ALGORITHM"), std::string::npos);
    EXPECT_NE(start("--JWT_SIGN_ALGORITHM=RS256").find("JWT_PRIVATE_KEY"), std::string::npos);
    EXPECT_NE(start("--JWT_DURATION=soon").find("JWT_DURATION"), std::string::npos);
    EXPECT_NE(start("--JWT_DURATION=0s").find("JWT_DURATION"), std::string::npos);
    EXPECT_NE(start("--OIDC_ISSUER=http://idp.example").find("OIDC_ISSUER"), std::string::npos);
    EXPECT_NE(start("--OIDC_ISSUER=https://idp.example").find("OIDC_CLIENT_ID"), std::string::npos);
}

TEST(Tokens, a_logout_ends_one_token_or_all_also_after_a_restart) {
    Server server;
    const std::string first = root_token(server);
    const std::string second = root_token(server);
    const std::string third = root_token(server);
    EXPECT_EQ(server.post("/v1/auth/logout", "", bearer(first)).status, 204);
    EXPECT_EQ(server.get("/v1/machines", bearer(first)).status, 401);
    EXPECT_EQ(server.post("/v1/auth/token/validate", R"({"token":")" + first + "\"}", {.as = ""}).status, 401);
    EXPECT_EQ(server.get("/v1/machines", bearer(second)).status, 200);
    server.restart();
    EXPECT_EQ(server.get("/v1/machines", bearer(first)).status, 401);
    EXPECT_EQ(server.get("/v1/machines", bearer(second)).status, 200);
    EXPECT_EQ(server.post("/v1/auth/logout", R"({"everywhere":true})", bearer(second)).status, 204);
    EXPECT_EQ(server.get("/v1/machines", bearer(third)).status, 401);
    EXPECT_EQ(server.get("/v1/machines", bearer(root_token(server))).status, 200);
}

TEST(ApiKeys, live_from_making_to_removal) {
    Server server(
        {.accounts = {
             {.name = "ann", .claims = {"CREATE_OWN_API_KEY", "LIST_OWN_API_KEY", "DELETE_OWN_API_KEY", "LIST_VM"}}}});
    const auto made =
        server.post("/v1/auth/api_keys", R"({"name":"ci key","key":"ci","secret":"s3cret"})", {.as = "ann"});
    ASSERT_EQ(made.status, 201) << made.body;
    EXPECT_EQ(made.at("/encoded"), crypto::base64("CI:s3cret"));
    const Ask by_key = with("X-Api-Key", made.at("/encoded"));
    EXPECT_EQ(server.get("/v1/machines", by_key).status, 200);
    EXPECT_EQ(server.get("/v1/auth/users", by_key).status, 401) << "Q2: as its owner, no more";
    EXPECT_EQ(server.get("/v1/auth/api_keys", {.as = "ann"}).size(), 1);
    EXPECT_EQ(server.get("/v1/auth/api_keys", {.as = "ann"}).body.find("s3cret"), std::string::npos);
    EXPECT_EQ(server.put("/v1/auth/api_keys/ci%20key/revoke", "", {.as = "ann"}).status, 202);
    EXPECT_EQ(server.get("/v1/machines", by_key).status, 401);
    EXPECT_EQ(server.get("/v1/auth/api_keys/CI", {.as = "ann"}).at("/revoked"), "true");
    EXPECT_EQ(server.del("/v1/auth/api_keys/CI", {.as = "ann"}).status, 202);
    EXPECT_EQ(server.get("/v1/auth/api_keys/CI", {.as = "ann"}).status, 404);
}

TEST(ApiKeys, answers_name_the_member_that_is_wrong) {
    Server server;
    for (const auto& [body, member] : {std::pair{R"({"key":"k","secret":"s"})", "name"},
                                       {R"({"name":"n","secret":"s"})", "key"},
                                       {R"({"name":"n","key":"k"})", "secret"},
                                       {R"({"name":"n","key":"k","secret":"a:b"})", "secret"},
                                       {R"({"name":"n","key":"k","secret":"s","expires_at":"soon"})", "expires_at"},
                                       {R"({"name":"n","key":"k","secret":"s","user_id":"nobody"})", "user_id"},
                                       {R"({"name":"n","key":"k","secret":"s","revoked":"yes"})", "revoked"}}) {
        const auto answer = server.post("/v1/auth/api_keys", body);
        EXPECT_EQ(answer.status, 400) << body;
        EXPECT_NE(answer.at("/message").find(member), std::string::npos) << answer.body;
    }
    EXPECT_EQ(server.get("/v1/auth/api_keys").size(), 0);
}

TEST(SignInElsewhere, is_answered_clearly_when_no_issuer_is_configured) {
    Server server;
    EXPECT_EQ(server.get("/v1/auth/oidc/login", {.as = ""}).status, 403);
    EXPECT_EQ(server.post("/v1/auth/oidc/token", R"({"code":"c","verifier":"v"})", {.as = ""}).status, 403);
}

}  // namespace
}  // namespace corral::tests
