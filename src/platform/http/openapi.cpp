// OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0) from the route table.
#include <algorithm>
#include <map>
#include <set>

#include "platform/http/base_routes.hpp"
#include "platform/http/errors.hpp"
#include "platform/http/router.hpp"

namespace corral::http {

namespace {

std::string quoted(std::string_view text) {
    std::string out;
    json::append_string(out, text);
    return out;
}

std::string lower(std::string_view text) {
    std::string out;
    for (const char c : text) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

std::string schema_reference(std::string_view name, bool list) {
    if (name.empty()) return list ? R"({"type":"array","items":{}})" : "{}";
    const std::string one = R"({"$ref":"#/components/schemas/)" + std::string(name) + "\"}";
    return list ? R"({"type":"array","items":)" + one + "}" : one;
}

std::string parameters_of(const Route& route) {
    std::string out;
    const auto add = [&](std::string_view name, const char* in, std::string_view text, bool required,
                         std::string_view schema = R"({"type":"string"})") {
        out += out.empty() ? "" : ",";
        out += R"({"name":)" + quoted(name) + R"(,"in":")" + in + R"(","required":)" + (required ? "true" : "false") +
               (text.empty() ? "" : R"(,"description":)" + quoted(text)) + R"(,"schema":)" + std::string(schema) + "}";
    };
    for (const std::string& part : split_path(route.pattern))
        if (part.front() == '{')
            add(std::string_view(part).substr(1, part.size() - 2), "path", "", true,
                R"({"type":"string","minLength":1})");
    for (const Parameter& p : route.parameters) add(p.name, p.in_header ? "header" : "query", p.description, false);
    if (route.listing) {
        if (std::ranges::find(route.parameters, "X-Filter", &Parameter::name) == route.parameters.end())
            add("X-Filter", "header", "property=regex[,i]: only items that match", false);
        add("order_by", "query", "Members to order by, separated by commas: name, -name or \"name desc\"", false);
        add("page", "query", "Number of a page, from 1", false, R"({"type":"integer","minimum":1})");
        add("page_size", "query", "Items a page, 100 unless told", false,
            R"({"type":"integer","minimum":1,"maximum":)" + std::to_string(Listing::largest_page_size) + "}");
        add("cursor", "query", "Empty for the first page, then X-Next-Cursor of the page before", false);
    }
    return "[" + out + "]";
}

std::string json_content(const std::string& schema) {
    return R"("content":{"application/json":{"schema":)" + schema + "}}";
}

std::string success_of(const Route& route) {
    std::string out = R"({"description":"Success")";
    if (route.listing)
        out += R"x(,"headers":{"X-Total-Count":{"description":"Items of the whole list","schema":{"type":"integer"}},)x"
               R"x("Link":{"description":"Other pages (RFC 8288)","schema":{"type":"string"}},)x"
               R"x("X-Next-Cursor":{"description":"For the next page, if any","schema":{"type":"string"}}})x";
    if (!route.response_schema.empty() || route.response_is_list)
        out += "," + json_content(schema_reference(route.response_schema, route.response_is_list));
    else if (route.own_answer)
        out += R"(,"content":{)" + quoted(route.produces.empty() ? "*/*" : route.produces) + ":{}}";
    return out + "}";
}

const char* meaning(int status) {
    switch (status) {
        case 400: return "The request is wrong; every bad field is named";
        case 401: return "No or bad credentials, or a claim is missing";
        case 403: return "This caller may not do that";
        case 404: return "There is no such object, or this caller may not see it";
        case 409: return "Taken, or in a state that excludes this";
        case 413: return "The body is too large";
        case 415: return "The body's content type or coding is not taken";
        case 429: return "Too many requests; Retry-After says when to go on";
        default: return "Failure";
    }
}

// What a row of this shape can fail with, and what it says about itself besides.
std::set<int> failures_of(const Route& route) {
    const bool changes = std::ranges::any_of(route.methods, [](Method m) { return m != Method::get; });
    const bool names_something = route.pattern.find('{') != std::string::npos;
    std::set<int> out(route.failures.begin(), route.failures.end());
    out.insert({400, 429});
    if (route.access.needs_credentials()) out.insert(401);
    if (changes || names_something) out.insert({403, 404});
    if (changes) out.insert({409, 413});
    if (!route.request_schema.empty()) out.insert(415);
    return out;
}

std::string responses_of(const Route& route) {
    std::string out = "{" + quoted(std::to_string(route.success)) + ":" + success_of(route);
    const std::string face = schema_reference(schema_name(route.face), false);
    // The gate and what stands before it have faces of their own.
    const std::string plain = schema_reference(schema_name(ErrorFace::api), false);
    const std::string either = route.face == ErrorFace::api ? plain : R"({"anyOf":[)" + face + "," + plain + "]}";
    const std::string denied = R"({"anyOf":[)" + schema_reference(unauthorized_schema, false) + "," + face + "]}";
    for (const int status : failures_of(route)) {
        if (status < 300) {
            out += "," + quoted(std::to_string(status)) + ":" + success_of(route);
            continue;
        }
        if (status < 400) {
            out += "," + quoted(std::to_string(status)) + R"(:{"description":"Elsewhere: see Location"})";
            continue;
        }
        const bool gate = status == 401 && route.access.needs_credentials();
        out += "," + quoted(std::to_string(status)) + R"(:{"description":)" + quoted(meaning(status)) + "," +
               json_content(gate ? denied : either) + "}";
    }
    return out + R"(,"5XX":{"description":"The service, the hypervisor or a store failed",)" + json_content(either) +
           "}}";
}

std::string operation_of(const Route& route, Method method) {
    std::string out = R"({"operationId":)" +
                      quoted(method == route.methods.front() ? route.operation_id
                                                             : route.operation_id + "_" + lower(to_text(method))) +
                      R"(,"summary":)" + quoted(route.summary) + R"(,"tags":[)" + quoted(route.module) +
                      R"(],"x-access":)" + quoted(route.access.describe()) + R"(,"parameters":)" + parameters_of(route);
    if (!route.request_schema.empty() && method != Method::get)
        out += std::string(R"(,"requestBody":{"required":)") + (route.body_optional ? "false" : "true") +
               R"(,"content":{"application/json":{"schema":)" + schema_reference(route.request_schema, false) + "}}}";
    out += R"(,"responses":)" + responses_of(route);
    if (!route.access.needs_credentials()) out += R"(,"security":[])";
    return out + "}";
}

}  // namespace

std::string openapi_document(const std::vector<Route>& table, const std::string& prefix, const std::string& version) {
    std::map<std::string, std::map<std::string, std::string>> paths;  // path → method → operation
    std::map<std::string, std::string> schemas;
    add_error_schemas(schemas);
    for (const Route& route : table) {
        if (route.hidden) continue;
        for (const auto& [name, schema] : route.schemas) schemas[name] = schema;
        const std::string path = route.outside_prefix ? route.pattern : prefix + route.pattern;
        for (const Method method : route.methods) paths[path][lower(to_text(method))] = operation_of(route, method);
    }
    std::string out = R"({"openapi":"3.1.0","info":{"title":"Corral","version":)" + quoted(version) +
                      R"(,"description":"Fleets of virtual machines. Every path below )" + prefix +
                      R"(/v1 is also served without /v1.","license":{"name":"Apache-2.0"}},"servers":[{"url":"/"}],)" +
                      R"("security":[{"bearer":[]},{"apiKey":[]}],"paths":{)";
    bool first = true;
    for (const auto& [path, operations] : paths) {
        out += (first ? "" : ",") + quoted(path) + ":{";
        first = false;
        bool first_operation = true;
        for (const auto& [method, operation] : operations) {
            out += (first_operation ? "" : ",") + quoted(method) + ":" + operation;
            first_operation = false;
        }
        out += "}";
    }
    out += R"(},"components":{"securitySchemes":{"bearer":{"type":"http","scheme":"bearer","bearerFormat":"JWT"},)"
           R"("apiKey":{"type":"apiKey","in":"header","name":"X-Api-Key"}},"schemas":{)";
    first = true;
    for (const auto& [name, schema] : schemas) {
        out += (first ? "" : ",") + quoted(name) + ":" + schema;
        first = false;
    }
    return out + "}}}\n";
}

}  // namespace corral::http
