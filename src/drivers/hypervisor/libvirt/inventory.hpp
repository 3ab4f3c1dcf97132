// What is known about each machine without asking the hypervisor: its description, and what events and the agent told.
// Thread-safe; written by libvirt's event thread, the driver's calls and the agent probe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "drivers/hypervisor/libvirt/domain_xml.hpp"
#include "machines/driver.hpp"

namespace corral::drivers::libvirt {

// What the guest's agent told.
struct GuestFacts {
    std::string agent_version;
    std::string os;
    std::vector<machines::Address> addresses;
    bool operator==(const GuestFacts&) const;
};

struct Entry {
    Definition definition;
    std::uint64_t disk_bytes = 0;
    bool agent_connected = false;
    GuestFacts guest;
    std::optional<std::chrono::steady_clock::time_point> started;
    std::uint64_t reboots = 0;
};

class Inventory {
public:
    [[nodiscard]] std::optional<Entry> find(const std::string& id) const;
    [[nodiscard]] std::optional<std::string> id_of_name(const std::string& name) const;
    Entry define(Definition);  // keeps what is known of the guest
    void forget(const std::string& id);
    void outdate(const std::string& id);  // the description changed: find() misses it until it is defined again

    // From events. Unknown machines are remembered: their description is read when somebody asks.
    void powered_on(const std::string& id, std::chrono::steady_clock::time_point since);
    void powered_off(const std::string& id);
    void rebooted(const std::string& id);
    void agent(const std::string& id, bool connected);
    bool learned(const std::string& id, GuestFacts);  // true when that is news

    // Waits until `reached` holds, the op ends (Errc::timeout) or `at_most` is over (false). Looks again after every
    // event and every quarter of a second, should one be missed. `reached` runs without the lock.
    Result<bool> wait(const machines::Op&, std::chrono::milliseconds at_most,
                      const std::function<Result<bool>()>& reached);
    void wake();  // something changed that wait() may be about

private:
    struct Record {
        Entry entry;
        bool current = false;  // the description is up to date
    };

    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::uint64_t version_ = 0;
    std::map<std::string, Record> records_;
    std::map<std::string, std::string> id_by_name_;
};

}  // namespace corral::drivers::libvirt
