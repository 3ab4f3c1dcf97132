#include "drivers/hypervisor/libvirt/events.hpp"

#include <mutex>
#include <optional>

#include "base/log.hpp"
#include "drivers/hypervisor/libvirt/handles.hpp"

namespace corral::drivers::libvirt {

using machines::Change;

// Outlives the registration: libvirt may still be inside a callback while we take it back.
struct Events::Sink {
    std::mutex mutex;
    std::optional<Parts> parts;  // empty once nobody listens

    void lifecycle(const std::string& id, int event, int detail) {
        const std::lock_guard lock(mutex);
        if (!parts) return;
        Change change = Change::state;
        switch (event) {
            case VIR_DOMAIN_EVENT_DEFINED:
                change = detail == VIR_DOMAIN_EVENT_DEFINED_ADDED ? Change::added : Change::updated;
                parts->inventory.outdate(id);
                break;
            case VIR_DOMAIN_EVENT_UNDEFINED:
                change = Change::removed;
                parts->inventory.forget(id);
                parts->probe.forget(id);
                parts->agent.forget(id);
                break;
            case VIR_DOMAIN_EVENT_STARTED: parts->inventory.powered_on(id, std::chrono::steady_clock::now()); break;
            case VIR_DOMAIN_EVENT_STOPPED:
            case VIR_DOMAIN_EVENT_CRASHED:
                parts->inventory.powered_off(id);
                parts->probe.forget(id);
                break;
            default: break;
        }
        parts->inventory.wake();
        parts->changes.put(id, change);
    }

    void agent(const std::string& id, bool connected) {
        const std::lock_guard lock(mutex);
        if (!parts) return;
        parts->inventory.agent(id, connected);
        if (connected)
            parts->probe.follow(id);
        else
            parts->probe.forget(id);
        parts->inventory.wake();
        parts->changes.put(id, Change::updated);
    }

    void rebooted(const std::string& id) {
        const std::lock_guard lock(mutex);
        if (!parts) return;
        parts->inventory.rebooted(id);
        parts->inventory.wake();
        parts->changes.put(id, Change::state);
    }
};

namespace {

Events::Sink& sink_of(void* opaque) { return **static_cast<std::shared_ptr<Events::Sink>*>(opaque); }

int on_lifecycle(virConnectPtr, virDomainPtr domain, int event, int detail, void* opaque) {
    sink_of(opaque).lifecycle(id_of(domain), event, detail);
    return 0;
}
void on_agent(virConnectPtr, virDomainPtr domain, int state, int, void* opaque) {
    sink_of(opaque).agent(id_of(domain), state == VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED);
}
void on_reboot(virConnectPtr, virDomainPtr domain, void* opaque) { sink_of(opaque).rebooted(id_of(domain)); }
// libvirt takes every callback as one type and casts it back by the event's number.
template <class F>
virConnectDomainEventGenericCallback generic(F callback) {
    return reinterpret_cast<virConnectDomainEventGenericCallback>(reinterpret_cast<void (*)()>(callback));
}
void release(void* opaque) { delete static_cast<std::shared_ptr<Events::Sink>*>(opaque); }

}  // namespace

Events::Events(virConnectPtr connection, Parts parts) : connection_(connection), sink_(std::make_shared<Sink>()) {
    sink_->parts.emplace(parts);
    add(VIR_DOMAIN_EVENT_ID_LIFECYCLE, generic(on_lifecycle));
    add(VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, generic(on_agent));
    add(VIR_DOMAIN_EVENT_ID_REBOOT, generic(on_reboot));
}

void Events::add(int event, virConnectDomainEventGenericCallback callback) {
    // libvirt keeps the pointer until it calls `release`.
    auto opaque = std::make_unique<std::shared_ptr<Sink>>(sink_);
    const int number = virConnectDomainEventRegisterAny(connection_, nullptr, event, callback, opaque.get(), release);
    if (number < 0) {
        log::error("libvirt's events cannot be followed", {{"detail", virGetLastErrorMessage()}});
        return;
    }
    static_cast<void>(opaque.release());
    registered_.push_back(number);
}

Events::~Events() {
    for (const int number : registered_) virConnectDomainEventDeregisterAny(connection_, number);
    const std::lock_guard lock(sink_->mutex);
    sink_->parts.reset();
}

}  // namespace corral::drivers::libvirt
