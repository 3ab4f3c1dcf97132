#include "callers.hpp"

#include <algorithm>

#include "identity/seed.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::tests {

namespace {

std::set<std::string> seeded(const std::function<bool(const identity::SeedClaim&)>& wanted) {
    std::set<std::string> out;
    for (const auto& claim : identity::seed_claims())
        if (wanted(claim)) out.insert(std::string(claim.name));
    return out;
}

bool own(const identity::SeedClaim& claim) { return claim.name.contains("OWN"); }

std::vector<std::string> list(const std::set<std::string>& names) { return {names.begin(), names.end()}; }

std::string part(std::string_view json) { return crypto::base64url(json); }

// A token that says what it likes; `key` signs it by HMAC-SHA-256.
std::string token_of(std::string_view header, std::string_view claims, std::string_view key) {
    const std::string head = part(header) + "." + part(claims);
    return head + "." + crypto::base64url(crypto::hmac_sha256(key, head));
}

std::vector<std::string> split(const std::string& text, const std::string& at) {
    std::vector<std::string> out;
    std::size_t from = 0;
    for (auto end = text.find(at); end != std::string::npos; end = text.find(at, from)) {
        out.push_back(text.substr(from, end - from));
        from = end + at.size();
    }
    out.push_back(text.substr(from));
    return out;
}

}  // namespace

bool let_in(const std::string& access, const std::optional<Rights>& rights) {
    if (access.starts_with("open")) return true;
    if (!rights) return false;
    if (access == "any credential" || rights->super_user) return true;
    if (access == "role SUPER_USER") return false;
    const auto held = [&](const std::string& claim) { return rights->claims.contains(claim); };
    if (access.contains(" or ")) return std::ranges::any_of(split(access, " or "), held);
    return std::ranges::all_of(split(access, " and "), held);
}

std::vector<Account> accounts_of_callers(const std::vector<std::string>& single_claims) {
    const auto all = seeded([](const auto&) { return true; });
    std::vector<Account> out{
        {.name = "super", .claims = {}, .roles = {"SUPER_USER"}},
        {.name = "admin", .claims = {}, .roles = {"ADMIN"}},
        {.name = "user", .claims = {}, .roles = {"USER"}},
        {.name = "no-rights", .claims = {}, .roles = {}},
        {.name = "owner", .claims = list(seeded(own)), .roles = {}},
        {.name = "stranger", .claims = list(seeded([](const auto& c) { return !own(c); })), .roles = {}},
        {.name = "all-claims", .claims = list(all), .roles = {"ADMIN", "USER"}},
        {.name = "locked-out", .claims = {"LIST_VM"}, .roles = {}},
        {.name = "leaving", .claims = list(all), .roles = {"SUPER_USER"}},
        {.name = "blocked", .claims = list(all), .roles = {"SUPER_USER"}},
        {.name = "removed", .claims = list(all), .roles = {"SUPER_USER"}},
    };
    for (const std::string& claim : single_claims)
        out.push_back({.name = "only " + claim, .claims = {claim}, .roles = {}});
    return out;
}

std::vector<CallerKind> callers_of(Server& server, const std::vector<std::string>& single_claims) {
    std::vector<CallerKind> out;
    const Rights everything{.claims = {}, .super_user = true};
    const auto of = [](std::set<std::string> claims) { return Rights{.claims = std::move(claims)}; };
    const auto bearer = [&](std::string name, const std::string& token, std::optional<Rights> rights) {
        out.push_back({std::move(name), {{"Authorization", "Bearer " + token}}, "", std::move(rights)});
    };
    const auto with_key = [&](std::string name, const std::string& encoded, std::optional<Rights> rights) {
        out.push_back({std::move(name), {{"X-Api-Key", encoded}}, "", std::move(rights)});
    };
    int keys = 0;
    const auto new_key = [&](const std::string& owner, const std::string& more = "") {
        const std::string name = "KEY_" + std::to_string(++keys);
        const std::string user = owner.empty() ? "" : R"(,"user_id":")" + server.user_id(owner) + '"';
        const auto made = server.post("/v1/auth/api_keys", R"({"name":")" + name + R"(","key":")" + name +
                                                               R"(","secret":"a-Secret-of-9")" + user + more + "}");
        if (made.status != 201) throw std::runtime_error("no key: " + made.body);
        return std::pair(made.at("/id"), made.at("/encoded"));
    };
    const auto expect = [](const Answer& answer, const std::string& what) {
        if (answer.status / 100 != 2) throw std::runtime_error(what + ": " + answer.body);
    };

    // ---- nobody
    out.push_back({"nobody", {}, "", std::nullopt});
    const std::string root = server.token("root");
    const std::string claims = R"({"exp":4102444800,"email":"root@localhost","username":"Root","uid":")" +
                               server.user_id("root") + R"(","roles":["SUPER_USER"],"claims":[],"jti":"1"})";
    bearer("token: words", "not-a-token", std::nullopt);
    bearer("token: empty", "", std::nullopt);
    bearer("token: four parts", root + ".more", std::nullopt);
    bearer("token: signed with another secret", token_of(R"({"alg":"HS256","typ":"JWT"})", claims, "guessed"),
           std::nullopt);
    bearer("token: unsigned", part(R"({"alg":"none","typ":"JWT"})") + "." + part(claims) + ".", std::nullopt);
    bearer("token: another algorithm, the right secret",
           token_of(R"({"alg":"HS512","typ":"JWT"})", claims, token_secret), std::nullopt);
    bearer("token: RS256, the secret taken for a key", token_of(R"({"alg":"RS256","typ":"JWT"})", claims, token_secret),
           std::nullopt);
    std::string other = claims;
    other.replace(other.find("4102444800"), 10, "1000000000");
    bearer("token: expired", token_of(R"({"alg":"HS256","typ":"JWT"})", other, token_secret), std::nullopt);
    other = claims;
    other.replace(other.find(R"("exp":4102444800,)"), 17, "");
    bearer("token: without an expiry", token_of(R"({"alg":"HS256","typ":"JWT"})", other, token_secret), std::nullopt);
    other = claims;
    other.replace(other.find(server.user_id("root")), server.user_id("root").size(), std::string(64, 'a'));
    bearer("token: of nobody, with root's e-mail", token_of(R"({"alg":"HS256","typ":"JWT"})", other, token_secret),
           std::nullopt);
    bearer("token: cut short", root.substr(0, root.size() - 4), std::nullopt);
    out.push_back({"basic credentials", {{"Authorization", "Basic cm9vdDpyb290"}}, "", std::nullopt});
    with_key("key: words", "not base64!", std::nullopt);
    with_key("key: unknown", crypto::base64("NOBODYS:secret"), std::nullopt);
    with_key("key: of root, the wrong secret", crypto::base64("KEY_1:guessed"), std::nullopt);

    // ---- somebody once
    const std::string leaving = server.token("leaving");
    expect(server.call("POST", "/v1/auth/logout", "", {.as = "", .headers = {{"Authorization", "Bearer " + leaving}}}),
           "logout");
    bearer("token: signed out", leaving, std::nullopt);
    const auto of_blocked = new_key("blocked").second;
    const std::string blocked = server.token("blocked");
    expect(server.put("/v1/auth/users/blocked/block", ""), "block");
    bearer("token: of a blocked account", blocked, std::nullopt);
    with_key("key: of a blocked account", of_blocked, std::nullopt);
    const auto of_removed = new_key("removed").second;
    const std::string removed = server.token("removed");
    expect(server.del("/v1/auth/users/removed"), "remove");
    bearer("token: of a removed account", removed, std::nullopt);
    with_key("key: of a removed account", of_removed, std::nullopt);
    const auto revoked = new_key("");
    expect(server.put("/v1/auth/api_keys/" + revoked.first + "/revoke", ""), "revoke");
    with_key("key: revoked", revoked.second, std::nullopt);
    with_key("key: expired", new_key("", R"(,"expires_at":"2020-01-01T00:00:00Z")").second, std::nullopt);

    // ---- somebody
    bearer("root", root, everything);
    bearer("role SUPER_USER", server.token("super"), everything);
    bearer("role ADMIN", server.token("admin"), of(seeded([](const auto& c) { return c.for_admins; })));
    const auto users = seeded([](const auto& c) { return c.for_users; });
    bearer("role USER", server.token("user"), of(users));
    bearer("no rights", server.token("no-rights"), of({}));
    bearer("owner: own claims only", server.token("owner"), of(seeded(own)));
    bearer("stranger: all but own claims", server.token("stranger"), of(seeded([](const auto& c) { return !own(c); })));
    bearer("every claim, not SUPER_USER", server.token("all-claims"), of(seeded([](const auto&) { return true; })));
    for (int i = 0; i < 6; ++i)
        server.post("/v1/auth/token", R"({"username":"locked-out","password":"wrong"})", {.as = ""});
    bearer("locked out by wrong passwords, token at hand", server.token("locked-out"), of({"LIST_VM"}));
    with_key("key: without an owner", new_key("").second, everything);
    with_key("key: of a super user", new_key("super").second, everything);
    with_key("key: of role USER", new_key("user").second, of(users));
    with_key("key: of nobody's rights", new_key("no-rights").second, of({}));
    for (const std::string& claim : single_claims) bearer("only " + claim, server.token("only " + claim), of({claim}));
    return out;
}

}  // namespace corral::tests
