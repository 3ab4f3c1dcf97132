// libvirt's description of a machine, written and read. Values and free functions; any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "machines/driver.hpp"

namespace corral::drivers::libvirt {

// What this host offers a machine.
struct Platform {
    bool kvm = false;
    std::string emulator;  // path of QEMU
    std::string sockets;   // folder for the machine's sockets
};

std::string agent_socket(const std::string& sockets, const std::string& id);
std::string vnc_socket(const std::string& sockets, const std::string& id);
std::string console_socket(const std::string& sockets, const std::string& id);

std::string domain_xml(const machines::Spec&, const Platform&);

// A machine as its description tells it. Machines made by others (virsh) have no home of ours: the folder of their disk
// stands in.
struct Definition {
    std::string id;
    std::string name;
    std::string description;
    std::string home;  // ends in '/'
    std::string architecture;
    std::string disk;
    std::string disk_format;
    std::string disk_target;                 // "vda"
    std::vector<std::string> other_targets;  // of further disks
    std::string mac;
    int cpus = 0;
    int memory_mib = 0;
    bool agent_connected = false;  // only in the description of a running machine
};
Result<Definition> read_domain_xml(const std::string& xml);

// The same description with another name, other sizes, or another disk file in place of the first disk's.
struct Edits {
    std::optional<std::string> name;
    std::optional<std::string> description;
    std::optional<int> cpus;
    std::optional<int> memory_mib;
    std::optional<std::string> disk;
};
Result<std::string> edit_domain_xml(const std::string& xml, const Edits&);

// Freezes one disk into its file and goes on in `layer`; every other disk is left out.
std::string disk_layer_xml(const Definition&, const std::string& layer);

std::string snapshot_xml(const std::string& id, const std::string& name, const std::string& description);
Result<machines::Snapshot> read_snapshot_xml(const std::string& xml);

}  // namespace corral::drivers::libvirt
