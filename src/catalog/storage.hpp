// The contract between the catalog and a place that keeps bytes (a local folder, later S3, Azure Blob, Artifactory).
// One conformance suite (tests/contract/storage_suite.hpp) is the rule. Any thread may call; every call may block.
// Keys are relative paths of up to 1024 bytes: names of letters, digits, '.', '_', '-' and characters beyond ASCII,
// joined by '/', none of them "." or ".."; the store refuses all others (Errc::invalid).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace corral::catalog {

struct StoredObject {
    std::string key;
    std::uint64_t size = 0;
};

class Storage {
public:
    virtual ~Storage() = default;
    // Names the place, for logs and errors too; no secret. Two that say the same keep the same objects.
    [[nodiscard]] virtual std::string describe() const = 0;
    // All or nothing: readers see the old object or the whole new one. Durable when it returns.
    virtual Result<void> put(const std::string& key, std::string_view bytes) = 0;
    // Takes a finished local file as the object (rename where possible, else copied). Durable when it returns.
    virtual Result<void> put_file(const std::string& key, const std::string& local_path) = 0;
    // Errc::not_found when absent, Errc::invalid when the range reaches past the end.
    virtual Result<std::string> get(const std::string& key, std::uint64_t offset = 0,
                                    std::optional<std::uint64_t> length = std::nullopt) = 0;
    virtual Result<std::optional<std::uint64_t>> size(const std::string& key) = 0;  // nullopt: absent
    virtual Result<void> remove(const std::string& key) = 0;                        // fine when absent
    // Every object whose key starts with `prefix` + "/" ("" for all), in key order.
    virtual Result<std::vector<StoredObject>> list(const std::string& prefix) = 0;
    // Where the object can be read as a local file, when it can (lets downloads use sendfile).
    virtual std::optional<std::string> local_path(const std::string&) { return std::nullopt; }
};

}  // namespace corral::catalog
