#include "identity/routes.hpp"

namespace corral::identity {

std::vector<http::Route> routes(Service& service) {
    using namespace http;
    std::vector<Route> rows;
    rows.push_back(post("/v1/auth/token", open_to_anyone("this is where credentials are shown"), "Sign in",
                        [&](const Caller& who, LoginRequest body) { return service.login(body, who.address); })
                       .diagnostics());
    rows.push_back(post("/v1/auth/token/validate", open_to_anyone("the token in the body is the credential"),
                        "Is a token good?",
                        [&](const Caller&, ValidateTokenRequest body) { return service.validate(body); })
                       .diagnostics());
    for (Route& row : rows) row.module = "auth";
    return rows;
}

}  // namespace corral::identity
