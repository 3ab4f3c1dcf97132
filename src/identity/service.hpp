// Who a request comes from, and logins. authenticate() answers from memory on network threads; login() blocks.
// Thread-safe. The database and the clock outlive it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "identity/directory.hpp"
#include "identity/tokens.hpp"
#include "platform/http/caller.hpp"
#include "platform/http/message.hpp"
#include "platform/json/json.hpp"

namespace corral::identity {

struct LoginRequest {
    std::string email, username;
    Secret password;
    Secret api_key;
};
constexpr auto json_object(const LoginRequest*) {
    return json::object("LoginRequest", json::field("email", &LoginRequest::email, "E-mail, user name or id"),
                        json::field("username", &LoginRequest::username),
                        json::field("password", &LoginRequest::password),
                        json::field("api_key", &LoginRequest::api_key, "base64 of key:secret, instead of a password"));
}

struct LoginResponse {
    std::string email, token;
    std::int64_t expires_at = 0;  // Unix seconds
};
constexpr auto json_object(const LoginResponse*) {
    return json::object("LoginResponse", json::omit("email", &LoginResponse::email),
                        json::omit("token", &LoginResponse::token),
                        json::omit("expires_at", &LoginResponse::expires_at));
}

struct ValidateTokenRequest {
    std::string token;
};
constexpr auto json_object(const ValidateTokenRequest*) {
    return json::object("ValidateTokenRequest", json::required("token", &ValidateTokenRequest::token));
}

struct ValidateTokenResponse {
    bool valid = true;
};
constexpr auto json_object(const ValidateTokenResponse*) {
    return json::object("ValidateTokenResponse", json::field("valid", &ValidateTokenResponse::valid));
}

struct UserClaim {
    std::string id, name;
    bool is_inherited = false;
    std::string source_role;  // of an inherited one
};
constexpr auto json_object(const UserClaim*) {
    return json::object("UserClaimResponse", json::omit("id", &UserClaim::id), json::field("name", &UserClaim::name),
                        json::field("is_inherited", &UserClaim::is_inherited),
                        json::omit("source_role", &UserClaim::source_role));
}

struct UserResponse {
    std::string id, username, name, email;
    std::vector<std::string> roles, claims;   // ids; the claims that are the user's own
    std::vector<UserClaim> effective_claims;  // own ones first, then those of each role; each once
    bool super_user = false;
};
constexpr auto json_object(const UserResponse*) {
    return json::object("ApiUser", json::omit("id", &UserResponse::id),
                        json::field("username", &UserResponse::username), json::omit("name", &UserResponse::name),
                        json::field("email", &UserResponse::email), json::omit("roles", &UserResponse::roles),
                        json::omit("claims", &UserResponse::claims),
                        json::field("effective_claims", &UserResponse::effective_claims),
                        json::field("isSuperUser", &UserResponse::super_user));
}

struct Settings {
    Secret master_key;  // 32 bytes; keys' secrets and, unless jwt_secret is set, tokens are bound to it
    Secret jwt_secret;  // "" derives one from master_key
    std::chrono::milliseconds token_duration{std::chrono::minutes{15}};
    int max_login_attempts = 5;
    std::chrono::milliseconds lockout{std::chrono::seconds{5}};
    bool incremental_lockout = true;
    int max_failures_per_address = 100;  // a minute
};

class Service final : public http::Authenticator {
public:
    Service(db::Database& database, const Clock& clock, Settings settings);

    // Built-in claims, roles and root, idempotent; returns root's password when it was made here, to be shown once.
    Result<std::optional<Secret>> seed(const Secret& root_password);

    [[nodiscard]] Result<Caller> authenticate(const http::Request&, bool allow_query_token) const override;
    Result<LoginResponse> login(const LoginRequest&, const std::string& address);
    Result<ValidateTokenResponse> validate(const ValidateTokenRequest&) const;
    [[nodiscard]] Result<std::vector<UserResponse>> users() const;

    // Null when there is no such account.
    [[nodiscard]] std::shared_ptr<const Principal> principal_of(const UserId&) const;
    [[nodiscard]] std::shared_ptr<const Principal> root() const;

private:
    struct Failures {
        SteadyTime since{};
        int count = 0;
    };
    Result<Caller> by_token(std::string_view token) const;
    Result<Caller> by_key(std::string_view encoded) const;
    Result<const ApiKey*> check_key(const Snapshot&, std::string_view encoded) const;
    Result<LoginResponse> login_with_key(const LoginRequest&);
    Result<void> note_failure(const Account&);
    Result<void> note_success(const Account&);
    Result<void> check_address(const std::string& address);
    void note_address_failure(const std::string& address);
    LoginResponse issue(const Principal&, const std::string& key_id) const;
    [[nodiscard]] std::string key_mac(std::string_view key, std::string_view secret) const;

    db::Database& database_;
    const Clock& clock_;
    Settings settings_;
    TokenSigner signer_;
    Directory directory_;
    std::string decoy_hash_;  // checked for unknown users, so that they cost the same
    std::mutex mutex_;        // guards failures_
    std::unordered_map<std::string, Failures> failures_;
};

}  // namespace corral::identity
