// An OpenID Connect issuer: its metadata and keys, kept in memory, and what its tokens say. Any thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"
#include "platform/crypto/signature.hpp"
#include "platform/json/json.hpp"
#include "platform/tasks/tasks.hpp"

namespace corral::identity::oidc {

struct Call {
    std::string method = "GET", url;
    std::string form;      // of a POST, application/x-www-form-urlencoded
    Secret authorization;  // the whole header, when set
    std::chrono::milliseconds limit{std::chrono::seconds{10}};
};
struct Answer {
    int status = 0;
    std::string body;
};
using Fetch = std::function<Result<Answer>(const Call&)>;  // blocking; any thread

struct Settings {
    std::string issuer;  // URL, exactly as the issuer writes it
    std::string client_id;
    Secret client_secret;      // "": a public client
    std::string redirect_url;  // of our callback; "": made from the request's Host
    std::string scopes = "openid profile email";
    std::string groups_claim = "groups";
    std::map<std::string, std::string> roles;  // group → role
    std::string default_role;                  // of who is in none of them; "": they are refused
    std::string audience;                      // of bearer tokens; "": the issuer's tokens open nothing by themselves
};
// From configuration; Errc::invalid names the key. `role_map` is "group=ROLE,…".
Result<Settings> settings(Settings raw, const std::vector<std::string>& role_map);

struct Metadata {
    std::string authorization_endpoint, token_endpoint, jwks_uri;
    std::string userinfo_endpoint;  // may be missing
    bool secret_in_body = false;    // the token endpoint does not take it in the header
};

// Somebody, as the issuer says.
struct Person {
    std::string subject, email, name, username;
    std::vector<std::string> groups;
    std::int64_t expires = 0;  // of the token, Unix seconds
    std::string token_id;
};

class Provider {
public:
    Provider(Settings settings, Fetch fetch, const Clock& clock);

    [[nodiscard]] const Settings& settings() const { return settings_; }
    [[nodiscard]] Result<Answer> fetch(const Call& call) const { return fetch_(call); }
    // Blocks for the first answer of the issuer; the rest comes from memory, renewed in the background.
    Result<Metadata> metadata();
    // May block to look for new keys. Errc::unauthenticated with the reason, Errc::upstream without the issuer.
    Result<Person> check_id_token(std::string_view token, std::string_view nonce);
    // What the issuer tells of somebody beside the token: many keep e-mail and groups out of it.
    Result<void> complete(Person& person, const Secret& access_token);
    // From memory: for network threads. An unknown key is asked for in the background.
    [[nodiscard]] Result<Person> check_bearer(std::string_view token) const;
    [[nodiscard]] bool named_in(std::string_view token) const;  // whether the token says it is this issuer's, unchecked

private:
    struct Key {
        std::string id, algorithm;
        crypto::PublicKey key;
    };
    struct Known {
        Metadata metadata;
        std::vector<Key> keys;
    };
    Result<void> refresh(bool at_once);
    [[nodiscard]] Result<Person> check(std::string_view token, const std::string& audience,
                                       const std::string_view* nonce) const;
    Result<std::string> get(const std::string& url, const Secret& authorization) const;
    void describe(Person&, const boost::json::object& claims) const;  // fills what is empty

    const Settings settings_;
    const Fetch fetch_;
    const Clock& clock_;
    std::mutex refreshing_;
    SteadyTime refreshed_{};                            // guarded by refreshing_
    std::shared_ptr<const Known> known_;                // through std::atomic_load/store; null before the first
    mutable std::unique_ptr<tasks::Periodic> renewal_;  // last: ends first
};

// The form of RFC 3986 for queries and forms.
std::string percent_encode(std::string_view);

}  // namespace corral::identity::oidc
