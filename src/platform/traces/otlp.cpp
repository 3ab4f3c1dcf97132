// The JSON form of the OTLP messages (opentelemetry-proto, trace/v1): ids in hex, 64-bit numbers as text.
#include "platform/json/json.hpp"
#include "platform/traces/tracer.hpp"

namespace corral::traces {

namespace {

struct Value {
    std::optional<std::string> text, number;
};
constexpr auto json_object(const Value*) {
    return json::object("AnyValue", json::omit("stringValue", &Value::text), json::omit("intValue", &Value::number));
}

struct Attribute {
    std::string key;
    Value value;
};
constexpr auto json_object(const Attribute*) {
    return json::object("KeyValue", json::field("key", &Attribute::key), json::field("value", &Attribute::value));
}

struct Status {
    int code = 0;  // 0 unset, 2 error
};
constexpr auto json_object(const Status*) { return json::object("Status", json::omit("code", &Status::code)); }

struct WireSpan {
    std::string trace_id, span_id, parent_id, name;
    int kind = 2;  // server
    std::string start, end;
    std::vector<Attribute> attributes;
    Status status;
};
constexpr auto json_object(const WireSpan*) {
    return json::object("Span", json::field("traceId", &WireSpan::trace_id), json::field("spanId", &WireSpan::span_id),
                        json::omit("parentSpanId", &WireSpan::parent_id), json::field("name", &WireSpan::name),
                        json::field("kind", &WireSpan::kind), json::field("startTimeUnixNano", &WireSpan::start),
                        json::field("endTimeUnixNano", &WireSpan::end),
                        json::field("attributes", &WireSpan::attributes), json::field("status", &WireSpan::status));
}

struct Scope {
    std::string name = "corral", version;
};
constexpr auto json_object(const Scope*) {
    return json::object("InstrumentationScope", json::field("name", &Scope::name),
                        json::field("version", &Scope::version));
}

struct ScopeSpans {
    Scope scope;
    std::vector<WireSpan> spans;
};
constexpr auto json_object(const ScopeSpans*) {
    return json::object("ScopeSpans", json::field("scope", &ScopeSpans::scope),
                        json::field("spans", &ScopeSpans::spans));
}

struct WireResource {
    std::vector<Attribute> attributes;
};
constexpr auto json_object(const WireResource*) {
    return json::object("Resource", json::field("attributes", &WireResource::attributes));
}

struct ResourceSpans {
    WireResource resource;
    std::vector<ScopeSpans> scopes;
};
constexpr auto json_object(const ResourceSpans*) {
    return json::object("ResourceSpans", json::field("resource", &ResourceSpans::resource),
                        json::field("scopeSpans", &ResourceSpans::scopes));
}

struct Export {
    std::vector<ResourceSpans> all;
};
constexpr auto json_object(const Export*) {
    return json::object("ExportTraceServiceRequest", json::field("resourceSpans", &Export::all));
}

Attribute attribute(std::string key, std::string value) { return {std::move(key), {std::move(value), std::nullopt}}; }

std::string nanoseconds(Time time) { return std::to_string(time.time_since_epoch().count()) + "000"; }

}  // namespace

std::string to_otlp(const Resource& resource, const std::vector<Span>& spans) {
    ResourceSpans out;
    out.resource.attributes.push_back(attribute("service.name", resource.service_name));
    out.resource.attributes.push_back(attribute("service.version", resource.service_version));
    if (!resource.instance.empty())
        out.resource.attributes.push_back(attribute("service.instance.id", resource.instance));
    out.scopes.push_back({.scope = {.version = resource.service_version}, .spans = {}});
    for (const Span& span : spans) {
        WireSpan wire{.trace_id = span.trace_id,
                      .span_id = span.span_id,
                      .parent_id = span.parent_id,
                      .name = span.name,
                      .start = nanoseconds(span.start),
                      .end = nanoseconds(span.end),
                      .attributes = {},
                      .status = {span.failed ? 2 : 0}};
        for (const auto& [key, value] : span.texts) wire.attributes.push_back(attribute(key, value));
        for (const auto& [key, value] : span.numbers)
            wire.attributes.push_back({key, {std::nullopt, std::to_string(value)}});
        out.scopes.front().spans.push_back(std::move(wire));
    }
    return json::to_text(Export{{std::move(out)}});
}

}  // namespace corral::traces
