// What the parts of the libvirt driver share. Thread-safe as its members are.
#pragma once

#include <future>
#include <mutex>
#include <set>
#include <string>

#include "base/guarded.hpp"
#include "drivers/hypervisor/change_queue.hpp"
#include "drivers/hypervisor/libvirt/domain_xml.hpp"
#include "drivers/hypervisor/libvirt/events.hpp"
#include "drivers/hypervisor/libvirt/guest/agent.hpp"
#include "drivers/hypervisor/libvirt/guest/agent_probe.hpp"
#include "drivers/hypervisor/libvirt/guest/guest_access.hpp"
#include "drivers/hypervisor/libvirt/handles.hpp"
#include "drivers/hypervisor/libvirt/inventory.hpp"
#include "drivers/hypervisor/libvirt/libvirt_driver.hpp"
#include "drivers/hypervisor/libvirt/place.hpp"
#include "drivers/hypervisor/libvirt/snapshots.hpp"

namespace corral::drivers {

struct LibvirtDriver::State {
    State(libvirt::Connection opened, libvirt::Place where, libvirt::Platform host);

    // What is known of a machine; its description is read when it is new or has changed.
    Result<libvirt::Entry> known(virDomainPtr);
    Result<machines::Observed> observe(virDomainPtr);
    machines::Observed show(const libvirt::Entry&, machines::State) const;
    Result<machines::State> state_of(virDomainPtr);
    machines::State state_of(virDomainPtr, int libvirt_state, int reason) const;

    Result<void> power(virDomainPtr, machines::PowerAction, machines::State before, const machines::Op&);
    Result<void> wake(virDomainPtr);
    Result<void> shut_down(virDomainPtr, const machines::Op&);
    Result<void> reset(virDomainPtr domain, machines::State before, const machines::Op& op);
    Result<void> reboot(virDomainPtr, const machines::Op&);
    Result<std::string> freeze(virDomainPtr, const machines::Observed&, const machines::Op&);
    Result<machines::Observed> change(virDomainPtr, const machines::Changes&, machines::State);
    Result<void> wait_for_agent(const std::string& id, const machines::Op&);
    Result<void> redefine(virDomainPtr, const libvirt::Edits&);

    const libvirt::Place place;
    const libvirt::Platform platform;
    const std::string account;
    libvirt::Connection connection;
    std::shared_future<std::string> version;
    libvirt::Inventory inventory;
    ChangeQueue changes;
    libvirt::Agent agent;
    libvirt::AgentProbe probe;
    libvirt::AgentGuest guest;
    libvirt::DiskSnapshots snapshots;
    Guarded<std::set<std::string>> waking;  // machines whose saved memory is being read back
    std::mutex naming;                      // held from "is the name free" to "it is taken"
    libvirt::Events events;                 // last: ends first
};

}  // namespace corral::drivers
