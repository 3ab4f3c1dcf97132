// What libvirt tells about machines, brought to the inventory, the probe and the listener. The callbacks run on the
// event loop's thread, keep no lock of ours for long and never call libvirt.
#pragma once

#include <libvirt/libvirt.h>

#include <memory>
#include <string>
#include <vector>

#include "drivers/hypervisor/change_queue.hpp"
#include "drivers/hypervisor/libvirt/guest/agent.hpp"
#include "drivers/hypervisor/libvirt/guest/agent_probe.hpp"
#include "drivers/hypervisor/libvirt/inventory.hpp"

namespace corral::drivers::libvirt {

class Events {
public:
    struct Parts {
        Inventory& inventory;
        Agent& agent;
        AgentProbe& probe;
        ChangeQueue& changes;
    };
    Events(virConnectPtr, Parts);
    ~Events();  // no callback runs after it
    Events(const Events&) = delete;
    Events& operator=(const Events&) = delete;

    struct Sink;

private:
    void add(int event, virConnectDomainEventGenericCallback);

    const virConnectPtr connection_;
    const std::shared_ptr<Sink> sink_;
    std::vector<int> registered_;
};

}  // namespace corral::drivers::libvirt
