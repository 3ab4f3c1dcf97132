#include "drivers/hypervisor/fake/fake_driver.hpp"

#include <filesystem>

#include "base/log.hpp"
#include "drivers/hypervisor/fake/guest.hpp"
#include "drivers/hypervisor/fake/snapshots.hpp"
#include "drivers/hypervisor/fake/state.hpp"
#include "drivers/hypervisor/host_facts.hpp"
#include "drivers/hypervisor/power_table.hpp"

namespace corral::drivers {

using machines::Change;
using machines::Changes;
using machines::Observed;
using machines::Op;
using machines::PowerAction;
using machines::Spec;

namespace {

machines::State goal_of(PowerAction action) {
    using enum PowerAction;
    switch (action) {
        case stop:
        case kill: return machines::State::stopped;
        case pause: return machines::State::paused;
        case suspend: return machines::State::suspended;
        case start:
        case restart:
        case reset:
        case resume: break;
    }
    return machines::State::running;
}

Result<void> check_spec(const Spec& spec) {
    if (spec.id.empty() || spec.id.find('/') != std::string::npos) return invalid_field("id", "must be a UUID");
    if (spec.name.empty()) return invalid_field("name", "is required");
    if (spec.cpus < 1) return invalid_field("cpus", "must be at least 1");
    if (spec.memory_mib < 1) return invalid_field("memory_mib", "must be at least 1");
    if (!files::exists(spec.home)) return invalid_field("home", "does not exist");
    if (!files::exists(spec.disk)) return invalid_field("disk", "does not exist");
    return {};
}

Error name_taken(const std::string& name) {
    return Error{Errc::conflict, "There is already a machine with this name", "name " + name};
}

// "disk.qcow2" → "disk-1.qcow2", or the next number that is free.
Result<std::string> second_name(const std::string& file) {
    const std::filesystem::path path(file);
    for (int number = 1;; ++number) {
        std::string other =
            path.parent_path() / (path.stem().string() + "-" + std::to_string(number) + path.extension().string());
        std::error_code failed;
        std::filesystem::create_hard_link(file, other, failed);
        if (!failed) return other;
        if (failed != std::errc::file_exists)
            return Error{Errc::upstream, "The disk could not be frozen", file + ": " + failed.message()};
    }
}

Observed with_now(const fake::Machine& machine) {
    Observed seen = machine.seen;
    if (seen.state == machines::State::running || seen.state == machines::State::paused)
        seen.uptime =
            std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - machine.started);
    seen.agent_connected = seen.state == machines::State::running;
    if (seen.agent_connected) seen.agent_version = "1.0";
    return seen;
}

}  // namespace

Error FakeDriver::State::no_such(const std::string& id) { return unknown_machine(id); }

Result<void> FakeDriver::State::keep(const fake::Machine& machine) const {
    return options.folder.empty() ? Result<void>{} : fake::save(options.folder, machine);
}

Result<void> FakeDriver::State::begin(const Op& op) {
    TRY(still_wanted(op));
    if (options.verb_time.count() > 0) {
        std::mutex mutex;
        std::condition_variable_any nobody;
        std::unique_lock lock(mutex);
        const auto until = std::min(op.deadline, std::chrono::steady_clock::now() + options.verb_time);
        nobody.wait_until(lock, op.cancel, until, [] { return false; });
        TRY(still_wanted(op));
    }
    auto contents = guarded.lock();
    if (auto failure = std::exchange(contents->failure, std::nullopt)) return *std::move(failure);
    return {};
}

Result<Observed> FakeDriver::State::observe(const std::string& id) {
    auto contents = guarded.lock();
    const auto found = contents->machines.find(id);
    if (found == contents->machines.end()) return no_such(id);
    return with_now(found->second);
}

FakeDriver::FakeDriver(FakeOptions options) : state_(std::make_shared<State>(std::move(options))) {
    if (!state_->options.folder.empty()) {
        if (auto made = files::make_folders(state_->options.folder); !made)
            log::error("the fake hypervisor's folder cannot be made", {{"detail", made.error().detail}});
        auto loaded = fake::load_all(state_->options.folder);
        if (!loaded) log::error("saved machines cannot be read", {{"detail", loaded.error().detail}});
        auto contents = state_->guarded.lock();
        for (fake::Machine& machine : loaded.value_or(std::vector<fake::Machine>{})) {
            contents->id_by_name[machine.seen.name] = machine.seen.id;
            contents->machines[machine.seen.id] = std::move(machine);
        }
    }
    if (state_->options.allow_host_execution)
        guest_ =
            std::make_unique<fake::HostGuest>([state = state_](const std::string& id) { return state->observe(id); });
    snapshots_ = std::make_unique<fake::FakeSnapshots>(state_);
}

FakeDriver::~FakeDriver() = default;

machines::DriverInfo FakeDriver::info() const {
    return {.name = "fake",
            .version = CORRAL_VERSION,
            .accelerated = true,
            .architectures = {"x86_64", "arm64"},
            .concurrent_starts = 64};
}

Result<std::vector<Observed>> FakeDriver::list() {
    auto contents = state_->guarded.lock();
    std::vector<Observed> all;
    all.reserve(contents->machines.size());
    for (const auto& [id, machine] : contents->machines) all.push_back(with_now(machine));
    return all;
}

Result<Observed> FakeDriver::observe(const std::string& id) { return state_->observe(id); }

Result<Observed> FakeDriver::create(const Spec& spec, const Op& op) {
    TRY(check_spec(spec));
    TRY(state_->begin(op));
    fake::Machine machine;
    Observed& seen = machine.seen;
    seen.id = spec.id;
    seen.name = spec.name;
    seen.description = spec.description;
    seen.home = with_slash(spec.home);
    seen.owner = account_name();
    seen.architecture = spec.architecture;
    seen.cpus = spec.cpus;
    seen.memory_mib = spec.memory_mib;
    seen.disk = spec.disk;
    seen.disk_bytes = virtual_size(spec.disk);
    seen.mac = mac_from_id(spec.id);
    Observed answer = with_now(machine);
    {
        auto contents = state_->guarded.lock();
        if (contents->machines.contains(spec.id))
            return Error{Errc::conflict, "There is already a machine with this id", "id " + spec.id};
        if (contents->id_by_name.contains(spec.name)) return name_taken(spec.name);
        TRY(state_->keep(machine));
        contents->id_by_name.emplace(spec.name, spec.id);
        contents->machines.emplace(spec.id, std::move(machine));
    }
    state_->changes.put(spec.id, Change::added);
    return answer;
}

Result<void> FakeDriver::power(const std::string& id, PowerAction action, const Op& op) {
    const Observed before = TRY(state_->observe(id));
    if (judge(before.state, action) == Verdict::already_there) return {};
    if (judge(before.state, action) == Verdict::refuse) return refused(before.state);
    TRY(state_->begin(op));
    return state_->edit(id, Change::state, [&](fake::Machine& machine) -> Result<void> {
        if (action == PowerAction::reset || action == PowerAction::restart)
            machine.started = std::chrono::steady_clock::now();
        machine.show_power(goal_of(action));
        return {};
    });
}

Result<void> FakeDriver::destroy(const std::string& id, const Op& op) {
    if (!state_->observe(id)) return {};
    TRY(state_->begin(op));
    vanish(id);
    return {};
}

Result<Observed> FakeDriver::change(const std::string& id, const Changes& changes, const Op& op) {
    const Observed before = TRY(state_->observe(id));
    const bool resizes = changes.cpus.has_value() || changes.memory_mib.has_value();
    if (resizes && before.state != machines::State::stopped) return refused(before.state);
    if (changes.cpus.value_or(1) < 1) return invalid_field("cpus", "must be at least 1");
    if (changes.memory_mib.value_or(1) < 1) return invalid_field("memory_mib", "must be at least 1");
    if (changes.name && changes.name->empty()) return invalid_field("name", "is required");
    TRY(state_->begin(op));
    {
        auto contents = state_->guarded.lock();
        const auto found = contents->machines.find(id);
        if (found == contents->machines.end()) return unknown_machine(id);
        fake::Machine next = found->second;
        if (changes.name && *changes.name != next.seen.name && contents->id_by_name.contains(*changes.name))
            return name_taken(*changes.name);
        next.seen.name = changes.name.value_or(next.seen.name);
        next.seen.description = changes.description.value_or(next.seen.description);
        next.seen.cpus = changes.cpus.value_or(next.seen.cpus);
        next.seen.memory_mib = changes.memory_mib.value_or(next.seen.memory_mib);
        TRY(state_->keep(next));
        contents->id_by_name.erase(found->second.seen.name);
        contents->id_by_name.emplace(next.seen.name, id);
        found->second = std::move(next);
    }
    state_->changes.put(id, Change::updated);
    return state_->observe(id);
}

// Nothing ever writes to the disk of a fake machine, so a second name of the same file is the layer it goes on in, and
// the base of one clone serves the next.
Result<std::string> FakeDriver::freeze_disk_for_clone(const std::string& id, const Op& op) {
    const Observed seen = TRY(state_->observe(id));
    if (seen.state == machines::State::suspended) return refused(seen.state);
    TRY(state_->begin(op));
    std::string base;
    TRY(state_->edit(id, Change::updated, [&](fake::Machine& machine) -> Result<void> {
        if (machine.base.empty()) {
            machine.base = machine.seen.disk;
            machine.seen.disk = TRY(second_name(machine.base));
        }
        base = machine.base;
        return {};
    }));
    return base;
}

void FakeDriver::listen(machines::ChangeListener listener) { state_->changes.listen(std::move(listener)); }
machines::GuestAccess* FakeDriver::guest() { return guest_.get(); }
machines::Snapshots* FakeDriver::snapshots() { return snapshots_.get(); }

void FakeDriver::vanish(const std::string& id) {
    {
        auto contents = state_->guarded.lock();
        const auto found = contents->machines.find(id);
        if (found == contents->machines.end()) return;
        contents->id_by_name.erase(found->second.seen.name);
        contents->machines.erase(found);
        if (!state_->options.folder.empty()) fake::forget(state_->options.folder, id);
    }
    state_->changes.put(id, Change::removed);
}

void FakeDriver::crash(const std::string& id) {
    const auto done = state_->edit(id, Change::state, [](fake::Machine& machine) -> Result<void> {
        machine.show_power(machines::State::stopped);
        return {};
    });
    if (!done) log::warn("cannot crash a fake machine", {{"machine", id}, {"why", done.error().message}});
}

void FakeDriver::fail_next(Error with) { state_->guarded.lock()->failure = std::move(with); }

}  // namespace corral::drivers
