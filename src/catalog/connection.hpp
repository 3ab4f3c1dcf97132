// Connection strings: `provider=local-storage;catalog_path=/srv/cat`, `host=user:password@https://catalog.example`.
// Keys match exactly and without case; values keep theirs (quirk C26). Values; any thread.
#pragma once

#include <map>
#include <string>

#include "base/error.hpp"
#include "catalog/model.hpp"

namespace corral::catalog {

// provider → type; host taken apart into scheme, credentials, name and port; what is left goes to meta.
Result<Provider> parse_connection(const std::string& text);
// The other way round, secrets included (quirk C18: every member that is set).
std::string to_connection(const Provider&);
// Secrets as "ab****yz" (behaviour-b 3.3).
Provider masked(Provider);

}  // namespace corral::catalog
