// Who gets in where, from the route table itself: there is no code here for any single route.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "app/server/references.hpp"
#include "identity/seed.hpp"
#include "server.hpp"

namespace corral::tests {
namespace {

using http::Access;

std::string content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

// ---- the rows of the table over real HTTP

std::vector<std::string> all_claims_but(const std::vector<std::string>& left_out) {
    std::vector<std::string> out;
    for (const auto& seeded : identity::seed_claims())
        if (std::ranges::find(left_out, seeded.name) == left_out.end()) out.emplace_back(seeded.name);
    return out;
}

// Accounts with just what the access asks for: each must get in.
std::vector<Account> insiders(const Access& access) {
    const std::string name = "in: " + access.describe();
    switch (access.kind()) {
        case Access::Kind::open: return {};
        case Access::Kind::signed_in: return {{.name = name, .claims = {}, .roles = {}}};
        case Access::Kind::super_user: return {{.name = name, .claims = {}, .roles = {"SUPER_USER"}}};
        case Access::Kind::all_claims: return {{.name = name, .claims = access.claims(), .roles = {}}};
        case Access::Kind::any_claim: break;
    }
    std::vector<Account> out;
    for (const std::string& claim : access.claims())
        out.push_back({.name = "in: " + claim, .claims = {claim}, .roles = {}});
    return out;
}

// Accounts with everything else there is: none may get in.
std::vector<Account> outsiders(const Access& access) {
    switch (access.kind()) {
        case Access::Kind::open:
        case Access::Kind::signed_in: return {};
        case Access::Kind::super_user:
            return {{.name = "out: super", .claims = all_claims_but({}), .roles = {"ADMIN", "USER"}}};
        case Access::Kind::any_claim:
            return {{.name = "out: " + access.describe(), .claims = all_claims_but(access.claims()), .roles = {}}};
        case Access::Kind::all_claims: break;
    }
    std::vector<Account> out;
    for (const std::string& claim : access.claims())
        out.push_back({.name = "out: " + claim, .claims = all_claims_but({claim}), .roles = {}});
    return out;
}

struct Entry {
    std::string method, path;  // path below /api
    Access access;
    bool query_token;
};

// Every way in: each method of each row at each of its paths, aliases and forms without a version too.
std::vector<Entry> entries_of(const std::vector<http::Route>& table) {
    std::vector<Entry> out;
    for (const http::Route& row : table) {
        if (row.outside_prefix) continue;
        std::vector<std::string> patterns{row.pattern};
        patterns.insert(patterns.end(), row.aliases.begin(), row.aliases.end());
        for (std::string path : patterns) {
            for (auto at = path.find('{'); at != std::string::npos; at = path.find('{'))
                path.replace(at, path.find('}') - at + 1, "none");
            std::vector<std::string> forms{path};
            if (path.starts_with("/v1/")) forms.push_back(path.substr(3));
            for (const std::string& form : forms)
                for (const http::Method method : row.methods) {
                    out.push_back({std::string(to_text(method)), form, row.access, row.query_token});
                    if (method == http::Method::get) out.push_back({"HEAD", form, row.access, row.query_token});
                }
        }
    }
    return out;
}

TEST(Authorization, every_row_lets_in_who_holds_its_claims_and_nobody_else) {
    const auto entries = entries_of(Server().app().dispatcher().table());
    ASSERT_GT(entries.size(), 100U);
    Server::Options options;
    std::set<std::string> names;
    for (const Entry& entry : entries)
        for (const auto& accounts : {insiders(entry.access), outsiders(entry.access)})
            for (const Account& account : accounts)
                if (names.insert(account.name).second) options.accounts.push_back(account);
    Server server(std::move(options));

    const auto expect_refused = [&](const Entry& entry, const Ask& ask, const std::string& query = "") {
        const auto answer = server.call(entry.method, entry.path + query, "", ask);
        EXPECT_EQ(answer.status, 401) << "as " << ask.as << ": " << answer.body;
        if (entry.method != "HEAD") EXPECT_EQ(answer.at("/error"), "unauthorized_client");
    };
    for (const Entry& entry : entries) {
        SCOPED_TRACE(entry.method + " " + entry.path);
        if (!entry.access.needs_credentials()) {
            const int status = server.call(entry.method, entry.path, "", {.as = ""}).status;
            EXPECT_TRUE(status != 401 && status != 404 && status != 405) << status;
            continue;
        }
        expect_refused(entry, {.as = ""});
        for (const Account& account : outsiders(entry.access)) expect_refused(entry, {.as = account.name});
        for (const Account& account : insiders(entry.access)) {
            const auto answer = server.call(entry.method, entry.path, "", {.as = account.name});
            // What the handler says to an empty request is its own business; the gate would have said 401, the router
            // 405.
            EXPECT_TRUE(answer.status != 401 && answer.status != 405) << "as " << account.name << ": " << answer.body;
        }
        if (!entry.query_token) expect_refused(entry, {.as = ""}, "?access_token=" + server.token("root"));
    }
}

// ---- the committed matrix

TEST(Authorization, the_committed_matrix_is_what_the_code_says) {
    Server server;
    const std::string committed = content_of(CORRAL_MATRIX);
    ASSERT_FALSE(committed.empty()) << "docs/reference/authorization.md is missing; run ./dev generate";
    EXPECT_EQ(app::authorization_matrix(server.app().dispatcher()), committed)
        << "who gets in has changed; look at it, run ./dev generate and commit the difference";
}

class Nobody final : public http::Authenticator {
public:
    Result<Caller> authenticate(const http::Request& /*request*/, bool /*query*/) const override {
        return Error{Errc::unauthenticated, "No credentials"};
    }
};

// So that the comparison above is worth something: the loss of any row's access shows.
TEST(Authorization, a_row_that_loses_its_access_changes_the_matrix) {
    Server server;
    const http::Dispatcher& real = server.app().dispatcher();
    const std::string before = app::authorization_matrix(real);
    std::vector<http::Route> rows;  // without those that every dispatcher adds
    for (const http::Route& row : real.table())
        if (row.module != "base") rows.push_back(row);
    const Nobody nobody;
    const auto matrix_with = [&](std::size_t row, const Access& access) {
        auto table = rows;
        table[row].access = access;
        return app::authorization_matrix(http::Dispatcher(std::move(table), nobody, real.settings()));
    };
    EXPECT_EQ(matrix_with(0, rows[0].access), before);
    std::size_t guarded = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        SCOPED_TRACE(rows[i].pattern);
        if (!rows[i].access.needs_credentials()) continue;
        ++guarded;
        EXPECT_NE(matrix_with(i, http::open_to_anyone("a slip")), before);
        if (rows[i].access.kind() != Access::Kind::signed_in) EXPECT_NE(matrix_with(i, http::signed_in()), before);
        // One claim less counts too.
        if (rows[i].access.claims().size() > 1)
            EXPECT_NE(matrix_with(i, http::any_of({rows[i].access.claims().front()})), before);
    }
    EXPECT_GT(guarded, 30U);
}

// ---- the contract

// "GET /machines/{}/status": versions and names of parameters do not matter.
std::string key_of(std::string_view method, std::string path) {
    if (path.starts_with("/v1/")) path.erase(0, 3);
    for (auto at = path.find('{'); at != std::string::npos; at = path.find('{', at + 1))
        path.erase(at + 1, path.find('}', at) - at - 1);
    return std::string(method) + " " + path;
}

std::map<std::string, std::string> contract_access() {
    std::map<std::string, std::string> out;
    std::ifstream file(CORRAL_CONTRACT_ACCESS);
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line.front() == '#') continue;
        std::istringstream fields(line);
        std::string method, path, role, claims, open;
        for (std::string* field : {&method, &path, &role, &claims, &open}) std::getline(fields, *field, '\t');
        std::string access = claims != "-" ? claims : role != "-" ? "role " + role : "any credential";
        out[key_of(method, path)] = open == "open" ? "open" : access;
    }
    return out;
}

std::map<std::string, std::string> served_access(const std::vector<http::Route>& table) {
    std::map<std::string, std::string> out;
    for (const http::Route& row : table) {
        std::vector<std::string> patterns{row.pattern};
        patterns.insert(patterns.end(), row.aliases.begin(), row.aliases.end());
        for (const std::string& pattern : patterns)
            for (const http::Method method : row.methods)
                out[key_of(to_text(method), pattern)] = row.access.needs_credentials() ? row.access.describe() : "open";
    }
    return out;
}

struct Deliberate {
    std::string access, why;
};

const std::map<std::string, Deliberate>& differences() {
    static const std::string own_keys = "Q11: the own claim is enough for one's own keys";
    static const std::map<std::string, Deliberate> rows{
        {"GET /auth/api_keys", {"LIST_API_KEY or LIST_OWN_API_KEY", own_keys}},
        {"GET /auth/api_keys/{}", {"LIST_API_KEY or LIST_OWN_API_KEY", own_keys}},
        {"POST /auth/api_keys", {"CREATE_API_KEY or CREATE_OWN_API_KEY", own_keys}},
        {"DELETE /auth/api_keys/{}", {"DELETE_API_KEY or DELETE_OWN_API_KEY", own_keys}},
        {"PUT /auth/api_keys/{}/revoke", {"DELETE_OWN_API_KEY", "Q11: super users, who pass every check, and owners"}},
        {"POST /jobs/debug", {"JOB_MANAGER_DEBUG", "Q12: the claim that is seeded for it"}},
        {"POST /config/diskspace", {"role SUPER_USER", "Q1b: administration is not for everybody"}},
        {"POST /config/tools/install", {"role SUPER_USER", "Q1b: administration is not for everybody"}},
        {"POST /config/tools/uninstall", {"role SUPER_USER", "Q1b: administration is not for everybody"}},
        {"POST /config/tools/restart", {"role SUPER_USER", "Q1b: administration is not for everybody"}},
        {"GET /shutdown", {"role SUPER_USER", "Q1b: not everybody may stop the service"}},
        {"POST /shutdown", {"role SUPER_USER", "Q1b: not everybody may stop the service"}},
        {"PUT /shutdown", {"role SUPER_USER", "Q1b: not everybody may stop the service"}},
        {"PATCH /shutdown", {"role SUPER_USER", "Q1b: not everybody may stop the service"}},
        {"DELETE /shutdown", {"role SUPER_USER", "Q1b: not everybody may stop the service"}},
        {"GET /config/parallels-desktop/license", {"LIST", "Q1b: licence data is not for everybody"}},
        {"GET /parallels_desktop/key", {"LIST", "Q1b: the published name of the same"}},
    };
    return rows;
}

const std::map<std::string, Deliberate>& own_routes() {
    static const std::string transfer = "chunks travel between Corral's own parts; for who may push or pull anyway";
    static const std::map<std::string, Deliberate> rows{
        {"POST /jobs/{}/cancel",
         {"JOB_MANAGER_DELETE or JOB_MANAGER_LIST_OWN", "J9: as the removal, which cancels too"}},
        {"GET /.well-known/jwks.json", {"open", "public keys are for everybody"}},
        {"GET /auth/oidc/login", {"open", "this is where a sign-in begins"}},
        {"GET /auth/oidc/callback", {"open", "the issuer's code is the credential"}},
        {"POST /auth/oidc/token", {"open", "code and verifier are the credential"}},
        {"POST /auth/logout", {"any credential", "everybody may end what is theirs"}},
        {"POST /catalog/transfer/uploads", {"PUSH_CATALOG_MANIFEST", transfer}},
        {"POST /catalog/transfer/uploads/{}/offer", {"PUSH_CATALOG_MANIFEST", transfer}},
        {"PUT /catalog/transfer/uploads/{}/frames", {"PUSH_CATALOG_MANIFEST", transfer}},
        {"POST /catalog/transfer/uploads/{}/commit", {"PUSH_CATALOG_MANIFEST", transfer}},
        {"GET /catalog/transfer/manifests/{}/index", {"PULL_CATALOG_MANIFEST", transfer}},
        {"GET /catalog/transfer/manifests/{}/segments/{}", {"PULL_CATALOG_MANIFEST", transfer}},
        {"POST /catalog/transfer/manifests/{}/frames", {"PULL_CATALOG_MANIFEST", transfer}},
        {"PUT /auth/users/{}/block", {"UPDATE_USER", "a change of the account like any other"}},
        {"PUT /auth/users/{}/unblock", {"UPDATE_USER", "a change of the account like any other"}},
        {"GET /health/ready", {"open", "load balancers have no token; it tells no more than ready or not"}},
        {"GET /metrics", {"READ_METRICS", "nobody's by default: super users and the bearer of METRICS_TOKEN"}},
        {"GET /audit", {"role SUPER_USER", "who did what is for those who answer for the whole service"}},
        {"GET /openapi.json", {"open", "the description of the API holds no secret"}},
    };
    return rows;
}

TEST(Authorization, served_routes_ask_for_what_the_contract_says) {
    Server server;
    auto contract = contract_access();
    ASSERT_GT(contract.size(), 50U) << "tests/api/contract-access.tsv is not what it was";
    for (const auto& [route, access] : served_access(server.app().dispatcher().table())) {
        SCOPED_TRACE(route);
        if (const auto own = own_routes().find(route); own != own_routes().end()) {
            EXPECT_FALSE(contract.contains(route)) << "the contract knows this route";
            EXPECT_EQ(access, own->second.access);
            continue;
        }
        const auto named = contract.extract(route);
        ASSERT_FALSE(named.empty()) << "add the contract's row to contract-access.tsv, or the route to own_routes()";
        const auto other = differences().find(route);
        EXPECT_EQ(access, other == differences().end() ? named.mapped() : other->second.access);
        if (other != differences().end()) EXPECT_NE(access, named.mapped()) << "this is no difference any more";
    }
    for (const auto& [route, access] : contract) ADD_FAILURE() << route << " is not served any more";
}

}  // namespace
}  // namespace corral::tests
