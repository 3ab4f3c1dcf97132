#include "drivers/hypervisor/fake/machine.hpp"

#include <filesystem>
#include <fstream>

#include "platform/files/files.hpp"
#include "platform/json/json.hpp"

namespace corral::drivers::fake {

namespace {

using machines::State;

struct SavedSnapshot {
    std::string id, name, description, parent, state;
    Time created;
    bool current = false;
};
constexpr auto json_object(const SavedSnapshot*) {
    return json::object(
        "FakeSnapshot", json::field("id", &SavedSnapshot::id), json::field("name", &SavedSnapshot::name),
        json::field("description", &SavedSnapshot::description), json::field("parent", &SavedSnapshot::parent),
        json::field("state", &SavedSnapshot::state), json::field("created", &SavedSnapshot::created),
        json::field("current", &SavedSnapshot::current));
}

struct Saved {
    std::string id, name, description, state, home, owner, architecture, disk, base, mac, address;
    int cpus = 0, memory_mib = 0;
    std::uint64_t disk_bytes = 0;
    std::vector<SavedSnapshot> snapshots;
};
constexpr auto json_object(const Saved*) {
    return json::object("FakeMachine", json::field("id", &Saved::id), json::field("name", &Saved::name),
                        json::field("description", &Saved::description), json::field("state", &Saved::state),
                        json::field("home", &Saved::home), json::field("owner", &Saved::owner),
                        json::field("architecture", &Saved::architecture), json::field("disk", &Saved::disk),
                        json::field("base", &Saved::base), json::field("mac", &Saved::mac),
                        json::field("address", &Saved::address), json::field("cpus", &Saved::cpus),
                        json::field("memory_mib", &Saved::memory_mib), json::field("disk_bytes", &Saved::disk_bytes),
                        json::field("snapshots", &Saved::snapshots));
}

Saved to_saved(const Machine& machine) {
    const machines::Observed& seen = machine.seen;
    Saved saved{.id = seen.id,
                .name = seen.name,
                .description = seen.description,
                .state = std::string(machines::to_text(seen.state)),
                .home = seen.home,
                .owner = seen.owner,
                .architecture = seen.architecture,
                .disk = seen.disk,
                .base = machine.base,
                .mac = seen.mac,
                .address = seen.addresses.empty() ? "" : seen.addresses.front().ip,
                .cpus = seen.cpus,
                .memory_mib = seen.memory_mib,
                .disk_bytes = seen.disk_bytes,
                .snapshots = {}};
    for (const machines::Snapshot& one : machine.snapshots)
        saved.snapshots.push_back({one.id, one.name, one.description, one.parent,
                                   std::string(machines::to_text(one.state)), one.created, one.current});
    return saved;
}

Machine from_saved(Saved saved) {
    Machine machine;
    machines::Observed& seen = machine.seen;
    seen.id = std::move(saved.id);
    seen.name = std::move(saved.name);
    seen.description = std::move(saved.description);
    seen.state = machines::state_from_text(saved.state).value_or(State::invalid);
    seen.home = std::move(saved.home);
    seen.owner = std::move(saved.owner);
    seen.architecture = std::move(saved.architecture);
    seen.disk = std::move(saved.disk);
    machine.base = std::move(saved.base);
    seen.mac = std::move(saved.mac);
    seen.cpus = saved.cpus;
    seen.memory_mib = saved.memory_mib;
    seen.disk_bytes = saved.disk_bytes;
    if (!saved.address.empty()) seen.addresses = {{"ipv4", std::move(saved.address)}};
    machine.started = std::chrono::steady_clock::now();
    for (SavedSnapshot& one : saved.snapshots)
        machine.snapshots.push_back({.id = std::move(one.id),
                                     .name = std::move(one.name),
                                     .description = std::move(one.description),
                                     .parent = std::move(one.parent),
                                     .created = one.created,
                                     .state = machines::state_from_text(one.state).value_or(State::stopped),
                                     .current = one.current});
    return machine;
}

// An address of 198.18.0.0/15, which is reserved for tests (RFC 2544).
std::string address_for(const std::string& mac) {
    const auto byte = [&](std::size_t at) { return std::to_string(std::stoi(mac.substr(at, 2), nullptr, 16)); };
    return "198.18." + byte(12) + "." + byte(15);
}

}  // namespace

void Machine::show_power(State state) {
    const bool was_on = seen.state == State::running || seen.state == State::paused;
    seen.state = state;
    seen.addresses.clear();
    if (state != State::running && state != State::paused) return;
    if (!was_on) started = std::chrono::steady_clock::now();
    seen.addresses = {{"ipv4", address_for(seen.mac)}};
}

Result<void> save(const std::string& folder, const Machine& machine) {
    const std::string path = folder + "/" + machine.seen.id + ".json";
    const std::string fresh = path + ".new";
    {
        std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
        out << json::write(to_saved(machine));
        if (!out.flush()) return Error{Errc::internal, "The machine's state could not be written", fresh};
    }
    std::error_code failed;
    std::filesystem::rename(fresh, path, failed);
    if (failed)
        return Error{Errc::internal, "The machine's state could not be written", path + ": " + failed.message()};
    return {};
}

Result<std::vector<Machine>> load_all(const std::string& folder) {
    std::vector<Machine> all;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
        if (entry.path().extension() != ".json") continue;
        all.push_back(from_saved(TRY(json::read<Saved>(TRY(files::read_file(entry.path().string()))))));
    }
    if (failed) return Error{Errc::internal, "The machines' folder cannot be read", folder + ": " + failed.message()};
    return all;
}

void forget(const std::string& folder, const std::string& id) {
    std::error_code ignored;
    std::filesystem::remove(folder + "/" + id + ".json", ignored);
}

}  // namespace corral::drivers::fake
