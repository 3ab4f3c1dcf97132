#include "catalog/connection.hpp"

#include <algorithm>
#include <cctype>

namespace corral::catalog {

namespace {

std::string_view trim(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
    return text;
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

// [scheme://][credentials@][scheme://]name[:port]; the last '@' ends the credentials, their first ':' the user name.
void parse_host(std::string_view value, Provider& out) {
    std::string scheme;
    const auto take_scheme = [&] {
        for (const std::string_view s : {"http://", "https://"})
            if (value.starts_with(s)) {
                scheme = std::string(s);
                value.remove_prefix(s.size());
            }
    };
    take_scheme();
    if (const auto at = value.rfind('@'); at != std::string_view::npos) {
        const std::string_view credentials = value.substr(0, at);
        value.remove_prefix(at + 1);
        if (const auto colon = credentials.find(':'); colon != std::string_view::npos) {
            out.user = std::string(credentials.substr(0, colon));
            out.password = std::string(credentials.substr(colon + 1));
            if (lower(out.user) == "api_key") {  // Terraform's way to pass a key (clients.md 17)
                out.api_key = std::exchange(out.password, {});
                out.user.clear();
            }
        } else {
            out.api_key = std::string(credentials);
        }
        take_scheme();
    }
    if (const auto colon = value.rfind(':'); colon != std::string_view::npos) {
        out.port = std::string(value.substr(colon + 1));
        value = value.substr(0, colon);
    }
    out.host = scheme + std::string(value);
}

}  // namespace

Result<Provider> parse_connection(const std::string& text) {
    Provider out;
    std::string_view rest = text;
    while (!rest.empty()) {
        const auto end = std::min(rest.find(';'), rest.size());
        const std::string_view part = trim(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (part.empty()) continue;
        const auto equals = part.find('=');
        if (equals == std::string_view::npos) return invalid_field("/connection", "holds a part that is no key=value");
        const std::string key = lower(trim(part.substr(0, equals)));
        const std::string value(trim(part.substr(equals + 1)));
        if (key == "provider")
            out.type = lower(value);
        else if (key == "host")
            parse_host(value, out);
        else if (key == "port")
            out.port = value;
        else if (key == "username" || key == "user")
            out.user = value;
        else if (key == "password")
            out.password = value;
        else if (key == "api_key")
            out.api_key = value;
        else
            out.meta[key] = value;
    }
    if (out.type.empty() && out.host.empty())
        return invalid_field("/connection", "names neither a provider nor a host");
    return out;
}

std::string to_connection(const Provider& p) {
    std::string out = "provider=" + p.type;
    const auto add = [&](const char* key, const std::string& value) {
        if (!value.empty()) out += std::string(";") + key + "=" + value;
    };
    add("host", p.host);
    add("port", p.port);
    add("username", p.user);
    add("password", p.password);
    add("api_key", p.api_key);
    for (const auto& [key, value] : p.meta) out += ";" + key + "=" + value;
    return out;
}

Provider masked(Provider p) {
    const auto mask = [](std::string& text) {
        if (text.size() > 4) text = text.substr(0, 2) + "****" + text.substr(text.size() - 2);
    };
    for (std::string* secret : {&p.user, &p.password, &p.api_key}) mask(*secret);
    for (auto& [key, value] : p.meta) mask(value);
    return p;
}

}  // namespace corral::catalog
