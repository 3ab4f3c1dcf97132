#include "identity/accounts/routes.hpp"

namespace corral::identity {

std::vector<http::Route> account_routes(Accounts& accounts) {
    using namespace http;
    std::vector<Route> rows;
    rows.push_back(get("/v1/auth/users", all_of({"LIST_USER"}), "All users with what they may do",
                       [&](const Caller&) { return accounts.users(); }));
    for (Route& row : rows) row.module = "auth";
    return rows;
}

}  // namespace corral::identity
