// Names of the catalog: normalising, architectures, file names (behaviour-b 3.1). Free functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace corral::catalog {

// Special characters become '_', blanks at the ends go, lower case.
std::string normal(std::string_view text);
std::string upper(std::string_view text);
// x86_64 or arm64 from any of the usual names; nullopt otherwise.
std::optional<std::string> architecture_of(std::string_view text);
std::string host_architecture();
bool version_ok(std::string_view version);  // none of the characters that normal() replaces
std::string record_name(std::string_view catalog_id, std::string_view architecture, std::string_view version);

}  // namespace corral::catalog
