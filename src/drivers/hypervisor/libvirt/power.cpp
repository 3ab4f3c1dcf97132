// The power verbs of the libvirt driver.
#include "drivers/hypervisor/libvirt/state.hpp"
#include "drivers/hypervisor/power_table.hpp"

namespace corral::drivers {

using machines::Op;
using machines::PowerAction;
using std::chrono::seconds;

namespace {

Result<void> check(int result, const char* sentence) {
    return result == 0 ? Result<void>{} : Result<void>{libvirt::last_error(sentence)};
}

// libvirt may still be handling the end of the machine's former process; taking that for the new one's, it kills it
// ("domain is no longer running"). The next try finds that over.
Result<void> begin(virDomainPtr domain) {
    constexpr const char* sentence = "The machine could not be started";
    auto begun = check(virDomainCreate(domain), sentence);
    if (begun || !libvirt::last_error_is(VIR_ERR_OPERATION_FAILED) || virDomainIsActive(domain) != 0) return begun;
    return check(virDomainCreate(domain), sentence);
}

Result<void> drop_memory(virDomainPtr domain) {
    if (virDomainHasManagedSaveImage(domain, 0) != 1) return {};
    return check(virDomainManagedSaveRemove(domain, 0), "The saved memory could not be dropped");
}

Result<void> kill(virDomainPtr domain) {
    if (virDomainIsActive(domain) == 1 && virDomainDestroy(domain) != 0 &&
        !libvirt::last_error_is(VIR_ERR_OPERATION_INVALID))  // went off by itself meanwhile
        return libvirt::last_error("The machine could not be turned off");
    return drop_memory(domain);
}

}  // namespace

Result<void> LibvirtDriver::State::power(virDomainPtr domain, PowerAction action, machines::State before,
                                         const Op& op) {
    switch (action) {
        case PowerAction::start: return before == machines::State::suspended ? wake(domain) : begin(domain);
        case PowerAction::stop: return shut_down(domain, op);
        case PowerAction::kill: return kill(domain);
        case PowerAction::restart: return reboot(domain, op);
        case PowerAction::reset: return reset(domain, before, op);
        case PowerAction::pause: return check(virDomainSuspend(domain), "The machine could not be paused");
        case PowerAction::resume:
            if (before == machines::State::suspended) return wake(domain);
            return check(virDomainResume(domain), "The machine could not be resumed");
        case PowerAction::suspend:
            return check(virDomainManagedSave(domain, VIR_DOMAIN_SAVE_RUNNING), "The machine could not be suspended");
    }
    return Error{Errc::unsupported, "The hypervisor does not know this action"};
}

// libvirt shows a machine as paused until its memory is back.
Result<void> LibvirtDriver::State::wake(virDomainPtr domain) {
    const std::string id = libvirt::id_of(domain);
    waking.lock()->insert(id);
    auto done = begin(domain);
    waking.lock()->erase(id);
    return done;
}

Result<void> LibvirtDriver::State::reset(virDomainPtr domain, machines::State before, const Op& op) {
    if (before == machines::State::suspended) {
        TRY(drop_memory(domain));
        return begin(domain);
    }
    const std::string id = libvirt::id_of(domain);
    const std::uint64_t resets = TRY(known(domain)).reboots;
    TRY(check(virDomainReset(domain, 0), "The machine could not be reset"));
    // libvirt works on a reset after it has answered; a machine that is killed and started meanwhile is lost to that.
    const auto told = inventory.wait(op, seconds{1}, [&]() -> Result<bool> {
        const auto entry = inventory.find(id);
        return !entry || entry->reboots != resets;
    });
    if (!told) return told.error();
    if (before != machines::State::paused) return {};
    return check(virDomainResume(domain), "The machine could not be resumed");
}

// The agent first: it also works where the power button is ignored. A button press is lost on a guest that is not up
// far enough, so it is repeated.
Result<void> LibvirtDriver::State::shut_down(virDomainPtr domain, const Op& op) {
    const std::string id = libvirt::id_of(domain);
    const auto off = [&]() -> Result<bool> { return TRY(state_of(domain)) == machines::State::stopped; };
    bool asked_agent = false;
    for (;;) {
        const auto entry = inventory.find(id);
        const bool ask_agent = !asked_agent && entry && entry->agent_connected;
        asked_agent |= ask_agent;
        const unsigned way = ask_agent ? VIR_DOMAIN_SHUTDOWN_GUEST_AGENT : VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN;
        // The guest may go off while we ask; only whether it is off counts.
        const bool asked = virDomainShutdownFlags(domain, way) == 0;
        Error failure = asked ? Error{} : libvirt::last_error("The guest could not be asked to shut down");
        const auto patience = ask_agent && asked ? seconds{10} : seconds{3};
        auto reached = inventory.wait(op, patience, off);
        if (!reached) {
            if (reached.error().code == Errc::timeout && !op.cancel.stop_requested())
                return Error{Errc::timeout, "The guest did not shut down in time", failure.detail};
            return std::move(reached).error();
        }
        if (*reached) return {};
    }
}

Result<void> LibvirtDriver::State::reboot(virDomainPtr domain, const Op& op) {
    const std::string id = libvirt::id_of(domain);
    const auto boots = [&] {
        const auto entry = inventory.find(id);
        return entry ? entry->reboots : 0;
    };
    const std::uint64_t before = TRY(known(domain)).reboots;
    const auto rebooted = [&]() -> Result<bool> {
        if (TRY(state_of(domain)) == machines::State::stopped)
            return Error{Errc::conflict, "The machine went off instead of restarting"};
        TRY(known(domain));
        return boots() != before;
    };
    bool asked_agent = false;
    for (;;) {
        const auto entry = inventory.find(id);
        const bool ask_agent = !asked_agent && entry && entry->agent_connected;
        asked_agent |= ask_agent;
        const unsigned way = ask_agent ? VIR_DOMAIN_REBOOT_GUEST_AGENT : VIR_DOMAIN_REBOOT_ACPI_POWER_BTN;
        const bool asked = virDomainReboot(domain, way) == 0;
        Error failure = asked ? Error{} : libvirt::last_error("The guest could not be asked to restart");
        auto reached = inventory.wait(op, ask_agent && asked ? seconds{10} : seconds{3}, rebooted);
        if (!reached) {
            if (reached.error().code == Errc::timeout && !op.cancel.stop_requested())
                return Error{Errc::timeout, "The guest did not restart in time", failure.detail};
            return std::move(reached).error();
        }
        if (*reached) return {};
    }
}

}  // namespace corral::drivers
