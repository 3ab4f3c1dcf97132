#include "identity/service.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "identity/store.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::identity {

namespace {

Error refused(std::string why) { return Error{Errc::unauthenticated, std::move(why)}; }

// One text and one status for every way a login can fail (quirk Q6).
Error login_refused() { return refused("The user name or password is wrong, or the account is locked for a while"); }

Secret jwt_key(const Settings& settings) {
    if (!settings.jwt_secret.empty()) return settings.jwt_secret;
    return Secret(crypto::hmac_sha256(settings.master_key.reveal(), "corral token signing"));
}

std::string_view bearer_of(const http::Request& request) {
    const auto header = request.headers.get("Authorization");
    return header.starts_with("Bearer ") ? header.substr(7) : std::string_view{};
}

}  // namespace

Service::Service(db::Database& database, Directory& directory, const Clock& clock, Settings settings)
    : database_(database),
      directory_(directory),
      clock_(clock),
      settings_(std::move(settings)),
      signer_(jwt_key(settings_)) {
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
    if (const auto token = bearer_of(request); !token.empty()) return by_token(token);
    if (const auto key = request.headers.get("X-Api-Key"); !key.empty()) return by_key(key);
    if (allow_query_token) {
        for (const char* name : {"access_token", "authorization"})
            if (auto value = request.query_value(name); value && !value->empty())
                return by_token(value->starts_with("Bearer ") ? value->substr(7) : *value);
    }
    return refused("Credentials are needed: a Bearer token, or X-Api-Key with the base64 text of key:secret");
}

Result<Caller> Service::by_token(std::string_view token) const {
    const TokenBearer bearer = TRY(signer_.verify(token, clock_.now()));
    const auto account = directory_.account_with_id(bearer.uid);
    if (!account) return refused("The account of this token does not exist");
    if (account->user.blocked) return refused("The account of this token is blocked");
    Caller caller;
    caller.principal = account->principal;
    if (!bearer.api_key_id.empty()) {
        const KeyPtr key = directory_.key(bearer.api_key_id);
        if (key == nullptr || key->revoked) return refused("The API key behind this token is gone");
        caller.api_key_id = key->id;
        caller.forwarder = key->forwarder;
    }
    return caller;
}

std::string Service::key_mac(std::string_view key, std::string_view secret) const {
    const std::string mac =
        crypto::hmac_sha256(settings_.master_key.reveal(), "api key\n" + std::string(key) + "\n" + std::string(secret));
    return crypto::to_hex({reinterpret_cast<const std::uint8_t*>(mac.data()), mac.size()});
}

Result<KeyPtr> Service::check_key(std::string_view encoded) const {
    const auto decoded = crypto::from_base64(encoded);
    const auto colon = decoded ? decoded->find(':') : std::string::npos;
    if (colon == std::string::npos || decoded->find(':', colon + 1) != std::string::npos)
        return refused("The API key must be the base64 text of key:secret");
    KeyPtr key = directory_.key(std::string_view(*decoded).substr(0, colon));
    const std::string mac = key_mac(key == nullptr ? "" : key->key, std::string_view(*decoded).substr(colon + 1));
    if (key == nullptr || !crypto::equal_constant_time(mac, key->secret_mac))
        return refused("The API key is not valid");
    if (key->revoked) return refused("The API key is revoked");
    if (key->expires_at && *key->expires_at <= clock_.now()) return refused("The API key has expired");
    return key;
}

Result<Caller> Service::by_key(std::string_view encoded) const {
    const KeyPtr key = TRY(check_key(encoded));
    const auto account = key->user_id.empty() ? directory_.root() : directory_.account_with_id(key->user_id);
    if (!account || account->user.blocked) return refused("The owner of this API key is gone or blocked");
    Caller caller;
    caller.principal = account->principal;
    caller.api_key_id = key->id;
    caller.forwarder = key->forwarder;
    return caller;
}

LoginResponse Service::issue(const Principal& who, const std::string& key_id) const {
    const auto expires = std::chrono::ceil<std::chrono::seconds>(clock_.now() + settings_.token_duration);
    TokenClaims claims{.exp = expires.time_since_epoch().count(),
                       .email = who.email,
                       .username = who.name,
                       .uid = who.user_id.text,
                       .roles = who.roles,
                       .claims = who.claims,
                       .api_key_id = key_id,
                       .jti = crypto::random_uuid()};
    return {who.email, signer_.sign(claims), claims.exp};
}

Result<LoginResponse> Service::login_with_key(const LoginRequest& request) {
    const Caller caller = TRY(by_key(request.api_key.reveal()));
    return issue(*caller.principal, caller.api_key_id);
}

Result<LoginResponse> Service::login(const LoginRequest& request, const std::string& address) {
    if (!request.api_key.empty()) {
        const auto decoded = crypto::from_base64(request.api_key.reveal());
        if (!decoded || std::ranges::count(*decoded, ':') != 1)
            return invalid_field("/api_key", "must be the base64 text of key:secret");
        return login_with_key(request);
    }
    const std::string& name = request.email.empty() ? request.username : request.email;
    if (name.empty()) return invalid_field("/email", "or username or api_key is required");
    if (request.password.empty()) return invalid_field("/password", "is required");
    TRY(check_address(address));
    const auto account = directory_.account(name);
    const bool too_long = request.password.reveal().size() > password_limit;
    const std::string& hash = account ? account->user.password_hash : decoy_hash_;
    const bool right = crypto::verify_password(hash, request.password, account ? account->user.id.substr(0, 32) : "") &&
                       account && !too_long;
    if (!account || account->user.blocked) {
        note_address_failure(address);
        return login_refused();
    }
    const auto locked = TRY(database_.read([&](db::Tx& tx) { return store::locked_until(tx, account->user.id); }));
    // Attempts while locked are refused whatever the password, and not counted (quirk Q5).
    if (locked && *locked > clock_.now()) return login_refused();
    if (!right) {
        note_address_failure(address);
        TRY(note_failure(*account));
        return login_refused();
    }
    TRY(note_success(*account));
    return issue(*account->principal, "");
}

Result<void> Service::note_failure(const Account& account) {
    return database_.write([&](db::Tx& tx) {
        const int failed = store::count_failed_login(tx, account.user.id);
        const int beyond = failed - settings_.max_login_attempts + 1;
        if (beyond <= 0) return;
        const auto length = settings_.lockout * (settings_.incremental_lockout ? beyond : 1);
        store::lock_until(tx, account.user.id, clock_.now() + length);
        log::warn("An account is locked after failed logins", {{"user", account.user.id}, {"failures", failed}});
    });
}

Result<void> Service::note_success(const Account& account) {
    const int failed = TRY(database_.read([&](db::Tx& tx) { return store::failed_logins(tx, account.user.id); }));
    if (failed == 0) return {};
    return database_.write([&](db::Tx& tx) { store::clear_failed_logins(tx, account.user.id); });
}

Result<void> Service::check_address(const std::string& address) {
    std::lock_guard lock(mutex_);
    const auto it = failures_.find(address);
    if (it == failures_.end()) return {};
    if (clock_.steady() - it->second.since > std::chrono::minutes{1}) {
        failures_.erase(it);
        return {};
    }
    if (it->second.count >= settings_.max_failures_per_address)
        return Error{Errc::too_many, "Too many failed logins from this address; wait a minute"};
    return {};
}

void Service::note_address_failure(const std::string& address) {
    std::lock_guard lock(mutex_);
    if (failures_.size() > 10'000) failures_.clear();  // bounds memory under a flood from many addresses
    Failures& f = failures_[address];
    if (f.count == 0) f.since = clock_.steady();
    ++f.count;
}

Result<ValidateTokenResponse> Service::validate(const ValidateTokenRequest& request) const {
    TRY(by_token(request.token));
    return ValidateTokenResponse{};
}

}  // namespace corral::identity
