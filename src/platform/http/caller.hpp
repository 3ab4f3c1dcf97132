// Who asks: made by the authenticator once a request, passed by reference to every handler and service. Immutable;
// cheap to copy (the principal is shared).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/id.hpp"

namespace corral {

// The account behind a request with its effective rights, as they were when the request came in.
struct Principal {
    UserId user_id;
    std::string username;
    std::string name;
    std::string email;
    std::vector<std::string> roles;   // upper case, sorted
    std::vector<std::string> claims;  // effective (direct and by role), upper case, sorted
    bool super_user = false;          // role SUPER_USER: passes every role and claim check
    bool root = false;                // the built-in root account, or a key without owner
};

struct Caller {
    std::shared_ptr<const Principal> principal;  // null: anonymous (open routes only)
    std::string api_key_id;                      // set when the credential is an API key
    bool forwarder = false;                      // the key may forward another caller's claims (quirk Q1)
    std::string token_id;                        // "jti", set when the credential is a token
    std::int64_t token_expires = 0;              // Unix seconds, of the token
    std::int64_t token_epoch = 0;                // of the account when the token was issued
    std::string address;                         // of the client
    std::string request_id;

    [[nodiscard]] bool anonymous() const { return principal == nullptr; }
    [[nodiscard]] bool super_user() const { return principal && principal->super_user; }
    [[nodiscard]] bool has_claim(std::string_view claim) const;  // super users have every claim
    [[nodiscard]] bool has_role(std::string_view role) const;
    [[nodiscard]] const UserId& user_id() const;  // empty id when anonymous
};

namespace http {
struct Request;

// Decides who asks. Called on a network thread: answers from memory, never blocks.
class Authenticator {
public:
    virtual ~Authenticator() = default;
    // Errc::unauthenticated with the reason when the credentials are missing or bad.
    [[nodiscard]] virtual Result<Caller> authenticate(const Request&, bool allow_query_token) const = 0;
    // The same credential judged again, for connections that outlive their first request: the caller with today's
    // rights, or why it is not good any more (expired, logged out, revoked, blocked, gone). As cheap as authenticate().
    [[nodiscard]] virtual Result<Caller> still_good(const Caller& caller) const { return caller; }
};
}  // namespace http
}  // namespace corral
