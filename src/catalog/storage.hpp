// The contract between the catalog and a place that keeps bytes (a local folder, later S3, Azure Blob, Artifactory).
// One conformance suite (tests/contract/storage_suite.hpp) is the rule. Any thread may call; every call may block.
// Keys are relative paths of [A-Za-z0-9._-] segments joined by '/', validated by the store (Errc::invalid).
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
    [[nodiscard]] virtual std::string describe() const = 0;  // for logs and errors; no secret
    // All or nothing: readers see the old object or the whole new one. Durable when it returns.
    virtual Result<void> put(const std::string& key, std::string_view bytes) = 0;
    // Takes a finished local file as the object (rename where possible, else copied). Durable when it returns.
    virtual Result<void> put_file(const std::string& key, const std::string& local_path) = 0;
    virtual Result<std::string> get(
        const std::string& key, std::uint64_t offset = 0,
        std::optional<std::uint64_t> length = std::nullopt) = 0;                    // past the end: Errc::invalid
    virtual Result<std::optional<std::uint64_t>> size(const std::string& key) = 0;  // nullopt: absent
    virtual Result<void> remove(const std::string& key) = 0;                        // fine when absent
    // Every object whose key starts with `prefix` + "/" ("" for all), in key order.
    virtual Result<std::vector<StoredObject>> list(const std::string& prefix) = 0;
    // Where the object can be read as a local file, when it can (lets downloads use sendfile).
    virtual std::optional<std::string> local_path(const std::string&) { return std::nullopt; }
};

}  // namespace corral::catalog
