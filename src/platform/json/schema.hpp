// JSON Schema (OpenAPI 3.1) of described structs, for the API document.
#pragma once

#include <map>
#include <string>

#include "platform/json/text.hpp"

namespace corral::json {

// Registers T and what it nests under their names; returns T's name, or "" when T is not a described struct.
template <class T>
std::string add_schema(std::map<std::string, std::string>& schemas);

namespace detail {

template <class T>
std::string schema_of(std::map<std::string, std::string>& schemas) {
    if constexpr (std::is_same_v<T, Raw>)
        return "{}";
    else if constexpr (is_optional<T>::value)
        return schema_of<typename T::value_type>(schemas);
    else if constexpr (is_vector<T>::value)
        return R"({"type":["array","null"],"items":)" + schema_of<typename T::value_type>(schemas) + "}";
    else if constexpr (is_map<T>::value)
        return R"({"type":["object","null"],"additionalProperties":)" + schema_of<typename T::mapped_type>(schemas) +
               "}";
    else if constexpr (described<T>)
        return R"({"$ref":"#/components/schemas/)" + add_schema<T>(schemas) + "\"}";
    else if constexpr (std::is_same_v<T, bool>)
        return R"({"type":"boolean"})";
    else if constexpr (named_enum<T>) {
        std::string words;
        for (const auto& [name, item] : json_enum(T{})) {
            words += words.empty() ? "" : ",";
            append_string(words, name);
        }
        return R"({"type":"string","enum":[)" + words + "]}";
    } else if constexpr (std::is_integral_v<T>)
        return R"({"type":"integer"})";
    else if constexpr (std::is_floating_point_v<T>)
        return R"({"type":"number"})";
    else if constexpr (std::is_same_v<T, Time>)
        return R"({"type":"string","format":"date-time"})";
    else if constexpr (std::is_same_v<T, Secret>)
        return R"({"type":"string","format":"password"})";
    else
        return R"({"type":"string"})";
}

}  // namespace detail

template <class T>
std::string add_schema(std::map<std::string, std::string>& schemas) {
    if constexpr (!described<T>)
        return "";
    else {
        constexpr auto object = json_object(static_cast<const T*>(nullptr));
        std::string name(object.name);
        if (schemas.contains(name)) return name;
        schemas[name] = "{}";  // breaks cycles
        std::string properties;
        std::string required;
        const auto visit = [&]<class C, class M>(const Member<C, M>& member) {
            properties += properties.empty() ? "" : ",";
            append_string(properties, member.name);
            std::string schema = detail::schema_of<M>(schemas);
            // Left out when there is none, or else null.
            if constexpr (detail::is_optional<M>::value)
                if (member.presence != Presence::omit_zero) schema = R"({"anyOf":[)" + schema + R"(,{"type":"null"}]})";
            if (!member.description.empty() && schema.starts_with("{\"type\"")) {
                std::string text;
                append_string(text, member.description);
                schema.insert(1, "\"description\":" + text + ",");
            }
            properties += ":" + schema;
            if (member.presence == Presence::required) {
                required += required.empty() ? "" : ",";
                append_string(required, member.name);
            }
        };
        std::apply([&](const auto&... member) { (visit(member), ...); }, object.members);
        schemas[name] = R"({"type":"object","properties":{)" + properties + "}" +
                        (required.empty() ? "" : R"(,"required":[)" + required + "]") + "}";
        return name;
    }
}

}  // namespace corral::json
