#include "system/service.hpp"

#include <algorithm>

#include "platform/files/files.hpp"
#include "platform/process/process.hpp"

namespace corral::system {

namespace {

std::int64_t mib(std::uint64_t bytes) { return static_cast<std::int64_t>(bytes >> 20U); }

ServiceHealth tool(const std::string& name, const std::string& program) {
    const auto found = process::find_program(program);
    ServiceHealth out{.name = name, .healthy = found.has_value()};
    (found ? out.message : out.error_message) = found ? *found : program + " is not installed";
    return out;
}

}  // namespace

Service::Service(Settings settings, machines::Driver* driver, const machines::Inventory* inventory)
    : settings_(std::move(settings)), host_(host()), driver_(driver), inventory_(inventory) {}

Health Service::health(bool full) const {
    Health out;
    if (driver_ != nullptr) {
        const auto info = driver_->info();
        const char* speed = info.accelerated ? "" : ", without hardware acceleration";
        out.services.push_back({.name = "Hypervisor",
                                .healthy = true,
                                .message = info.name + " " + info.version + speed,
                                .error_message = ""});
    }
    if (settings_.database)
        if (const auto works = settings_.database(); !works)
            out.services.push_back(
                {.name = "Database", .healthy = false, .message = "", .error_message = works.error().message});
    for (const ServiceHealth& failed : settings_.failed) out.services.push_back(failed);
    if (full)
        for (const auto& [name, program] : {std::pair{"Packer Service", "packer"},
                                            std::pair{"Vagrant Service", "vagrant"}, std::pair{"Git Service", "git"}})
            out.services.push_back(tool(name, program));
    const auto bad = std::ranges::count_if(out.services, [](const auto& s) { return !s.healthy; });
    out.healthy = bad == 0;
    if (out.healthy)
        out.message = "all running";
    else
        out.error_message = out.services.size() == 1 ? "unhealthy" : "degraded";
    return out;
}

Result<Hardware> Service::hardware() const {
    Hardware out{.cpu_type = host_.architecture,
                 .cpu_brand = host_.cpu_brand,
                 .devops_version = settings_.version,
                 .os_name = host_.os_name,
                 .os_version = host_.os_version,
                 .cache_config = settings_.cache,
                 .enabled_modules = settings_.modules};
    const auto space = TRY(files::space_at(settings_.machines_folder));
    // Unset: what is free without what is to stay free.
    if (out.cache_config && out.cache_config->max_size == 0)
        if (const auto cache = files::space_at(settings_.cache_folder))
            out.cache_config->max_size =
                std::max<std::int64_t>(0, mib(cache->free_bytes) - out.cache_config->keep_free_disk_space);
    out.system_reserved = {0, settings_.reserved_cpus, static_cast<double>(settings_.reserved_memory_mib),
                           static_cast<double>(settings_.reserved_disk_mib)};
    out.total = {host_.sockets, host_.processors, host_.memory_mib, static_cast<double>(mib(space.total_bytes))};
    if (inventory_ != nullptr) {
        for (const auto& machine : inventory_->all()) {
            Usage& sum = machine.state == machines::State::running ? out.total_in_use : out.total_reserved;
            sum.logical_cpu_count += machine.cpus;
            sum.memory_size += machine.memory_mib;
            sum.disk_count += static_cast<double>(mib(machine.disk_bytes));
        }
    }
    const auto left = [](double total, double reserved, double used) { return std::max(0.0, total - reserved - used); };
    out.total_available.logical_cpu_count =
        std::max<std::int64_t>(0, host_.processors - settings_.reserved_cpus - out.total_in_use.logical_cpu_count);
    out.total_available.physical_cpu_count = host_.sockets;
    out.total_available.memory_size =
        left(host_.memory_mib, out.system_reserved.memory_size, out.total_in_use.memory_size);
    out.total_available.disk_count =
        left(static_cast<double>(mib(space.free_bytes)), out.system_reserved.disk_count, 0);
    return out;
}

Result<DiskSpace> Service::disk_space(const DiskSpaceRequest& request) const {
    DiskSpace out;
    if (auto cache = files::space_at(settings_.cache_folder)) out.cache_folder_size = mib(cache->free_bytes);
    if (driver_ != nullptr) {
        out.prl_home_path = settings_.machines_folder;
        out.parallels_home_size = mib(TRY(files::space_at(settings_.machines_folder)).free_bytes);
    }
    if (!request.folder_path.empty()) {
        const auto given = files::space_at(request.folder_path);
        if (!given) return invalid_field("/folder_path", "is no folder of this server");
        out.given_path_size = mib(given->free_bytes);
    }
    return out;
}

Result<License> Service::license() const {
    if (driver_ == nullptr) return Error{Errc::not_found, "This server runs no machines"};
    return License{
        .cpu_total = host_.processors, .max_memory = static_cast<std::int64_t>(host_.memory_mib), .uuid = host_.id};
}

}  // namespace corral::system
