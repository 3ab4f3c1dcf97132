// Built-in claims, roles and root, put into the database at every start.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "identity/directory.hpp"

namespace corral::identity {

struct SeedClaim {
    std::string_view name, group, resource, action, description;
    bool for_admins = false;  // roles SUPER_USER and ADMIN
    bool for_users = false;   // role USER
};
const std::vector<SeedClaim>& seed_claims();

// Idempotent; then loads the directory. Returns root's password when it was made here, to be shown once. A password
// that is given replaces root's. Blocks; before the service answers anybody.
Result<std::optional<Secret>> seed(db::Database&, Directory&, const Clock&, const Secret& root_password);

}  // namespace corral::identity
