// Answers about this host (models-a 1.7, 7.3 to 7.5), member for member. Values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platform/json/json.hpp"

namespace corral::system {

struct ServiceHealth {
    std::string name;
    bool healthy = true;
    std::string message, error_message;
};
constexpr auto json_object(const ServiceHealth*) {
    using json::field, json::omit;
    return json::object("ServiceHealthCheck", field("name", &ServiceHealth::name),
                        field("healthy", &ServiceHealth::healthy), omit("message", &ServiceHealth::message),
                        omit("error_message", &ServiceHealth::error_message));
}

struct Health {
    bool healthy = true;
    std::string message, error_message;
    std::vector<ServiceHealth> services;
};
constexpr auto json_object(const Health*) {
    using json::field, json::omit;
    return json::object("ApiHealthCheck", field("healthy", &Health::healthy), omit("message", &Health::message),
                        omit("error_message", &Health::error_message), omit("services", &Health::services));
}

// Processors, MiB of memory, MiB of disk (`disk_count` is the contract's word for it).
struct Usage {
    std::int64_t physical_cpu_count = 0, logical_cpu_count = 0;
    double memory_size = 0, disk_count = 0;
};
constexpr auto json_object(const Usage*) {
    using json::field, json::omit;
    return json::object("SystemUsageItem", omit("physical_cpu_count", &Usage::physical_cpu_count),
                        field("logical_cpu_count", &Usage::logical_cpu_count),
                        field("memory_size", &Usage::memory_size, "MiB"),
                        field("disk_count", &Usage::disk_count, "MiB"));
}

struct CacheConfig {
    bool enabled = false;
    std::string folder;
    std::int64_t keep_free_disk_space = 0, max_size = 0;
    bool allow_above_free_disk_space = false;
};
constexpr auto json_object(const CacheConfig*) {
    using json::field, json::omit;
    return json::object(
        "CatalogCacheConfig", field("enabled", &CacheConfig::enabled), omit("folder", &CacheConfig::folder),
        omit("keep_free_disk_space", &CacheConfig::keep_free_disk_space), omit("max_size", &CacheConfig::max_size),
        omit("allow_above_free_disk_space", &CacheConfig::allow_above_free_disk_space));
}

struct Hardware {
    std::string cpu_type, cpu_brand, devops_version, os_name, os_version;
    bool is_reverse_proxy_enabled = false, is_log_streaming_enabled = true;
    Usage system_reserved, total, total_available, total_in_use, total_reserved;
    std::optional<CacheConfig> cache_config;
    std::vector<std::string> enabled_modules;
};
constexpr auto json_object(const Hardware*) {
    using json::field, json::omit;
    return json::object(
        "SystemUsageResponse", omit("cpu_type", &Hardware::cpu_type), omit("cpu_brand", &Hardware::cpu_brand),
        omit("devops_version", &Hardware::devops_version), omit("os_name", &Hardware::os_name),
        omit("os_version", &Hardware::os_version),
        field("is_reverse_proxy_enabled", &Hardware::is_reverse_proxy_enabled),
        field("is_log_streaming_enabled", &Hardware::is_log_streaming_enabled),
        field("system_reserved", &Hardware::system_reserved), field("total", &Hardware::total),
        field("total_available", &Hardware::total_available), field("total_in_use", &Hardware::total_in_use),
        field("total_reserved", &Hardware::total_reserved), omit("cache_config", &Hardware::cache_config),
        omit("enabled_modules", &Hardware::enabled_modules));
}

struct DiskSpaceRequest {
    std::string username, folder_path;
};
constexpr auto json_object(const DiskSpaceRequest*) {
    using json::field;
    return json::object("DiskSpaceAvailableRequest", field("username", &DiskSpaceRequest::username),
                        field("folder_path", &DiskSpaceRequest::folder_path));
}
struct DiskSpace {
    std::int64_t cache_folder_size = 0, parallels_home_size = 0, given_path_size = 0;
    std::string prl_home_path;
};
constexpr auto json_object(const DiskSpace*) {
    using json::omit;
    return json::object("DiskSpaceAvailable", omit("cache_folder_size", &DiskSpace::cache_folder_size, "Free MiB"),
                        omit("parallels_home_size", &DiskSpace::parallels_home_size, "Free MiB of machines' folder"),
                        omit("given_path_size", &DiskSpace::given_path_size, "Free MiB"),
                        omit("prl_home_path", &DiskSpace::prl_home_path));
}

// Whether this server can take requests now.
struct Readiness {
    std::string status = "ready";  // or "not ready"
    std::vector<ServiceHealth> checks;
};
constexpr auto json_object(const Readiness*) {
    return json::object("Readiness", json::field("status", &Readiness::status),
                        json::field("checks", &Readiness::checks));
}

struct License {
    std::string status = "ACTIVE", serial, expiration, main_period_ends_at, grace_period_ends_at;
    std::int64_t cpu_total = 0, max_memory = 0;
    std::string edition = "Corral", is_trial = "no", is_volume = "no", deferred_activation = "no", uuid;
};
constexpr auto json_object(const License*) {
    using json::field;
    return json::object(
        "ParallelsDesktopLicense", field("status", &License::status), field("serial", &License::serial),
        field("expiration", &License::expiration), field("main_period_ends_at", &License::main_period_ends_at),
        field("grace_period_ends_at", &License::grace_period_ends_at), field("cpu_total", &License::cpu_total),
        field("max_memory", &License::max_memory), field("edition", &License::edition),
        field("is_trial", &License::is_trial), field("is_volume", &License::is_volume),
        field("deferred_activation", &License::deferred_activation), field("uuid", &License::uuid));
}

}  // namespace corral::system
