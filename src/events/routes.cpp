#include "events/routes.hpp"

#include <charconv>

namespace corral::events {

namespace {

// -1: no replay.
Result<std::int64_t> since_of(const http::Request& request) {
    const auto text = request.query_value("since");
    if (!text) return std::int64_t{-1};
    std::int64_t out = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out);
    if (error != std::errc{} || end != text->data() + text->size() || out < 0)
        return invalid_field("since", "must be the sequence number of an event");
    return out;
}

struct Partly {
    std::string message;
    int code = 200;
};
constexpr auto json_object(const Partly*) {
    return json::object("ApiErrorResponse", json::field("message", &Partly::message),
                        json::field("code", &Partly::code));
}

Result<http::Response> unsubscribed(const Result<Unsubscribed>& result) {
    if (!result) return Error(result.error());
    if (result->failed.empty()) return http::Response{};
    std::string text = "Could not remove:";
    for (const auto& word : result->failed) text += " " + word;
    text += "; removed:";
    for (const auto& word : result->removed) text += " " + word;
    return http::json_answer(200, Partly{text});
}

}  // namespace

std::vector<http::Route> routes(Hub& hub) {
    using namespace http;
    std::vector<Route> rows;
    rows.push_back(
        socket("/v1/ws/subscribe", signed_in(), "Events as they happen",
               [&](const Call& call) -> Result<SocketHandler> {
                   const auto since = TRY(since_of(call.request));
                   return hub.open(call.caller, std::string(call.request.query_value("event_types").value_or("")),
                                   since);
               })
            .diagnostics()
            .token_in_query()
            .query("event_types", "Comma list of types; everybody gets global")
            .query("since", "Replay the stored events after this sequence number first; events then carry theirs"));
    rows.push_back(
        post("/v1/ws/unsubscribe", signed_in(), "Take types off a subscription",
             [&](const Caller& who, UnsubscribeRequest body) { return unsubscribed(hub.unsubscribe(who, body)); })
            .diagnostics());
    rows.push_back(get("/v1/ws/clients", signed_in(), "Connected event clients",
                       [&](const Caller& who) -> Result<std::vector<ClientInfo>> { return hub.clients(who); })
                       .diagnostics());
    rows.push_back(
        get("/v1/ws/stats", signed_in(), "Figures of the event stream", [&](const Caller& who) -> Result<Statistics> {
            return hub.statistics(who);
        }).diagnostics());
    for (Route& row : rows) row.module = "events";
    return rows;
}

}  // namespace corral::events
