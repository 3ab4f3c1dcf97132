// API keys: making, showing, revoking and removing them. Who a key speaks for is decided where requests are
// authenticated (identity/service.hpp). Blocking; any thread. What the constructor is given outlives it.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "identity/directory.hpp"
#include "platform/http/caller.hpp"
#include "platform/json/json.hpp"

namespace corral::identity {

struct ApiKeyRequest {
    std::string name, key;
    Secret secret;
    bool revoked = false;
    std::string revoked_at, expires_at;  // RFC 3339
    std::string user_id;                 // the owner: id, e-mail or user name; "" is the caller
    bool ownerless = false;
    bool forwarder = false;
};
constexpr auto json_object(const ApiKeyRequest*) {
    return json::object(
        "ApiKeyRequest", json::required("name", &ApiKeyRequest::name, "Free text, unique"),
        json::required("key", &ApiKeyRequest::key, "Public half; kept in upper case, odd characters become _"),
        json::required("secret", &ApiKeyRequest::secret, "At most 40 bytes, no colon"),
        json::field("revoked", &ApiKeyRequest::revoked), json::field("revoked_at", &ApiKeyRequest::revoked_at),
        json::field("expires_at", &ApiKeyRequest::expires_at, "RFC 3339; nothing: never"),
        json::field("user_id", &ApiKeyRequest::user_id, "Owner, whose rights the key has; nothing: the caller"),
        json::field("ownerless", &ApiKeyRequest::ownerless, "Acts as root; for super users"),
        json::field("forwarder", &ApiKeyRequest::forwarder,
                    "May speak for others by X-Claims, X-Roles and X-Super-User; for super users"));
}

struct ApiKeyResponse {
    std::string id, name, key;
    std::string encoded;  // base64 of key:secret, in the answer that made it and never again
    bool revoked = false;
    std::string expires_at, revoked_at;
    std::string user_id, user_email, user_name, user_username;
    bool forwarder = false;
};
constexpr auto json_object(const ApiKeyResponse*) {
    return json::object(
        "ApiKeyResponse", json::field("id", &ApiKeyResponse::id), json::field("name", &ApiKeyResponse::name),
        json::field("key", &ApiKeyResponse::key),
        json::omit("encoded", &ApiKeyResponse::encoded, "base64 of key:secret: what goes into X-Api-Key; shown once"),
        json::omit("revoked", &ApiKeyResponse::revoked), json::omit("expires_at", &ApiKeyResponse::expires_at),
        json::omit("revoked_at", &ApiKeyResponse::revoked_at), json::omit("user_id", &ApiKeyResponse::user_id),
        json::omit("user_email", &ApiKeyResponse::user_email), json::omit("user_name", &ApiKeyResponse::user_name),
        json::omit("user_username", &ApiKeyResponse::user_username),
        json::omit("forwarder", &ApiKeyResponse::forwarder));
}

// Callers with the full claim (LIST_API_KEY, …) meet every key, those with the own one (LIST_OWN_API_KEY, …) theirs:
// the others do not exist for them (quirk Q11).
class ApiKeys {
public:
    ApiKeys(db::Database& database, Directory& directory, const Clock& clock, Secret master_key)
        : database_(database), directory_(directory), clock_(clock), master_key_(std::move(master_key)) {}

    [[nodiscard]] std::vector<ApiKeyResponse> list(const Caller&) const;
    // `name` is an id, name or key.
    [[nodiscard]] Result<ApiKeyResponse> get(const Caller&, const std::string& name) const;
    // Errc::invalid for what is taken or odd; Errc::forbidden for an owner with more rights than the caller, and for
    // what only super users may ask.
    Result<ApiKeyResponse> create(const Caller&, const ApiKeyRequest&);
    Result<void> remove(const Caller&, const std::string& name);
    // By a super user or the owner; again is no error.
    Result<void> revoke(const Caller&, const std::string& name);

private:
    void note(db::Tx&, const Caller& who, const char* action, const ApiKey&) const;  // in the audit trail
    [[nodiscard]] Result<KeyPtr> find(const Caller&, bool any, const std::string& name) const;
    [[nodiscard]] Result<std::string> owner_for(const Caller&, const ApiKeyRequest&) const;

    db::Database& database_;
    Directory& directory_;
    const Clock& clock_;
    Secret master_key_;
};

}  // namespace corral::identity
