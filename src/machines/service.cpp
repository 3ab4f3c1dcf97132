#include "machines/service.hpp"

#include "audit/audit.hpp"
#include "base/log.hpp"
#include "platform/files/files.hpp"

namespace corral::machines {

namespace {

std::string verb_of(PowerAction action, bool force) {
    switch (action) {
        case PowerAction::start: return "start";
        case PowerAction::stop: return force ? "kill" : "stop";
        case PowerAction::kill: return "kill";
        case PowerAction::restart: return "restart";
        case PowerAction::reset: return "reset";
        case PowerAction::pause: return "pause";
        case PowerAction::resume: return "resume";
        case PowerAction::suspend: return "suspend";
    }
    return "power";
}

Error wrong_state(std::string message) { return Error{Errc::invalid, std::move(message)}; }

}  // namespace

Service::~Service() { stop(); }

void Service::stop() { inventory_.stop(); }

Op Service::op(std::chrono::milliseconds limit) {
    return {.cancel = {}, .deadline = std::chrono::steady_clock::now() + limit};
}

Result<Observed> Service::find(const Ref<MachineTag>& machine) const {
    if (auto found = inventory_.find(machine.text)) return std::move(*found);
    return Error{Errc::not_found, "There is no machine " + machine.text};
}

Result<std::vector<VirtualMachine>> Service::list() {
    std::vector<VirtualMachine> out;
    for (const Observed& machine : inventory_.all()) out.push_back(describe(machine));
    return out;
}

Result<VirtualMachine> Service::get(const Ref<MachineTag>& machine) { return describe(TRY(find(machine))); }

Result<StatusResponse> Service::status(const Ref<MachineTag>& machine) {
    const Observed seen = TRY(find(machine));
    StatusResponse out{.id = seen.id, .status = std::string(to_text(seen.state))};
    if (!seen.addresses.empty()) out.ip_configured = seen.addresses.front().ip;
    return out;
}

Result<void> Service::power_now(const Observed& machine, PowerAction action, const std::stop_token& cancel) {
    std::optional<StartGate::Pass> pass;
    if (action == PowerAction::start || action == PowerAction::resume) pass.emplace(TRY(gate_.enter(cancel)));
    Op limited = op(settings_.power_limit);
    limited.cancel = cancel;
    auto done = driver_.power(machine.id, action, limited);
    // Also after a failure: the truth is asked for, not guessed.
    if (auto seen = inventory_.refresh(machine.id); !seen)
        log::warn("A machine could not be looked at", {{"machine", machine.id}, {"why", seen.error().message}});
    if (!done && done.error().code == Errc::conflict) done.error().code = Errc::invalid;
    return done;
}

void Service::note(const Caller& who, std::string action, const Observed& machine, const Error* why,
                   std::vector<std::pair<std::string, std::string>> detail, const std::function<void(db::Tx&)>& also) {
    audit::Entry entry{.action = std::move(action),
                       .object_type = "machine",
                       .object_id = machine.id,
                       .outcome = why == nullptr ? audit::Outcome::done : audit::Outcome::failed,
                       .detail = std::move(detail)};
    entry.detail.emplace_back("name", machine.name);
    if (why != nullptr) entry.detail.emplace_back("why", why->message);
    auto written = database_.write([&](db::Tx& tx) {
        audit::append(tx, clock_.now(), who, entry);
        if (also) also(tx);
    });
    if (!written)
        log::error("What was done to a machine is missing in the audit trail",
                   {{"machine", machine.id}, {"action", entry.action}, {"why", written.error().detail}});
}

Result<void> Service::power(const Ref<MachineTag>& reference, PowerAction action, bool force, const Caller& who) {
    const Observed seen = TRY(find(reference));
    const auto held = locks_.hold(seen.id);
    auto done = power_judged(seen, action, force);
    note(who, "machine." + verb_of(action, force), seen, done ? nullptr : &done.error());
    return done;
}

Result<void> Service::power_judged(const Observed& seen, PowerAction action, bool force) {
    const std::string& id = seen.id;
    // Judged by what is true now, not by what was seen last (quirk M49).
    const auto asked = TRY(inventory_.refresh(id));
    if (!asked) return Error{Errc::not_found, "There is no machine " + seen.name};
    const Observed& machine = *asked;
    const State state = machine.state;
    switch (action) {
        case PowerAction::start:
            if (state == State::suspended || state == State::paused)
                return wrong_state("VM is not stopped: it is " + std::string(to_text(state)) + ", resume it");
            break;
        case PowerAction::stop:
            if (force) return power_now(machine, PowerAction::kill, {});
            if (state == State::paused || state == State::suspended) return wrong_state("VM is not running");
            break;
        case PowerAction::pause:
        case PowerAction::suspend:
            if (state == State::stopped) return wrong_state("VM is not running");
            break;
        case PowerAction::resume:
            if (state != State::paused && state != State::suspended)
                return wrong_state("VM is not paused or suspended");
            break;
        case PowerAction::restart:
            if (state == State::paused || state == State::suspended) return wrong_state("VM is not running");
            break;
        case PowerAction::reset:
        case PowerAction::kill: break;
    }
    return power_now(machine, action, {});
}

Result<VirtualMachine> Service::rename(const Ref<MachineTag>& reference, const RenameRequest& request,
                                       const Caller& who) {
    const std::string id = TRY(find(reference)).id;
    const auto held = locks_.hold(id);
    const auto machine = TRY(inventory_.refresh(id));
    if (!machine) return Error{Errc::not_found, "There is no machine " + reference.text};
    if (machine->state != State::stopped) return wrong_state("VM is not stopped");
    {
        std::lock_guard names(names_mutex_);
        if (!json::equal_without_case(machine->name, request.new_name)) TRY(check_name(request.new_name));
        TRY(driver_.change(id, {.name = request.new_name, .description = request.description},
                           op(settings_.power_limit)));
    }
    TRY(database_.write([&](db::Tx& tx) {
        store::rename(tx, id, request.new_name);
        audit::append(tx, clock_.now(), who,
                      {.action = "machine.rename",
                       .object_type = "machine",
                       .object_id = id,
                       .detail = {{"name", machine->name}, {"new_name", request.new_name}}});
    }));
    const auto renamed = TRY(inventory_.refresh(id));
    if (!renamed) return Error{Errc::not_found, "There is no machine " + reference.text};
    return describe(*renamed);
}

Result<void> Service::remove(const Ref<MachineTag>& reference, bool force, const Caller& who) {
    const std::string id = TRY(find(reference)).id;
    const auto held = locks_.hold(id);
    const auto machine = TRY(inventory_.refresh(id));
    if (!machine) return Error{Errc::not_found, "There is no machine " + reference.text};
    if (!force && machine->state != State::stopped && machine->state != State::invalid)
        return wrong_state("VM is not stopped");
    // From here on the removal is finished, now or after a restart.
    TRY(database_.write([&](db::Tx& tx) {
        store::set_phase(tx, id, "deleting");
        audit::append(tx, clock_.now(), who,
                      {.action = "machine.delete",
                       .object_type = "machine",
                       .object_id = id,
                       .detail = {{"name", machine->name}, {"force", force ? "true" : "false"}}});
    }));
    inventory_.hide(id);
    auto done = discard(id);
    if (done) return {};
    if (driver_.observe(id)) {  // it is still there: as if nothing had been asked
        TRY(database_.write([&](db::Tx& tx) { store::set_phase(tx, id, "present"); }));
        note(who, "machine.delete", *machine, &done.error());
        inventory_.show(id);
    }
    return done;
}

// Takes the machine out of the hypervisor, then its files, then its record. May run again after a crash.
Result<void> Service::discard(const std::string& id) {
    const auto record = TRY(database_.read([&](db::Tx& tx) { return store::find(tx, id); }));
    std::string top_disk;
    if (auto seen = driver_.observe(id)) top_disk = seen->disk;
    TRY(driver_.destroy(id, op(settings_.power_limit)));
    if (!record) return inventory_.dismiss(id, [](db::Tx&) {});
    const bool carries = TRY(database_.read([&](db::Tx& tx) { return store::carries(tx, id); }));
    // Clones stand on the lower layers of its disk: those stay until the last clone is gone. The top one is its own:
    // the driver never hands it out as a base.
    if (carries && top_disk.starts_with(record->home)) TRY(files::remove_tree(top_disk));
    if (!carries) TRY(files::remove_tree(record->home));
    return drop_record(*record);
}

Result<void> Service::drop_record(const store::Record& record) {
    std::vector<store::Record> freed;
    TRY(inventory_.dismiss(record.id, [&](db::Tx& tx) {
        const auto bases = store::bases(tx, record.id);
        images_.unpin(tx, record.id);
        if (store::carries(tx, record.id)) {
            store::unlink(tx, record.id);
            store::set_phase(tx, record.id, "base");
        } else {
            store::remove(tx, record.id);
        }
        for (const std::string& base : bases)
            if (auto found = store::find(tx, base); found && found->phase == "base" && !store::carries(tx, base))
                freed.push_back(*found);
    }));
    for (const store::Record& base : freed) {
        TRY(files::remove_tree(base.home));
        TRY(database_.write([&](db::Tx& tx) { store::remove(tx, base.id); }));
    }
    if (auto tidied = images_.tidy ? images_.tidy() : Result<void>{}; !tidied)
        log::warn("Unneeded images stay for now", {{"why", tidied.error().message}, {"detail", tidied.error().detail}});
    return {};
}

Result<void> Service::recover() {
    TRY(files::make_folders(settings_.folder, 0700));
    const auto records = TRY(database_.read([](db::Tx& tx) { return store::all(tx); }));
    for (const store::Record& record : records) {
        if (record.phase == "creating" || record.phase == "deleting") {
            log::info("Removing a machine that was not finished", {{"machine", record.id}, {"phase", record.phase}});
            if (auto done = discard(record.id); !done) {
                inventory_.hide(record.id);  // until a later start removes it
                log::error("A half made machine could not be removed",
                           {{"machine", record.id}, {"why", done.error().message}, {"detail", done.error().detail}});
            }
        } else if (record.phase == "base") {
            if (!TRY(database_.read([&](db::Tx& tx) { return store::carries(tx, record.id); }))) {
                TRY(files::remove_tree(record.home));
                TRY(database_.write([&](db::Tx& tx) { store::remove(tx, record.id); }));
            }
        }
    }
    return inventory_.start();
}

}  // namespace corral::machines
