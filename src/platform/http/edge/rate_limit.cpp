#include "platform/http/edge/rate_limit.hpp"

#include <algorithm>

namespace corral::http {

namespace {
constexpr std::chrono::nanoseconds minute = std::chrono::minutes{1};
}

RateLimiter::RateLimiter(RateSettings settings, std::size_t most_callers)
    : settings_(settings),
      interval_(minute / std::max(1LL, settings.per_minute)),
      depth_(interval_ * std::max(1LL, settings.burst > 0 ? settings.burst : settings.per_minute)),
      most_a_shard_(std::max<std::size_t>(1, most_callers / shard_count)) {}

std::optional<std::chrono::seconds> RateLimiter::take(std::string_view who, SteadyTime now) {
    if (!enabled()) return std::nullopt;
    Shard& shard = shards_.at(Hash{}(who) % shard_count);
    std::lock_guard lock(shard.mutex);
    auto found = shard.full_again.find(who);
    if (found == shard.full_again.end()) {
        if (shard.full_again.size() >= most_a_shard_) make_room(shard, now);
        found = shard.full_again.emplace(std::string(who), now).first;
    }
    const SteadyTime full = std::max(found->second, now) + interval_;
    const auto short_by = full - now - depth_;
    if (short_by.count() > 0)
        return std::max(std::chrono::seconds{1}, std::chrono::ceil<std::chrono::seconds>(short_by));
    found->second = full;
    return std::nullopt;
}

// A bucket that is full again is as good as none. When all are in use, any one is forgotten: its caller gains a burst.
void RateLimiter::make_room(Shard& shard, SteadyTime now) const {
    std::erase_if(shard.full_again, [now](const auto& entry) { return entry.second <= now; });
    if (shard.full_again.size() >= most_a_shard_) shard.full_again.erase(shard.full_again.begin());
}

std::size_t RateLimiter::callers() const {
    std::size_t out = 0;
    for (const Shard& shard : shards_) {
        std::lock_guard lock(shard.mutex);
        out += shard.full_again.size();
    }
    return out;
}

}  // namespace corral::http
