#include "drivers/hypervisor/libvirt/inventory.hpp"

#include <algorithm>

#include "drivers/hypervisor/host_facts.hpp"
#include "drivers/hypervisor/power_table.hpp"

namespace corral::drivers::libvirt {

bool GuestFacts::operator==(const GuestFacts& other) const {
    return agent_version == other.agent_version && os == other.os &&
           std::ranges::equal(addresses, other.addresses,
                              [](const auto& a, const auto& b) { return a.type == b.type && a.ip == b.ip; });
}

std::optional<Entry> Inventory::find(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(id);
    if (found == records_.end() || !found->second.current) return std::nullopt;
    return found->second.entry;
}

std::optional<std::string> Inventory::id_of_name(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = id_by_name_.find(name);
    return found == id_by_name_.end() ? std::nullopt : std::optional(found->second);
}

Entry Inventory::define(Definition definition) {
    const std::uint64_t disk_bytes = virtual_size(definition.disk);
    const std::lock_guard lock(mutex_);
    Record& record = records_[definition.id];
    const std::string& old_name = record.entry.definition.name;
    if (!old_name.empty() && old_name != definition.name) id_by_name_.erase(old_name);
    id_by_name_[definition.name] = definition.id;
    record.entry.definition = std::move(definition);
    record.entry.disk_bytes = disk_bytes;
    record.current = true;
    return record.entry;
}

void Inventory::forget(const std::string& id) {
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(id);
    if (found == records_.end()) return;
    const auto name = id_by_name_.find(found->second.entry.definition.name);
    if (name != id_by_name_.end() && name->second == id) id_by_name_.erase(name);
    records_.erase(found);
}

void Inventory::outdate(const std::string& id) {
    const std::lock_guard lock(mutex_);
    if (const auto found = records_.find(id); found != records_.end()) found->second.current = false;
}

void Inventory::powered_on(const std::string& id, std::chrono::steady_clock::time_point since) {
    const std::lock_guard lock(mutex_);
    records_[id].entry.started = since;
}

void Inventory::powered_off(const std::string& id) {
    const std::lock_guard lock(mutex_);
    if (const auto found = records_.find(id); found != records_.end()) {
        found->second.entry.started.reset();
        found->second.entry.agent_connected = false;
        found->second.entry.guest.addresses.clear();
    }
}

void Inventory::rebooted(const std::string& id) {
    const std::lock_guard lock(mutex_);
    ++records_[id].entry.reboots;
}

void Inventory::agent(const std::string& id, bool connected) {
    const std::lock_guard lock(mutex_);
    Entry& entry = records_[id].entry;
    entry.agent_connected = connected;
    if (!connected) entry.guest.addresses.clear();
}

bool Inventory::learned(const std::string& id, GuestFacts facts) {
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(id);
    if (found == records_.end() || !found->second.entry.agent_connected || found->second.entry.guest == facts)
        return false;
    found->second.entry.guest = std::move(facts);
    return true;
}

void Inventory::wake() {
    {
        const std::lock_guard lock(mutex_);
        ++version_;
    }
    changed_.notify_all();
}

Result<bool> Inventory::wait(const machines::Op& op, std::chrono::milliseconds at_most,
                             const std::function<Result<bool>()>& reached) {
    const auto end = std::chrono::steady_clock::now() + at_most;
    for (;;) {
        std::uint64_t seen = 0;
        {
            const std::lock_guard lock(mutex_);
            seen = version_;
        }
        if (TRY(reached())) return true;
        TRY(still_wanted(op));
        const auto now = std::chrono::steady_clock::now();
        if (now >= end) return false;
        const auto look_again = std::min({end, op.deadline, now + std::chrono::milliseconds{250}});
        std::unique_lock lock(mutex_);
        changed_.wait_until(lock, op.cancel, look_again, [&] { return version_ != seen; });
    }
}

}  // namespace corral::drivers::libvirt
