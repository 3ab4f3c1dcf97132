#include "drivers/hypervisor/fake/snapshots.hpp"

#include <algorithm>
#include <set>

#include "drivers/hypervisor/fake/state.hpp"
#include "drivers/hypervisor/power_table.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::drivers::fake {

using machines::Change;
using machines::Op;
using machines::Snapshot;
using machines::State;

namespace {

Error unknown_snapshot(const std::string& id) {
    return Error{Errc::not_found, "There is no such snapshot", "id " + id};
}

Snapshot* find(Machine& machine, const std::string& snapshot) {
    const auto found = std::ranges::find(machine.snapshots, snapshot, &Snapshot::id);
    return found == machine.snapshots.end() ? nullptr : &*found;
}

// Parents stand before children, so one pass finds all descendants.
std::set<std::string> family_of(const Machine& machine, const std::string& root) {
    std::set<std::string> family{root};
    for (const Snapshot& one : machine.snapshots)
        if (family.contains(one.parent)) family.insert(one.id);
    return family;
}

}  // namespace

Result<std::vector<Snapshot>> FakeSnapshots::list(const std::string& id) {
    auto contents = state_->guarded.lock();
    const auto found = contents->machines.find(id);
    if (found == contents->machines.end()) return unknown_machine(id);
    return found->second.snapshots;
}

Result<Snapshot> FakeSnapshots::take(const std::string& id, const std::string& name, const std::string& description,
                                     const Op& op) {
    const machines::Observed seen = TRY(state_->observe(id));
    if (seen.state == State::suspended) return refused(seen.state);
    TRY(state_->begin(op));
    Snapshot fresh{.id = crypto::random_uuid(),
                   .name = name,
                   .description = description,
                   .parent = "",
                   .created = SystemClock{}.now(),
                   .state = seen.state,
                   .current = true};
    TRY(state_->edit(id, Change::updated, [&](Machine& machine) -> Result<void> {
        for (Snapshot& one : machine.snapshots)
            if (std::exchange(one.current, false)) fresh.parent = one.id;
        machine.snapshots.push_back(fresh);
        return {};
    }));
    return fresh;
}

Result<void> FakeSnapshots::revert(const std::string& id, const std::string& snapshot, bool stay_paused, const Op& op) {
    TRY(state_->observe(id));
    TRY(state_->begin(op));
    return state_->edit(id, Change::state, [&](Machine& machine) -> Result<void> {
        const Snapshot* target = find(machine, snapshot);
        if (target == nullptr) return unknown_snapshot(snapshot);
        State state = target->state;
        if (stay_paused && state == State::running) state = State::paused;
        for (Snapshot& one : machine.snapshots) one.current = one.id == snapshot;
        machine.show_power(state);
        return {};
    });
}

Result<void> FakeSnapshots::remove(const std::string& id, const std::string& snapshot, bool with_children,
                                   const Op& op) {
    TRY(state_->observe(id));
    TRY(state_->begin(op));
    return state_->edit(id, Change::updated, [&](Machine& machine) -> Result<void> {
        const Snapshot* target = find(machine, snapshot);
        if (target == nullptr) return unknown_snapshot(snapshot);
        const std::string parent = target->parent;
        const auto gone = with_children ? family_of(machine, snapshot) : std::set<std::string>{snapshot};
        bool current_gone = false;
        for (const Snapshot& one : machine.snapshots) current_gone |= one.current && gone.contains(one.id);
        std::erase_if(machine.snapshots, [&](const Snapshot& one) { return gone.contains(one.id); });
        for (Snapshot& one : machine.snapshots) {
            if (gone.contains(one.parent)) one.parent = parent;
            one.current |= current_gone && one.id == parent;
        }
        return {};
    });
}

}  // namespace corral::drivers::fake
