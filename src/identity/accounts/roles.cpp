// Roles and the claims in them; claims; and how changes are told.
#include <algorithm>
#include <array>

#include "audit/audit.hpp"
#include "identity/accounts/filtered.hpp"
#include "identity/accounts/rules.hpp"
#include "identity/accounts/service.hpp"
#include "identity/accounts/store.hpp"

namespace corral::identity {

namespace {

constexpr std::size_t name_limit = 256;  // bytes

// The id a new role or claim gets: its name as ids are kept.
Result<std::string> new_id(const std::string& name) {
    std::string id = normal_name(name);
    if (id.empty()) return invalid_field("/name", "is required");
    if (id.size() > name_limit) return invalid_field("/name", "may have at most 256 bytes");
    return id;
}

}  // namespace

void Accounts::tell(db::Tx& tx, const Caller& who, std::string action, std::string event,
                    std::vector<std::pair<std::string_view, std::string>> body, const std::string& name) {
    std::string text = "{";
    for (const auto& [name, value] : body) {
        if (text.size() > 1) text += ",";
        json::append_string(text, name);
        text += ":";
        json::append_string(text, value);
    }
    events_.append(tx, events::Type::auth, std::move(event), text + "}");
    audit::Entry entry{.action = std::move(action), .object_id = body.front().second};
    entry.object_type = entry.action.substr(0, entry.action.find('.'));
    if (!name.empty()) entry.detail.emplace_back("name", name);
    for (std::size_t i = 1; i < body.size(); ++i) entry.detail.emplace_back(body[i].first, body[i].second);
    audit::append(tx, clock_.now(), who, entry);
}

Result<std::vector<RoleResponse>> Accounts::roles(std::string_view filter) const {
    const Holders holders = holders_of_roles(directory_);
    return filtered(
        filter, directory_.roles(), "users", [&](const RolePtr& role) { return shown(*role, directory_); },
        [&](const RolePtr& role) {
            RoleResponse out = shown(*role, directory_);
            if (const auto it = holders.find(role->id); it != holders.end()) out.users = it->second;
            return out;
        });
}

Result<RoleResponse> Accounts::role(const std::string& name) const {
    const RolePtr role = directory_.role(name);
    if (!role) return Error{Errc::not_found, "There is no such role"};
    RoleResponse out = shown(*role, directory_);
    for (const AccountPtr& account : directory_.accounts())
        if (std::ranges::find(account->user.roles, role->id) != account->user.roles.end())
            out.users.push_back(shown_in_brief(*account));
    return out;
}

Result<RoleResponse> Accounts::create_role(const Caller& who, const RoleRequest& request) {
    Role role{.id = TRY(new_id(request.name))};
    TRY(database_.write([&](db::Tx& tx) -> Result<void> {
        if (store::role(tx, role.id)) return invalid_field("/name", "is the name of another role");
        for (std::size_t i = 0; i < request.claims.size(); ++i) {
            const auto claim = store::claim(tx, normal_name(request.claims[i]));
            if (!claim) return invalid_field("/claims/" + std::to_string(i), "is no claim");
            TRY(may_give_claim(who, claim->id));
            if (std::ranges::find(role.claims, claim->id) == role.claims.end()) role.claims.push_back(claim->id);
        }
        store::insert_role(tx, role);
        directory_.role_changed(tx, role.id);
        tell(tx, who, "role.create", "ROLE_ADDED", {{"role_id", role.id}});
        return {};
    }));
    return shown(role, directory_);
}

Result<void> Accounts::remove_role(const Caller& who, const std::string& name) {
    return database_.write([&](db::Tx& tx) -> Result<void> {
        const Role role = TRY(stored_role(tx, name));
        TRY(may_change_built_in(who, role.internal));
        if (store::role_is_held(tx, role.id))
            return Error{Errc::invalid, "The role is given to users; take it from them"};
        store::delete_role(tx, role.id);
        directory_.role_changed(tx, role.id);
        tell(tx, who, "role.delete", "ROLE_REMOVED", {{"role_id", role.id}});
        return {};
    });
}

Result<std::vector<ClaimResponse>> Accounts::claims_of_role(const std::string& name) const {
    const RolePtr role = directory_.role(name);
    if (!role) return Error{Errc::not_found, "There is no such role"};
    return shown(*role, directory_).claims;
}

Result<ClaimResponse> Accounts::add_claim(const Caller& who, const std::string& name, const ClaimRequest& request) {
    return database_.write([&](db::Tx& tx) -> Result<ClaimResponse> {
        const Claim claim = TRY(stored_claim(tx, request.name));
        const Role role = TRY(stored_role(tx, name));
        TRY(may_change_built_in(who, role.internal));
        TRY(may_give_claim(who, claim.id));
        if (!store::grant_to_role(tx, role.id, claim.id)) return invalid_field("/name", "is a claim that the role has");
        directory_.role_changed(tx, role.id);
        tell(tx, who, "role.give_claim", "ROLE_CLAIM_ADDED", {{"role_id", role.id}, {"claim_id", claim.id}});
        return shown(claim);
    });
}

Result<void> Accounts::remove_claim_of_role(const Caller& who, const std::string& name, const std::string& claim_name) {
    return database_.write([&](db::Tx& tx) -> Result<void> {
        const Role role = TRY(stored_role(tx, name));
        TRY(may_change_built_in(who, role.internal));
        const std::string claim = normal_name(claim_name);
        if (!store::take_from_role(tx, role.id, claim))
            return Error{Errc::not_found, "The role does not have this claim"};
        directory_.role_changed(tx, role.id);
        tell(tx, who, "role.take_claim", "ROLE_CLAIM_REMOVED", {{"role_id", role.id}, {"claim_id", claim}});
        return {};
    });
}

Result<std::vector<ClaimResponse>> Accounts::claims(std::string_view filter) const {
    const Holders holders = holders_of_claims(directory_);
    return filtered(
        filter, directory_.claims(), "users", [](const ClaimPtr& claim) { return shown(*claim); },
        [&](const ClaimPtr& claim) {
            ClaimResponse out = shown(*claim);
            if (const auto it = holders.find(claim->id); it != holders.end()) out.users = it->second;
            return out;
        });
}

// The groups of the contract in its order, then others as they were made; a claim without a group is a custom one, and
// its name its resource.
Result<std::vector<ClaimGroup>> Accounts::claims_by_group() const {
    constexpr std::array<std::string_view, 9> known{
        "Administration", "VMs", "Catalog", "Catalog Manager", "Reverse Proxy", "Cache", "Jobs", "SSH", "Custom"};
    std::vector<ClaimGroup> groups;
    groups.reserve(known.size());
    for (const std::string_view name : known) groups.push_back({std::string(name), {}});
    for (ClaimResponse& claim : TRY(claims(""))) {
        const std::string name = claim.group.empty() ? "Custom" : claim.group;
        const std::string resource_name = claim.resource.empty() ? claim.name : claim.resource;
        auto group = std::ranges::find(groups, name, &ClaimGroup::group);
        if (group == groups.end()) group = groups.insert(groups.end(), {name, {}});
        auto resource = std::ranges::find(group->resources, resource_name, &ClaimGroupResource::resource);
        if (resource == group->resources.end())
            resource = group->resources.insert(group->resources.end(), {resource_name, {}});
        resource->claims.push_back(std::move(claim));
    }
    std::erase_if(groups, [](const ClaimGroup& group) { return group.resources.empty(); });
    return groups;
}

Result<ClaimResponse> Accounts::claim(const std::string& name) const {
    const ClaimPtr claim = directory_.claim(name);
    if (!claim) return Error{Errc::not_found, "There is no such claim"};
    ClaimResponse out = shown(*claim);
    for (const AccountPtr& account : directory_.accounts())
        if (std::ranges::find(account->user.claims, claim->id) != account->user.claims.end())
            out.users.push_back(shown_in_brief(*account));
    return out;
}

Result<ClaimResponse> Accounts::create_claim(const Caller& who, const ClaimRequest& request) {
    const Claim claim{.id = TRY(new_id(request.name))};
    TRY(database_.write([&](db::Tx& tx) -> Result<void> {
        auto stored = store::insert_claim(tx, claim);
        if (!stored) return invalid_field("/name", "is the name of another claim");
        directory_.claim_made(tx, *std::move(stored));
        tell(tx, who, "claim.create", "CLAIM_ADDED", {{"claim_id", claim.id}});
        return {};
    }));
    return shown(claim);
}

Result<void> Accounts::remove_claim(const Caller& who, const std::string& name) {
    return database_.write([&](db::Tx& tx) -> Result<void> {
        const Claim claim = TRY(stored_claim(tx, name));
        TRY(may_change_built_in(who, claim.internal));
        // Root holds every claim there was at a start, so it does not count (quirk Q38).
        if (store::claim_is_held(tx, claim.id))
            return Error{Errc::invalid, "The claim is given to users; take it from them"};
        store::delete_claim(tx, claim.id);
        directory_.claim_changed(tx, claim.id);
        tell(tx, who, "claim.delete", "CLAIM_REMOVED", {{"claim_id", claim.id}});
        return {};
    });
}

}  // namespace corral::identity
