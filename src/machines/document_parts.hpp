// The parts of a machine as clients see it: the contract's document (models-b 1), member for member. Where QEMU has no
// such notion the text is "" or "off". Values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/json/json.hpp"

namespace corral::machines::document {

struct Switch {
    bool enabled = false;
};
constexpr auto json_object(const Switch*) {
    using json::field;
    return json::object("VirtualMachineSwitch", field("enabled", &Switch::enabled));
}

struct Bandwidth {
    std::string bandwidth, packet_loss, delay;
};
constexpr auto json_object(const Bandwidth*) {
    using json::field;
    return json::object("VirtualMachineBandwidth", field("Bandwidth", &Bandwidth::bandwidth),
                        field("Packet Loss", &Bandwidth::packet_loss), field("Delay", &Bandwidth::delay));
}

struct IpAddress {
    std::string type, ip;
};
constexpr auto json_object(const IpAddress*) {
    using json::field;
    return json::object("VirtualMachineIpAddress", field("type", &IpAddress::type), field("ip", &IpAddress::ip));
}

struct Cpu {
    std::int64_t cpus = 0;
    std::string automatic;
    bool vt_x = false, hotplug = false;
    std::string accl, mode, type;
};
constexpr auto json_object(const Cpu*) {
    using json::field;
    return json::object("VirtualMachineCpu", field("cpus", &Cpu::cpus), field("auto", &Cpu::automatic),
                        field("VT-x", &Cpu::vt_x), field("hotplug", &Cpu::hotplug), field("accl", &Cpu::accl),
                        field("mode", &Cpu::mode), field("type", &Cpu::type));
}

struct Cdrom {
    bool enabled = false;
    std::string port, image, state;
};
constexpr auto json_object(const Cdrom*) {
    using json::field, json::omit;
    return json::object("VirtualMachineCdrom", field("enabled", &Cdrom::enabled), field("port", &Cdrom::port),
                        field("image", &Cdrom::image), omit("state", &Cdrom::state));
}

struct HardDisk {
    bool enabled = false;
    std::string port, image, type, size, online_compact;
};
constexpr auto json_object(const HardDisk*) {
    using json::field;
    return json::object("VirtualMachineHardDisk", field("enabled", &HardDisk::enabled), field("port", &HardDisk::port),
                        field("image", &HardDisk::image), field("type", &HardDisk::type),
                        field("size", &HardDisk::size), field("online-compact", &HardDisk::online_compact));
}

struct Memory {
    std::string size, automatic;
    bool hotplug = false;
};
constexpr auto json_object(const Memory*) {
    using json::field;
    return json::object("VirtualMachineMemory", field("size", &Memory::size), field("auto", &Memory::automatic),
                        field("hotplug", &Memory::hotplug));
}

struct MemoryQuota {
    std::string automatic;
};
constexpr auto json_object(const MemoryQuota*) {
    using json::field;
    return json::object("VirtualMachineMemoryQuota", field("auto", &MemoryQuota::automatic));
}

struct NetworkAdapter {
    bool enabled = false;
    std::string type, mac, card;
};
constexpr auto json_object(const NetworkAdapter*) {
    using json::field;
    return json::object("VirtualMachineNetworkAdapter", field("enabled", &NetworkAdapter::enabled),
                        field("type", &NetworkAdapter::type), field("mac", &NetworkAdapter::mac),
                        field("card", &NetworkAdapter::card));
}

struct Sound {
    bool enabled = false;
    std::string output, mixer;
};
constexpr auto json_object(const Sound*) {
    using json::field;
    return json::object("VirtualMachineSound", field("enabled", &Sound::enabled), field("output", &Sound::output),
                        field("mixer", &Sound::mixer));
}

struct Video {
    std::string adapter_type, size, three_d_acceleration, vertical_sync, high_resolution, high_resolution_in_guest,
        native_scaling_in_guest, automatic_video_memory;
};
constexpr auto json_object(const Video*) {
    using json::field;
    return json::object("VirtualMachineVideo", field("adapter-type", &Video::adapter_type), field("size", &Video::size),
                        field("3d-acceleration", &Video::three_d_acceleration),
                        field("vertical-sync", &Video::vertical_sync),
                        field("high-resolution", &Video::high_resolution),
                        field("high-resolution-in-guest", &Video::high_resolution_in_guest),
                        field("native-scaling-in-guest", &Video::native_scaling_in_guest),
                        field("automatic-video-memory", &Video::automatic_video_memory));
}

struct Hardware {
    Cpu cpu;
    Memory memory;
    Video video;
    MemoryQuota memory_quota;
    HardDisk hdd0;
    Cdrom cdrom0;
    Switch usb;
    NetworkAdapter net0;
    Sound sound0;
};
constexpr auto json_object(const Hardware*) {
    using json::field;
    return json::object("VirtualMachineHardware", field("cpu", &Hardware::cpu), field("memory", &Hardware::memory),
                        field("video", &Hardware::video), field("memory_quota", &Hardware::memory_quota),
                        field("hdd0", &Hardware::hdd0), field("cdrom0", &Hardware::cdrom0),
                        field("usb", &Hardware::usb), field("net0", &Hardware::net0),
                        field("sound0", &Hardware::sound0));
}

struct Advanced {
    std::string vm_hostname_synchronization, public_ssh_keys_synchronization, show_developer_tools, swipe_from_edges,
        share_host_location, rosetta_linux;
};
constexpr auto json_object(const Advanced*) {
    using json::field;
    return json::object(
        "VirtualMachineAdvanced", field("VM hostname synchronization", &Advanced::vm_hostname_synchronization),
        field("Public SSH keys synchronization", &Advanced::public_ssh_keys_synchronization),
        field("Show developer tools", &Advanced::show_developer_tools),
        field("Swipe from edges", &Advanced::swipe_from_edges),
        field("Share host location", &Advanced::share_host_location), field("Rosetta Linux", &Advanced::rosetta_linux));
}

struct Coherence {
    std::string show_windows_systray_in_mac_menu, auto_switch_to_full_screen, disable_aero, hide_minimized_windows;
};
constexpr auto json_object(const Coherence*) {
    using json::field;
    return json::object("VirtualMachineCoherence",
                        field("Show Windows systray in Mac menu", &Coherence::show_windows_systray_in_mac_menu),
                        field("Auto-switch to full screen", &Coherence::auto_switch_to_full_screen),
                        field("Disable aero", &Coherence::disable_aero),
                        field("Hide minimized windows", &Coherence::hide_minimized_windows));
}

struct Fullscreen {
    std::string use_all_displays, activate_spaces_on_click, optimize_for_games, gamma_control, scale_view_mode;
};
constexpr auto json_object(const Fullscreen*) {
    using json::field;
    return json::object("VirtualMachineFullscreen", field("Use all displays", &Fullscreen::use_all_displays),
                        field("Activate spaces on click", &Fullscreen::activate_spaces_on_click),
                        field("Optimize for games", &Fullscreen::optimize_for_games),
                        field("Gamma control", &Fullscreen::gamma_control),
                        field("Scale view mode", &Fullscreen::scale_view_mode));
}

struct GuestSharedFolders {
    bool enabled = false;
    std::string automount;
};
constexpr auto json_object(const GuestSharedFolders*) {
    using json::field;
    return json::object("VirtualMachineGuestSharedFolders", field("enabled", &GuestSharedFolders::enabled),
                        field("Automount", &GuestSharedFolders::automount));
}

struct GuestTools {
    std::string state, version;
};
constexpr auto json_object(const GuestTools*) {
    using json::field, json::omit;
    return json::object("VirtualMachineGuestTools", field("state", &GuestTools::state),
                        omit("version", &GuestTools::version));
}

struct MiscellaneousSharing {
    std::string shared_clipboard, shared_cloud;
};
constexpr auto json_object(const MiscellaneousSharing*) {
    using json::field;
    return json::object("VirtualMachineMiscellaneousSharing",
                        field("Shared clipboard", &MiscellaneousSharing::shared_clipboard),
                        field("Shared cloud", &MiscellaneousSharing::shared_cloud));
}

struct Modality {
    std::int64_t opacity_percentage = 0;
    std::string stay_on_top, show_on_all_spaces, capture_mouse_clicks;
};
constexpr auto json_object(const Modality*) {
    using json::field;
    return json::object("VirtualMachineModality", field("Opacity (percentage)", &Modality::opacity_percentage),
                        field("Stay on top", &Modality::stay_on_top),
                        field("Show on all spaces ", &Modality::show_on_all_spaces),
                        field("Capture mouse clicks", &Modality::capture_mouse_clicks));
}

struct MouseAndKeyboard {
    std::string smart_mouse_optimized_for_games, sticky_mouse, smooth_scrolling, keyboard_optimization_mode;
};
constexpr auto json_object(const MouseAndKeyboard*) {
    using json::field;
    return json::object("VirtualMachineMouseAndKeyboard",
                        field("Smart mouse optimized for games", &MouseAndKeyboard::smart_mouse_optimized_for_games),
                        field("Sticky mouse", &MouseAndKeyboard::sticky_mouse),
                        field("Smooth scrolling", &MouseAndKeyboard::smooth_scrolling),
                        field("Keyboard optimization mode", &MouseAndKeyboard::keyboard_optimization_mode));
}

struct Optimization {
    std::string faster_virtual_machine, hypervisor_type, adaptive_hypervisor, disabled_windows_logo,
        auto_compress_virtual_disks, nested_virtualization, pmu_virtualization, longer_battery_life,
        show_battery_status, resource_quota;
};
constexpr auto json_object(const Optimization*) {
    using json::field;
    return json::object("VirtualMachineOptimization",
                        field("Faster virtual machine", &Optimization::faster_virtual_machine),
                        field("Hypervisor type", &Optimization::hypervisor_type),
                        field("Adaptive hypervisor", &Optimization::adaptive_hypervisor),
                        field("Disabled Windows logo", &Optimization::disabled_windows_logo),
                        field("Auto compress virtual disks", &Optimization::auto_compress_virtual_disks),
                        field("Nested virtualization", &Optimization::nested_virtualization),
                        field("PMU virtualization", &Optimization::pmu_virtualization),
                        field("Longer battery life", &Optimization::longer_battery_life),
                        field("Show battery status", &Optimization::show_battery_status),
                        field("Resource quota", &Optimization::resource_quota));
}

struct PrintManagement {
    std::string synchronize_with_host_printers, synchronize_default_printer, show_host_printer_ui;
};
constexpr auto json_object(const PrintManagement*) {
    using json::field;
    return json::object("VirtualMachinePrintManagement",
                        field("Synchronize with host printers", &PrintManagement::synchronize_with_host_printers),
                        field("Synchronize default printer", &PrintManagement::synchronize_default_printer),
                        field("Show host printer UI", &PrintManagement::show_host_printer_ui));
}

struct SmbiosSettings {
    std::string bios_version, system_serial_number, board_manufacturer;
};
constexpr auto json_object(const SmbiosSettings*) {
    using json::field;
    return json::object("VirtualMachineSmbiosSettings", field("BIOS Version", &SmbiosSettings::bios_version),
                        field("System serial number", &SmbiosSettings::system_serial_number),
                        field("Board Manufacturer", &SmbiosSettings::board_manufacturer));
}

struct Security {
    std::string encrypted, tpm_enabled, tpm_type, custom_password_protection, configuration_is_locked, protected_,
        archived, packed;
};
constexpr auto json_object(const Security*) {
    using json::field;
    return json::object("VirtualMachineSecurity", field("Encrypted", &Security::encrypted),
                        field("TPM enabled", &Security::tpm_enabled), field("TPM type", &Security::tpm_type),
                        field("Custom password protection", &Security::custom_password_protection),
                        field("Configuration is locked", &Security::configuration_is_locked),
                        field("Protected", &Security::protected_), field("Archived", &Security::archived),
                        field("Packed", &Security::packed));
}

struct SharedApplications {
    bool enabled = false;
    std::string host_to_guest_apps_sharing, guest_to_host_apps_sharing, show_guest_apps_folder_in_dock,
        show_guest_notifications, bounce_dock_icon_when_app_flashes;
};
constexpr auto json_object(const SharedApplications*) {
    using json::field;
    return json::object(
        "VirtualMachineSharedApplications", field("enabled", &SharedApplications::enabled),
        field("Host-to-guest apps sharing", &SharedApplications::host_to_guest_apps_sharing),
        field("Guest-to-host apps sharing", &SharedApplications::guest_to_host_apps_sharing),
        field("Show guest apps folder in Dock", &SharedApplications::show_guest_apps_folder_in_dock),
        field("Show guest notifications", &SharedApplications::show_guest_notifications),
        field("Bounce dock icon when app flashes", &SharedApplications::bounce_dock_icon_when_app_flashes));
}

struct SmartMount {
    bool enabled = false;
    std::string removable_drives, cd_dvd_drives, network_shares;
};
constexpr auto json_object(const SmartMount*) {
    using json::field, json::omit;
    return json::object("VirtualMachineSmartMount", field("enabled", &SmartMount::enabled),
                        omit("Removable drives", &SmartMount::removable_drives),
                        omit("CD/DVD drives", &SmartMount::cd_dvd_drives),
                        omit("Network shares", &SmartMount::network_shares));
}

struct StartupAndShutdown {
    std::string autostart;
    std::int64_t autostart_delay = 0;
    std::string autostop, startup_view, on_shutdown, on_window_close, pause_idle, undo_disks;
};
constexpr auto json_object(const StartupAndShutdown*) {
    using json::field;
    return json::object(
        "VirtualMachineStartupAndShutdown", field("Autostart", &StartupAndShutdown::autostart),
        field("Autostart delay", &StartupAndShutdown::autostart_delay),
        field("Autostop", &StartupAndShutdown::autostop), field("Startup view", &StartupAndShutdown::startup_view),
        field("On shutdown", &StartupAndShutdown::on_shutdown),
        field("On window close", &StartupAndShutdown::on_window_close),
        field("Pause idle", &StartupAndShutdown::pause_idle), field("Undo disks", &StartupAndShutdown::undo_disks));
}

struct TimeSynchronization {
    bool enabled = false;
    std::string smart_mode;
    std::int64_t interval_in_seconds = 0;
    std::string timezone_synchronization_disabled;
};
constexpr auto json_object(const TimeSynchronization*) {
    using json::field;
    return json::object(
        "VirtualMachineTimeSynchronization", field("enabled", &TimeSynchronization::enabled),
        field("Smart mode", &TimeSynchronization::smart_mode),
        field("Interval (in seconds)", &TimeSynchronization::interval_in_seconds),
        field("Timezone synchronization disabled", &TimeSynchronization::timezone_synchronization_disabled));
}

struct TravelMode {
    std::string enter_condition;
    std::int64_t enter_threshold = 0;
    std::string quit_condition;
};
constexpr auto json_object(const TravelMode*) {
    using json::field;
    return json::object("VirtualMachineTravelMode", field("Enter condition", &TravelMode::enter_condition),
                        field("Enter threshold", &TravelMode::enter_threshold),
                        field("Quit condition", &TravelMode::quit_condition));
}

struct UsbAndBluetooth {
    std::string automatic_sharing_cameras, automatic_sharing_bluetooth, automatic_sharing_smart_cards,
        automatic_sharing_gamepads, support_usb_3_0;
};
constexpr auto json_object(const UsbAndBluetooth*) {
    using json::field;
    return json::object("VirtualMachineUsbAndBluetooth",
                        field("Automatic sharing cameras", &UsbAndBluetooth::automatic_sharing_cameras),
                        field("Automatic sharing bluetooth", &UsbAndBluetooth::automatic_sharing_bluetooth),
                        field("Automatic sharing smart cards", &UsbAndBluetooth::automatic_sharing_smart_cards),
                        field("Automatic sharing gamepads", &UsbAndBluetooth::automatic_sharing_gamepads),
                        field("Support USB 3.0", &UsbAndBluetooth::support_usb_3_0));
}

struct NetworkInformation {
    std::string conditioned;
    Bandwidth inbound, outbound;
    std::vector<IpAddress> ipaddresses;
};
constexpr auto json_object(const NetworkInformation*) {
    using json::field;
    return json::object("VirtualMachineNetworkInformation", field("Conditioned", &NetworkInformation::conditioned),
                        field("Inbound", &NetworkInformation::inbound),
                        field("Outbound", &NetworkInformation::outbound),
                        field("ipAddresses", &NetworkInformation::ipaddresses));
}

}  // namespace corral::machines::document
