// How often one address may fail within a minute. In memory, bounded. Any thread.
#pragma once

#include <chrono>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"

namespace corral::identity {

class AddressThrottle {
public:
    // `limit` 0: no limit.
    AddressThrottle(const Clock& clock, int limit) : clock_(clock), limit_(limit) {}

    // Zero when the address may try, else how long until it may again.
    [[nodiscard]] std::chrono::seconds wait_for(const std::string& address);
    void note_failure(const std::string& address);

    static constexpr std::chrono::minutes window{1};
    static constexpr std::size_t most_addresses = 10'000;

private:
    struct Failures {
        std::string network;
        SteadyTime since;
        int count = 0;
    };
    void forget_old();

    const Clock& clock_;
    const int limit_;
    std::mutex mutex_;            // guards the rest
    std::list<Failures> oldest_;  // by start of their minute
    std::unordered_map<std::string, std::list<Failures>::iterator> by_network_;
};

}  // namespace corral::identity
