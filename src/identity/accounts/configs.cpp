#include "identity/accounts/configs.hpp"

#include <algorithm>
#include <array>

#include "identity/accounts/store.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::identity {

namespace {

constexpr std::int64_t configs_a_user = 1000;
constexpr std::size_t name_limit = 256;        // bytes
constexpr std::size_t value_limit = 64 << 10;  // bytes

std::string unescaped(std::string text) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 6> entities{
        {{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#34;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}}};
    for (const auto& [entity, sign] : entities)
        for (auto at = text.find(entity); at != std::string::npos; at = text.find(entity, at + sign.size()))
            text.replace(at, entity.size(), sign);
    return text;
}

Result<void> check(const std::string& slug, const std::string& name, const std::string& type,
                   const std::string& value) {
    Error error{Errc::invalid, "The setting cannot be kept like this"};
    if (slug.size() > name_limit) error.fields.push_back({"/slug", "may have at most 256 bytes"});
    if (name.size() > name_limit) error.fields.push_back({"/name", "may have at most 256 bytes"});
    constexpr std::array<std::string_view, 5> types{"", "string", "bool", "int", "json"};
    if (std::ranges::find(types, type) == types.end())
        error.fields.push_back({"/type", "must be string, bool, int or json"});
    if (value.size() > value_limit) error.fields.push_back({"/value", "may have at most 65536 bytes"});
    if (error.fields.empty()) return {};
    return error;
}

Error missing() { return Error{Errc::not_found, "There is no such setting"}; }

std::optional<UserConfig> find(db::Tx& tx, const std::string& user, const std::string& name) {
    auto found = store::config(tx, user, name);
    return found ? found : store::config(tx, user, unescaped(name));
}

}  // namespace

Result<std::vector<UserConfig>> Configs::list(const Caller& who) const {
    return database_.read([&](db::Tx& tx) { return store::configs(tx, who.user_id().text); });
}

Result<UserConfig> Configs::get(const Caller& who, const std::string& name) const {
    auto found = TRY(database_.read([&](db::Tx& tx) { return find(tx, who.user_id().text, name); }));
    if (!found) return missing();
    return std::move(*found);
}

Result<Configs::Kept> Configs::put(const Caller& who, const UserConfigRequest& request) {
    TRY(check(request.slug, request.name, request.type, request.value));
    return database_.write([&](db::Tx& tx) -> Result<Kept> {
        const std::string& user = who.user_id().text;
        Kept out;
        if (auto found = store::config_with_slug(tx, user, request.slug)) {
            out.config = std::move(*found);
        } else {
            if (store::count_configs(tx, user) >= configs_a_user)
                return Error{Errc::invalid, "A user may keep at most 1000 settings"};
            out = {{.id = crypto::random_id(), .user_id = user, .slug = request.slug, .created_at = clock_.now()},
                   true};
        }
        out.config.name = request.name;
        out.config.type = request.type.empty() ? "string" : request.type;
        out.config.value = request.value;
        out.config.updated_at = clock_.now();
        if (out.created)
            store::insert_config(tx, out.config);
        else
            store::update_config(tx, out.config);
        return out;
    });
}

Result<Configs::Kept> Configs::update(const Caller& who, const std::string& name,
                                      const UserConfigUpdateRequest& request) {
    TRY(check(name, request.name, request.type, request.value));
    auto changed = TRY(database_.write([&](db::Tx& tx) -> Result<std::optional<UserConfig>> {
        auto found = find(tx, who.user_id().text, name);
        if (!found) return found;
        if (!request.name.empty()) found->name = request.name;
        if (!request.type.empty()) found->type = request.type;
        if (!request.value.empty()) found->value = request.value;
        found->updated_at = clock_.now();
        store::update_config(tx, *found);
        return found;
    }));
    if (changed) return Kept{std::move(*changed), false};
    const std::string slug = unescaped(name);
    return put(who, {slug, request.name.empty() ? slug : request.name, request.type, request.value});
}

Result<void> Configs::remove(const Caller& who, const std::string& name) {
    return database_.write([&](db::Tx& tx) -> Result<void> {
        const auto found = find(tx, who.user_id().text, name);
        if (!found) return missing();
        store::delete_config(tx, found->id);
        return {};
    });
}

}  // namespace corral::identity
