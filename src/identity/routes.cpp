#include "identity/routes.hpp"

#include "platform/http/errors.hpp"

namespace corral::identity {

namespace {

// A login has no transaction of its own; who was meant is known here only.
Result<LoginResponse> sign_in(Service& service, audit::Trail& trail, const Caller& who, const LoginRequest& body) {
    auto answer = service.login(body, who.address);
    const bool refused =
        !answer && (answer.error().code == Errc::unauthenticated || answer.error().code == Errc::too_many);
    if (answer || refused)
        trail.note(who, {.action = "session.create",
                         .object_type = "user",
                         .object_id = !body.api_key.empty() ? ""
                                      : body.email.empty()  ? body.username
                                                            : body.email,
                         .outcome = refused ? audit::Outcome::refused : audit::Outcome::done,
                         .detail = {{"with", body.api_key.empty() ? "password" : "api key"}}});
    return answer;
}

// By hand, because how long an address has to wait is known here only.
http::Route login_row(Service& service, audit::Trail& trail) {
    constexpr const char* pattern = "/v1/auth/token";
    auto row = http::post(pattern, http::open_to_anyone("this is where credentials are shown"), "Sign in",
                          [&](const Caller& who, LoginRequest body) -> Result<http::Response> {
                              const auto done = sign_in(service, trail, who, body);
                              if (done) return http::json_answer(200, *done);
                              auto out = http::error_response(done.error(), http::ErrorFace::diagnostics, pattern);
                              if (done.error().code == Errc::too_many)
                                  out.headers.set("Retry-After", std::to_string(service.wait_for(who.address).count()));
                              return out;
                          });
    row.response_schema = json::add_schema<LoginResponse>(row.schemas);
    return std::move(row).diagnostics().fails({401});
}

}  // namespace

std::vector<http::Route> routes(Service& service, audit::Trail& trail) {
    using namespace http;
    std::vector<Route> rows;
    rows.push_back(login_row(service, trail));
    rows.push_back(post("/v1/auth/token/validate", open_to_anyone("the token in the body is the credential"),
                        "Is a token good?",
                        [&](const Caller&, ValidateTokenRequest body) { return service.validate(body); })
                       .diagnostics()
                       .fails({401}));
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
