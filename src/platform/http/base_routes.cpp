#include "platform/http/base_routes.hpp"

#include <memory>

namespace corral::http {

namespace {

struct Probe {
    std::string status = "OK";
};
constexpr auto json_object(const Probe*) {
    return json::object("HealthProbeResponse", json::field("status", &Probe::status));
}

struct Homepage {
    std::string id, timestamp, message;
};
constexpr auto json_object(const Homepage*) {
    return json::object("Homepage", json::field("id", &Homepage::id), json::field("timestamp", &Homepage::timestamp),
                        json::field("message", &Homepage::message));
}

Response text_answer(std::string type, std::string body) {
    Response r;
    r.content_type = std::move(type);
    r.body = std::move(body);
    return r;
}

Response redirect(const std::string& where) {
    Response r;
    r.status = 301;
    r.headers.set("Location", where);
    return r;
}

}  // namespace

std::vector<Route> base_routes(const std::vector<Route>& others, const std::string& prefix,
                               const std::string& version) {
    std::vector<Route> out;
    out.push_back(get("/v1/health/probe", open_to_anyone("load balancers have no token"), "Is the service up?",
                      [](const Caller&) -> Result<Probe> { return Probe{}; })
                      .inline_()
                      .without_limit());
    out.push_back(get("/", open_to_anyone("says only that a service is here"), "Home",
                      [version](const Caller&) -> Result<Homepage> {
                          return Homepage{"corral", to_rfc3339(SystemClock{}.now()), "Corral " + version};
                      })
                      .also(Method::post)
                      .also(Method::put)
                      .also(Method::patch)
                      .also(Method::del)
                      .inline_()
                      .hide());
    auto documented = others;
    for (const Route& r : out) documented.push_back(r);
    auto document = std::make_shared<const std::string>(openapi_document(documented, prefix, version));
    const auto send_document = [document](const Caller&) -> Result<Response> {
        return text_answer("application/json", *document);
    };
    const char* why = "the description of the API holds no secret";
    out.push_back(get("/v1/openapi.json", open_to_anyone(why), "The API document", send_document).inline_().hide());
    out.push_back(
        get("/swagger/doc.json", open_to_anyone(why), "The API document", send_document).at_root().inline_().hide());
    out.push_back(get("/swagger/index.html", open_to_anyone(why), "The API page",
                      [page = api_page(prefix)](const Caller&) -> Result<Response> {
                          return text_answer("text/html; charset=utf-8", page);
                      })
                      .at_root()
                      .inline_()
                      .hide());
    out.push_back(get("/swagger", open_to_anyone(why), "The API page",
                      [](const Caller&) -> Result<Response> { return redirect("/swagger/index.html"); })
                      .at_root()
                      .inline_()
                      .hide());
    for (Route& r : out) r.module = "base";
    return out;
}

}  // namespace corral::http
