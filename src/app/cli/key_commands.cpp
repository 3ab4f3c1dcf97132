#include <fmt/format.h>

#include <cstdio>

#include "app/cli/commands.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::cli {

namespace {

constexpr std::size_t secret_letters = 32;  // 190 bits

struct NewKey {
    std::string name, key, secret, expires_at, user_id;
    bool ownerless = false, forwarder = false;
};
constexpr auto json_object(const NewKey*) {
    return json::object("NewKey", json::field("name", &NewKey::name), json::field("key", &NewKey::key),
                        json::field("secret", &NewKey::secret), json::omit("expires_at", &NewKey::expires_at),
                        json::omit("user_id", &NewKey::user_id), json::omit("ownerless", &NewKey::ownerless),
                        json::omit("forwarder", &NewKey::forwarder));
}

struct ShownKey {
    std::string id, name, key, encoded, expires_at, user_username, user_id;
    bool revoked = false, forwarder = false;
};
constexpr auto json_object(const ShownKey*) {
    return json::object("ShownKey", json::field("id", &ShownKey::id), json::field("name", &ShownKey::name),
                        json::field("key", &ShownKey::key), json::field("encoded", &ShownKey::encoded),
                        json::field("expires_at", &ShownKey::expires_at),
                        json::field("user_username", &ShownKey::user_username),
                        json::field("user_id", &ShownKey::user_id), json::field("revoked", &ShownKey::revoked),
                        json::field("forwarder", &ShownKey::forwarder));
}

std::string path_of(const std::string& key) { return "/v1/auth/api_keys/" + path_segment(key); }

Result<void> show_keys(const Context& context) {
    Client client(TRY(load_session(context.url)));
    const std::string body = TRY(client.call("GET", "/v1/auth/api_keys"));
    if (context.format == Format::json) {
        std::fputs(body.c_str(), stdout);
        return {};
    }
    std::vector<std::vector<std::string>> rows;
    for (const ShownKey& key : TRY(json::read<std::vector<ShownKey>>(body)))
        rows.push_back({key.name, key.key, key.user_id.empty() ? "-" : key.user_username,
                        key.expires_at.empty() ? "never" : key.expires_at,
                        std::string(key.revoked ? "revoked" : "good") + (key.forwarder ? " forwarder" : "")});
    std::fputs(table({"NAME", "KEY", "OWNER", "EXPIRES", "STATE"}, rows).c_str(), stdout);
    return {};
}

Result<void> make_key(const Context& context, const KeyOptions& options) {
    crypto::init();
    Client client(TRY(load_session(context.url)));
    const NewKey wanted{.name = options.name,
                        .key = options.key.empty() ? options.name : options.key,
                        .secret = crypto::random_alphanumeric(secret_letters),
                        .expires_at = options.expires,
                        .user_id = options.owner,
                        .ownerless = options.ownerless,
                        .forwarder = options.forwarder};
    const std::string body = TRY(client.call("POST", "/v1/auth/api_keys", json::to_text(wanted)));
    if (context.format == Format::json)
        std::fputs(body.c_str(), stdout);
    else
        fmt::print("{}\n", TRY(json::read<ShownKey>(body)).encoded);
    return {};
}

Result<void> change_key(const Context& context, std::string_view method, const std::string& path) {
    Client client(TRY(load_session(context.url)));
    TRY(client.call(method, path));
    return {};
}

int code_of(const Result<void>& done) { return done ? ok : report(done.error()); }

}  // namespace

int key_list(const Context& context) { return code_of(show_keys(context)); }
int key_create(const Context& context, const KeyOptions& options) { return code_of(make_key(context, options)); }
int key_revoke(const Context& context, const std::string& key) {
    return code_of(change_key(context, "PUT", path_of(key) + "/revoke"));
}
int key_delete(const Context& context, const std::string& key) {
    return code_of(change_key(context, "DELETE", path_of(key)));
}

}  // namespace corral::cli
