#include "platform/net/outbound.hpp"

#include <curl/curl.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <charconv>
#include <memory>
#include <optional>

namespace corral::net {

namespace {

namespace ip = boost::asio::ip;

// Not the public internet (RFC 6890 and what clouds answer their machines at).
constexpr std::array<const char*, 17> closed_v4{
    "0.0.0.0/8",       "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8",    "168.63.129.16/32",  "169.254.0.0/16",
    "172.16.0.0/12",   "192.0.0.0/24",   "192.0.2.0/24",  "192.88.99.0/24", "192.168.0.0/16",    "198.18.0.0/15",
    "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",   "240.0.0.0/4",    "255.255.255.255/32"};
constexpr std::array<const char*, 9> closed_v6{"::/96",    "100::/64",  "2001::/23", "2001:db8::/32", "3fff::/20",
                                               "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"};

bool inside(const ip::address_v4& address, const std::string& network) {
    boost::system::error_code wrong;
    const auto net = ip::make_network_v4(network, wrong);
    return !wrong && ip::make_network_v4(address, net.prefix_length()).network() == net.network();
}
bool inside(const ip::address_v6& scoped, const std::string& network) {
    boost::system::error_code wrong;
    const auto net = ip::make_network_v6(network, wrong);
    const ip::address_v6 address(scoped.to_bytes());  // networks know no scope: "fe80::1%eth0"
    return !wrong && ip::make_network_v6(address, net.prefix_length()).network() == net.network();
}

// The IPv4 address that an IPv6 one carries: mapped, translated (RFC 6052) or 6to4.
std::optional<ip::address_v4> carried(const ip::address_v6& address) {
    const auto bytes = address.to_bytes();
    const auto at = [&](std::size_t i) { return ip::address_v4({bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]}); };
    if (inside(address, "::ffff:0:0/96") || inside(address, "64:ff9b::/96")) return at(12);
    if (inside(address, "2002::/16")) return at(2);
    return std::nullopt;
}

bool closed(const ip::address_v4& address) {
    return std::ranges::any_of(closed_v4, [&](const char* network) { return inside(address, network); });
}
bool closed(const ip::address_v6& address) {
    if (const auto v4 = carried(address)) return closed(*v4);
    return inside(address, "64:ff9b:1::/48") ||
           std::ranges::any_of(closed_v6, [&](const char* network) { return inside(address, network); });
}

bool inside_any(const ip::address& address, const std::vector<std::string>& networks) {
    return std::ranges::any_of(networks, [&](const std::string& network) {
        if (address.is_v4()) return inside(address.to_v4(), network);
        if (const auto v4 = carried(address.to_v6()); v4 && inside(*v4, network)) return true;
        return inside(address.to_v6(), network);
    });
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

// As hosts are compared: without case, brackets and the dot of the root.
std::string plain_host(std::string_view host) {
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    while (host.ends_with('.')) host.remove_suffix(1);
    return lower(host);
}

struct FreeText {
    void operator()(char* text) const { curl_free(text); }
};
std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
    char* text = nullptr;
    if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
    return std::unique_ptr<char, FreeText>(text).get();
}

Result<std::vector<std::string>> look_up(const std::string& host, const std::string& field) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0 || found == nullptr)
        return invalid_field(field, "names a host that cannot be found");
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, ::freeaddrinfo);
    std::vector<std::string> out;
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        std::array<char, NI_MAXHOST> text{};
        if (::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0)
            out.emplace_back(text.data());
    }
    return out;
}

}  // namespace

std::string WebAddress::origin() const {
    return scheme + "://" + (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" +
           std::to_string(port);
}

Result<WebAddress> parse_web_address(const std::string& url, const std::string& field) {
    const std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), curl_url_cleanup);
    if (!parsed) return Error{Errc::internal, "The address cannot be read"};
    if (url.empty() || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK)
        return invalid_field(field, "must be an http or https URL");
    WebAddress out;
    out.scheme = lower(part_of(parsed.get(), CURLUPART_SCHEME));
    out.host = plain_host(part_of(parsed.get(), CURLUPART_HOST));
    if ((out.scheme != "http" && out.scheme != "https") || out.host.empty())
        return invalid_field(field, "must be an http or https URL");
    for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT})
        if (!part_of(parsed.get(), part).empty())
            return invalid_field(field, "must have no user name, query or fragment");
    const std::string port = part_of(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
    const auto [end, wrong] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (wrong != std::errc{} || out.port <= 0) return invalid_field(field, "must be an http or https URL");
    out.path = part_of(parsed.get(), CURLUPART_PATH);
    while (out.path.ends_with('/')) out.path.pop_back();
    return out;
}

Result<OutboundRule> OutboundRule::of(const std::vector<std::string>& allowed) {
    OutboundRule out(false);
    for (const std::string& entry : allowed) {
        if (entry.find('/') == std::string::npos) {
            const std::string host = plain_host(entry);
            if (host.empty() || host.find_first_of(" \t*") != std::string::npos)
                return invalid_field("URL_WHITELIST", "must hold host names, addresses and networks");
            out.hosts_.push_back(host);
            continue;
        }
        boost::system::error_code no_v4;
        boost::system::error_code no_v6;
        ip::make_network_v4(entry, no_v4);
        ip::make_network_v6(entry, no_v6);
        if (no_v4 && no_v6) return invalid_field("URL_WHITELIST", "holds \"" + entry + "\", which is no network");
        out.networks_.push_back(entry);
    }
    return out;
}

bool OutboundRule::host_allowed(std::string_view host) const {
    return std::ranges::any_of(hosts_, [&](const std::string& allowed) {
        return host == allowed || (host.size() > allowed.size() && host.ends_with(allowed) &&
                                   host[host.size() - allowed.size() - 1] == '.');
    });
}

bool OutboundRule::allows(std::string_view host, const std::string& address) const {
    if (unchecked_ || host_allowed(plain_host(host))) return true;
    boost::system::error_code wrong;
    const auto parsed = ip::make_address(address, wrong);
    if (wrong) return false;
    if (inside_any(parsed, networks_)) return true;
    return parsed.is_v4() ? !closed(parsed.to_v4()) : !closed(parsed.to_v6());
}

Result<void> OutboundRule::check(const WebAddress& where, const std::string& field) const {
    if (unchecked_ || host_allowed(where.host)) return {};
    const Error refused = invalid_field(field,
                                        "is not allowed: it is, or leads to, an address of this host or a private "
                                        "network (URL_WHITELIST allows more)");
    if (where.host == "localhost" || where.host.ends_with(".localhost")) return refused;
    for (const std::string& address : TRY(look_up(where.host, field)))
        if (!allows(where.host, address)) return refused;
    return {};
}

}  // namespace corral::net
