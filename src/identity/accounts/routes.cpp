#include "identity/accounts/routes.hpp"

namespace corral::identity {

namespace {

using namespace http;
using UserRef = Accounts::UserRef;

std::string_view filter_of(const Request& request) { return request.headers.get("X-Filter"); }

void add_users(std::vector<Route>& rows, Accounts& accounts) {
    rows.push_back(get("/v1/auth/users", all_of({"LIST_USER"}), "All users with what they may do",
                       [&](const Caller&, const Request& request) { return accounts.users(filter_of(request)); }));
    rows.push_back(get("/v1/auth/users/{user}", all_of({"LIST_USER"}), "One user, by id, user name or e-mail",
                       [&](const Caller&, UserRef user) { return accounts.user(user); }));
    rows.push_back(
        post("/v1/auth/users", all_of({"CREATE_USER"}), "Make a user", [&](const Caller& who, UserCreateRequest body) {
            return accounts.create_user(who, body);
        }).status(201));
    rows.push_back(put("/v1/auth/users/{user}", all_of({"UPDATE_USER"}), "Change name, e-mail or password of a user",
                       [&](const Caller& who, UserRef user, UserUpdateRequest body) {
                           return accounts.update_user(who, user, body);
                       })
                       .status(202));
    rows.push_back(del("/v1/auth/users/{user}", all_of({"DELETE_USER"}), "Remove a user with its API keys and settings",
                       [&](const Caller& who, UserRef user) { return accounts.remove_user(who, user); })
                       .status(202));
    rows.push_back(put("/v1/auth/users/{user}/block", all_of({"UPDATE_USER"}),
                       "Refuse a user's logins, tokens and API keys until it is unblocked",
                       [&](const Caller& who, UserRef user) { return accounts.set_blocked(who, user, true); })
                       .status(202));
    rows.push_back(put("/v1/auth/users/{user}/unblock", all_of({"UPDATE_USER"}),
                       "Let a user in again, also after too many failed logins",
                       [&](const Caller& who, UserRef user) { return accounts.set_blocked(who, user, false); })
                       .status(202));
}

void add_grants(std::vector<Route>& rows, Accounts& accounts) {
    rows.push_back(get("/v1/auth/users/{user}/roles", all_of({"LIST_USER"}), "Roles of a user",
                       [&](const Caller&, UserRef user) { return accounts.roles_of(user); }));
    rows.push_back(
        post("/v1/auth/users/{user}/roles", all_of({"UPDATE_USER"}), "Give a role to a user",
             [&](const Caller& who, UserRef user, RoleRequest body) { return accounts.give_role(who, user, body); })
            .status(201));
    rows.push_back(
        del("/v1/auth/users/{user}/roles/{role}", all_of({"UPDATE_USER"}), "Take a role from a user",
            [&](const Caller& who, UserRef user, PathText role) { return accounts.take_role(who, user, role.text); })
            .status(202));
    rows.push_back(get("/v1/auth/users/{user}/claims", all_of({"LIST_USER"}), "Claims that a user holds directly",
                       [&](const Caller&, UserRef user) { return accounts.claims_of(user); }));
    rows.push_back(
        post("/v1/auth/users/{user}/claims", all_of({"UPDATE_USER"}), "Give a claim to a user",
             [&](const Caller& who, UserRef user, ClaimRequest body) { return accounts.give_claim(who, user, body); })
            .status(201));
    rows.push_back(
        del("/v1/auth/users/{user}/claims/{claim}", all_of({"UPDATE_USER"}), "Take a claim from a user",
            [&](const Caller& who, UserRef user, PathText claim) { return accounts.take_claim(who, user, claim.text); })
            .status(202));
}

void add_roles(std::vector<Route>& rows, Accounts& accounts) {
    rows.push_back(get("/v1/auth/roles", all_of({"LIST_ROLE"}), "All roles with their claims and holders",
                       [&](const Caller&, const Request& request) { return accounts.roles(filter_of(request)); }));
    rows.push_back(get("/v1/auth/roles/{role}", all_of({"LIST_ROLE"}), "One role",
                       [&](const Caller&, PathText role) { return accounts.role(role.text); }));
    rows.push_back(
        post("/v1/auth/roles", all_of({"CREATE_ROLE"}), "Make a role", [&](const Caller& who, RoleRequest body) {
            return accounts.create_role(who, body);
        }).status(201));
    rows.push_back(del("/v1/auth/roles/{role}", all_of({"DELETE_ROLE"}), "Remove a role that nobody holds",
                       [&](const Caller& who, PathText role) { return accounts.remove_role(who, role.text); })
                       .status(202));
    rows.push_back(get("/v1/auth/roles/{role}/claims", all_of({"LIST_ROLE"}), "Claims of a role",
                       [&](const Caller&, PathText role) { return accounts.claims_of_role(role.text); }));
    rows.push_back(post("/v1/auth/roles/{role}/claims", all_of({"UPDATE_ROLE"}), "Put a claim into a role",
                        [&](const Caller& who, PathText role, ClaimRequest body) {
                            return accounts.add_claim(who, role.text, body);
                        })
                       .status(201));
    rows.push_back(del("/v1/auth/roles/{role}/claims/{claim}", all_of({"UPDATE_ROLE"}), "Take a claim out of a role",
                       [&](const Caller& who, PathText role, PathText claim) {
                           return accounts.remove_claim_of_role(who, role.text, claim.text);
                       })
                       .status(202));
}

void add_claims(std::vector<Route>& rows, Accounts& accounts) {
    rows.push_back(get("/v1/auth/claims", all_of({"LIST_CLAIM"}), "All claims with who holds them directly",
                       [&](const Caller&, const Request& request) { return accounts.claims(filter_of(request)); }));
    rows.push_back(get("/v1/auth/claims/grouped", all_of({"LIST_CLAIM"}), "All claims by group and resource",
                       [&](const Caller&) { return accounts.claims_by_group(); }));
    rows.push_back(get("/v1/auth/claims/{claim}", all_of({"LIST_CLAIM"}), "One claim",
                       [&](const Caller&, PathText claim) { return accounts.claim(claim.text); }));
    rows.push_back(
        post("/v1/auth/claims", all_of({"CREATE_CLAIM"}), "Make a claim", [&](const Caller& who, ClaimRequest body) {
            return accounts.create_claim(who, body);
        }).status(201));
    rows.push_back(del("/v1/auth/claims/{claim}", all_of({"DELETE_CLAIM"}), "Remove a claim that no user holds",
                       [&](const Caller& who, PathText claim) { return accounts.remove_claim(who, claim.text); })
                       .status(202));
}

// 201 for a new one, 200 for one that was there. The row's own answer is a Response, so the document is told apart.
Result<Response> kept(Result<Configs::Kept> done) {
    if (!done) return std::move(done).error();
    return json_answer(done->created ? 201 : 200, done->config);
}
Route answering_config(Route row) {
    row.response_schema = json::add_schema<UserConfig>(row.schemas);
    return row;
}

void add_configs(std::vector<Route>& rows, Configs& configs) {
    const std::string whose = "the caller keeps on the server";
    rows.push_back(get("/v1/user/configs", signed_in(), "All settings that " + whose,
                       [&](const Caller& who) { return configs.list(who); }));
    rows.push_back(get("/v1/user/configs/{config}", signed_in(), "One setting that " + whose + ", by id or slug",
                       [&](const Caller& who, PathText config) { return configs.get(who, config.text); }));
    rows.push_back(answering_config(
        post("/v1/user/configs", signed_in(), "Keep a setting; one of the same slug is replaced and answered with 200",
             [&](const Caller& who, UserConfigRequest body) { return kept(configs.put(who, body)); })
            .status(201)
            .fails({200})));  // for the document: it may be either
    rows.push_back(answering_config(put("/v1/user/configs/{config}", signed_in(),
                                        "Change a setting; an unknown one is made and answered with 201",
                                        [&](const Caller& who, PathText config, UserConfigUpdateRequest body) {
                                            return kept(configs.update(who, config.text, body));
                                        })
                                        .fails({201})));  // for the document: it may be either
    rows.push_back(
        del("/v1/user/configs/{config}", signed_in(), "Remove a setting", [&](const Caller& who, PathText config) {
            return configs.remove(who, config.text);
        }).status(202));
}

}  // namespace

std::vector<Route> account_routes(Accounts& accounts, Configs& configs) {
    std::vector<Route> rows;
    add_users(rows, accounts);
    add_grants(rows, accounts);
    add_roles(rows, accounts);
    add_claims(rows, accounts);
    const std::size_t of_auth = rows.size();
    add_configs(rows, configs);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].module = i < of_auth ? "auth" : "user_configs";
    for (Route& row : rows) row.face = ErrorFace::diagnostics;
    return rows;
}

}  // namespace corral::identity
