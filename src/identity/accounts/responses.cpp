#include "identity/accounts/responses.hpp"

#include <unordered_set>

namespace corral::identity {

UserResponse shown(const Account& account, const Directory& directory) {
    const User& user = account.user;
    UserResponse out{.id = user.id,
                     .username = user.username,
                     .name = user.name,
                     .email = user.email,
                     .roles = user.roles,
                     .claims = user.claims,
                     .effective_claims = {},
                     .super_user = account.principal->super_user};
    std::unordered_set<std::string_view> seen;
    for (const std::string& claim : user.claims)
        if (seen.insert(claim).second) out.effective_claims.push_back({claim, claim, false, ""});
    for (const std::string& id : user.roles)
        if (const RolePtr role = directory.role_with_id(id))
            for (const std::string& claim : role->claims)
                if (seen.insert(claim).second) out.effective_claims.push_back({claim, claim, true, role->id});
    return out;
}

}  // namespace corral::identity
