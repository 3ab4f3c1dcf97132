#include "platform/http/dispatch.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <optional>

#include "base/log.hpp"
#include "base/trace.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/http/base_routes.hpp"
#include "platform/http/errors.hpp"
#include "platform/http/target.hpp"

namespace corral::http {

namespace {

// "/api" from "api/", "/api/" and the like (quirk Q49).
std::string normal_prefix(const std::string& prefix) {
    std::string out;
    for (const auto& part : split_path(prefix)) out += "/" + part;
    return out;
}

std::string operation_id(const Route& route) {
    std::string out(to_text(route.methods.front()));
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (const std::string& part : split_path(route.pattern)) {
        if (part == "v1") continue;
        out += '_';
        for (const char c : part)
            if (c != '{' && c != '}') out += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
    }
    return out;
}

std::vector<Route> completed(std::vector<Route> table, const Dispatcher::Settings& settings) {
    for (Route& route : base_routes(table, settings.prefix, settings.version)) table.push_back(std::move(route));
    for (Route& route : table)
        if (route.operation_id.empty()) route.operation_id = operation_id(route);
    return table;
}

bool well_formed_id(std::string_view id) {
    return !id.empty() && id.size() <= 128 && std::ranges::all_of(id, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
    });
}

std::string allow_header(const std::vector<Method>& methods) {
    std::string out;
    for (const Method m : methods) {
        out += (out.empty() ? "" : ", ") + std::string(to_text(m));
        if (m == Method::get) out += ", HEAD";
    }
    return out;
}

// Upper-case names, sorted, of a header with the base64 text of a comma list; nullopt when it is absent, empty or odd.
std::optional<std::vector<std::string>> forwarded_names(const Request& request, std::string_view header) {
    const auto text = crypto::from_base64(request.headers.get(header));
    if (!text) return std::nullopt;
    std::vector<std::string> out(1);
    for (const char c : *text) {
        if (c == ',')
            out.emplace_back();
        else if (std::isspace(static_cast<unsigned char>(c)) == 0)
            out.back() += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    std::erase(out, "");
    std::ranges::sort(out);
    return out.empty() ? std::nullopt : std::optional(std::move(out));
}

// A forwarder says for whom it asks (behaviour-a 1.9; quirk Q1: nobody else is believed). What it was admitted with is
// the most it can give on: the names it does not hold itself are left out.
void speak_for_others(const Request& request, Caller& caller) {
    auto claims = forwarded_names(request, "X-Claims");
    auto roles = forwarded_names(request, "X-Roles");
    const std::string_view word = request.headers.get("X-Super-User");
    const bool super = word == "true" || word == "True" || word == "TRUE";
    if (!claims && !roles && !super) return;
    auto other = std::make_shared<Principal>(*caller.principal);
    if (claims) std::erase_if(*claims, [&](const auto& claim) { return !caller.has_claim(claim); });
    if (roles) std::erase_if(*roles, [&](const auto& role) { return !caller.has_role(role); });
    if (claims) other->claims = std::move(*claims);
    if (roles) other->roles = std::move(*roles);
    other->super_user = super && caller.super_user();
    other->root = false;
    caller.principal = std::move(other);
}

// One customer has a /64 of IPv6 and all addresses in it.
std::string network_of(const std::string& address) {
    in6_addr bytes{};
    if (::inet_pton(AF_INET6, address.c_str(), &bytes) != 1) return address;
    constexpr std::size_t host_bytes = 8;
    std::fill_n(std::end(bytes.s6_addr) - host_bytes, host_bytes, std::uint8_t{0});
    std::array<char, INET6_ADDRSTRLEN> out{};
    return ::inet_ntop(AF_INET6, &bytes, out.data(), out.size());
}

Dispatcher::Settings with_normal_prefix(Dispatcher::Settings settings) {
    settings.prefix = normal_prefix(settings.prefix);
    return settings;
}

}  // namespace

Dispatcher::Dispatcher(std::vector<Route> table, const Authenticator& who, Settings settings)
    : settings_(with_normal_prefix(std::move(settings))),
      table_(completed(std::move(table), settings_)),
      router_(table_, settings_.prefix),
      who_(who),
      cors_(settings_.cors),
      caller_limit_(settings_.rate),
      address_limit_(settings_.address_rate) {}

Admission Dispatcher::admit(Request& request) const {
    Admission out;
    const auto given = request.headers.get("X-Request-Id");
    request.request_id = well_formed_id(given) ? std::string(given) : crypto::random_uuid();
    auto target = parse_target(request.target);
    if (request.method == Method::options) {
        out.refusal = cors_.enabled() ? cors_.preflight(request) : options_without_cors(request);
        return out;
    }
    if (!target) {
        out.refusal = plain_error(404, "No route has the path " + std::string(request.target.substr(0, 200)));
        return out;
    }
    request.query = std::move(target->query);
    request.path = "/";
    for (const auto& segment : target->segments) request.path += (request.path.size() > 1 ? "/" : "") + segment;

    Match match = router_.find(request.method, target->segments);
    if (match.route == nullptr) {
        if (!match.path_known()) {
            out.refusal = plain_error(404, "No route has the path " + request.path.substr(0, 200));
        } else {
            out.refusal = plain_error(405, "This path does not take " + request.method_text.substr(0, 20));
            out.refusal->headers.set("Allow", allow_header(match.allowed));
        }
        return out;
    }
    out.route = match.route;
    out.path_values = std::move(match.path_values);
    if (match.route->access.needs_credentials()) {
        auto caller = who_.authenticate(request, match.route->query_token);
        if (!caller) {
            out.refusal = over_limit(out, request);
            // Anything else than bad credentials is a moment to try again.
            if (!out.refusal)
                out.refusal = caller.error().code == Errc::unauthenticated
                                  ? unauthorized_response(caller.error().message)
                                  : error_response(caller.error(), match.route->face, match.route->pattern);
            return out;
        }
        out.caller = std::move(*caller);
    }
    out.caller.address = request.peer;
    out.caller.request_id = request.request_id;
    out.refusal = over_limit(out, request);
    if (!out.refusal && !match.route->access.admits(out.caller))
        out.refusal = unauthorized_response("Not authorized: " + match.route->access.missing(out.caller));
    if (!out.refusal && target->bad_query)
        out.refusal = error_response(invalid_field("query", "has broken escapes, or is not UTF-8"), match.route->face,
                                     match.route->pattern);
    if (!out.refusal && out.caller.forwarder && !out.caller.anonymous()) speak_for_others(request, out.caller);
    return out;
}

// Whoever has good credentials is counted as an account or key, wherever it calls from; everybody else by address.
std::optional<Response> Dispatcher::over_limit(const Admission& admission, const Request& request) const {
    const bool known = !admission.caller.anonymous();
    RateLimiter& limit = known ? caller_limit_ : address_limit_;
    if (!limit.enabled() || admission.route->unlimited) return std::nullopt;
    std::string who = request.peer;
    if (known) {
        const std::string& key = admission.caller.api_key_id;
        who = key.empty() ? "user " + admission.caller.user_id().text : "key " + key;
    } else if (std::ranges::count(who, ':') > 1) {
        who = network_of(who);
    }
    const auto wait = limit.take(who, SystemClock{}.steady());
    if (!wait) return std::nullopt;
    Response out = error_response(Error{Errc::too_many, "Too many requests; try again later"}, admission.route->face,
                                  admission.route->pattern);
    out.headers.set("Retry-After", std::to_string(wait->count()));
    return out;
}

// RFC 9110, 9.3.7. With CORS on, the contract's answers to preflights come first.
Response Dispatcher::options_without_cors(const Request& request) const {
    Response out;
    out.status = 204;
    if (request.target == "*") return out;
    const auto target = parse_target(request.target);
    const Match match = target ? router_.find(Method::options, target->segments) : Match{};
    if (!match.path_known()) return plain_error(404, "No route has this path");
    out.headers.set("Allow", allow_header(match.allowed) + ", OPTIONS");
    return out;
}

Response Dispatcher::run(const Admission& admission, const Request& request) const {
    const Route& route = *admission.route;
    const log::RequestScope scope(request.request_id);
    const trace::Scope traced(request.trace_parent);
    const Call call{request, admission.caller, admission.path_values};
    try {
        if (!route.handle) return plain_error(400, "This route speaks WebSocket; send an upgrade request");
        if (!route.request_schema.empty())
            if (const auto why = unreadable_body(request)) return unsupported_media(*why, route.face, route.pattern);
        auto result = route.handle(call, route);
        if (result) return std::move(*result);
        const Error& error = result.error();
        if (!error.detail.empty()) log::warn(error.message, {{"route", route.operation_id}, {"detail", error.detail}});
        return error_response(error, route.face, route.pattern);
    } catch (const std::exception& e) {
        log::error("A handler ended with an exception", {{"route", route.operation_id}, {"what", e.what()}});
    }
    return error_response(
        Error{Errc::internal, "Something went wrong inside the service; the request id is " + request.request_id},
        route.face, route.pattern);
}

Result<SocketHandler> Dispatcher::open_socket(const Admission& admission, const Request& request) const {
    return admission.route->open_socket(Call{request, admission.caller, admission.path_values});
}

void Dispatcher::finish(const Request& request, Response& response) const {
    response.headers.set("X-Request-Id", request.request_id);
    cors_.decorate(request, response);
}

void Dispatcher::begin(Request& request) const {
    for (Observer* observer : settings_.observers) observer->begin(request);
}

void Dispatcher::end(const Exchange& exchange) const {
    for (Observer* observer : settings_.observers) observer->end(exchange);
}

Response Dispatcher::refuse(int status, const std::string& message) { return plain_error(status, message); }

}  // namespace corral::http
