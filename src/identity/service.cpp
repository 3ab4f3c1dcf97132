#include "identity/service.hpp"

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>

#include "audit/audit.hpp"
#include "base/log.hpp"
#include "identity/keys/secret.hpp"
#include "identity/seed.hpp"
#include "identity/store.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::identity {

namespace {

Error refused(std::string why) { return Error{Errc::unauthenticated, std::move(why)}; }

// One text and one status for every way a login can fail (quirk Q6).
Error login_refused() { return refused("The user name or password is wrong, or the account is locked for a while"); }

TokenKeys complete(TokenKeys keys, const Secret& master_key) {
    if (!keys.key && keys.secret.empty())
        keys.secret = Secret(crypto::hmac_sha256(master_key.reveal(), "corral token signing"));
    return keys;
}

long count_of(const http::Headers& headers, std::string_view name) {
    return std::ranges::count_if(headers.all(), [&](const auto& field) {
        return field.first.size() == name.size() &&
               std::ranges::equal(field.first, name,
                                  [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
    });
}

std::string_view bearer_of(const http::Request& request) {
    const auto header = request.headers.get("Authorization");
    return header.starts_with("Bearer ") ? header.substr(7) : std::string_view{};
}

// What a token tells its client of the account's claims: all built-in ones, which clients look for, and of the team's
// own what has room. A token travels in a header, and proxies take no more than 8 KiB of one (nginx,
// large_client_header_buffers); rights do not come from it.
std::vector<std::string> claims_to_tell(const std::vector<std::string>& held) {
    constexpr std::size_t room = 2048;  // bytes of own names
    static const std::set<std::string_view> built_in = [] {
        std::set<std::string_view> names;
        for (const SeedClaim& claim : seed_claims()) names.insert(claim.name);
        return names;
    }();
    std::vector<std::string> told;
    std::size_t own = 0;
    for (const std::string& name : held) {
        if (!built_in.contains(name)) own += name.size();
        if (built_in.contains(name) || own <= room) told.push_back(name);
    }
    return told;
}

}  // namespace

Service::Service(db::Database& database, Directory& directory, const Clock& clock, Settings settings)
    : database_(database),
      directory_(directory),
      clock_(clock),
      settings_(std::move(settings)),
      signer_(complete(settings_.token_keys, settings_.master_key)),
      revoked_(database, clock),
      old_secrets_(database, directory, clock, settings_.master_key),
      passwords_(settings_.password_threads, settings_.waiting_logins),
      addresses_(clock, settings_.max_failures_per_address) {
    decoy_hash_ = crypto::hash_password(Secret(crypto::random_alphanumeric(20))).value_or("");
}

std::shared_ptr<const Principal> Service::principal_of(const UserId& id) const {
    const auto account = directory_.account_with_id(id.text);
    return account ? account->principal : nullptr;
}

std::shared_ptr<const Principal> Service::root() const {
    const auto account = directory_.root();
    return account ? account->principal : nullptr;
}

Result<Caller> Service::authenticate(const http::Request& request, bool allow_query_token) const {
    // Two of a kind may be read differently by whatever stands before us.
    for (const std::string_view name : {"Authorization", "X-Api-Key"})
        if (count_of(request.headers, name) > 1) return refused("The header " + std::string(name) + " is there twice");
    if (const auto token = bearer_of(request); !token.empty()) return by_token(token);
    if (const auto key = request.headers.get("X-Api-Key"); !key.empty()) return by_key(key);
    if (allow_query_token) {
        for (const char* name : {"access_token", "authorization"})
            if (auto value = request.query_value(name); value && !value->empty())
                return by_token(value->starts_with("Bearer ") ? value->substr(7) : *value);
    }
    return refused("Credentials are needed: a Bearer token, or X-Api-Key with the base64 text of key:secret");
}

Result<TokenBearer> Service::bearer_by(std::string_view token) const {
    const auto print = crypto::sha256(token);
    if (auto known = checked_.find(print)) {
        TRY(in_time(*known, clock_.now()));
        return std::move(*known);
    }
    auto bearer = TRY(signer_.verify(token, clock_.now()));
    checked_.keep(print, bearer);
    return bearer;
}

Result<Caller> Service::by_token(std::string_view token) const {
    const auto ours = bearer_by(token);
    if (!ours && issuer_ != nullptr && issuer_->issued(token)) return issuer_->bearer(token);
    const TokenBearer bearer = TRY(ours);
    Caller caller;
    caller.api_key_id = bearer.api_key_id;
    caller.token_id = bearer.jti;
    caller.token_expires = bearer.exp;
    caller.token_epoch = bearer.epoch;
    return judged(std::move(caller), bearer.uid, nullptr);
}

// What the accounts, keys and logouts of now say of a credential whose proof was checked. `key`: the one it comes from;
// null with an id in `caller`: looked up.
Result<Caller> Service::judged(Caller caller, const std::string& user, KeyPtr key) const {
    if (!caller.api_key_id.empty()) {
        if (key == nullptr) key = directory_.key(caller.api_key_id);
        if (key == nullptr || key->id != caller.api_key_id || key->revoked)
            return refused("The API key of this caller is gone or revoked");
        const auto& expires = key->expires_at;
        if (expires && *expires <= clock_.now()) return refused("The API key has expired");
        caller.forwarder = key->forwarder;
    }
    const auto account = directory_.account_with_id(user);
    const bool foreign = caller.token_epoch == oidc::foreign_epoch;
    if (!account && foreign) return caller;  // who never signed in here: the rights are those of the token's groups
    if (!account) return refused("The account of this caller does not exist");
    if (account->user.blocked) return refused("The account of this caller is blocked");
    if (caller.token_expires != 0 && !foreign) {
        if (caller.token_epoch != account->user.token_epoch) return refused("The token was ended; sign in again");
        if (revoked_.contains(caller.token_id)) return refused("The token was logged out; sign in again");
    }
    caller.principal = account->principal;
    return caller;
}

Result<Caller> Service::still_good(const Caller& caller) const {
    if (caller.anonymous()) return caller;
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock_.now().time_since_epoch()).count();
    if (caller.token_expires != 0 && now >= caller.token_expires) return refused("The token has expired");
    return judged(caller, caller.user_id().text, nullptr);
}

Result<KeyPtr> Service::check_key(std::string_view encoded) const {
    const auto decoded = crypto::from_base64(encoded);
    if (!decoded || std::ranges::count(*decoded, ':') != 1)
        return refused("The API key must be the base64 text of key:secret");
    const auto colon = decoded->find(':');
    KeyPtr key = directory_.key(std::string_view(*decoded).substr(0, colon));
    const std::string_view secret = std::string_view(*decoded).substr(colon + 1);
    if (key != nullptr && is_old_secret(key->secret_mac)) {
        if (!TRY(old_secrets_.check(key, secret))) return refused("The API key is not valid");
        return key;
    }
    const std::string mac = key_mac(settings_.master_key, key == nullptr ? "" : key->key, secret);
    if (key == nullptr || !crypto::equal_constant_time(mac, key->secret_mac))
        return refused("The API key is not valid");
    return key;
}

Result<Caller> Service::by_key(std::string_view encoded) const {
    const KeyPtr key = TRY(check_key(encoded));
    const auto owner = key->user_id.empty() ? directory_.root() : directory_.account_with_id(key->user_id);
    if (!owner) return refused("The owner of this API key is gone");
    Caller caller;
    caller.api_key_id = key->id;
    return judged(std::move(caller), owner->user.id, key);
}

LoginResponse Service::issue(const Account& account, const std::string& key_id) const {
    const auto expires = std::chrono::ceil<std::chrono::seconds>(clock_.now() + settings_.token_duration);
    const Principal& who = *account.principal;
    TokenClaims claims{.exp = expires.time_since_epoch().count(),
                       .email = who.email,
                       .username = who.name,
                       .uid = who.user_id.text,
                       .roles = who.roles,
                       .claims = claims_to_tell(who.claims),
                       .api_key_id = key_id,
                       .jti = crypto::random_uuid(),
                       .epoch = account.user.token_epoch};
    return {who.email, signer_.sign(claims), claims.exp};
}

Result<LoginResponse> Service::login_with_key(const std::string& encoded) const {
    const auto decoded = crypto::from_base64(encoded);
    if (!decoded || std::ranges::count(*decoded, ':') != 1)
        return invalid_field("/api_key", "must be the base64 text of key:secret");
    const Caller caller = TRY(by_key(encoded));
    const auto owner = directory_.account_with_id(caller.user_id().text);
    if (!owner) return refused("The owner of this API key is gone");
    return issue(*owner, caller.api_key_id);
}

Result<LoginResponse> Service::login(const LoginRequest& request, const std::string& address) {
    const bool with_key = !request.api_key.empty();
    const std::string& name = request.email.empty() ? request.username : request.email;
    if (!with_key && name.empty()) return invalid_field("/email", "or username or api_key is required");
    if (!with_key && request.password.empty()) return invalid_field("/password", "is required");
    if (const auto wait = addresses_.wait_for(address); wait.count() > 0)
        return Error{Errc::too_many,
                     "Too many failed logins from this address; wait " + std::to_string(wait.count()) + " seconds"};
    if (with_key) {
        auto done = login_with_key(request.api_key.reveal());
        if (!done && done.error().code == Errc::unauthenticated) addresses_.note_failure(address);
        return done;
    }
    const auto account = directory_.account(name);
    const bool too_long = request.password.reveal().size() > password_limit;
    const bool usable = account && !account->user.password_hash.empty();  // there are accounts without password
    const bool right = TRY(passwords_.verify(usable ? account->user.password_hash : decoy_hash_, request.password,
                                             account ? account->user.id.substr(0, 32) : "")) &&
                       usable && !too_long;
    if (!account || account->user.blocked) {
        addresses_.note_failure(address);
        return login_refused();
    }
    const auto locked = TRY(database_.read([&](db::Tx& tx) { return store::locked_until(tx, account->user.id); }));
    // Attempts while locked are refused whatever the password, and not counted (quirk Q5).
    if (locked && *locked > clock_.now()) return login_refused();
    if (!right) {
        addresses_.note_failure(address);
        TRY(note_failure(*account));
        return login_refused();
    }
    TRY(note_success(*account));
    TRY(improve_hash(*account, request.password));
    return issue(*account, "");
}

Result<void> Service::note_failure(const Account& account) {
    return database_.write([&](db::Tx& tx) {
        const Time now = clock_.now();
        // Locked meanwhile, by another attempt that ran at the same time: not counted either.
        if (const auto locked = store::locked_until(tx, account.user.id); locked && *locked > now) return;
        const int failed = store::count_failed_login(tx, account.user.id);
        const int beyond = failed - settings_.max_login_attempts + 1;
        if (beyond <= 0) return;
        const auto length = settings_.lockout * (settings_.incremental_lockout ? beyond : 1);
        store::lock_until(tx, account.user.id, now + length);
        log::warn("An account is locked after failed logins", {{"user", account.user.id}, {"failures", failed}});
    });
}

Result<void> Service::note_success(const Account& account) {
    const int failed = TRY(database_.read([&](db::Tx& tx) { return store::failed_logins(tx, account.user.id); }));
    if (failed == 0) return {};
    return database_.write([&](db::Tx& tx) { store::clear_failed_logins(tx, account.user.id); });
}

// Hashes that were taken over from elsewhere, or made with weaker parameters, are made anew while the password is
// known.
Result<void> Service::improve_hash(const Account& account, const Secret& password) {
    const std::string& old = account.user.password_hash;
    if (!crypto::password_needs_rehash(old)) return {};
    const std::string hash = TRY(passwords_.hash(password));
    return database_.write([&](db::Tx& tx) {
        store::replace_password_hash(tx, account.user.id, old, hash);
        directory_.user_changed(tx, account.user.id);
    });
}

Result<LoginResponse> Service::token_for(const std::string& user) const {
    const auto account = directory_.account_with_id(user);
    if (!account || account->user.blocked) return refused("The account is gone or blocked");
    return issue(*account, "");
}

Result<void> Service::logout(const Caller& who, const LogoutRequest& request) {
    if (who.token_epoch == oidc::foreign_epoch)
        return Error{Errc::invalid, "This token is the sign-in provider's; end it there"};
    if (who.token_expires == 0) return Error{Errc::invalid, "Only a token is logged out; revoke an API key instead"};
    if (who.token_id.empty() && !request.everywhere)
        return invalid_field("/everywhere", "must be true: this token has no id of its own");
    return database_.write([&](db::Tx& tx) {
        if (!who.token_id.empty()) revoked_.revoke(tx, who.token_id, Time{} + std::chrono::seconds{who.token_expires});
        audit::append(tx, clock_.now(), who,
                      {.action = "session.end",
                       .object_type = "user",
                       .object_id = who.user_id().text,
                       .detail = {{"everywhere", request.everywhere ? "true" : "false"}}});
        if (!request.everywhere) return;
        store::end_tokens(tx, who.user_id().text);
        directory_.user_changed(tx, who.user_id().text);
    });
}

Result<ValidateTokenResponse> Service::validate(const ValidateTokenRequest& request) const {
    TRY(by_token(request.token));
    return ValidateTokenResponse{};
}

}  // namespace corral::identity
