#include "app/server/parts/sign_in.hpp"

#include <memory>

#include "platform/net/http_client.hpp"

namespace corral::app {

namespace {
constexpr std::size_t longest_answer = 1U << 20U;
}

Result<identity::oidc::Settings> sign_in_settings(const Config& config) {
    identity::oidc::Settings settings;
    settings.issuer = config.text("OIDC_ISSUER");
    settings.client_id = config.text("OIDC_CLIENT_ID");
    settings.client_secret = config.secret("OIDC_CLIENT_SECRET");
    settings.redirect_url = config.text("OIDC_REDIRECT_URL");
    settings.scopes = config.text("OIDC_SCOPES");
    settings.groups_claim = config.text("OIDC_GROUPS_CLAIM");
    settings.default_role = config.text("OIDC_DEFAULT_ROLE");
    settings.audience = config.text("OIDC_AUDIENCE");
    return identity::oidc::settings(std::move(settings), config.list("OIDC_ROLE_MAP"));
}

identity::oidc::Fetch sign_in_fetch() {
    const auto client = std::make_shared<net::HttpClient>(net::HttpClient::Options{.body_limit = longest_answer});
    return [client](const identity::oidc::Call& call) -> Result<identity::oidc::Answer> {
        net::ClientRequest request{.method = call.method, .url = call.url};
        if (!call.authorization.empty()) request.headers.emplace_back("Authorization", call.authorization.reveal());
        request.body = call.form;
        request.content_type = "application/x-www-form-urlencoded";
        request.limit = call.limit;
        auto answer = TRY(client->send(request));
        return identity::oidc::Answer{answer.status, std::move(answer.body)};
    };
}

}  // namespace corral::app
