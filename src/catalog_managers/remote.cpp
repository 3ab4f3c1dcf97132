#include "catalog_managers/remote.hpp"

#include <algorithm>

#include "platform/json/json.hpp"

namespace corral::catalog_managers {

namespace {

struct Login {
    std::string email, password;
};
constexpr auto json_object(const Login*) {
    return json::object("RemoteLogin", json::field("email", &Login::email), json::field("password", &Login::password));
}
struct Granted {
    std::string token;
};
constexpr auto json_object(const Granted*) {
    return json::object("RemoteToken", json::field("token", &Granted::token));
}

// Below which the API of the server lies: its address, with "/api/v1" unless it ends so.
std::string api_of(const net::WebAddress& where) {
    const std::string url = where.text();
    return url.ends_with("/api/v1") ? url : url + "/api/v1";
}

Error refused(const std::string& why) {
    return Error{Errc::invalid, "The catalog cannot be asked with these credentials: " + why};
}

// Gives the place back when it ends.
struct Place {
    std::counting_semaphore<>& free;
    ~Place() { free.release(); }
};

}  // namespace

bool uses_key(const Manager& m) {
    if (m.credentials.api_key.empty()) return false;
    if (m.credentials.username.empty() || m.credentials.password.empty()) return true;
    std::string method;
    for (const char c : m.authentication_method)
        if (c != '_' && c != '-' && c != ' ') method += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return method == "apikey";
}

Remote::Remote(Options options)
    : options_(std::move(options)), client_(options_.client), free_(std::max(1, options_.at_once)) {}

Result<net::WebAddress> Remote::check(const std::string& url) const {
    auto where = TRY(net::parse_web_address(url));
    TRY(options_.rule.check(where));
    return where;
}

Result<net::ClientResponse> Remote::send(const net::WebAddress& where, net::ClientRequest request) {
    request.limit = options_.limit;
    request.may_connect = [this, host = where.host](const std::string& address) {
        return options_.rule.allows(host, address);
    };
    auto answer = client_.send(request);
    if (!answer) return refused(answer.error().message);
    if (answer->status < 200 || answer->status > 299)
        return refused("the server answered " + std::to_string(answer->status));
    return answer;
}

Result<void> Remote::try_connection(const Manager& manager) {
    const auto where = TRY(check(manager.url));
    if (!free_.try_acquire()) return Error{Errc::busy, "Too many catalogs are tried at once: ask again in a moment"};
    const Place place{free_};
    net::ClientRequest list{.url = api_of(where) + "/catalog"};
    if (uses_key(manager)) {
        list.api_key = manager.credentials.api_key;
    } else {
        net::ClientRequest login{.method = "POST", .url = api_of(where) + "/auth/token"};
        login.body = json::to_text(Login{manager.credentials.username, manager.credentials.password.reveal()});
        const auto answer = TRY(send(where, std::move(login)));
        auto granted = json::read<Granted>(answer.body);
        if (!granted || granted->token.empty()) return refused("the server did not answer a login with a token");
        list.bearer = Secret(std::move(granted->token));
    }
    const auto answer = TRY(send(where, std::move(list)));
    const auto records = json::parse(answer.body);
    if (!records || !(records->is_array() || records->is_null())) return refused("the server has no catalog there");
    return {};
}

}  // namespace corral::catalog_managers
