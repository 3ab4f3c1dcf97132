// Snapshots of machines: who may, under the machine's lock, told and on record.
#include "machines/snapshots.hpp"

#include <algorithm>
#include <map>
#include <ranges>

#include "base/log.hpp"
#include "machines/service.hpp"

namespace corral::machines {

namespace {

constexpr std::size_t longest_name = 255;
constexpr std::size_t longest_description = 4096;

std::string word_of(State state) {
    switch (state) {
        case State::running: return "poweron";
        case State::paused: return "pause";
        default: return "poweroff";
    }
}

bool has_control_characters(const std::string& text, bool lines_allowed) {
    return std::ranges::any_of(
        text, [&](unsigned char c) { return (c < 0x20 && !(lines_allowed && (c == '\n' || c == '\t'))) || c == 0x7f; });
}

Result<void> check(const TakeSnapshotRequest& request) {
    if (request.snapshot_name.size() > longest_name)
        return invalid_field("/snapshot_name", "must have at most 255 bytes");
    if (has_control_characters(request.snapshot_name, false))
        return invalid_field("/snapshot_name", "must be one line of text");
    if (request.snapshot_description.size() > longest_description)
        return invalid_field("/snapshot_description", "must have at most 4096 bytes");
    if (has_control_characters(request.snapshot_description, true))
        return invalid_field("/snapshot_description", "must be text");
    return {};
}

// As Parallels Desktop names them; the first number that is free.
std::string free_name(const std::vector<Snapshot>& all) {
    for (std::size_t number = all.size() + 1;; ++number) {
        std::string name = "Snapshot " + std::to_string(number);
        if (std::ranges::find(all, name, &Snapshot::name) == all.end()) return name;
    }
}

// By id, which clients also write as prlctl prints it, in braces; else by a name that only one has.
Result<Snapshot> pick(const std::vector<Snapshot>& all, std::string_view wanted) {
    std::string_view id = wanted;
    if (id.starts_with('{') && id.ends_with('}')) id = id.substr(1, id.size() - 2);
    const auto by_id = std::ranges::find_if(all, [&](const Snapshot& s) { return json::equal_without_case(s.id, id); });
    if (by_id != all.end()) return *by_id;
    const auto by_name = std::ranges::find(all, wanted, &Snapshot::name);
    if (by_name == all.end()) return Error{Errc::not_found, "The machine has no snapshot " + std::string(wanted)};
    if (std::ranges::count(all, wanted, &Snapshot::name) > 1)
        return Error{Errc::invalid, "Several snapshots have the name " + std::string(wanted) + ": give an id"};
    return *by_name;
}

}  // namespace

std::vector<ShownSnapshot> shown(const std::vector<Snapshot>& all) {
    std::multimap<Time, const Snapshot*> by_date;  // those of one moment as drivers list them: parents first
    for (const Snapshot& s : all) by_date.emplace(s.created, &s);
    std::vector<ShownSnapshot> out;
    out.reserve(all.size());
    for (const auto& [created, s] : by_date)
        out.push_back({.id = s->id,
                       .name = s->name,
                       .date = to_rfc3339(created),
                       .state = word_of(s->state),
                       .current = s->current,
                       .parent = s->parent,
                       .children = {}});
    return out;
}

std::vector<ShownSnapshot> as_tree(const std::vector<ShownSnapshot>& flat) {
    std::map<std::string, std::vector<std::size_t>> below;  // parent → its children, by their places
    std::map<std::string, std::size_t> known;
    for (std::size_t i = 0; i < flat.size(); ++i) known[flat[i].id] = i;
    for (std::size_t i = 0; i < flat.size(); ++i)
        below[known.contains(flat[i].parent) ? flat[i].parent : ""].push_back(i);
    // Deepest first, without recursion: a chain may be as long as there are snapshots.
    std::vector<ShownSnapshot> nested = flat;
    std::vector<std::size_t> order = below[""];
    for (std::size_t at = 0; at < order.size(); ++at)
        for (const std::size_t child : below[flat[order[at]].id]) order.push_back(child);
    for (const std::size_t place : order | std::views::reverse)
        for (const std::size_t child : below[flat[place].id])
            nested[place].children.push_back(std::move(nested[child]));
    std::vector<ShownSnapshot> roots;
    for (const std::size_t root : below[""]) roots.push_back(std::move(nested[root]));
    return roots;
}

Result<Observed> Service::find_for_snapshots(const Caller& who, const Ref<MachineTag>& machine,
                                             std::string_view claim) const {
    Observed found = TRY(find(machine));
    if (who.has_claim(claim)) return found;
    // The row let them in for machines of their own (quirk M26).
    const auto record = TRY(database_.read([&](db::Tx& tx) { return store::find(tx, found.id); }));
    if (record && !record->owner.empty() && record->owner == who.user_id().text) return found;
    return Error{Errc::forbidden, "Only snapshots of machines of your own are open to you"};
}

Result<Snapshots*> Service::snapshots_of_hypervisor() const {
    if (Snapshots* ability = driver_.snapshots()) return ability;
    return Error{Errc::unsupported, "This hypervisor takes no snapshots"};
}

Result<ListSnapshotsResponse> Service::list_snapshots(const Caller& who, const Ref<MachineTag>& reference,
                                                      bool nested) {
    const Observed machine = TRY(find_for_snapshots(who, reference, "LIST_SNAPSHOT_VM"));
    Snapshots* ability = TRY(snapshots_of_hypervisor());
    auto all = shown(TRY(ability->list(machine.id)));
    return ListSnapshotsResponse{nested ? as_tree(all) : std::move(all)};
}

// Told and on record also when it failed half way: what is there now is asked for.
void Service::snapshots_changed(const Caller& who, std::string action, const Observed& machine, const Error* why,
                                std::vector<std::pair<std::string, std::string>> detail) {
    const auto all = driver_.snapshots()->list(machine.id);
    note(who, std::move(action), machine, why, std::move(detail), [&](db::Tx& tx) {
        if (!all) return;
        const SnapshotsUpdated news{.vm_id = machine.id, .snapshots = shown(*all)};
        events_.append(tx, events::Type::pdfm, "VM_SNAPSHOTS_UPDATED", json::to_text(news));
    });
}

Result<TakeSnapshotResponse> Service::take_snapshot(const Caller& who, const Ref<MachineTag>& reference,
                                                    const TakeSnapshotRequest& request) {
    TRY(check(request));
    const Observed machine = TRY(find_for_snapshots(who, reference, "CREATE_SNAPSHOT_VM"));
    Snapshots* ability = TRY(snapshots_of_hypervisor());
    const auto held = locks_.hold(machine.id);
    std::string name = request.snapshot_name;
    if (name.empty()) name = free_name(TRY(ability->list(machine.id)));
    auto taken = ability->take(machine.id, name, request.snapshot_description, op(settings_.snapshot_limit));
    if (!taken && taken.error().code == Errc::conflict)
        taken = Error{Errc::invalid, "A suspended machine takes no snapshot: resume it, or stop it by force"};
    snapshots_changed(who, "machine.snapshot", machine, taken ? nullptr : &taken.error(),
                      {{"snapshot", taken ? taken->id : ""}, {"snapshot_name", name}});
    if (!taken) return std::move(taken).error();
    return TakeSnapshotResponse{.snapshot_name = name, .snapshot_id = taken->id};
}

Result<void> Service::revert_snapshot(const Caller& who, const Ref<MachineTag>& reference, const std::string& snapshot,
                                      const RevertSnapshotRequest& request) {
    const std::string id = TRY(find_for_snapshots(who, reference, "REVERT_SNAPSHOT_VM")).id;
    Snapshots* ability = TRY(snapshots_of_hypervisor());
    const auto held = locks_.hold(id);
    const auto before = TRY(inventory_.refresh(id));  // whoever held the lock before may have renamed it
    if (!before) return Error{Errc::not_found, "There is no machine " + reference.text};
    const Snapshot target = TRY(pick(TRY(ability->list(id)), snapshot));
    std::optional<StartGate::Pass> pass;
    if (target.state != State::stopped) pass.emplace(TRY(gate_.enter({})));
    auto done = ability->revert(id, target.id, request.skip_resume, op(settings_.snapshot_limit));
    // The snapshot's description of the machine came back with it; its name is the one it has by now.
    if (done) {
        if (auto seen = driver_.observe(id); seen && seen->name != before->name)
            if (auto named = driver_.change(id, {.name = before->name}, op(settings_.power_limit)); !named)
                done = std::move(named).error();
    }
    if (auto seen = inventory_.refresh(id); !seen)
        log::warn("A machine could not be looked at", {{"machine", id}, {"why", seen.error().message}});
    snapshots_changed(who, "machine.snapshot_revert", *before, done ? nullptr : &done.error(),
                      {{"snapshot", target.id}, {"snapshot_name", target.name}});
    return done;
}

Result<void> Service::remove_snapshot(const Caller& who, const Ref<MachineTag>& reference, const std::string& snapshot,
                                      const RemoveSnapshotRequest& request) {
    const Observed machine = TRY(find_for_snapshots(who, reference, "DELETE_SNAPSHOT_VM"));
    Snapshots* ability = TRY(snapshots_of_hypervisor());
    const auto held = locks_.hold(machine.id);
    const Snapshot target = TRY(pick(TRY(ability->list(machine.id)), snapshot));
    const auto done = ability->remove(machine.id, target.id, request.delete_children, op(settings_.snapshot_limit));
    snapshots_changed(who, "machine.snapshot_delete", machine, done ? nullptr : &done.error(),
                      {{"snapshot", target.id},
                       {"snapshot_name", target.name},
                       {"children", request.delete_children ? "true" : "false"}});
    return done;
}

Result<void> Service::remove_all_snapshots(const Caller& who, const Ref<MachineTag>& reference) {
    const Observed machine = TRY(find_for_snapshots(who, reference, "DELETE_ALL_SNAPSHOTS_VM"));
    Snapshots* ability = TRY(snapshots_of_hypervisor());
    const auto held = locks_.hold(machine.id);
    const auto all = TRY(ability->list(machine.id));
    if (all.empty()) return {};
    const auto done = [&]() -> Result<void> {
        for (const ShownSnapshot& root : as_tree(shown(all)))
            TRY(ability->remove(machine.id, root.id, true, op(settings_.snapshot_limit)));
        return {};
    }();
    snapshots_changed(who, "machine.snapshot_delete_all", machine, done ? nullptr : &done.error(),
                      {{"count", std::to_string(all.size())}});
    return done;
}

}  // namespace corral::machines
