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
    rows.push_back(post("/v1/auth/logout", signed_in(), "End this token, or all of the account",
                        [&](const Caller& who, LogoutRequest body) { return service.logout(who, body); })
                       .optional_body()
                       .status(204));
    rows.push_back(get("/.well-known/jwks.json", open_to_anyone("public keys"), "Keys that our tokens are signed with",
                       [&](const Caller&) -> Result<Response> {
                           Response answer;
                           answer.body = service.key_set();
                           answer.headers.set("Cache-Control", "public, max-age=300");
                           return answer;
                       })
                       .at_root()
                       .inline_());
    for (Route& row : rows) row.module = "auth";
    return rows;
}

}  // namespace corral::identity
