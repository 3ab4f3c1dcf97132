#include "catalog_managers/routes.hpp"

namespace corral::catalog_managers {

namespace {

using http::PathText;

// The contract's ApiCommonResponse.
struct Done {
    bool success = true;
    std::string operation;
};
constexpr auto json_object(const Done*) {
    return json::object("ApiCommonResponse", json::field("success", &Done::success),
                        json::omit("operation", &Done::operation));
}

// Claims for everybody's, or for one's own.
http::Access whose(const std::string& verb) {
    return http::any_of({"CATALOG_MANAGER_" + verb, "CATALOG_MANAGER_" + verb + "_OWN"});
}

}  // namespace

std::vector<http::Route> routes(Service& service) {
    using namespace http;
    std::vector<Route> rows;
    rows.push_back(get("/v1/catalog-managers", whose("LIST"), "Catalog managers that the caller may see",
                       [&](const Caller& who) { return service.list(who); }));
    rows.push_back(get("/v1/catalog-managers/{manager}", whose("LIST"), "One catalog manager",
                       [&](const Caller& who, PathText id) { return service.get(who, id.text); })
                       .fails({403}));
    rows.push_back(post("/v1/catalog-managers", whose("CREATE"), "Keep a catalog manager, after trying its connection",
                        [&](const Caller& who, ManagerRequest body) { return service.create(who, body); })
                       .fails({403}));
    rows.push_back(
        put("/v1/catalog-managers/{manager}", whose("UPDATE"),
            "Replace a catalog manager; credentials that are left out stay",
            [&](const Caller& who, PathText id, ManagerRequest body) { return service.update(who, id.text, body); })
            .fails({403}));
    rows.push_back(del("/v1/catalog-managers/{manager}", whose("DELETE"), "Remove a catalog manager",
                       [&](const Caller& who, PathText id) -> Result<Done> {
                           TRY(service.remove(who, id.text));
                           return Done{.operation = "Catalog Manager deleted successfully"};
                       })
                       .fails({403}));
    for (Route& row : rows) row.module = "catalog_managers";
    return rows;
}

}  // namespace corral::catalog_managers
