// Where the embedded hypervisor keeps its things, and whether this host can run it. Free functions; any thread.
#pragma once

#include <string>

#include "base/error.hpp"
#include "drivers/hypervisor/libvirt/libvirt_driver.hpp"

namespace corral::drivers::libvirt {

struct Place {
    std::string uri;
    std::string sockets;   // short folder for the machines' sockets, no '/' at the end
    std::string pids;      // where QEMU's process ids are found; empty for a foreign libvirt
    std::string probes;    // where libvirt asks QEMU what it can do; empty for a foreign libvirt
    std::string log_file;  // libvirt's own log
};

// Makes the folders, the configuration and the short link to them.
Result<Place> prepare_place(const LibvirtOptions&);

// Is hardware virtualisation really there? /dev/kvm alone proves nothing: nested hosts offer one that only interprets,
// so that the processor has to name the feature as well.
bool kvm_works();

}  // namespace corral::drivers::libvirt
