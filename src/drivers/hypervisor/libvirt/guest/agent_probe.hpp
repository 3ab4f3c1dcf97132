// Asks the agents of running guests for what lists show (addresses, version, operating system), on its own thread, so
// that no list ever waits for a guest. Soon after an agent connects, then every half minute.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "drivers/hypervisor/libvirt/guest/agent.hpp"
#include "drivers/hypervisor/libvirt/inventory.hpp"

namespace corral::drivers::libvirt {

class AgentProbe {
public:
    using Learned = std::function<void(const std::string& id)>;
    AgentProbe(Agent& agent, Inventory& inventory, Learned learned);
    ~AgentProbe();
    AgentProbe(const AgentProbe&) = delete;
    AgentProbe& operator=(const AgentProbe&) = delete;

    void follow(const std::string& id);  // its agent is there; thread-safe, does not block
    void forget(const std::string& id);

private:
    struct Guest {
        std::chrono::steady_clock::time_point due;
        int looked = 0;  // times since its agent came
        GuestFacts facts;
    };
    using Delay = std::chrono::milliseconds;

    void run(const std::stop_token&);
    Delay look(const std::string& id, Guest&);

    Agent& agent_;
    Inventory& inventory_;
    const Learned learned_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::map<std::string, Guest> guests_;
    std::jthread thread_;  // last: ends before the rest goes
};

}  // namespace corral::drivers::libvirt
