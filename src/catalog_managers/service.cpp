#include "catalog_managers/service.hpp"

#include <algorithm>

#include "audit/audit.hpp"
#include "catalog_managers/store.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::catalog_managers {

namespace {

constexpr std::string_view mask = "********";
constexpr std::size_t text_limit = 256;     // bytes
constexpr std::size_t url_limit = 2048;     // bytes
constexpr std::size_t secret_limit = 4096;  // bytes
constexpr std::size_t claims_limit = 100;

std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return text;
}

bool owns(const Caller& who, const Manager& m) { return !m.owner_id.empty() && m.owner_id == who.user_id().text; }

bool holds_required(const Caller& who, const Manager& m) {
    return std::ranges::all_of(m.required_claims,
                               [&](const std::string& claim) { return who.has_claim(upper(claim)); });
}

bool may_see(const Caller& who, const Manager& m) {
    return who.has_claim("CATALOG_MANAGER_LIST") || owns(who, m) || (m.global && holds_required(who, m));
}

Error missing() { return Error{Errc::not_found, "There is no such catalog manager"}; }

bool given(std::string_view text) { return !text.empty() && text != mask; }

ManagerView view(const store::Listed& listed) {
    const Manager& m = listed.manager;
    const auto masked = [](bool is_set) { return is_set ? std::string(mask) : std::string(); };
    return {.id = m.id,
            .name = m.name,
            .url = m.url,
            .internal = m.internal,
            .active = m.active,
            .authentication_method = m.authentication_method,
            .username = masked(!m.credentials.username.empty()),
            .password = masked(listed.has_password),
            .api_key = masked(listed.has_api_key),
            .global = m.global,
            .required_claims = m.required_claims,
            .owner_id = m.owner_id,
            .created_at = m.created_at,
            .updated_at = m.updated_at};
}
ManagerView view(const Manager& m) {
    return view(store::Listed{m, !m.credentials.password.empty(), !m.credentials.api_key.empty()});
}

Result<void> check(const ManagerRequest& request) {
    Error error{Errc::invalid, "The catalog manager cannot be kept like this"};
    const auto at_most = [&](std::size_t size, std::size_t limit, const char* path) {
        if (size > limit) error.fields.push_back({path, "may have at most " + std::to_string(limit) + " bytes"});
    };
    at_most(request.name.size(), text_limit, "/name");
    at_most(request.url.size(), url_limit, "/url");
    at_most(request.authentication_method.size(), text_limit, "/authentication_method");
    at_most(request.username.size(), text_limit, "/username");
    at_most(request.password.reveal().size(), secret_limit, "/password");
    at_most(request.api_key.reveal().size(), secret_limit, "/api_key");
    if (request.required_claims.size() > claims_limit)
        error.fields.push_back({"/required_claims", "may have at most 100 members"});
    for (const std::string& claim : request.required_claims)
        if (claim.empty() || claim.size() > text_limit)
            error.fields.push_back({"/required_claims", "must hold names of claims"});
    if (request.url.empty()) error.fields.push_back({"/url", "must not be empty"});
    if (error.fields.empty()) return {};
    return error;
}

Result<void> check(const Credentials& c) {
    if (!c.api_key.empty()) return {};
    if (c.username.empty() && c.password.empty())
        return Error{Errc::invalid,
                     "There are no credentials: give api_key, or username and password",
                     "",
                     {{"/api_key", "or username and password must be given"}}};
    if (c.username.empty()) return invalid_field("/username", "must be given with a password");
    if (c.password.empty()) return invalid_field("/password", "must be given with a user name");
    return {};
}

// What the request says, put over `m`. Credentials that are missing or masked stay (quirk Q94).
void apply(const ManagerRequest& request, Manager& m) {
    m.name = request.name;
    m.url = request.url;
    m.internal = request.internal;
    m.active = request.active;
    m.global = request.global;
    m.authentication_method = request.authentication_method;
    m.required_claims = request.required_claims;
    if (given(request.username)) m.credentials.username = request.username;
    if (given(request.password.reveal())) m.credentials.password = request.password;
    if (given(request.api_key.reveal())) m.credentials.api_key = request.api_key;
}

// Whether secrets that are stored would go to another server than before, for somebody who need not know them.
bool would_leak(const Caller& who, const ManagerRequest& request, const Manager& before) {
    if (owns(who, before)) return false;
    const bool keeps_password = !before.credentials.password.empty() && !given(request.password.reveal());
    const bool keeps_key = !before.credentials.api_key.empty() && !given(request.api_key.reveal());
    if (!keeps_password && !keeps_key) return false;
    const auto old_place = net::parse_web_address(before.url);
    const auto new_place = net::parse_web_address(request.url);
    return !old_place || !new_place || old_place->text() != new_place->text();
}

audit::Entry entry(const char* action, const Manager& m) {
    return {.action = action,
            .object_type = "catalog_manager",
            .object_id = m.id,
            .detail = {{"name", m.name}, {"url", m.url}, {"global", m.global ? "true" : "false"}}};
}

}  // namespace

Result<std::vector<ManagerView>> Service::list(const Caller& who) const {
    const auto all = TRY(database_.read([](db::Tx& tx) { return store::all(tx); }));
    std::vector<ManagerView> out;
    for (const store::Listed& listed : all)
        if (may_see(who, listed.manager)) out.push_back(view(listed));
    return out;
}

Result<ManagerView> Service::get(const Caller& who, const std::string& id) const {
    const auto found = TRY(database_.read([&](db::Tx& tx) { return store::find(tx, id); }));
    if (!found) return missing();
    if (!may_see(who, found->manager))
        return Error{Errc::forbidden, "This catalog manager belongs to somebody else and is not open to you"};
    return view(*found);
}

Result<ManagerView> Service::create(const Caller& who, const ManagerRequest& request) {
    TRY(check(request));
    if ((request.global || request.internal) && !who.has_claim("CATALOG_MANAGER_CREATE"))
        return Error{Errc::forbidden, "A global or internal catalog manager needs the claim CATALOG_MANAGER_CREATE"};
    Manager made{.id = crypto::random_id(), .owner_id = who.user_id().text};
    apply(request, made);
    TRY(check(made.credentials));
    TRY(remote_.try_connection(made));
    made.created_at = made.updated_at = clock_.now();
    TRY(database_.write([&](db::Tx& tx) {
        store::insert(tx, made, seal_key_);
        audit::append(tx, clock_.now(), who, entry("catalog_manager.create", made));
    }));
    return view(made);
}

Result<ManagerView> Service::update(const Caller& who, const std::string& id, const ManagerRequest& request) {
    const auto before = TRY(database_.read([&](db::Tx& tx) { return store::find(tx, id); }));
    if (!before) return missing();
    const Manager& old = before->manager;
    if (!owns(who, old) && !who.has_claim("CATALOG_MANAGER_UPDATE"))
        return Error{Errc::forbidden, "This catalog manager belongs to somebody else"};
    if (old.internal) return Error{Errc::forbidden, "An internal catalog manager cannot be changed"};
    TRY(check(request));
    const bool opens = (request.global && !old.global) || request.internal;
    if (opens && !who.has_claim("CATALOG_MANAGER_CREATE") && !who.has_claim("CATALOG_MANAGER_UPDATE"))
        return Error{Errc::forbidden, "A global or internal catalog manager needs the claim CATALOG_MANAGER_UPDATE"};
    auto changed = TRY(database_.read([&](db::Tx& tx) { return store::open(tx, id, seal_key_); }));
    if (!changed) return missing();
    if (would_leak(who, request, *changed))
        return invalid_field("/url", "of somebody else's catalog manager changes only with new credentials");
    apply(request, *changed);
    TRY(check(changed->credentials));
    TRY(remote_.try_connection(*changed));
    changed->updated_at = clock_.now();
    TRY(database_.write([&](db::Tx& tx) -> Result<void> {
        if (changed->revision != old.revision || !store::update(tx, *changed, seal_key_))
            return Error{Errc::conflict, "The catalog manager was changed by somebody else meanwhile"};
        audit::append(tx, clock_.now(), who, entry("catalog_manager.update", *changed));
        return {};
    }));
    return view(*changed);
}

Result<void> Service::remove(const Caller& who, const std::string& id) {
    return database_.write([&](db::Tx& tx) -> Result<void> {
        const auto found = store::find(tx, id);
        if (!found) return missing();
        const Manager& m = found->manager;
        if (!owns(who, m) && !who.has_claim("CATALOG_MANAGER_DELETE"))
            return Error{Errc::forbidden, "This catalog manager belongs to somebody else"};
        if (m.internal && !(who.principal && who.principal->root))
            return Error{Errc::forbidden, "An internal catalog manager is removed by root only"};
        store::remove(tx, id);
        audit::append(tx, clock_.now(), who, entry("catalog_manager.delete", m));
        return {};
    });
}

}  // namespace corral::catalog_managers
