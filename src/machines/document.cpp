#include "machines/document.hpp"

namespace corral::machines {

namespace {

std::string mib(std::uint64_t amount) { return std::to_string(amount) + "Mb"; }

void describe_hardware(const Observed& m, document::Hardware& out) {
    out.cpu = {.cpus = m.cpus, .automatic = "off", .vt_x = true, .hotplug = false, .accl = "high"};
    out.cpu.mode = m.architecture == "x86_64" || m.architecture == "arm64" ? "64" : "32";
    out.cpu.type = m.architecture == "arm64" ? "arm" : "x86";
    out.memory = {.size = mib(static_cast<std::uint64_t>(m.memory_mib)), .automatic = "off", .hotplug = false};
    out.memory_quota.automatic = "off";
    out.video.adapter_type = "vga";
    out.video.size = "4Mb";
    if (!m.disk.empty()) {
        out.hdd0 = {.enabled = true, .port = "virtio:0", .image = m.disk, .type = "expanded"};
        out.hdd0.size = mib(m.disk_bytes >> 20U);
        out.hdd0.online_compact = "off";
    }
    if (!m.mac.empty()) {
        std::string plain;  // the contract writes the address without colons, in capitals
        for (const char c : m.mac)
            if (c != ':') plain += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        out.net0 = {.enabled = true, .type = "shared", .mac = plain, .card = "virtio"};
    }
}

}  // namespace

std::string uptime_text(std::chrono::seconds up) { return std::to_string(up.count()); }

VirtualMachine describe(const Observed& m) {
    VirtualMachine out;
    out.id = m.id;
    out.user = m.owner;
    out.name = m.name;
    out.description = m.description;
    out.type = m.type;
    out.state = std::string(to_text(m.state));
    out.os = m.os;
    out.template_flag = "no";
    out.uptime = uptime_text(m.uptime);
    out.home = m.home;
    out.home_path = m.home;
    out.internal_ip_address = m.addresses.empty() ? "" : m.addresses.front().ip;
    out.guest_tools.state = m.agent_connected ? "installed" : "not_installed";
    out.guest_tools.version = m.agent_version;
    out.startup_and_shutdown.autostart = "off";
    out.startup_and_shutdown.startup_view = "headless";
    out.startup_and_shutdown.on_shutdown = "close";
    out.startup_and_shutdown.on_window_close = "keep-running";
    out.startup_and_shutdown.pause_idle = "off";
    out.startup_and_shutdown.undo_disks = "off";
    out.optimization.hypervisor_type = m.type;
    out.optimization.nested_virtualization = "off";
    out.security.encrypted = "no";
    out.security.tpm_enabled = "off";
    out.security.archived = "no";
    out.security.packed = "no";
    out.security.protected_ = "no";
    out.security.configuration_is_locked = "no";
    out.boot_order = "hdd0";
    out.bios_type = "legacy";
    out.efi_secure_boot = "off";
    out.allow_select_boot_device = "off";
    describe_hardware(m, out.hardware);
    out.host_shared_folders.text = "{}";
    out.host_defined_sharing = "off";
    out.advanced.rosetta_linux = "off";
    out.network.conditioned = "off";
    for (const Address& address : m.addresses) out.network.ipaddresses.push_back({address.type, address.ip});
    return out;
}

}  // namespace corral::machines
