// One machine of the fake hypervisor and the file it is kept in. Values; the owner locks.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "machines/driver.hpp"

namespace corral::drivers::fake {

struct Machine {
    machines::Observed seen;
    std::string base;  // what clones stand on; "" before the first
    std::chrono::steady_clock::time_point started;
    std::vector<machines::Snapshot> snapshots;

    void show_power(machines::State);  // with all that follows from it: up since when, addresses
};

Result<void> save(const std::string& folder, const Machine&);  // replaces the file; not synced, losing power loses it
Result<std::vector<Machine>> load_all(const std::string& folder);
void forget(const std::string& folder, const std::string& id);

}  // namespace corral::drivers::fake
