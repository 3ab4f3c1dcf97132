// OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0) from the route table.
#include <map>

#include "platform/http/base_routes.hpp"
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

std::string schema_reference(const std::string& name, bool list) {
    if (name.empty()) return list ? R"({"type":"array","items":{}})" : "{}";
    const std::string one = R"({"$ref":"#/components/schemas/)" + name + "\"}";
    return list ? R"({"type":"array","items":)" + one + "}" : one;
}

std::string parameters_of(const Route& route) {
    std::string out;
    const auto add = [&](std::string_view name, const char* in, std::string_view text, bool required) {
        out += out.empty() ? "" : ",";
        out += R"({"name":)" + quoted(name) + R"(,"in":")" + in + R"(","required":)" + (required ? "true" : "false") +
               (text.empty() ? "" : R"(,"description":)" + quoted(text)) + R"(,"schema":{"type":"string"}})";
    };
    for (const std::string& part : split_path(route.pattern))
        if (part.front() == '{') add(std::string_view(part).substr(1, part.size() - 2), "path", "", true);
    for (const Parameter& p : route.parameters) add(p.name, p.in_header ? "header" : "query", p.description, false);
    if (route.response_is_list && !route.response_schema.empty())
        add("X-Filter", "header", "property=regex[,i]: only items that match", false);
    return "[" + out + "]";
}

std::string responses_of(const Route& route) {
    std::string out = "{" + quoted(std::to_string(route.success)) + R"(:{"description":"Success")";
    if (!route.response_schema.empty() || route.response_is_list)
        out += R"(,"content":{"application/json":{"schema":)" +
               schema_reference(route.response_schema, route.response_is_list) + "}}";
    out += "}";
    if (route.access.needs_credentials())
        out += R"(,"401":{"description":"No or bad credentials, or a claim is missing"})";
    out += R"(,"default":{"description":"Failure; the body says what is wrong"})";
    return out + "}";
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
