// What this host is, has left and suffers from. Thread-safe; its dependencies outlive it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "machines/driver.hpp"
#include "machines/inventory.hpp"
#include "system/host.hpp"
#include "system/model.hpp"

namespace corral::system {

struct Settings {
    std::string version;  // of the product
    std::vector<std::string> modules;
    std::int64_t reserved_cpus = 1, reserved_memory_mib = 2048, reserved_disk_mib = 20'000;
    std::string machines_folder, cache_folder;
    std::optional<CacheConfig> cache;
    // Parts that were wanted and cannot run, with why: shown as unhealthy.
    std::vector<ServiceHealth> failed;
    std::function<Result<void>()> database;  // whether it works now
};

class Service {
public:
    // Both null on a server without the host module.
    Service(Settings settings, machines::Driver* driver, const machines::Inventory* inventory);

    [[nodiscard]] Health health(bool full) const;
    [[nodiscard]] Result<Hardware> hardware() const;
    [[nodiscard]] Result<DiskSpace> disk_space(const DiskSpaceRequest& request) const;
    [[nodiscard]] Result<License> license() const;  // Errc::not_found without the host module

private:
    Settings settings_;
    Host host_;
    machines::Driver* driver_;
    const machines::Inventory* inventory_;
};

}  // namespace corral::system
