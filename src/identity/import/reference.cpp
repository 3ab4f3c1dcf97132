#include "identity/import/reference.hpp"

#include "platform/crypto/envelope.hpp"

namespace corral::identity {

using Ref = ReferenceDatabase;

constexpr auto json_object(const Ref::Named*) {
    return json::object("ReferenceName", json::field("id", &Ref::Named::id));
}
constexpr auto json_object(const Ref::Claim*) {
    return json::object("ReferenceClaim", json::field("id", &Ref::Claim::id),
                        json::field("description", &Ref::Claim::description), json::field("group", &Ref::Claim::group),
                        json::field("resource", &Ref::Claim::resource), json::field("action", &Ref::Claim::action),
                        json::field("internal", &Ref::Claim::internal));
}
constexpr auto json_object(const Ref::Role*) {
    return json::object("ReferenceRole", json::field("id", &Ref::Role::id),
                        json::field("description", &Ref::Role::description),
                        json::field("internal", &Ref::Role::internal), json::field("claims", &Ref::Role::claims));
}
constexpr auto json_object(const Ref::User*) {
    return json::object("ReferenceUser", json::field("id", &Ref::User::id),
                        json::field("username", &Ref::User::username), json::field("name", &Ref::User::name),
                        json::field("email", &Ref::User::email), json::field("password", &Ref::User::password),
                        json::field("created_at", &Ref::User::created_at),
                        json::field("updated_at", &Ref::User::updated_at), json::field("roles", &Ref::User::roles),
                        json::field("claims", &Ref::User::claims));
}
constexpr auto json_object(const Ref::ApiKey*) {
    return json::object(
        "ReferenceApiKey", json::field("id", &Ref::ApiKey::id), json::field("name", &Ref::ApiKey::name),
        json::field("key", &Ref::ApiKey::key), json::field("secret", &Ref::ApiKey::secret),
        json::field("type", &Ref::ApiKey::type), json::field("user_id", &Ref::ApiKey::user_id),
        json::field("revoked", &Ref::ApiKey::revoked), json::field("created_at", &Ref::ApiKey::created_at),
        json::field("updated_at", &Ref::ApiKey::updated_at), json::field("revoked_at", &Ref::ApiKey::revoked_at),
        json::field("expires_at", &Ref::ApiKey::expires_at));
}
constexpr auto json_object(const Ref::Config*) {
    return json::object("ReferenceUserConfig", json::field("id", &Ref::Config::id),
                        json::field("user_id", &Ref::Config::user_id), json::field("slug", &Ref::Config::slug),
                        json::field("name", &Ref::Config::name), json::field("type", &Ref::Config::type),
                        json::field("value", &Ref::Config::value), json::field("created_at", &Ref::Config::created_at),
                        json::field("updated_at", &Ref::Config::updated_at));
}
constexpr auto json_object(const Ref*) {
    return json::object("ReferenceDatabase", json::field("claims", &Ref::claims), json::field("roles", &Ref::roles),
                        json::field("users", &Ref::users), json::field("api_keys", &Ref::api_keys),
                        json::field("user_configs", &Ref::user_configs));
}

namespace {

// Reading without saying so would lose what somebody expects to find again.
void count_others(const boost::json::object& all, Ref& out) {
    for (const auto& [name, value] : all) {
        const std::string kind(name);
        if (kind == "schema" || kind == "configuration" || kind == "claims" || kind == "roles" || kind == "users" ||
            kind == "api_keys" || kind == "user_configs")
            continue;
        const std::size_t count = value.is_array() ? value.get_array().size() : value.is_null() ? 0 : 1;
        if (count > 0) out.other[kind] = count;
    }
}

Result<Ref> read_plain(const std::string& text) {
    const json::Value all = TRY(json::parse(text));
    if (!all.is_object() || !all.get_object().contains("users"))
        return Error{Errc::invalid, "The file is JSON but no reference database: it has no users"};
    auto out = TRY(json::from_value<Ref>(all));
    count_others(all.get_object(), out);
    return out;
}

}  // namespace

Result<ReferenceDatabase> read_reference(const std::string& file, const Secret& private_key) {
    if (file.find_first_not_of(" \t\r\n") == std::string::npos)
        return Error{Errc::invalid, "The file is empty; is there a backup beside it (data.json.save.bak.…)?"};
    if (file[file.find_first_not_of(" \t\r\n")] == '{') return read_plain(file);
    if (private_key.empty())
        return Error{Errc::invalid, "The file is encrypted: give its key by --key FILE or ENCRYPTION_PRIVATE_KEY"};
    const std::string text = TRY(crypto::open_envelope(file, private_key));
    if (!text.starts_with("{")) return Error{Errc::invalid, "The file is not encrypted with this key"};
    return read_plain(text);
}

}  // namespace corral::identity
