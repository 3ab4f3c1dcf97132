// Signing in through an OpenID Connect issuer: authorization code with PKCE (RFC 6749, 7636). Blocking; any thread.
// What a sign-in needs while it is under way travels sealed in a cookie, so that beginning one costs no memory.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "events/service.hpp"
#include "identity/directory.hpp"
#include "identity/oidc/provider.hpp"
#include "platform/http/message.hpp"

namespace corral::identity::oidc {

constexpr std::int64_t foreign_epoch = -1;  // Caller::token_epoch of tokens that the issuer signed

// Where a browser is sent, and the value of the cookie that ties what comes back to it.
struct Redirect {
    std::string location, cookie;
};

class SignIn {
public:
    // `key`: 32 bytes, for the cookie.
    SignIn(db::Database& database, Directory& directory, events::Service& events, const Clock& clock, Settings settings,
           Fetch fetch, Secret key);

    [[nodiscard]] const Settings& settings() const { return provider_.settings(); }

    struct Begin {
        std::string callback;   // our callback's URL
        std::string return_to;  // "": the callback answers with the token itself
        std::string challenge;  // base64url of the SHA-256 of a verifier that redeem() wants; goes with return_to
    };
    // Errc::invalid for a place to return to that is neither on this server nor on the caller's own machine.
    Result<Redirect> begin(const Begin&);

    struct Back {
        std::string state, code, error, issuer;  // as the issuer sent them
        std::string cookie;
    };
    struct Arrived {
        std::string user;                     // id
        std::optional<std::string> redirect;  // with a code for redeem(), when begin() named a place
    };
    // Once for each begin(): the issuer takes a code once. The account is made, or brought up to date with the issuer.
    Result<Arrived> finish(const Back&);
    // The id of the user whose sign-in ended with this code; once, within a minute.
    Result<std::string> redeem(const std::string& code, const std::string& verifier);

    // A token of the issuer instead of ours: from memory, for network threads. The rights are those of its subject's
    // account, which is made or brought up to date in the background; until then those of the roles of its groups.
    [[nodiscard]] Result<Caller> bearer(std::string_view token) const;
    [[nodiscard]] bool issued(std::string_view token) const { return provider_.named_in(token); }

    // The id of the subject's account: the same for ever, and nobody else's.
    [[nodiscard]] std::string user_id(const std::string& subject) const;

private:
    struct Grant {
        std::string user, challenge;
        SteadyTime since;
    };
    Result<std::string> admit(const Person&) const;
    void admit_later(const std::string& id, const Person&) const;
    void admit_waiting() const;
    [[nodiscard]] Principal principal_of(const std::string& id, const Person&,
                                         const std::vector<std::string>& roles) const;
    [[nodiscard]] std::vector<std::string> roles_of(const Person&) const;

    db::Database& database_;
    Directory& directory_;
    events::Service& events_;
    const Clock& clock_;
    Secret key_;
    Provider provider_;
    std::mutex mutex_;                     // guards grants_
    std::map<std::string, Grant> grants_;  // by code
    mutable std::mutex bearers_;           // guards the two below
    mutable std::map<std::string, Person> waiting_;
    mutable std::map<std::string, std::int64_t> seen_;  // end of the last token of an account: each is looked at once
    mutable std::unique_ptr<tasks::Periodic> admissions_;  // last: ends before the rest goes
};

}  // namespace corral::identity::oidc
