// Who a request comes from, and logins. authenticate() answers from memory on network threads; login() blocks.
// Thread-safe. The database, the directory and the clock outlive it.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "identity/directory.hpp"
#include "identity/import/old_secrets.hpp"
#include "identity/login/passwords.hpp"
#include "identity/login/throttle.hpp"
#include "identity/oidc/sign_in.hpp"
#include "identity/tokens.hpp"
#include "identity/tokens/checked.hpp"
#include "identity/tokens/revoked.hpp"
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

struct LogoutRequest {
    bool everywhere = false;
};
constexpr auto json_object(const LogoutRequest*) {
    return json::object("LogoutRequest", json::field("everywhere", &LogoutRequest::everywhere,
                                                     "End all tokens of the account, not this one alone"));
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
    Secret master_key;     // 32 bytes; keys' secrets and, unless they have a key of their own, tokens are bound to it
    TokenKeys token_keys;  // without secret and key: a secret derived from master_key
    std::chrono::milliseconds token_duration{std::chrono::minutes{15}};
    int max_login_attempts = 5;
    std::chrono::milliseconds lockout{std::chrono::seconds{5}};
    bool incremental_lockout = true;
    int max_failures_per_address = 100;  // a minute; 0: any number
    std::size_t password_threads = 2;    // that hash at the same time
    int waiting_logins = 24;             // more at once are refused as busy; keep it below the workers of requests
};

class Service final : public http::Authenticator {
public:
    Service(db::Database& database, Directory& directory, const Clock& clock, Settings settings);

    // Tokens of this issuer are taken too. Before the first request; it outlives the service's last.
    void accept(const oidc::SignIn& issuer) { issuer_ = &issuer; }
    [[nodiscard]] Result<Caller> authenticate(const http::Request&, bool allow_query_token) const override;
    [[nodiscard]] Result<Caller> still_good(const Caller&) const override;
    // Rises with every change that may change an answer of still_good(); the passing of time does not count.
    [[nodiscard]] std::uint64_t generation() const { return directory_.generation() + revoked_.generation(); }
    Result<LoginResponse> login(const LoginRequest&, const std::string& address);
    // How long logins from this address are refused; zero as a rule.
    std::chrono::seconds wait_for(const std::string& address) { return addresses_.wait_for(address); }
    // For an account that has shown elsewhere who it is.
    Result<LoginResponse> token_for(const std::string& user) const;
    Result<void> logout(const Caller& who, const LogoutRequest&);
    Result<ValidateTokenResponse> validate(const ValidateTokenRequest&) const;
    [[nodiscard]] const std::string& key_set() const { return signer_.key_set(); }  // JSON, of the public keys
    // What the database holds of ended tokens; before the first request.
    Result<void> load() { return revoked_.reload(); }
    // Forgets what has no effect any more; now and then.
    Result<void> tidy() { return revoked_.forget_expired(); }

    // Null when there is no such account.
    [[nodiscard]] std::shared_ptr<const Principal> principal_of(const UserId&) const;
    [[nodiscard]] std::shared_ptr<const Principal> root() const;

private:
    Result<TokenBearer> bearer_by(std::string_view token) const;
    Result<Caller> by_token(std::string_view token) const;
    Result<Caller> by_key(std::string_view encoded) const;
    Result<KeyPtr> check_key(std::string_view encoded) const;
    [[nodiscard]] Result<Caller> judged(Caller caller, const std::string& user, KeyPtr key) const;
    [[nodiscard]] Result<LoginResponse> login_with_key(const std::string& encoded) const;
    Result<void> note_failure(const Account&);
    Result<void> note_success(const Account&);
    Result<void> improve_hash(const Account&, const Secret& password);
    [[nodiscard]] LoginResponse issue(const Account&, const std::string& key_id) const;

    db::Database& database_;
    Directory& directory_;
    const Clock& clock_;
    Settings settings_;
    TokenSigner signer_;
    mutable CheckedTokens checked_;
    RevokedTokens revoked_;
    mutable OldSecrets old_secrets_;
    PasswordWork passwords_;
    AddressThrottle addresses_;
    const oidc::SignIn* issuer_ = nullptr;
    std::string decoy_hash_;  // checked for unknown users, so that they cost the same
};

}  // namespace corral::identity
