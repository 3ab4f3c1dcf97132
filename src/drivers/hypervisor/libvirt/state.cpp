#include "drivers/hypervisor/libvirt/state.hpp"

#include <time.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <fstream>
#include <sstream>

#include "drivers/hypervisor/host_facts.hpp"
#include "drivers/hypervisor/power_table.hpp"

namespace corral::drivers {

using machines::Changes;
using machines::Observed;
using machines::Op;

namespace {

using std::chrono::steady_clock;

// When QEMU was started (proc(5): field 22 of /proc/<pid>/stat, in ticks since boot), for machines that run since
// before this process.
std::optional<steady_clock::time_point> process_start(const std::string& pid_file) {
    std::ifstream pids(pid_file);
    long pid = 0;  // NOLINT(google-runtime-int)
    if (!(pids >> pid)) return std::nullopt;
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(stat, text);
    const auto name_end = text.rfind(')');
    if (name_end == std::string::npos) return std::nullopt;
    std::istringstream fields(text.substr(name_end + 1));
    std::string skipped;
    for (int field = 3; field < 22; ++field) fields >> skipped;
    double ticks = 0;
    timespec since_boot{};
    if (!(fields >> ticks) || clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0) return std::nullopt;
    const double age = static_cast<double>(since_boot.tv_sec) - ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
    return steady_clock::now() - std::chrono::milliseconds{static_cast<long>(age * 1000)};
}

}  // namespace

LibvirtDriver::State::State(libvirt::Connection opened, libvirt::Place where, libvirt::Platform host)
    : place(std::move(where)),
      platform(std::move(host)),
      account(account_name()),
      connection(std::move(opened)),
      // The first answer of a new installation takes a second: libvirt asks QEMU what it can do.
      version(std::async(std::launch::async,
                         [own = connection.get()] {
                             unsigned long number = 0;  // NOLINT(google-runtime-int): libvirt's type
                             if (virConnectGetVersion(own, &number) != 0) return std::string{};
                             return std::to_string(number / 1000000) + "." + std::to_string(number / 1000 % 1000) +
                                    "." + std::to_string(number % 1000);
                         })
                  .share()),
      agent(connection.get()),
      probe(agent, inventory, [this](const std::string& id) { changes.put(id, machines::Change::updated); }),
      guest(agent, [this](const std::string& id, const Op& op) { return wait_for_agent(id, op); }),
      snapshots(connection.get(), inventory, changes, [this](virDomainPtr domain) { return state_of(domain); }),
      events(connection.get(), {inventory, agent, probe, changes}) {}

machines::State LibvirtDriver::State::state_of(virDomainPtr domain, int libvirt_state, int reason) const {
    using machines::State;
    switch (libvirt_state) {
        case VIR_DOMAIN_PAUSED:
            if (reason == VIR_DOMAIN_PAUSED_STARTING_UP) return State::starting;
            if (reason == VIR_DOMAIN_PAUSED_SAVE) return State::suspending;
            if (waking.with([&](const auto& ids) { return ids.contains(libvirt::id_of(domain)); }))
                return State::resuming;
            return State::paused;
        case VIR_DOMAIN_SHUTDOWN: return State::stopping;
        case VIR_DOMAIN_SHUTOFF:
            return virDomainHasManagedSaveImage(domain, 0) == 1 ? State::suspended : State::stopped;
        case VIR_DOMAIN_CRASHED: return State::stopped;
        default: return State::running;  // running, blocked, and asleep inside the guest
    }
}

Result<machines::State> LibvirtDriver::State::state_of(virDomainPtr domain) {
    int state = 0;
    int reason = 0;
    if (virDomainGetState(domain, &state, &reason, 0) != 0)
        return libvirt::last_error("The machine's state cannot be read");
    return state_of(domain, state, reason);
}

Result<libvirt::Entry> LibvirtDriver::State::known(virDomainPtr domain) {
    const std::string id = libvirt::id_of(domain);
    if (auto entry = inventory.find(id)) return *std::move(entry);
    const libvirt::Text xml{virDomainGetXMLDesc(domain, 0)};
    if (!xml) return libvirt::last_error("The machine's description cannot be read");
    libvirt::Definition definition = TRY(libvirt::read_domain_xml(xml.get()));
    const bool agent_connected = definition.agent_connected;
    libvirt::Entry entry = inventory.define(std::move(definition));
    if (entry.started || virDomainIsActive(domain) != 1) return entry;
    // Runs since before we looked: no event told us when it started and that its agent is there.
    const auto since = place.pids.empty() ? std::nullopt : process_start(place.pids + "/" + id + ".pid");
    entry.started = since.value_or(steady_clock::now());
    inventory.powered_on(id, *entry.started);
    if (agent_connected && !entry.agent_connected) {
        entry.agent_connected = true;
        inventory.agent(id, true);
        probe.follow(id);
    }
    return entry;
}

Observed LibvirtDriver::State::show(const libvirt::Entry& entry, machines::State state) const {
    const libvirt::Definition& is = entry.definition;
    const bool on = state != machines::State::stopped && state != machines::State::suspended;
    Observed seen{.id = is.id,
                  .name = is.name,
                  .description = is.description,
                  .state = state,
                  .os = entry.guest.os.empty() ? "linux" : entry.guest.os,
                  .type = "qemu",
                  .home = is.home,
                  .owner = account,
                  .architecture = is.architecture,
                  .cpus = is.cpus,
                  .memory_mib = is.memory_mib,
                  .disk = is.disk,
                  .disk_bytes = entry.disk_bytes,
                  .mac = is.mac,
                  .agent_version = entry.guest.agent_version};
    if (on && entry.started)
        seen.uptime = std::chrono::duration_cast<std::chrono::seconds>(steady_clock::now() - *entry.started);
    seen.agent_connected = state == machines::State::running && entry.agent_connected;
    if (on) seen.addresses = entry.guest.addresses;
    return seen;
}

Result<Observed> LibvirtDriver::State::observe(virDomainPtr domain) {
    const libvirt::Entry entry = TRY(known(domain));
    return show(entry, TRY(state_of(domain)));
}

Result<void> LibvirtDriver::State::wait_for_agent(const std::string& id, const Op& op) {
    const libvirt::Domain domain = TRY(libvirt::find_domain(connection.get(), id));
    const auto connected = [&]() -> Result<bool> {
        const machines::State state = TRY(state_of(domain.get()));
        const bool soon = state == machines::State::starting || state == machines::State::resuming;
        if (state != machines::State::running && !soon) return refused(state);
        return TRY(known(domain.get())).agent_connected;
    };
    const Error late{Errc::timeout, "The guest's agent did not come up in time"};
    for (;;) {
        auto reached = inventory.wait(op, std::chrono::hours{1}, connected);
        if (!reached)
            return reached.error().code == Errc::timeout && !op.cancel.stop_requested() ? late : reached.error();
        if (!*reached) return late;
        // Around a reboot "connected" is told late; only an answer proves that somebody listens.
        const auto answer = agent.call(id, boost::json::object{{"execute", "guest-ping"}}, op);
        if (answer) return {};
        if (answer.error().code != Errc::unavailable) return answer.error();
        auto waited = inventory.wait(op, std::chrono::milliseconds{100}, []() -> Result<bool> { return false; });
        if (!waited) return waited.error().code == Errc::timeout && !op.cancel.stop_requested() ? late : waited.error();
    }
}

Result<void> LibvirtDriver::State::redefine(virDomainPtr domain, const libvirt::Edits& edits) {
    const libvirt::Text old{virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE)};
    if (!old) return libvirt::last_error("The machine's description cannot be read");
    const std::string xml = TRY(libvirt::edit_domain_xml(old.get(), edits));
    const libvirt::Domain defined{virDomainDefineXML(connection.get(), xml.c_str())};
    if (!defined) return libvirt::last_error("The machine could not be changed");
    inventory.outdate(libvirt::id_of(domain));
    return {};
}

Result<Observed> LibvirtDriver::State::change(virDomainPtr domain, const Changes& changes, machines::State before) {
    const std::string id = libvirt::id_of(domain);
    const std::lock_guard lock(naming);
    if (changes.name) {
        const auto taken = inventory.id_of_name(*changes.name);
        if (taken && *taken != id && libvirt::find_domain(connection.get(), *taken))
            return Error{Errc::conflict, "There is already a machine with this name", "name " + *changes.name};
    }
    const libvirt::Edits edits{.name = changes.name,
                               .description = changes.description,
                               .cpus = changes.cpus,
                               .memory_mib = changes.memory_mib};
    TRY(redefine(domain, edits));
    const auto set_live = [&](int what, const std::optional<std::string>& text) {
        return !text || virDomainSetMetadata(domain, what, text->empty() ? nullptr : text->c_str(), nullptr, nullptr,
                                             VIR_DOMAIN_AFFECT_LIVE) == 0;
    };
    if (before == machines::State::suspended) {
        // The saved image has a description of its own, which counts when the machine comes back.
        const libvirt::Text saved{virDomainManagedSaveGetXMLDesc(domain, VIR_DOMAIN_SAVE_IMAGE_XML_SECURE)};
        if (!saved) return libvirt::last_error("The saved machine's description cannot be read");
        const std::string xml = TRY(libvirt::edit_domain_xml(saved.get(), edits));
        if (virDomainManagedSaveDefineXML(domain, xml.c_str(), VIR_DOMAIN_SAVE_RUNNING) != 0)
            return libvirt::last_error("The saved machine could not be changed");
    } else if (before != machines::State::stopped &&
               (!set_live(VIR_DOMAIN_METADATA_TITLE, changes.name) ||
                !set_live(VIR_DOMAIN_METADATA_DESCRIPTION, changes.description))) {
        return libvirt::last_error("The running machine could not be changed");
    }
    inventory.outdate(id);
    auto seen = observe(domain);
    this->changes.put(id, machines::Change::updated);
    return seen;
}

}  // namespace corral::drivers
