#include "identity/accounts/service.hpp"

namespace corral::identity {

Result<std::vector<UserResponse>> Accounts::users() const {
    const auto accounts = directory_.accounts();
    std::vector<UserResponse> out;
    out.reserve(accounts.size());
    for (const auto& account : accounts) out.push_back(shown(*account, directory_));
    return out;
}

}  // namespace corral::identity
