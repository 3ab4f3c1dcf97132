#include "machines/inventory.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "machines/requests.hpp"

namespace corral::machines {

namespace {

// What clients see differs; uptime alone does not count.
bool differs(const Observed& a, const Observed& b) {
    const auto seen = [](const Observed& m) {
        std::string addresses;
        for (const Address& address : m.addresses) addresses += address.ip + " ";
        return std::tuple(m.name, m.description, m.cpus, m.memory_mib, m.disk, m.disk_bytes, m.mac, m.agent_connected,
                          m.agent_version, addresses, m.home);
    };
    return seen(a) != seen(b);
}

}  // namespace

Observed Inventory::Item::now() const {
    Observed out = machine;
    if (out.state == State::running)
        out.uptime += std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - seen);
    return out;
}

Inventory::Inventory(Driver& driver, db::Database& database, events::Service& events,
                     std::chrono::milliseconds full_interval)
    : driver_(driver), database_(database), events_(events), full_interval_(full_interval) {}

Inventory::~Inventory() { stop(); }

Result<void> Inventory::start() {
    driver_.listen([this](const std::string& id, Change) {
        {
            std::lock_guard lock(mutex_);
            changed_.insert(id);
        }
        wake_.notify_all();
    });
    for (Observed& machine : TRY(driver_.list())) {
        std::lock_guard lock(mutex_);
        const std::string id = machine.id;
        seen_.insert_or_assign(id, Item{arrivals_++, std::chrono::steady_clock::now(), std::move(machine)});
    }
    thread_ = std::jthread([this](const std::stop_token& stop) { follow(stop); });
    return {};
}

void Inventory::stop() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    wake_.notify_all();
    thread_.join();
    driver_.listen({});
}

std::vector<Observed> Inventory::all() const {
    std::lock_guard lock(mutex_);
    std::vector<const Item*> order;
    for (const auto& [id, item] : seen_)
        if (!hidden_.contains(id)) order.push_back(&item);
    std::ranges::sort(order, {}, &Item::order);
    std::vector<Observed> out;
    out.reserve(order.size());
    for (const auto* item : order) out.push_back(item->now());
    return out;
}

std::optional<Observed> Inventory::find(const std::string& key) const {
    std::lock_guard lock(mutex_);
    if (const auto it = seen_.find(key); it != seen_.end() && !hidden_.contains(key)) return it->second.now();
    const Item* named = nullptr;
    for (const auto& [id, item] : seen_) {
        if (hidden_.contains(id)) continue;
        if (json::equal_without_case(id, key)) return item.now();
        if (named == nullptr && json::equal_without_case(item.machine.name, key)) named = &item;
    }
    if (named == nullptr) return std::nullopt;
    return named->now();
}

std::optional<Observed> Inventory::at(const std::string& id) const {
    std::lock_guard lock(mutex_);
    const auto it = seen_.find(id);
    if (it == seen_.end()) return std::nullopt;
    return it->second.machine;
}

void Inventory::hide(const std::string& id) {
    std::lock_guard lock(mutex_);
    hidden_.insert(id);
}

void Inventory::show(const std::string& id) {
    std::lock_guard lock(mutex_);
    hidden_.erase(id);
}

void Inventory::tell(db::Tx& tx, const std::optional<Observed>& before, const std::optional<Observed>& now) {
    using events::Type;
    if (now && !before)
        events_.append(tx, Type::pdfm, "VM_ADDED", json::to_text(MachineShown{now->id, describe(*now)}));
    if (before && !now) events_.append(tx, Type::pdfm, "VM_REMOVED", json::to_text(MachineGone{before->id}));
    if (!before || !now) return;
    if (before->state != now->state)
        events_.append(tx, Type::pdfm, "VM_STATE_CHANGED",
                       json::to_text(StateChanged{std::string(to_text(before->state)), std::string(to_text(now->state)),
                                                  now->id}));
    if (differs(*before, *now))
        events_.append(tx, Type::pdfm, "VM_UPDATED", json::to_text(MachineShown{now->id, describe(*now)}));
}

Result<std::optional<Observed>> Inventory::refresh(const std::string& id) {
    const auto held = asking_.hold(id);
    auto asked = driver_.observe(id);
    if (!asked && asked.error().code != Errc::not_found) return std::move(asked).error();
    std::optional<Observed> now;
    if (asked) now = std::move(*asked);
    std::optional<Observed> before = at(id);
    {
        std::lock_guard lock(mutex_);
        if (hidden_.contains(id)) return now;
    }
    if (!before && !now) return now;
    if (!before || !now || before->state != now->state || differs(*before, *now))
        TRY(database_.write([&](db::Tx& tx) {
            tx.after_commit([&] { remember(id, now); });
            tell(tx, before, now);
        }));
    else
        remember(id, now);
    return now;
}

// Changes hand this over to the commit before they append the event: whoever hears of it and asks sees it.
void Inventory::remember(const std::string& id, const std::optional<Observed>& now) {
    std::lock_guard lock(mutex_);
    if (!now)
        seen_.erase(id);
    else if (auto it = seen_.find(id); it != seen_.end())
        it->second = {it->second.order, std::chrono::steady_clock::now(), *now};
    else
        seen_.insert_or_assign(id, Item{arrivals_++, std::chrono::steady_clock::now(), *now});
}

Result<void> Inventory::admit(const std::string& id, const std::function<void(db::Tx&)>& also) {
    const auto held = asking_.hold(id);
    const std::optional<Observed> now = TRY(driver_.observe(id));
    return database_.write([&](db::Tx& tx) {
        tx.after_commit([&] {
            remember(id, now);
            show(id);
        });
        also(tx);
        tell(tx, std::nullopt, now);
    });
}

Result<void> Inventory::dismiss(const std::string& id, const std::function<void(db::Tx&)>& also) {
    const auto held = asking_.hold(id);
    const auto before = at(id);
    return database_.write([&](db::Tx& tx) {
        tx.after_commit([&] {
            remember(id, std::nullopt);
            show(id);
        });
        also(tx);
        tell(tx, before, std::nullopt);
    });
}

void Inventory::compare_all() {
    auto list = driver_.list();
    if (!list) {
        log::warn("The hypervisor could not be asked for its machines", {{"why", list.error().message}});
        return;
    }
    std::set<std::string> ids;
    for (const Observed& machine : *list) ids.insert(machine.id);
    for (const Observed& machine : all()) ids.insert(machine.id);
    for (const std::string& id : ids)
        if (auto done = refresh(id); !done)
            log::warn("A machine could not be looked at", {{"machine", id}, {"why", done.error().message}});
}

void Inventory::follow(const std::stop_token& stop) {
    auto next_full = std::chrono::steady_clock::now() + full_interval_;
    while (!stop.stop_requested()) {
        std::set<std::string> ids;
        {
            std::unique_lock lock(mutex_);
            wake_.wait_until(lock, stop, next_full, [&] { return !changed_.empty(); });
            ids.swap(changed_);
        }
        for (const std::string& id : ids)
            if (auto done = refresh(id); !done)
                log::warn("A machine could not be looked at", {{"machine", id}, {"why", done.error().message}});
        if (std::chrono::steady_clock::now() >= next_full && !stop.stop_requested()) {
            if (full_interval_.count() > 0) compare_all();
            next_full = std::chrono::steady_clock::now() + full_interval_;
        }
    }
}

}  // namespace corral::machines
