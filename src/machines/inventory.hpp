// The machines as last seen, for reads at memory speed; kept true by the driver's changes, by every verb and by a full
// comparison now and then. A change that is seen becomes an event in the same transaction. Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "events/service.hpp"
#include "machines/driver.hpp"
#include "machines/locks.hpp"
#include "platform/db/db.hpp"

namespace corral::machines {

class Inventory {
public:
    Inventory(Driver& driver, db::Database& database, events::Service& events, std::chrono::milliseconds full_interval);
    ~Inventory();
    Inventory(const Inventory&) = delete;
    Inventory& operator=(const Inventory&) = delete;

    // Loads what is there without events, then follows the driver. Call once, before the first request.
    Result<void> start();
    void stop();

    [[nodiscard]] std::vector<Observed> all() const;  // in a stable order
    // By id, else by name, both without case.
    [[nodiscard]] std::optional<Observed> find(const std::string& id_or_name) const;
    [[nodiscard]] std::optional<Observed> at(const std::string& id) const;
    // Asks the driver about one machine and tells what changed. nullopt: it is gone.
    Result<std::optional<Observed>> refresh(const std::string& id);
    // Shows a new machine; `also` runs in the transaction of its event.
    Result<void> admit(const std::string& id, const std::function<void(db::Tx&)>& also);
    // Forgets a removed one, likewise.
    Result<void> dismiss(const std::string& id, const std::function<void(db::Tx&)>& also);
    // Machines that are not to be shown: half made, or half removed.
    void hide(const std::string& id);
    void show(const std::string& id);

private:
    void follow(const std::stop_token& stop);
    void compare_all();
    void remember(const std::string& id, const std::optional<Observed>& now);
    void tell(db::Tx& tx, const std::optional<Observed>& before, const std::optional<Observed>& now);

    Driver& driver_;
    db::Database& database_;
    events::Service& events_;
    std::chrono::milliseconds full_interval_;
    Locks asking_;              // one refresh a machine at a time, so that the later answer is the one kept
    mutable std::mutex mutex_;  // guards what follows
    struct Item {
        std::uint64_t order = 0;  // of arrival
        SteadyTime seen{};
        Observed machine;
        [[nodiscard]] Observed now() const;  // its uptime has gone on since
    };
    std::map<std::string, Item> seen_;  // by id
    std::uint64_t arrivals_ = 0;
    std::set<std::string> hidden_;
    std::set<std::string> changed_;
    std::condition_variable_any wake_;
    std::jthread thread_;
};

}  // namespace corral::machines
