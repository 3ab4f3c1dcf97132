#include "identity/oidc/provider.hpp"

#include <algorithm>
#include <atomic>
#include <cctype>

#include "base/log.hpp"
#include "identity/tokens/jws.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::identity::oidc {

namespace {

constexpr std::chrono::seconds skew{60};  // between the issuer's clock and ours
constexpr std::chrono::seconds between_searches{10};
constexpr std::chrono::minutes renewal{15};
constexpr int ok_status = 200;

struct Discovery {
    std::string issuer, authorization_endpoint, token_endpoint, jwks_uri, userinfo_endpoint;
    std::vector<std::string> token_endpoint_auth_methods_supported;
};
constexpr auto json_object(const Discovery*) {
    return json::object(
        "Discovery", json::required("issuer", &Discovery::issuer),
        json::required("authorization_endpoint", &Discovery::authorization_endpoint),
        json::required("token_endpoint", &Discovery::token_endpoint), json::required("jwks_uri", &Discovery::jwks_uri),
        json::field("userinfo_endpoint", &Discovery::userinfo_endpoint),
        json::field("token_endpoint_auth_methods_supported", &Discovery::token_endpoint_auth_methods_supported));
}

struct IssuerKey {
    std::string kty, use, alg, kid, n, e, crv, x, y;
};
constexpr auto json_object(const IssuerKey*) {
    return json::object("IssuerKey", json::field("kty", &IssuerKey::kty), json::field("use", &IssuerKey::use),
                        json::field("alg", &IssuerKey::alg), json::field("kid", &IssuerKey::kid),
                        json::field("n", &IssuerKey::n), json::field("e", &IssuerKey::e),
                        json::field("crv", &IssuerKey::crv), json::field("x", &IssuerKey::x),
                        json::field("y", &IssuerKey::y));
}
struct IssuerKeys {
    std::vector<IssuerKey> keys;
};
constexpr auto json_object(const IssuerKeys*) {
    return json::object("IssuerKeys", json::required("keys", &IssuerKeys::keys));
}

Error refused(std::string why) { return Error{Errc::unauthenticated, std::move(why)}; }

std::string text_of(const boost::json::object& claims, std::string_view name) {
    const auto* value = claims.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

std::int64_t seconds_of(const boost::json::object& claims, std::string_view name) {
    const auto* value = claims.if_contains(name);
    return value != nullptr && value->is_number() ? static_cast<std::int64_t>(value->to_number<double>()) : 0;
}

// A text or a list of texts.
std::vector<std::string> texts_of(const boost::json::object& claims, std::string_view name) {
    std::vector<std::string> out;
    const auto* value = claims.if_contains(name);
    if (value == nullptr) return out;
    if (value->is_string()) out.emplace_back(value->get_string());
    if (value->is_array())
        for (const auto& item : value->get_array())
            if (item.is_string()) out.emplace_back(item.get_string());
    return out;
}

bool has(const std::vector<std::string>& all, std::string_view one) { return std::ranges::find(all, one) != all.end(); }

// TLS, or this machine alone.
bool safe_address(std::string_view url) {
    if (url.starts_with("https://")) return true;
    for (const std::string_view local : {"http://127.0.0.1", "http://localhost", "http://[::1]"})
        if (url.starts_with(local) &&
            (url.size() == local.size() || url[local.size()] == ':' || url[local.size()] == '/'))
            return true;
    return false;
}

}  // namespace

std::string percent_encode(std::string_view text) {
    constexpr std::string_view plain = "-._~";
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const unsigned char c : text)
        if (std::isalnum(c) != 0 || plain.find(static_cast<char>(c)) != std::string_view::npos)
            out += static_cast<char>(c);
        else
            out.append({'%', digits[c >> 4U], digits[c & 15U]});
    return out;
}

Result<Settings> settings(Settings raw, const std::vector<std::string>& role_map) {
    if (!safe_address(raw.issuer)) return invalid_field("OIDC_ISSUER", "must be an https address");
    if (raw.client_id.empty()) return invalid_field("OIDC_CLIENT_ID", "is needed beside OIDC_ISSUER");
    if (!raw.redirect_url.empty() && !safe_address(raw.redirect_url))
        return invalid_field("OIDC_REDIRECT_URL", "must be an https address");
    if ((" " + raw.scopes + " ").find(" openid ") == std::string::npos)
        return invalid_field("OIDC_SCOPES", "must hold openid");
    for (const std::string& entry : role_map) {
        const auto at = entry.rfind('=');
        if (at == std::string::npos || at == 0 || at + 1 == entry.size())
            return invalid_field("OIDC_ROLE_MAP", "must be group=ROLE, separated by commas");
        raw.roles[entry.substr(0, at)] = entry.substr(at + 1);
    }
    if (raw.roles.empty() && raw.default_role.empty())
        return invalid_field("OIDC_ROLE_MAP", "or OIDC_DEFAULT_ROLE is needed: nobody could sign in");
    return raw;
}

Provider::Provider(Settings settings, Fetch fetch, const Clock& clock)
    : settings_(std::move(settings)), fetch_(std::move(fetch)), clock_(clock) {
    renewal_ = std::make_unique<tasks::Periodic>("oidc", renewal, [this](const std::stop_token&) {
        if (auto done = refresh(false); !done)
            log::warn("The issuer of sign-ins cannot be asked for its keys",
                      {{"issuer", settings_.issuer}, {"why", done.error().message}, {"detail", done.error().detail}});
    });
    renewal_->wake();
}

Result<std::string> Provider::get(const std::string& url, const Secret& authorization) const {
    auto answer = TRY(fetch_(Call{.url = url, .form = "", .authorization = authorization}));
    if (answer.status != ok_status)
        return Error{Errc::upstream, "The sign-in provider answers with an error", std::to_string(answer.status)};
    return std::move(answer.body);
}

Result<void> Provider::refresh(bool at_once) {
    std::lock_guard lock(refreshing_);
    // Whoever sends unknown keys does not make us ask the issuer all the time.
    if (!at_once && std::atomic_load(&known_) != nullptr && clock_.steady() - refreshed_ < between_searches) return {};
    const Error broken{Errc::upstream, "The sign-in provider does not describe itself as OpenID Connect asks"};
    std::string base = settings_.issuer;
    while (base.ends_with('/')) base.pop_back();
    const auto found = json::read<Discovery>(TRY(get(base + "/.well-known/openid-configuration", {})));
    if (!found || found->issuer != settings_.issuer || !safe_address(found->authorization_endpoint) ||
        !safe_address(found->token_endpoint) || !safe_address(found->jwks_uri) ||
        (!found->userinfo_endpoint.empty() && !safe_address(found->userinfo_endpoint)))
        return broken;
    const auto keys = json::read<IssuerKeys>(TRY(get(found->jwks_uri, {})));
    if (!keys) return broken;
    auto fresh = std::make_shared<Known>();
    fresh->metadata = {found->authorization_endpoint, found->token_endpoint, found->jwks_uri, found->userinfo_endpoint};
    const auto& ways = found->token_endpoint_auth_methods_supported;
    fresh->metadata.secret_in_body = !ways.empty() && !has(ways, "client_secret_basic");
    for (const IssuerKey& key : keys->keys) {
        if (!key.use.empty() && key.use != "sig") continue;
        // Kinds of keys that we do not know may stand beside those that we do.
        if (auto read = crypto::PublicKey::from_jwk(
                {.kty = key.kty, .n = key.n, .e = key.e, .crv = key.crv, .x = key.x, .y = key.y}))
            fresh->keys.push_back({key.kid, key.alg, std::move(*read)});
    }
    refreshed_ = clock_.steady();
    std::atomic_store(&known_, std::shared_ptr<const Known>(std::move(fresh)));
    return {};
}

void Provider::describe(Person& person, const boost::json::object& claims) const {
    const auto fill = [&](std::string& member, const char* name) {
        if (member.empty()) member = text_of(claims, name);
    };
    fill(person.email, "email");
    fill(person.name, "name");
    fill(person.username, "preferred_username");
    if (person.groups.empty()) person.groups = texts_of(claims, settings_.groups_claim);
}

Result<void> Provider::complete(Person& person, const Secret& access_token) {
    const Metadata issuer = TRY(metadata());
    if (issuer.userinfo_endpoint.empty() || access_token.empty() || (!person.email.empty() && !person.groups.empty()))
        return {};
    const auto told = json::parse(TRY(get(issuer.userinfo_endpoint, Secret("Bearer " + access_token.reveal()))));
    // OpenID Connect Core, 5.3.2: another subject's answer must not be used.
    if (!told || !told->is_object() || text_of(told->get_object(), "sub") != person.subject)
        return Error{Errc::upstream, "The sign-in provider tells of somebody else"};
    describe(person, told->get_object());
    return {};
}

Result<Metadata> Provider::metadata() {
    if (std::atomic_load(&known_) == nullptr) TRY(refresh(false));
    return std::atomic_load(&known_)->metadata;
}

Result<Person> Provider::check(std::string_view token, const std::string& audience,
                               const std::string_view* nonce) const {
    const auto known = std::atomic_load(&known_);
    const Jws jws = TRY(split_jws(token));
    const JwsHeader header = TRY(jws_header(jws));
    const auto algorithm = crypto::algorithm_from_text(header.alg);
    // Never HMAC: its secret would be the public key, or the client's.
    if (!algorithm || crypto::is_hmac(*algorithm)) return refused("The token is signed with another algorithm");
    const Key* key = nullptr;
    if (known != nullptr)
        for (const Key& one : known->keys)
            if (one.id == header.kid) key = &one;
    if (key == nullptr) return Error{Errc::not_found, "The token is signed with a key that the issuer does not show"};
    if (!key->algorithm.empty() && key->algorithm != header.alg)
        return refused("The token is signed with another algorithm than its key is for");
    if (!key->key.verify(*algorithm, jws.signed_part, jws.signature)) return refused("The token is not valid");
    const auto payload = json::parse(jws.payload);
    if (!payload || !payload->is_object()) return refused("The token is malformed");
    const boost::json::object& claims = payload->get_object();
    if (text_of(claims, "iss") != settings_.issuer) return refused("The token is of another issuer");
    const auto audiences = texts_of(claims, "aud");
    if (!has(audiences, audience)) return refused("The token is for another audience");
    if (nonce != nullptr && audiences.size() > 1 && text_of(claims, "azp") != settings_.client_id)
        return refused("The token is for another client");
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock_.now().time_since_epoch());
    Person out;
    out.expires = seconds_of(claims, "exp");
    if (out.expires == 0 || now.count() >= out.expires + (nonce != nullptr ? skew.count() : 0))
        return refused("The token has expired");
    if (seconds_of(claims, "nbf") > (now + skew).count()) return refused("The token is not good yet");
    if (nonce != nullptr && text_of(claims, "nonce") != *nonce) return refused("The token is of another sign-in");
    out.subject = text_of(claims, "sub");
    if (out.subject.empty()) return refused("The token names nobody");
    describe(out, claims);
    out.token_id = text_of(claims, "jti");
    return out;
}

Result<Person> Provider::check_id_token(std::string_view token, std::string_view nonce) {
    TRY(metadata());
    auto person = check(token, settings_.client_id, &nonce);
    if (person || person.error().code != Errc::not_found) return person;
    TRY(refresh(true));  // keys change; whoever gets here has a code of the issuer
    person = check(token, settings_.client_id, &nonce);
    if (!person && person.error().code == Errc::not_found) return refused(person.error().message);
    return person;
}

Result<Person> Provider::check_bearer(std::string_view token) const {
    if (settings_.audience.empty()) return refused("Tokens of the sign-in provider open nothing here by themselves");
    auto person = check(token, settings_.audience, nullptr);
    if (person || person.error().code != Errc::not_found) return person;
    renewal_->wake();
    return refused(person.error().message);
}

bool Provider::named_in(std::string_view token) const {
    const auto jws = split_jws(token);
    if (!jws) return false;
    const auto payload = json::parse(jws->payload);
    return payload && payload->is_object() && text_of(payload->get_object(), "iss") == settings_.issuer;
}

}  // namespace corral::identity::oidc
