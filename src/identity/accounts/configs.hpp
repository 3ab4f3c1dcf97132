// Settings that a user keeps on the server: texts under a slug, seen by that user only (models-a 6, behaviour-a 1.13).
// A key acts for its owner. Methods block on the database; thread-safe. What is passed in outlives it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "identity/model.hpp"
#include "platform/db/db.hpp"
#include "platform/http/caller.hpp"
#include "platform/json/json.hpp"

namespace corral::identity {

constexpr auto json_object(const UserConfig*) {
    return json::object("UserConfigResponse", json::field("id", &UserConfig::id),
                        json::field("user_id", &UserConfig::user_id), json::field("slug", &UserConfig::slug),
                        json::field("name", &UserConfig::name), json::field("type", &UserConfig::type),
                        json::field("value", &UserConfig::value), json::omit("created_at", &UserConfig::created_at),
                        json::omit("updated_at", &UserConfig::updated_at));
}

struct UserConfigRequest {
    std::string slug, name, type, value;
};
constexpr auto json_object(const UserConfigRequest*) {
    return json::object("UserConfigRequest", json::required("slug", &UserConfigRequest::slug),
                        json::required("name", &UserConfigRequest::name),
                        json::field("type", &UserConfigRequest::type, "string (default), bool, int or json; a label"),
                        json::field("value", &UserConfigRequest::value));
}

// Empty members leave the stored value.
struct UserConfigUpdateRequest {
    std::string name, type, value;
};
constexpr auto json_object(const UserConfigUpdateRequest*) {
    return json::object("UserConfigUpdateRequest", json::field("name", &UserConfigUpdateRequest::name),
                        json::field("type", &UserConfigUpdateRequest::type),
                        json::field("value", &UserConfigUpdateRequest::value));
}

class Configs {
public:
    Configs(db::Database& database, const Clock& clock) : database_(database), clock_(clock) {}

    struct Kept {
        UserConfig config;
        bool created = false;
    };
    [[nodiscard]] Result<std::vector<UserConfig>> list(const Caller&) const;  // in order of creation
    // `name`: id or slug, without case; HTML entities of a slug may be escaped.
    [[nodiscard]] Result<UserConfig> get(const Caller&, const std::string& name) const;
    Result<Kept> put(const Caller&, const UserConfigRequest&);  // replaces the one of that slug
    Result<Kept> update(const Caller&, const std::string& name, const UserConfigUpdateRequest&);
    Result<void> remove(const Caller&, const std::string& name);

private:
    db::Database& database_;
    const Clock& clock_;
};

}  // namespace corral::identity
