#include "catalog/routes.hpp"

#include <functional>

namespace corral::catalog {

namespace {

using http::PathText;

// [{"CATALOG_ID": [manifest, …]}, …]; X-Filter looks at the manifests, pages are of groups.
Result<http::Response> grouped(const http::Request& request, const std::function<Result<std::vector<Group>>()>& list) {
    const auto listing = TRY(http::Listing::of(request));
    std::vector<std::map<std::string, std::vector<Manifest>>> out;
    std::vector<Group> groups = TRY(list());
    for (Group& group : groups) {
        listing.filter(group.manifests);
        if (!group.manifests.empty()) out.push_back({{group.catalog_id, std::move(group.manifests)}});
    }
    http::Response answer;
    TRY(listing.arrange(out, answer));
    answer.body = json::write(out);
    return answer;
}

bool clean_remote(const http::Request& request) {
    return request.query_value("clean_remote").value_or("true") == "true";
}

}  // namespace

std::vector<http::Route> routes(Service& service) {
    using namespace http;
    const Access readers = all_of({"LIST_CATALOG_MANIFEST"});
    const Access removers = all_of({"DELETE_CATALOG_MANIFEST"});
    const Access pushers = all_of({"PUSH_CATALOG_MANIFEST"});
    const char* clean = "true (default): also remove the files in the store";
    std::vector<Route> rows;
    rows.push_back(get("/v1/catalog", readers, "All records, grouped by catalog id",
                       [&](const Caller& who, const Request& request) {
                           return grouped(request, [&] { return service.list(who); });
                       })
                       .lists());
    rows.push_back(get("/v1/catalog/{catalogId}", readers, "Records of a catalog id",
                       [&](const Caller& who, PathText id) { return service.list(who, id.text); }));
    rows.push_back(get(
        "/v1/catalog/{catalogId}/{version}", readers, "Records of a version",
        [&](const Caller& who, PathText id, PathText version) { return service.list(who, id.text, version.text); }));
    rows.push_back(get("/v1/catalog/{catalogId}/{version}/{architecture}", readers, "One record",
                       [&](const Caller& who, PathText id, PathText version, PathText architecture) {
                           return service.get(who, id.text, version.text, architecture.text);
                       }));
    rows.push_back(get("/v1/catalog/{catalogId}/{version}/{architecture}/download", readers,
                       "One record, counted as a download",
                       [&](const Caller& who, PathText id, PathText version, PathText architecture) {
                           return service.download(who, id.text, version.text, architecture.text);
                       }));
    rows.push_back(del("/v1/catalog/{catalogId}", removers, "Remove every version",
                       [&](const Caller& who, const Request& request, PathText id) {
                           return service.remove(who, id.text, "", "", clean_remote(request));
                       })
                       .status(202)
                       .query("clean_remote", clean));
    rows.push_back(del("/v1/catalog/{catalogId}/{version}", removers, "Remove a version",
                       [&](const Caller& who, const Request& request, PathText id, PathText version) {
                           return service.remove(who, id.text, version.text, "", clean_remote(request));
                       })
                       .status(202)
                       .query("clean_remote", clean));
    rows.push_back(
        del("/v1/catalog/{catalogId}/{version}/{architecture}", removers, "Remove one record",
            [&](const Caller& who, const Request& request, PathText id, PathText version, PathText architecture) {
                return service.remove(who, id.text, version.text, architecture.text, clean_remote(request));
            })
            .status(202)
            .query("clean_remote", clean));
    rows.push_back(post("/v1/catalog/push", pushers, "Push a disk of this server, and wait",
                        [&](const Caller& who, PushRequest body) { return service.push(who, body); }));
    rows.push_back(post("/v1/catalog/push/async", pushers, "Push a disk of this server as a job",
                        [&](const Caller& who, PushRequest body) { return service.push_async(who, body); })
                       .status(202));
    for (Route& row : rows) row.module = "catalog";
    return rows;
}

}  // namespace corral::catalog
