// Described structs to and from JSON text. A struct becomes JSON-able by one function beside it:
//
//     struct Clone { std::string clone_name; std::string destination_path; };
//     constexpr auto json_object(const Clone*) {
//         return json::object("VirtualMachineCloneCommandRequest",
//                             json::required("clone_name", &Clone::clone_name),
//                             json::field("destination_path", &Clone::destination_path));
//     }
//
// field(): always written; may be missing on input. omit(): not written when zero ("" 0 false null [] {}).
// required(): written always; on input missing, null or empty is an error naming the field.
// Member types: std::string, bool, integers, double, Secret (read only; writes "***"), Id<T>, Time (RFC 3339),
// std::optional<T> (absent or null = nullopt; nullopt is left out on output with omit(), else null), std::vector<T>,
// std::map<std::string, T>, Raw, other described structs, enums with json_enum(E) (an ADL function returning an array
// of pair<string_view, E>).
// Output: keys in declared order, map keys ascending, one '\n' after the document, <, >, &, U+2028 and U+2029 escaped
// (models-a, "JSON encoding rules"). Input: keys exact first, then without case; unknown ones ignored; the last of
// repeated keys wins; null leaves the zero value; a wrong type is an error with the member's JSON pointer; every bad
// field is collected in one Errc::invalid. Free functions; any thread.
#pragma once

#include "platform/json/describe.hpp"
#include "platform/json/read.hpp"
#include "platform/json/schema.hpp"
#include "platform/json/text.hpp"
#include "platform/json/write.hpp"
