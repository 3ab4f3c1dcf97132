// Built-in claims and roles, put into the database at every start.
#pragma once

#include <string_view>
#include <vector>

namespace corral::identity {

struct SeedClaim {
    std::string_view name, group, resource, action, description;
    bool for_admins = false;  // roles SUPER_USER and ADMIN
    bool for_users = false;   // role USER
};
const std::vector<SeedClaim>& seed_claims();

}  // namespace corral::identity
