#include "audit/routes.hpp"

#include <algorithm>
#include <charconv>

namespace corral::audit {

namespace {

constexpr std::size_t largest_page = 1000;

Result<std::int64_t> number(const http::Request& request, std::string_view name, std::int64_t fallback) {
    const auto text = request.query_value(name);
    if (!text || text->empty()) return fallback;
    std::int64_t out = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out);
    if (error != std::errc{} || end != text->data() + text->size() || out < 1)
        return invalid_field(std::string(name), "must be a whole number from 1");
    return out;
}

Result<Time> time(const http::Request& request, std::string_view name, Time fallback) {
    const auto text = request.query_value(name);
    if (!text || text->empty()) return fallback;
    if (const auto out = from_rfc3339(*text)) return *out;
    return invalid_field(std::string(name), "must be a time like 2026-01-31T12:00:00Z");
}

Result<Query> query_of(const http::Request& request) {
    const auto text = [&](std::string_view name) { return std::string(request.query_value(name).value_or("")); };
    Query out{.actor = text("actor"),
              .action = text("action"),
              .object_type = text("object_type"),
              .object = text("object"),
              .result = std::nullopt};
    if (const std::string wanted = text("result"); !wanted.empty()) {
        for (const auto& [name, outcome] : json_enum(Outcome{}))
            if (name == wanted) out.result = outcome;
        if (!out.result) return invalid_field("result", "must be done, refused or failed");
    }
    out.from = TRY(time(request, "from", out.from));
    out.until = TRY(time(request, "until", out.until));
    out.before = TRY(number(request, "before", out.before));
    out.limit = std::min(largest_page, static_cast<std::size_t>(TRY(number(request, "limit", 100))));
    return out;
}

}  // namespace

std::vector<http::Route> routes(Trail& trail) {
    using namespace http;
    std::vector<Route> rows;
    rows.push_back(
        get("/v1/audit", super_users(), "Who did what, newest first",
            [&](const Caller&, const Request& request) -> Result<Page> { return trail.list(TRY(query_of(request))); })
            .query("actor", "Id or name of who did it")
            .query("action", "As user.create, or user.* for all of a kind")
            .query("object_type", "As machine, user, job")
            .query("object", "Id of what it was done to")
            .query("result", "done, refused or failed")
            .query("from", "Earliest time, RFC 3339")
            .query("until", "Time before which, RFC 3339")
            .query("before", "next_before of the page that was read last")
            .query("limit", "Entries a page, at most 1000; default 100"));
    for (Route& row : rows) row.module = "audit";
    return rows;
}

void Refusals::end(const http::Exchange& exchange) {
    using enum http::Method;
    if (exchange.route == nullptr || (exchange.status != 401 && exchange.status != 403)) return;
    const http::Route& route = *exchange.route;
    const bool changes = std::ranges::any_of(
        route.methods, [](http::Method m) { return m == post || m == put || m == patch || m == del; });
    // Open rows look at credentials of their own, and note what they refuse where they know who was meant.
    if (!changes || !route.access.needs_credentials()) return;
    Caller who = exchange.caller;
    if (who.address.empty()) who.address = exchange.request.peer;
    if (who.request_id.empty()) who.request_id = exchange.request.request_id;
    trail_.note(who, {.action = "request.refused",
                      .object_type = "route",
                      .object_id = exchange.request.method_text + " " + route.pattern,
                      .outcome = Outcome::refused,
                      .detail = {{"path", exchange.request.path}, {"status", std::to_string(exchange.status)}}});
}

}  // namespace corral::audit
