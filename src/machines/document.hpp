// A machine as clients see it: the contract's document (models-b 1), member for member. Values.
#pragma once

#include <chrono>
#include <string>

#include "machines/document_parts.hpp"
#include "machines/driver.hpp"

namespace corral::machines {

namespace document {

struct VirtualMachine {
    std::string id, host, host_url, host_id, host_name, host_state, host_external_ip_address, internal_ip_address, user,
        name, description, type, state, os, template_flag, uptime, home_path, home, restore_image;
    GuestTools guest_tools;
    MouseAndKeyboard mouse_and_keyboard;
    UsbAndBluetooth usb_and_bluetooth;
    StartupAndShutdown startup_and_shutdown;
    Optimization optimization;
    TravelMode travel_mode;
    Security security;
    Switch smart_guard;
    Modality modality;
    Fullscreen fullscreen;
    Coherence coherence;
    TimeSynchronization time_synchronization;
    Switch expiration;
    std::string boot_order, bios_type, efi_secure_boot, allow_select_boot_device, external_boot_device;
    SmbiosSettings smbios_settings;
    Hardware hardware;
    json::Raw host_shared_folders;
    std::string host_defined_sharing;
    Switch shared_profile;
    SharedApplications shared_applications;
    SmartMount smart_mount;
    MiscellaneousSharing miscellaneous_sharing;
    Advanced advanced;
    PrintManagement print_management;
    GuestSharedFolders guest_shared_folders;
    NetworkInformation network;
};
constexpr auto json_object(const VirtualMachine*) {
    using json::field, json::omit;
    return json::object(
        "ParallelsVM", field("ID", &VirtualMachine::id), omit("host", &VirtualMachine::host),
        omit("host_url", &VirtualMachine::host_url), omit("host_id", &VirtualMachine::host_id),
        omit("host_name", &VirtualMachine::host_name), omit("host_state", &VirtualMachine::host_state),
        omit("host_external_ip_address", &VirtualMachine::host_external_ip_address),
        omit("internal_ip_address", &VirtualMachine::internal_ip_address), field("user", &VirtualMachine::user),
        field("Name", &VirtualMachine::name), field("Description", &VirtualMachine::description),
        field("Type", &VirtualMachine::type), field("State", &VirtualMachine::state), field("OS", &VirtualMachine::os),
        field("Template", &VirtualMachine::template_flag), field("Uptime", &VirtualMachine::uptime),
        field("Home path", &VirtualMachine::home_path), field("Home", &VirtualMachine::home),
        field("Restore Image", &VirtualMachine::restore_image), field("GuestTools", &VirtualMachine::guest_tools),
        field("Mouse and Keyboard", &VirtualMachine::mouse_and_keyboard),
        field("USB and Bluetooth", &VirtualMachine::usb_and_bluetooth),
        field("Startup and Shutdown", &VirtualMachine::startup_and_shutdown),
        field("Optimization", &VirtualMachine::optimization), field("Travel mode", &VirtualMachine::travel_mode),
        field("Security", &VirtualMachine::security), field("Smart Guard", &VirtualMachine::smart_guard),
        field("Modality", &VirtualMachine::modality), field("Fullscreen", &VirtualMachine::fullscreen),
        field("Coherence", &VirtualMachine::coherence),
        field("Time Synchronization", &VirtualMachine::time_synchronization),
        field("Expiration", &VirtualMachine::expiration), field("Boot order", &VirtualMachine::boot_order),
        field("BIOS type", &VirtualMachine::bios_type), field("EFI Secure boot", &VirtualMachine::efi_secure_boot),
        field("Allow select boot device", &VirtualMachine::allow_select_boot_device),
        field("External boot device", &VirtualMachine::external_boot_device),
        field("SMBIOS settings", &VirtualMachine::smbios_settings), field("Hardware", &VirtualMachine::hardware),
        field("Host Shared Folders", &VirtualMachine::host_shared_folders),
        field("Host defined sharing", &VirtualMachine::host_defined_sharing),
        field("Shared Profile", &VirtualMachine::shared_profile),
        field("Shared Applications", &VirtualMachine::shared_applications),
        field("SmartMount", &VirtualMachine::smart_mount),
        field("Miscellaneous Sharing", &VirtualMachine::miscellaneous_sharing),
        field("Advanced", &VirtualMachine::advanced), field("Print Management", &VirtualMachine::print_management),
        field("Guest Shared Folders", &VirtualMachine::guest_shared_folders),
        field("Network", &VirtualMachine::network));
}

}  // namespace document
using document::VirtualMachine;

// What the hypervisor says, in the contract's words. What QEMU has no notion of is "" or "off".
VirtualMachine describe(const Observed& machine);
std::string uptime_text(std::chrono::seconds);  // "0", "75", as the contract's Uptime: seconds

}  // namespace corral::machines
