// What this process uses, as the events of the type `stats` tell it (models-a 9.6). One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

#include "base/clock.hpp"
#include "platform/json/json.hpp"

namespace corral::events {

struct ProcessStats {
    std::uint64_t memory_bytes = 0;        // resident
    std::uint64_t memory_alloc_bytes = 0;  // handed out by the allocator, mean of ten samples
    double cpu_user_seconds = 0, cpu_system_seconds = 0;
    double cpu_percent = 0;                                // since the sample before, of one processor; the first is 0
    std::int64_t goroutines = 0, goroutines_smoothed = 0;  // threads; the names are the contract's
};
constexpr auto json_object(const ProcessStats*) {
    using json::field;
    return json::object("Stats", field("memory_bytes", &ProcessStats::memory_bytes),
                        field("memory_alloc_bytes", &ProcessStats::memory_alloc_bytes),
                        field("cpu_user_seconds", &ProcessStats::cpu_user_seconds),
                        field("cpu_system_seconds", &ProcessStats::cpu_system_seconds),
                        field("cpu_percent", &ProcessStats::cpu_percent),
                        field("goroutines", &ProcessStats::goroutines),
                        field("goroutines_smoothed", &ProcessStats::goroutines_smoothed));
}

class ProcessMeter {
public:
    explicit ProcessMeter(const Clock& clock) : clock_(clock) {}
    ProcessStats sample();
    // From raw figures; sample() reads them from the system.
    ProcessStats sample(ProcessStats raw);

private:
    const Clock& clock_;
    std::deque<std::uint64_t> allocated_;
    std::deque<std::int64_t> threads_;
    SteadyTime before_{};
    double cpu_before_ = 0;
    bool first_ = true;
};

}  // namespace corral::events
