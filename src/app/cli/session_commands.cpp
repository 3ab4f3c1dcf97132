#include <cstdio>

#include "app/cli/commands.hpp"

namespace corral::cli {

namespace {

struct Login {
    std::string email, password;
};
constexpr auto json_object(const Login*) {
    return json::object("Login", json::field("email", &Login::email), json::field("password", &Login::password));
}
struct Token {
    std::string token;
};
constexpr auto json_object(const Token*) { return json::object("Token", json::required("token", &Token::token)); }

Result<void> sign_in(const Context& context, const LoginOptions& options) {
    Session session{.url = !options.url.empty() ? options.url : context.url, .token = {}, .api_key = {}};
    if (session.url.empty()) session.url = "http://127.0.0.1:3080";
    while (session.url.ends_with('/')) session.url.pop_back();
    if (!session.url.starts_with("http://") && !session.url.starts_with("https://"))
        return invalid_field("URL", "must start with http:// or https://");
    if (options.browser) {
        const std::string who = TRY(browser_login(session));
        TRY(save_session(session));
        std::printf("Signed in to %s as %s\n", session.url.c_str(), who.c_str());
        return {};
    }
    const Secret password = TRY(ask_password("Password of " + options.user + ": "));
    Client client(session);
    const auto token = TRY(client.send<Token>("POST", "/v1/auth/token", Login{options.user, password.reveal()}));
    session.token = Secret(token.token);
    TRY(save_session(session));
    std::printf("Signed in to %s as %s\n", session.url.c_str(), options.user.c_str());
    return {};
}

}  // namespace

int login(const Context& context, const LoginOptions& options) {
    const auto done = sign_in(context, options);
    return done ? ok : report(done.error());
}

int logout(const Context& context) {
    if (auto session = load_session(context.url); session && !session->token.empty())
        if (const auto ended = Client(*session).call("POST", "/v1/auth/logout");
            !ended && ended.error().code != Errc::unauthenticated)
            std::fprintf(stderr, "corral: the server still takes the token until it expires: %s\n",
                         ended.error().message.c_str());
    const auto done = forget_session();
    if (!done) return report(done.error());
    std::puts("Signed out");
    return ok;
}

}  // namespace corral::cli
