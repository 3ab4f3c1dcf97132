// Who may see, make and change catalog managers. Blocks on the database, and on the network when one is saved;
// thread-safe; its dependencies outlive it.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "catalog_managers/model.hpp"
#include "catalog_managers/remote.hpp"
#include "platform/db/db.hpp"
#include "platform/http/caller.hpp"
#include "platform/json/json.hpp"

namespace corral::catalog_managers {

struct ManagerRequest {
    std::string name, url;
    bool internal = false, active = false;
    std::string authentication_method, username;
    Secret password, api_key;
    bool global = false;
    std::vector<std::string> required_claims;
};
constexpr auto json_object(const ManagerRequest*) {
    using json::field;
    return json::object(
        "CatalogManagerRequest", field("name", &ManagerRequest::name),
        field("url", &ManagerRequest::url, "Of the server, with or without /api/v1"),
        field("internal", &ManagerRequest::internal),
        field("active", &ManagerRequest::active, "Whether it can be used"),
        field("authentication_method", &ManagerRequest::authentication_method,
              "Free text; api_key prefers the key when user and password are there, too"),
        field("username", &ManagerRequest::username, "Left out or ******** when one is changed: stays as it is"),
        field("password", &ManagerRequest::password, "As username"),
        field("api_key", &ManagerRequest::api_key, "As username"),
        field("global", &ManagerRequest::global, "Seen and used by others, too"),
        field("required_claims", &ManagerRequest::required_claims,
              "What others must hold to see and use a global one"));
}

// As answered: secrets are never shown.
struct ManagerView {
    std::string id, name, url;
    bool internal = false, active = false;
    std::string authentication_method, username, password, api_key;
    bool global = false;
    std::vector<std::string> required_claims;
    std::string owner_id;
    Time created_at{}, updated_at{};
};
constexpr auto json_object(const ManagerView*) {
    using json::field, json::omit;
    return json::object(
        "CatalogManager", field("id", &ManagerView::id), field("name", &ManagerView::name),
        field("url", &ManagerView::url), field("internal", &ManagerView::internal),
        field("active", &ManagerView::active), field("authentication_method", &ManagerView::authentication_method),
        omit("username", &ManagerView::username, "******** when there is one"),
        omit("password", &ManagerView::password, "******** when there is one"),
        omit("api_key", &ManagerView::api_key, "******** when there is one"), field("global", &ManagerView::global),
        omit("required_claims", &ManagerView::required_claims), field("owner_id", &ManagerView::owner_id),
        field("created_at", &ManagerView::created_at), field("updated_at", &ManagerView::updated_at));
}

class Service {
public:
    // `seal_key`: 32 bytes.
    Service(db::Database& database, const Clock& clock, Remote& remote, Secret seal_key)
        : database_(database), clock_(clock), remote_(remote), seal_key_(std::move(seal_key)) {}

    [[nodiscard]] Result<std::vector<ManagerView>> list(const Caller& who) const;
    [[nodiscard]] Result<ManagerView> get(const Caller& who, const std::string& id) const;
    Result<ManagerView> create(const Caller& who, const ManagerRequest& request);
    Result<ManagerView> update(const Caller& who, const std::string& id, const ManagerRequest& request);
    Result<void> remove(const Caller& who, const std::string& id);

private:
    db::Database& database_;
    const Clock& clock_;
    Remote& remote_;
    Secret seal_key_;
};

}  // namespace corral::catalog_managers
