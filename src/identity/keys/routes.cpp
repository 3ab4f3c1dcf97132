#include "identity/keys/routes.hpp"

namespace corral::identity {

// The full claim or the own one (quirk Q11); the service tells them apart.
std::vector<http::Route> key_routes(ApiKeys& keys) {
    using namespace http;
    std::vector<Route> rows;
    rows.push_back(get("/v1/auth/api_keys", any_of({"LIST_API_KEY", "LIST_OWN_API_KEY"}), "API keys",
                       [&](const Caller& who) -> Result<std::vector<ApiKeyResponse>> { return keys.list(who); }));
    rows.push_back(get("/v1/auth/api_keys/{id}", any_of({"LIST_API_KEY", "LIST_OWN_API_KEY"}),
                       "One API key, by id, name or key",
                       [&](const Caller& who, PathText id) { return keys.get(who, id.text); }));
    rows.push_back(post("/v1/auth/api_keys", any_of({"CREATE_API_KEY", "CREATE_OWN_API_KEY"}),
                        "Make an API key; its secret is shown this once",
                        [&](const Caller& who, ApiKeyRequest body) { return keys.create(who, body); })
                       .status(201));
    rows.push_back(del("/v1/auth/api_keys/{id}", any_of({"DELETE_API_KEY", "DELETE_OWN_API_KEY"}), "Remove an API key",
                       [&](const Caller& who, PathText id) { return keys.remove(who, id.text); })
                       .status(202));
    // A super user, who passes every check, or the owner.
    rows.push_back(put("/v1/auth/api_keys/{id}/revoke", all_of({"DELETE_OWN_API_KEY"}), "Revoke an API key",
                       [&](const Caller& who, PathText id) { return keys.revoke(who, id.text); })
                       .status(202));
    for (Route& row : rows) {
        row.module = "auth";
        row.face = ErrorFace::diagnostics;
    }
    return rows;
}

}  // namespace corral::identity
