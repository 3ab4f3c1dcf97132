#include "identity/oidc/routes.hpp"

#include <algorithm>
#include <cctype>

#include "identity/oidc/sign_in.hpp"

namespace corral::identity {

namespace {

constexpr std::string_view cookie_name = "corral_sign_in";
constexpr int found = 302;

struct RedeemRequest {
    std::string code, verifier;
};
constexpr auto json_object(const RedeemRequest*) {
    return json::object("RedeemRequest", json::required("code", &RedeemRequest::code, "From the redirect, once"),
                        json::required("verifier", &RedeemRequest::verifier, "Whose SHA-256 the sign-in began with"));
}

std::string query(const http::Request& request, std::string_view name) {
    return std::string(request.query_value(name).value_or(""));
}

std::string cookie_of(const http::Request& request) {
    for (const auto& [name, value] : request.headers.all()) {
        if (name.size() != 6 || !std::ranges::equal(name, std::string_view("cookie"), {},
                                                    [](unsigned char c) { return static_cast<char>(std::tolower(c)); }))
            continue;
        std::string_view rest = value;
        while (!rest.empty()) {
            auto end = std::min(rest.find(';'), rest.size());
            std::string_view one = rest.substr(0, end);
            rest.remove_prefix(std::min(end + 1, rest.size()));
            one.remove_prefix(std::min(one.find_first_not_of(' '), one.size()));
            if (one.starts_with(cookie_name) && one.substr(cookie_name.size()).starts_with('='))
                return std::string(one.substr(cookie_name.size() + 1));
        }
    }
    return "";
}

// Our callback as the browser reaches it; the issuer compares it with what it was told.
Result<std::string> callback_of(const http::Request& request, const oidc::Settings& settings) {
    if (!settings.redirect_url.empty()) return settings.redirect_url;
    const std::string_view host = request.headers.get("Host");
    if (host.empty() || !std::ranges::all_of(host, [](unsigned char c) {
            return std::isalnum(c) != 0 ||
                   std::string_view(".-_:[]").find(static_cast<char>(c)) != std::string_view::npos;
        }))
        return invalid_field("Host", "must be a name or an address");
    const std::string folder = request.path.substr(0, request.path.rfind('/'));
    return (request.tls ? "https://" : "http://") + std::string(host) + folder + "/callback";
}

// To `location`, setting the cookie for the folder of our callback, where the browser comes back to.
http::Response redirect(const std::string& location, const std::string& callback, const std::string& cookie,
                        int seconds) {
    const auto host = callback.find("://") + 3;
    const auto path = std::min(callback.find('/', host), callback.size());
    const std::string folder = callback.substr(path, callback.rfind('/') - path);
    http::Response out;
    out.status = found;
    if (!location.empty()) out.headers.set("Location", location);
    out.headers.set("Set-Cookie", std::string(cookie_name) + "=" + cookie +
                                      "; Path=" + (folder.empty() ? "/" : folder) +
                                      "; Max-Age=" + std::to_string(seconds) + "; HttpOnly; SameSite=Lax" +
                                      (callback.starts_with("https://") ? "; Secure" : ""));
    out.headers.set("Cache-Control", "no-store");
    return out;
}

Result<oidc::SignIn*> configured(oidc::SignIn* issuer) {
    if (issuer == nullptr) return Error{Errc::forbidden, "Sign-in through a provider is not set up here (OIDC_ISSUER)"};
    return issuer;
}

Result<http::Response> begin(oidc::SignIn* issuer, const http::Request& request) {
    oidc::SignIn* oidc = TRY(configured(issuer));
    const std::string callback = TRY(callback_of(request, oidc->settings()));
    const auto sent = TRY(oidc->begin(
        {.callback = callback, .return_to = query(request, "return_to"), .challenge = query(request, "challenge")}));
    constexpr int ten_minutes = 600;
    return redirect(sent.location, callback, sent.cookie, ten_minutes);
}

Result<http::Response> finish(const Service& service, oidc::SignIn* issuer, const http::Request& request) {
    oidc::SignIn* oidc = TRY(configured(issuer));
    const auto arrived = TRY(oidc->finish({.state = query(request, "state"),
                                           .code = query(request, "code"),
                                           .error = query(request, "error"),
                                           .issuer = query(request, "iss"),
                                           .cookie = cookie_of(request)}));
    const std::string callback = TRY(callback_of(request, oidc->settings()));
    if (arrived.redirect) return redirect(*arrived.redirect, callback, "", 0);
    http::Response out = redirect("", callback, "", 0);
    out.status = 200;  // NOLINT(readability-magic-numbers)
    out.body = json::write(TRY(service.token_for(arrived.user)));
    return out;
}

}  // namespace

std::vector<http::Route> oidc_routes(Service& service, oidc::SignIn* issuer) {
    using namespace http;
    std::vector<Route> rows;
    rows.push_back(get("/v1/auth/oidc/login", open_to_anyone("this is where a sign-in begins"),
                       "Sign in through the OpenID Connect issuer: sends the browser there",
                       [issuer](const Caller&, const Request& request) { return begin(issuer, request); })
                       .query("return_to",
                              "Where the browser ends: a path of this server or http://127.0.0.1:PORT/; "
                              "nothing: the token is the answer")
                       .query("challenge", "SHA-256 of a verifier in base64url; goes with return_to")
                       .status(found));
    rows.push_back(
        get("/v1/auth/oidc/callback", open_to_anyone("the issuer's code is the credential"),
            "Where the issuer sends the browser back to",
            [&service, issuer](const Caller&, const Request& request) { return finish(service, issuer, request); })
            .query("state", "Of the sign-in")
            .query("code", "Of the issuer")
            .query("error", "Of the issuer")
            .query("iss", "The issuer"));
    rows.push_back(post("/v1/auth/oidc/token", open_to_anyone("code and verifier are the credential"),
                        "The token of a sign-in that ended with a redirect",
                        [&service, issuer](const Caller&, RedeemRequest body) -> Result<LoginResponse> {
                            oidc::SignIn* oidc = TRY(configured(issuer));
                            return service.token_for(TRY(oidc->redeem(body.code, body.verifier)));
                        })
                       .diagnostics());
    for (Route& row : rows) {
        row.module = "auth";
        row.failures = {302, 401, 403};  // statuses besides 200; 403: without an issuer
    }
    return rows;
}

}  // namespace corral::identity
