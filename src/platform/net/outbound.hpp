// Where the service may be sent by its users: not to this host, nor to its neighbours, unless that was allowed. Names
// are looked up when an address is checked, and what they stand for is checked again when a connection is made, since a
// name can be pointed elsewhere meanwhile. Immutable; any thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace corral::net {

struct WebAddress {
    std::string scheme;  // "http" or "https"
    std::string host;    // lower case; IPv6 without brackets
    int port = 0;
    std::string path;                          // without slashes at its end
    [[nodiscard]] std::string origin() const;  // "https://host:443"
    [[nodiscard]] std::string text() const { return origin() + path; }
};
// Errc::invalid for all that is no plain http or https URL: user names, queries and fragments are refused, too.
// `field` names the member in the error.
Result<WebAddress> parse_web_address(const std::string& url, const std::string& field = "/url");

class OutboundRule {
public:
    // `allowed`: host names (with all below them), addresses, and networks such as 10.1.0.0/16.
    static Result<OutboundRule> of(const std::vector<std::string>& allowed);
    static OutboundRule none() { return OutboundRule(true); }  // everything is allowed

    // Looks the host up (blocks). Errc::invalid when it is not known, or stands for an address that is not allowed.
    [[nodiscard]] Result<void> check(const WebAddress&, const std::string& field = "/url") const;
    // Whether a connection for `host` may go to this numeric address.
    [[nodiscard]] bool allows(std::string_view host, const std::string& address) const;

private:
    explicit OutboundRule(bool unchecked) : unchecked_(unchecked) {}
    [[nodiscard]] bool host_allowed(std::string_view host) const;

    bool unchecked_ = false;
    std::vector<std::string> hosts_;
    std::vector<std::string> networks_;
};

}  // namespace corral::net
