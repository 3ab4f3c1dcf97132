#include "identity/keys/keys.hpp"

#include <algorithm>

#include "audit/audit.hpp"
#include "identity/accounts/store.hpp"
#include "identity/keys/secret.hpp"
#include "identity/keys/store.hpp"
#include "identity/store.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::identity {

namespace {

constexpr std::size_t secret_limit = 40;  // bytes, as everywhere in the contract
constexpr std::size_t name_limit = 256;

Error no_such_key() { return Error{Errc::not_found, "There is no such API key"}; }

ApiKeyResponse shown(const ApiKey& key) {
    ApiKeyResponse out{.id = key.id, .name = key.name, .key = key.key, .revoked = key.revoked};
    if (key.expires_at) out.expires_at = to_rfc3339(*key.expires_at);
    if (key.revoked_at) out.revoked_at = to_rfc3339(*key.revoked_at);
    out.user_id = key.user_id;
    out.forwarder = key.forwarder;
    return out;
}

ApiKeyResponse shown(const ApiKey& key, const Directory& directory) {
    ApiKeyResponse out = shown(key);
    if (const auto owner = directory.account_with_id(key.user_id)) {
        out.user_email = owner->user.email;
        out.user_name = owner->user.name;
        out.user_username = owner->user.username;
    }
    return out;
}

bool owns(const Caller& who, const ApiKey& key) { return !key.user_id.empty() && key.user_id == who.user_id().text; }

// Nobody gets, through a key for somebody else, rights that they do not hold.
bool holds_all_of(const Caller& who, const Principal& other) {
    if (who.super_user()) return true;
    return !other.super_user && std::ranges::all_of(other.claims, [&](const auto& c) { return who.has_claim(c); }) &&
           std::ranges::all_of(other.roles, [&](const auto& r) { return who.has_role(r); });
}

bool printable(std::string_view text) {
    return std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

Result<std::optional<Time>> time_of(const char* member, const std::string& text) {
    if (text.empty()) return std::optional<Time>{};
    const auto time = from_rfc3339(text);
    if (!time) return invalid_field(member, "must be a time like 2027-01-02T03:04:05Z");
    return std::optional<Time>(*time);
}

Result<void> check_texts(const ApiKeyRequest& request) {
    const std::string& secret = request.secret.reveal();
    if (request.name.size() > name_limit || !printable(request.name))
        return invalid_field("/name", "must be at most 256 bytes of printable text");
    if (request.key.size() > name_limit || !printable(request.key) || request.key.find(':') != std::string::npos)
        return invalid_field("/key", "must be at most 256 bytes of printable text without a colon");
    if (secret.size() > secret_limit || !printable(secret) || secret.find(':') != std::string::npos)
        return invalid_field("/secret", "must be at most 40 bytes of printable text without a colon");
    return {};
}

}  // namespace

std::vector<ApiKeyResponse> ApiKeys::list(const Caller& who) const {
    const bool all = who.has_claim("LIST_API_KEY");
    std::vector<ApiKeyResponse> out;
    for (const KeyPtr& key : directory_.keys())
        if (all || owns(who, *key)) out.push_back(shown(*key, directory_));
    return out;
}

Result<KeyPtr> ApiKeys::find(const Caller& who, bool any, const std::string& name) const {
    KeyPtr key = directory_.key(name);
    if (key == nullptr || !(any || owns(who, *key))) return no_such_key();
    return key;
}

Result<ApiKeyResponse> ApiKeys::get(const Caller& who, const std::string& name) const {
    return shown(*TRY(find(who, who.has_claim("LIST_API_KEY"), name)), directory_);
}

// The id of the user whose rights the key gets; "" acts as root.
Result<std::string> ApiKeys::owner_for(const Caller& who, const ApiKeyRequest& request) const {
    if (request.ownerless && !request.user_id.empty())
        return invalid_field("/ownerless", "and user_id exclude each other");
    if (request.ownerless && !who.super_user())
        return Error{Errc::forbidden, "Only a super user makes a key without owner, because it acts as root"};
    if (request.ownerless) return std::string();
    if (request.user_id.empty()) {
        const KeyPtr used = who.api_key_id.empty() ? nullptr : directory_.key(who.api_key_id);
        // A key without owner makes keys without owner, as it always did.
        return used != nullptr && used->user_id.empty() ? std::string() : who.user_id().text;
    }
    const auto owner = directory_.account(request.user_id);
    const bool own = owner && owner->user.id == who.user_id().text;
    if (!own && !who.has_claim("CREATE_API_KEY"))
        return Error{Errc::forbidden, "A key for somebody else needs the claim CREATE_API_KEY"};
    if (!owner) return invalid_field("/user_id", "names no user");
    if (!own && !holds_all_of(who, *owner->principal))
        return Error{Errc::forbidden, "This user holds rights that you do not hold"};
    return owner->user.id;
}

void ApiKeys::note(db::Tx& tx, const Caller& who, const char* action, const ApiKey& key) const {
    audit::append(
        tx, clock_.now(), who,
        {.action = action,
         .object_type = "api_key",
         .object_id = key.id,
         .detail = {{"name", key.name}, {"owner", key.user_id}, {"forwarder", key.forwarder ? "true" : "false"}}});
}

Result<ApiKeyResponse> ApiKeys::create(const Caller& who, const ApiKeyRequest& request) {
    TRY(check_texts(request));
    ApiKey key{.id = crypto::random_id(), .name = request.name, .key = normal_name(request.key)};
    key.expires_at = TRY(time_of("/expires_at", request.expires_at));
    key.revoked_at = TRY(time_of("/revoked_at", request.revoked_at));
    key.user_id = TRY(owner_for(who, request));
    if (request.forwarder && !who.super_user())
        return Error{Errc::forbidden, "Only a super user makes a key that may speak for others"};
    key.forwarder = request.forwarder;
    key.revoked = request.revoked;
    key.secret_mac = key_mac(master_key_, key.key, request.secret.reveal());
    key.created_at = key.updated_at = clock_.now();
    TRY(database_.write([&](db::Tx& tx) -> Result<void> {
        // Keys are found by id, name or key: no text may lead to two of them (quirk Q34).
        if (store::api_key_exists(tx, key.name)) return invalid_field("/name", "is the name or key of another API key");
        if (store::api_key_exists(tx, key.key)) return invalid_field("/key", "is the name or key of another API key");
        if (!key.user_id.empty() && !store::user(tx, key.user_id)) return invalid_field("/user_id", "names no user");
        store::insert_api_key(tx, key);
        directory_.key_changed(tx, key.id);
        note(tx, who, "api_key.create", key);
        return {};
    }));
    ApiKeyResponse out = shown(key);
    out.encoded = crypto::base64(key.key + ":" + request.secret.reveal());
    return out;
}

Result<void> ApiKeys::remove(const Caller& who, const std::string& name) {
    const KeyPtr key = TRY(find(who, who.has_claim("DELETE_API_KEY"), name));
    return database_.write([&](db::Tx& tx) {
        store::delete_api_key(tx, key->id);
        directory_.key_changed(tx, key->id);
        note(tx, who, "api_key.delete", *key);
    });
}

Result<void> ApiKeys::revoke(const Caller& who, const std::string& name) {
    ApiKey key = *TRY(find(who, who.super_user(), name));
    if (key.revoked) return {};
    key.revoked = true;
    key.updated_at = clock_.now();
    key.revoked_at = key.updated_at;
    return database_.write([&](db::Tx& tx) {
        store::update_api_key(tx, key);
        directory_.key_changed(tx, key.id);
        note(tx, who, "api_key.revoke", key);
    });
}

}  // namespace corral::identity
