// How often one caller may ask: a token bucket each, told by the time at which it would be full again (GCRA), so a
// caller costs a few bytes and an idle one nothing. Bounded memory: full buckets are forgotten first. Any thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"

namespace corral::http {

struct RateSettings {
    long long per_minute = 0;  // 0: no limit
    long long burst = 0;       // requests at once; 0: as many as a minute has
};

class RateLimiter {
public:
    explicit RateLimiter(RateSettings settings, std::size_t most_callers = 65'536);

    [[nodiscard]] bool enabled() const { return settings_.per_minute > 0; }
    // Takes one token of this caller. nullopt: go on. Else how long to wait until there is one, at least a second.
    [[nodiscard]] std::optional<std::chrono::seconds> take(std::string_view who, SteadyTime now);
    [[nodiscard]] std::size_t callers() const;  // that are remembered

private:
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };
    struct Shard {
        mutable std::mutex mutex;                                                       // guards the map
        std::unordered_map<std::string, SteadyTime, Hash, std::equal_to<>> full_again;  // by caller
    };
    static constexpr std::size_t shard_count = 16;
    void make_room(Shard& shard, SteadyTime now) const;

    RateSettings settings_;
    std::chrono::nanoseconds interval_;  // between two tokens
    std::chrono::nanoseconds depth_;     // of the whole bucket
    std::size_t most_a_shard_;
    std::array<Shard, shard_count> shards_;
};

}  // namespace corral::http
