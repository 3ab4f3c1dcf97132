#include "platform/http/edge/cors.hpp"

#include <algorithm>

#include "platform/json/text.hpp"

namespace corral::http {

Cors::Cors(Settings settings)
    : settings_(std::move(settings)),
      any_origin_(settings_.origins.empty() || std::ranges::find(settings_.origins, "*") != settings_.origins.end()) {
    for (const std::string& name : settings_.exposed) exposed_ += (exposed_.empty() ? "" : ", ") + name;
    for (const char* m : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
        settings_.methods.emplace_back(m);
    for (const char* h : {"X-Requested-With", "Accept", "Authorization", "Content-Type", "Content-Length",
                          "Accept-Encoding", "Accept-Language", "Content-Language", "X-CSRF-Token", "Origin",
                          "Access-Control-Request-Method", "Access-Control-Request-Headers", "X-Source-Id", "X-Api-Key",
                          "X-Filter", "X-Request-Id", "X-Logging", "X-Source"})
        settings_.headers.emplace_back(h);
}

bool Cors::origin_allowed(std::string_view origin) const {
    return any_origin_ || std::ranges::any_of(settings_.origins, [&](const std::string& allowed) {
               return json::equal_without_case(allowed, origin);
           });
}

Response Cors::preflight(const Request& request) const {
    Response r;
    const auto origin = request.headers.find("Origin");
    if (!settings_.enabled || !origin || !origin_allowed(*origin)) return r;
    const auto method = request.headers.find("Access-Control-Request-Method");
    if (!method) {
        r.status = 400;
        return r;
    }
    if (std::ranges::find(settings_.methods, *method) == settings_.methods.end()) {
        r.status = 405;
        return r;
    }
    std::string allowed;
    std::string_view asked = request.headers.get("Access-Control-Request-Headers");
    while (!asked.empty()) {
        const auto end = std::min(asked.find(','), asked.size());
        std::string_view name = asked.substr(0, end);
        asked.remove_prefix(std::min(end + 1, asked.size()));
        while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
        while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
        if (name.empty()) continue;
        const auto known = std::ranges::find_if(
            settings_.headers, [&](const std::string& h) { return json::equal_without_case(h, name); });
        if (known == settings_.headers.end()) {
            r.status = 403;
            return r;
        }
        allowed += (allowed.empty() ? "" : ",") + *known;
    }
    decorate(request, r);
    if (!allowed.empty()) r.headers.set("Access-Control-Allow-Headers", allowed);
    r.headers.set("Access-Control-Allow-Methods", std::string(*method));
    return r;
}

void Cors::decorate(const Request& request, Response& response) const {
    if (!settings_.enabled) return;
    // The same address answers other origins, and none, in other ways: no cache may mix them up.
    if (!any_origin_ && response.headers.get("Vary") != "Origin") response.headers.add("Vary", "Origin");
    const auto origin = request.headers.find("Origin");
    if (!origin || !origin_allowed(*origin)) return;
    response.headers.set("Access-Control-Allow-Origin", any_origin_ ? "*" : std::string(*origin));
    if (!exposed_.empty()) response.headers.set("Access-Control-Expose-Headers", exposed_);
}

}  // namespace corral::http
