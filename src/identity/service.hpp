// Who a request comes from, and logins. authenticate() answers from memory on network threads; login() blocks.
// Thread-safe. The database, the directory and the clock outlive it.
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
    Service(db::Database& database, Directory& directory, const Clock& clock, Settings settings);

    [[nodiscard]] Result<Caller> authenticate(const http::Request&, bool allow_query_token) const override;
    Result<LoginResponse> login(const LoginRequest&, const std::string& address);
    Result<ValidateTokenResponse> validate(const ValidateTokenRequest&) const;

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
    Result<KeyPtr> check_key(std::string_view encoded) const;
    Result<LoginResponse> login_with_key(const LoginRequest&);
    Result<void> note_failure(const Account&);
    Result<void> note_success(const Account&);
    Result<void> check_address(const std::string& address);
    void note_address_failure(const std::string& address);
    LoginResponse issue(const Principal&, const std::string& key_id) const;
    [[nodiscard]] std::string key_mac(std::string_view key, std::string_view secret) const;

    db::Database& database_;
    Directory& directory_;
    const Clock& clock_;
    Settings settings_;
    TokenSigner signer_;
    std::string decoy_hash_;  // checked for unknown users, so that they cost the same
    std::mutex mutex_;        // guards failures_
    std::unordered_map<std::string, Failures> failures_;
};

}  // namespace corral::identity
