#include "drivers/hypervisor/libvirt/libvirt_driver.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/log.hpp"
#include "drivers/hypervisor/host_facts.hpp"
#include "drivers/hypervisor/libvirt/event_loop.hpp"
#include "drivers/hypervisor/libvirt/leftovers.hpp"
#include "drivers/hypervisor/libvirt/state.hpp"
#include "drivers/hypervisor/power_table.hpp"
#include "platform/process/process.hpp"

namespace corral::drivers {

using machines::Change;
using machines::Changes;
using machines::Observed;
using machines::Op;
using machines::PowerAction;
using machines::Spec;

namespace {

bool is_one_line(const std::string& text) {
    return std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

// As libvirt writes it, because both sides of a comparison come from there.
bool is_uuid(const std::string& text) {
    if (text.size() != 36) return false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool dash = at == 8 || at == 13 || at == 18 || at == 23;
        const char c = text[at];
        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    return true;
}

Result<void> check_spec(const Spec& spec) {
    if (!is_uuid(spec.id)) return invalid_field("id", "must be a UUID");
    if (spec.name.empty() || !is_one_line(spec.name)) return invalid_field("name", "must be one line of text");
    if (spec.architecture != "x86_64")
        return Error{Errc::unsupported, "This host runs machines of the architecture x86_64 only", spec.architecture};
    if (spec.cpus < 1) return invalid_field("cpus", "must be at least 1");
    if (spec.memory_mib < 16) return invalid_field("memory_mib", "must be at least 16");
    if (spec.home.empty() || spec.home.front() != '/' || !files::exists(spec.home))
        return invalid_field("home", "must be an existing folder");
    if (spec.disk.empty() || spec.disk.front() != '/' || !files::exists(spec.disk))
        return invalid_field("disk", "must be an existing file");
    return {};
}

Error opening_failed(const LibvirtOptions& options) {
    Error error = libvirt::last_error("The hypervisor cannot be opened");
    if (error.detail.find("driver.pid") != std::string::npos)
        return Error{Errc::conflict, "Another process runs the machines of " + options.data_root, error.detail};
    error.code = Errc::unavailable;
    return error;
}

}  // namespace

Result<std::unique_ptr<LibvirtDriver>> LibvirtDriver::open(const LibvirtOptions& options) {
    libvirt::Place place = TRY(libvirt::prepare_place(options));
    const auto emulator = process::find_program("qemu-system-x86_64");
    if (!emulator) return Error{Errc::unavailable, "QEMU is not installed (package qemu-system-x86)"};
    if (!process::find_program("qemu-img"))
        return Error{Errc::unavailable, "The image tools of QEMU are not installed (package qemu-utils)"};
    libvirt::ensure_event_loop(place.log_file);
    if (!place.pids.empty()) {
        TRY(libvirt::end_orphaned_probes(place.probes, place.pids));
        TRY(libvirt::forget_unborn(place.pids));
    }
    libvirt::Connection connection{virConnectOpen(place.uri.c_str())};
    if (!connection) return opening_failed(options);
    const libvirt::Platform platform{.kvm = libvirt::kvm_works(), .emulator = *emulator, .sockets = place.sockets};
    auto state = std::make_unique<State>(std::move(connection), std::move(place), platform);
    virDomainPtr* found = nullptr;
    const int count = virConnectListAllDomains(state->connection.get(), &found, 0);
    if (count < 0) return libvirt::last_error("The machines cannot be listed");
    for (int i = 0; i < count; ++i) {
        const libvirt::Domain domain{found[i]};
        if (!state->place.pids.empty()) {
            libvirt::drop_stale_memory(domain.get());
            libvirt::go_on_after_snapshot(domain.get());
        }
        if (auto known = state->known(domain.get()); !known)
            log::warn("a machine cannot be read",
                      {{"machine", libvirt::id_of(domain.get())}, {"detail", known.error().detail}});
    }
    std::free(static_cast<void*>(found));
    return std::unique_ptr<LibvirtDriver>(new LibvirtDriver(std::move(state)));
}

LibvirtDriver::LibvirtDriver(std::unique_ptr<State> state) : state_(std::move(state)) {}
LibvirtDriver::~LibvirtDriver() = default;

machines::DriverInfo LibvirtDriver::info() const {
    return {.name = "libvirt",
            .version = state_->version.get(),
            .accelerated = state_->platform.kvm,
            .architectures = {"x86_64"},
            .concurrent_starts = state_->platform.kvm ? 4 : 2};
}

Result<std::vector<Observed>> LibvirtDriver::list() {
    virDomainPtr* found = nullptr;
    const int count = virConnectListAllDomains(state_->connection.get(), &found, 0);
    if (count < 0) return libvirt::last_error("The machines cannot be listed");
    std::vector<libvirt::Domain> domains;
    domains.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) domains.emplace_back(found[i]);
    std::free(static_cast<void*>(found));
    std::vector<Observed> all;
    all.reserve(domains.size());
    for (const libvirt::Domain& domain : domains) {
        auto seen = state_->observe(domain.get());
        if (seen) {
            all.push_back(*std::move(seen));
        } else if (seen.error().code != Errc::not_found) {  // not_found: went away meanwhile
            return std::move(seen).error();
        }
    }
    return all;
}

Result<Observed> LibvirtDriver::observe(const std::string& id) {
    const libvirt::Domain domain = TRY(libvirt::find_domain(state_->connection.get(), id));
    return state_->observe(domain.get());
}

Result<Observed> LibvirtDriver::create(const Spec& spec, const Op& op) {
    TRY(check_spec(spec));
    TRY(still_wanted(op));
    const std::lock_guard lock(state_->naming);
    if (libvirt::find_domain(state_->connection.get(), spec.id))
        return Error{Errc::conflict, "There is already a machine with this id", "id " + spec.id};
    if (const auto taken = state_->inventory.id_of_name(spec.name)) {
        if (libvirt::find_domain(state_->connection.get(), *taken))
            return Error{Errc::conflict, "There is already a machine with this name", "name " + spec.name};
        state_->inventory.forget(*taken);
    }
    const std::string xml = libvirt::domain_xml(spec, state_->platform);
    const libvirt::Domain domain{virDomainDefineXML(state_->connection.get(), xml.c_str())};
    if (!domain) return libvirt::last_error("The machine could not be defined");
    return state_->observe(domain.get());
}

Result<void> LibvirtDriver::power(const std::string& id, PowerAction action, const Op& op) {
    const libvirt::Domain domain = TRY(libvirt::find_domain(state_->connection.get(), id));
    const machines::State before = TRY(state_->state_of(domain.get()));
    if (judge(before, action) == Verdict::already_there) return {};
    if (judge(before, action) == Verdict::refuse) return refused(before);
    TRY(still_wanted(op));
    auto done = state_->power(domain.get(), action, before, op);
    // Also when it failed, and also after libvirt's own events: those of a suspend come before its image counts.
    state_->changes.put(id, Change::state);
    return done;
}

Result<void> LibvirtDriver::destroy(const std::string& id, const Op& op) {
    const auto found = libvirt::find_domain(state_->connection.get(), id);
    if (!found && found.error().code != Errc::not_found) return found.error();
    TRY(still_wanted(op));
    if (found) {
        virDomainPtr domain = found->get();
        if (virDomainIsActive(domain) == 1 && virDomainDestroy(domain) != 0 &&
            !libvirt::last_error_is(VIR_ERR_OPERATION_INVALID))
            return libvirt::last_error("The machine could not be turned off");
        constexpr unsigned everything = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                                        VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM;
        if (virDomainUndefineFlags(domain, everything) != 0 && !libvirt::last_error_is(VIR_ERR_NO_DOMAIN))
            return libvirt::last_error("The machine could not be removed");
    }
    // Also when somebody else removed the domain: its sockets stay behind.
    std::error_code ignored;
    for (const auto& socket :
         {libvirt::agent_socket(state_->place.sockets, id), libvirt::vnc_socket(state_->place.sockets, id),
          libvirt::console_socket(state_->place.sockets, id)})
        std::filesystem::remove(socket, ignored);
    state_->inventory.forget(id);
    state_->probe.forget(id);
    return {};
}

Result<Observed> LibvirtDriver::change(const std::string& id, const Changes& changes, const Op& op) {
    const libvirt::Domain domain = TRY(libvirt::find_domain(state_->connection.get(), id));
    const machines::State before = TRY(state_->state_of(domain.get()));
    const bool resizes = changes.cpus.has_value() || changes.memory_mib.has_value();
    if (resizes && before != machines::State::stopped) return refused(before);
    if (changes.cpus.value_or(1) < 1) return invalid_field("cpus", "must be at least 1");
    if (changes.memory_mib.value_or(16) < 16) return invalid_field("memory_mib", "must be at least 16");
    if (changes.name && (changes.name->empty() || !is_one_line(*changes.name)))
        return invalid_field("name", "must be one line of text");
    TRY(still_wanted(op));
    return state_->change(domain.get(), changes, before);
}

Result<std::string> LibvirtDriver::freeze_disk_for_clone(const std::string& id, const Op& op) {
    const libvirt::Domain domain = TRY(libvirt::find_domain(state_->connection.get(), id));
    const Observed seen = TRY(state_->observe(domain.get()));
    // Its saved memory names the disk as it is now and would go on writing to it.
    if (seen.state == machines::State::suspended) return refused(seen.state);
    TRY(still_wanted(op));
    return state_->freeze(domain.get(), seen, op);
}

void LibvirtDriver::listen(machines::ChangeListener listener) { state_->changes.listen(std::move(listener)); }
machines::GuestAccess* LibvirtDriver::guest() { return &state_->guest; }
machines::Snapshots* LibvirtDriver::snapshots() { return &state_->snapshots; }

}  // namespace corral::drivers
