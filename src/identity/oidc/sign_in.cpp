#include "identity/oidc/sign_in.hpp"

#include <algorithm>
#include <set>

#include "audit/audit.hpp"
#include "base/log.hpp"
#include "identity/accounts/store.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/crypto/seal.hpp"
#include "platform/json/json.hpp"

namespace corral::identity::oidc {

namespace {

constexpr std::chrono::minutes pending_time{10};
constexpr std::chrono::minutes grant_time{1};
constexpr std::size_t random_letters = 43;  // 256 bits
constexpr int ok_status = 200;

Error refused(std::string why) { return Error{Errc::unauthenticated, std::move(why)}; }

std::string challenge_of(std::string_view verifier) {
    const auto digest = crypto::sha256(verifier);
    return crypto::base64url({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

// A path of this server, or a port of the machine the browser runs on (RFC 8252, 7.3): never a place of somebody else.
bool own_place(std::string_view where) {
    if (std::ranges::any_of(where, [](unsigned char c) { return c <= 0x20 || c >= 0x7F || c == '\\'; })) return false;
    if (where.starts_with("/")) return !where.starts_with("//");
    for (const std::string_view local : {"http://127.0.0.1:", "http://[::1]:"})
        if (where.starts_with(local)) {
            const auto rest = where.substr(local.size());
            const auto digits = rest.find_first_not_of("0123456789");
            return digits != 0 && (digits == std::string_view::npos || rest[digits] == '/' || rest[digits] == '?');
        }
    return false;
}

// A sign-in that is under way.
struct Pending {
    std::string state, nonce, verifier;
    std::string callback, return_to, challenge;  // of SignIn::Begin
    Time since{};
};
constexpr auto json_object(const Pending*) {
    return json::object("Pending", json::required("state", &Pending::state), json::required("nonce", &Pending::nonce),
                        json::required("verifier", &Pending::verifier), json::field("callback", &Pending::callback),
                        json::field("return_to", &Pending::return_to), json::field("challenge", &Pending::challenge),
                        json::field("since", &Pending::since));
}

struct TokenAnswer {
    std::string id_token;
    Secret access_token;
};
constexpr auto json_object(const TokenAnswer*) {
    return json::object("TokenAnswer", json::required("id_token", &TokenAnswer::id_token),
                        json::field("access_token", &TokenAnswer::access_token));
}

// The first of these that no other account has.
std::string free_name(db::Tx& tx, const std::string& id, const std::vector<std::string>& wanted) {
    for (const std::string& name : wanted)
        if (!name.empty() && !store::user_called(tx, name, id)) return name;
    return id;
}

}  // namespace

SignIn::SignIn(db::Database& database, Directory& directory, events::Service& events, const Clock& clock,
               Settings settings, Fetch fetch, Secret key)
    : database_(database),
      directory_(directory),
      events_(events),
      clock_(clock),
      key_(std::move(key)),
      provider_(std::move(settings), std::move(fetch), clock),
      admissions_(std::make_unique<tasks::Periodic>("sign-ins", std::chrono::hours{1},
                                                    [this](const std::stop_token&) { admit_waiting(); })) {}

std::string SignIn::user_id(const std::string& subject) const {
    return crypto::to_hex(crypto::sha256(provider_.settings().issuer + "\n" + subject));
}

Result<Redirect> SignIn::begin(const Begin& wanted) {
    if (!wanted.return_to.empty() && !own_place(wanted.return_to))
        return invalid_field("return_to", "must be a path of this server or http://127.0.0.1:PORT/");
    const auto digest = crypto::from_base64url(wanted.challenge);
    if (!wanted.return_to.empty() && (!digest || digest->size() != crypto::Sha256{}.size()))
        return invalid_field("challenge", "must be the SHA-256 of the verifier in base64url");
    const Metadata issuer = TRY(provider_.metadata());
    const Pending pending{.state = crypto::random_alphanumeric(random_letters),
                          .nonce = crypto::random_alphanumeric(random_letters),
                          .verifier = crypto::random_alphanumeric(random_letters),
                          .callback = wanted.callback,
                          .return_to = wanted.return_to,
                          .challenge = wanted.challenge,
                          .since = clock_.now()};
    Redirect out{.location = issuer.authorization_endpoint, .cookie = crypto::seal(key_, json::to_text(pending))};
    out.location += out.location.find('?') == std::string::npos ? '?' : '&';
    out.location += "response_type=code&client_id=" + percent_encode(provider_.settings().client_id) +
                    "&redirect_uri=" + percent_encode(wanted.callback) +
                    "&scope=" + percent_encode(provider_.settings().scopes) + "&state=" + pending.state +
                    "&nonce=" + pending.nonce + "&code_challenge=" + challenge_of(pending.verifier) +
                    "&code_challenge_method=S256";
    return out;
}

namespace {

Result<TokenAnswer> tokens_for(Provider& provider, const Pending& pending, const std::string& code) {
    const Settings& our = provider.settings();
    const Metadata issuer = TRY(provider.metadata());
    Call call{.method = "POST", .url = issuer.token_endpoint, .form = "", .authorization = {}};
    call.form = "grant_type=authorization_code&code=" + percent_encode(code) +
                "&redirect_uri=" + percent_encode(pending.callback) + "&code_verifier=" + pending.verifier;
    if (our.client_secret.empty() || issuer.secret_in_body) call.form += "&client_id=" + percent_encode(our.client_id);
    if (!our.client_secret.empty()) {
        const std::string secret = percent_encode(our.client_secret.reveal());
        if (issuer.secret_in_body)
            call.form += "&client_secret=" + secret;
        else  // RFC 6749, 2.3.1
            call.authorization = Secret("Basic " + crypto::base64(percent_encode(our.client_id) + ":" + secret));
    }
    const auto answer = TRY(provider.fetch(call));
    if (answer.status != ok_status)
        return Error{Errc::unauthenticated, "The sign-in provider did not confirm the sign-in; begin again",
                     "token endpoint: " + std::to_string(answer.status)};
    auto tokens = json::read<TokenAnswer>(answer.body);
    if (!tokens) return Error{Errc::upstream, "The sign-in provider answers without an id_token"};
    return std::move(*tokens);
}

}  // namespace

Result<SignIn::Arrived> SignIn::finish(const Back& back) {
    const auto opened = crypto::unseal(key_, back.cookie);
    const auto pending = opened ? json::read<Pending>(*opened) : Result<Pending>(Error{});
    // The cookie shows that the browser that comes back is the one that went: nobody is signed in as somebody else by
    // a link.
    if (!pending || !crypto::equal_constant_time(pending->state, back.state) ||
        clock_.now() - pending->since > pending_time)
        return invalid_field("state", "belongs to no sign-in of this browser that is under way; begin again");
    if (!back.issuer.empty() && back.issuer != provider_.settings().issuer)  // RFC 9207
        return invalid_field("iss", "is another sign-in provider");
    if (!back.error.empty() || back.code.empty())
        return Error{Errc::unauthenticated, "The sign-in provider refused the sign-in", "error: " + back.error};
    const TokenAnswer tokens = TRY(tokens_for(provider_, *pending, back.code));
    Person person = TRY(provider_.check_id_token(tokens.id_token, pending->nonce));
    TRY(provider_.complete(person, tokens.access_token));
    Arrived out{.user = TRY(admit(person)), .redirect = {}};
    if (pending->return_to.empty()) return out;
    const std::string code = crypto::random_alphanumeric(random_letters);
    const std::string& place = pending->return_to;
    out.redirect = place + (place.find('?') == std::string::npos ? "?code=" : "&code=") + code;
    std::lock_guard lock(mutex_);
    grants_.emplace(code, Grant{out.user, pending->challenge, clock_.steady()});
    return out;
}

Result<std::string> SignIn::redeem(const std::string& code, const std::string& verifier) {
    std::lock_guard lock(mutex_);
    std::erase_if(grants_, [&](const auto& entry) { return clock_.steady() - entry.second.since > grant_time; });
    auto grant = grants_.extract(code);
    if (grant.empty() || !crypto::equal_constant_time(grant.mapped().challenge, challenge_of(verifier)))
        return refused("The code is unknown, used, too old, or not yours");
    return std::move(grant.mapped().user);
}

std::vector<std::string> SignIn::roles_of(const Person& person) const {
    std::set<std::string> out;
    const auto add = [&](const std::string& name) {
        if (const RolePtr role = directory_.role(name))
            out.insert(role->id);
        else
            log::warn("OIDC_ROLE_MAP names a role that does not exist", {{"role", name}});
    };
    for (const std::string& group : person.groups)
        if (const auto it = provider_.settings().roles.find(group); it != provider_.settings().roles.end())
            add(it->second);
    if (out.empty() && !provider_.settings().default_role.empty()) add(provider_.settings().default_role);
    return {out.begin(), out.end()};
}

Result<std::string> SignIn::admit(const Person& person) const {
    const std::vector<std::string> roles = roles_of(person);
    if (roles.empty()) return Error{Errc::forbidden, "None of your groups may use this service"};
    std::set<std::string> managed;  // roles that the issuer decides on; others are left alone
    for (const auto& [group, role] : provider_.settings().roles) managed.insert(normal_name(role));
    if (!provider_.settings().default_role.empty()) managed.insert(normal_name(provider_.settings().default_role));
    const std::string id = user_id(person.subject);
    TRY(database_.write([&](db::Tx& tx) -> Result<void> {
        auto user = store::user(tx, id);
        if (user && user->blocked) return refused("The account is blocked");
        // Somebody else's address would be somebody else's account: that one is never taken over.
        const bool taken = !person.email.empty() && store::user_called(tx, person.email, id);
        if (taken && !user)
            return Error{Errc::conflict,
                         "Another account has this e-mail address; an administrator has to remove or change it first"};
        if (taken) log::warn("An account keeps its e-mail address: another one has the new one", {{"user", id}});
        const Time now = clock_.now();
        if (!user) {
            User made{.id = id, .username = free_name(tx, id, {person.username, person.email})};
            made.name = person.name.empty() ? made.username : person.name;
            made.email = person.email.empty() ? id + "@oidc.invalid" : person.email;
            made.created_at = made.updated_at = now;
            store::insert_user(tx, made);
        } else {
            for (const std::string& role : user->roles)
                if (managed.contains(role) && std::ranges::find(roles, role) == roles.end())
                    store::take_role(tx, id, role);
            if (!person.name.empty()) user->name = person.name;
            if (!person.email.empty() && !taken) user->email = person.email;
            user->updated_at = now;
            store::update_user(tx, *user);
        }
        for (const std::string& role : roles) store::grant_role(tx, id, role);
        directory_.user_changed(tx, id);
        audit::append(tx, now, Caller{},
                      {.action = user ? "session.create" : "user.create",
                       .object_type = "user",
                       .object_id = id,
                       .detail = {{"issuer", provider_.settings().issuer}, {"subject", person.subject}}});
        events_.append(tx, events::Type::auth, user ? "USER_UPDATED" : "USER_ADDED", R"({"user_id":")" + id + "\"}");
        return {};
    }));
    return id;
}

void SignIn::admit_later(const std::string& id, const Person& person) const {
    constexpr std::size_t most = 10'000;
    {
        std::lock_guard lock(bearers_);
        if (seen_.size() >= most) seen_.clear();
        auto& seen = seen_[id];
        if (seen == person.expires || waiting_.size() >= most) return;
        seen = person.expires;
        waiting_.insert_or_assign(id, person);
    }
    admissions_->wake();
}

void SignIn::admit_waiting() const {
    std::map<std::string, Person> all;
    {
        std::lock_guard lock(bearers_);
        all.swap(waiting_);
    }
    for (const auto& [id, person] : all)
        if (const auto done = admit(person); !done)
            log::warn("The subject of a token gets no account", {{"user", id}, {"why", done.error().message}});
}

Principal SignIn::principal_of(const std::string& id, const Person& person,
                               const std::vector<std::string>& roles) const {
    Principal out;
    out.user_id = UserId(id);
    out.username = person.username.empty() ? person.subject : person.username;
    out.name = person.name.empty() ? out.username : person.name;
    out.email = person.email;
    out.roles = roles;  // sorted
    std::set<std::string> claims;
    for (const std::string& role : roles)
        if (const RolePtr known = directory_.role_with_id(role))
            claims.insert(known->claims.begin(), known->claims.end());
    out.claims.assign(claims.begin(), claims.end());
    out.super_user = std::ranges::binary_search(out.roles, super_user_role);
    return out;
}

Result<Caller> SignIn::bearer(std::string_view token) const {
    const Person person = TRY(provider_.check_bearer(token));
    Caller caller;
    caller.token_expires = person.expires;
    caller.token_id = person.token_id;
    caller.token_epoch = foreign_epoch;
    const std::string id = user_id(person.subject);
    const auto account = directory_.account_with_id(id);
    if (account && account->user.blocked) return refused("The account of this token is blocked");
    const std::vector<std::string> roles = roles_of(person);
    if (roles.empty()) return refused("The token's groups give no right to use this service");
    admit_later(id, person);
    caller.principal = account ? account->principal : std::make_shared<Principal>(principal_of(id, person, roles));
    return caller;
}

}  // namespace corral::identity::oidc
