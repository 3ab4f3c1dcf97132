#include "platform/http/edge/access_log.hpp"

#include <algorithm>
#include <chrono>

#include "base/log.hpp"
#include "platform/http/target.hpp"

namespace corral::http {

void AccessLog::end(const Exchange& exchange) {
    const Request& request = exchange.request;
    if (!log::enabled(log::Level::info)) return;
    // By the route and not by what was sent, where anybody could write the word.
    if (exchange.route != nullptr && exchange.route->pattern.find("/health/") != std::string::npos) return;
    log::info("request",
              {{"method", request.method_text},
               {"route", exchange.route != nullptr ? std::string_view(exchange.route->pattern) : "-"},
               {"target", loggable_target(request.target)},
               {"status", exchange.status},
               {"bytes", static_cast<unsigned long>(exchange.bytes)},
               {"us", static_cast<long>(std::chrono::duration_cast<std::chrono::microseconds>(exchange.took).count())},
               {"user",
                exchange.caller.anonymous() ? std::string_view("-") : std::string_view(exchange.caller.user_id().text)},
               {"key", exchange.caller.api_key_id.empty() ? "-" : exchange.caller.api_key_id},
               {"peer", request.peer},
               {"id", request.request_id}});
}

std::string loggable_target(std::string_view target) {
    constexpr std::size_t shown = 1024;
    const auto question = target.find('?');
    if (question == std::string_view::npos) return std::string(target.substr(0, shown));
    std::string out(target.substr(0, question + 1));
    std::string_view rest = target.substr(question + 1);
    while (!rest.empty()) {
        const auto end = std::min(rest.find('&'), rest.size());
        const std::string_view item = rest.substr(0, end);
        const auto equals = item.find('=');
        // A name that cannot be decoded is refused as a request, but its value may still be a secret.
        auto name = percent_decode(item.substr(0, equals), true);
        // Somebody who writes two question marks means the second one, whatever a parser makes of it.
        if (name) name->erase(0, name->rfind('?') + 1);
        const bool secret = !name || *name == "access_token" || *name == "authorization" || *name == "code";
        if (secret && equals != std::string_view::npos)
            out.append(item.substr(0, equals + 1)).append("***");
        else
            out.append(item);
        if (end < rest.size()) out += '&';
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (out.size() > shown) out.resize(shown);
    return out;
}

}  // namespace corral::http
