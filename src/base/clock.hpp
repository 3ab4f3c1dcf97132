// Wall-clock and monotonic time, passed in so that tests can step it. No other code asks the system for the time.
// Thread-safe.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace corral {

using Time = std::chrono::sys_time<std::chrono::microseconds>;  // UTC, microseconds: what the database keeps
using SteadyTime = std::chrono::steady_clock::time_point;

class Clock {
public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual Time now() const = 0;
    [[nodiscard]] virtual SteadyTime steady() const = 0;
};

class SystemClock final : public Clock {
public:
    [[nodiscard]] Time now() const override;
    [[nodiscard]] SteadyTime steady() const override;
};

// Stands still until a test moves it.
class FakeClock final : public Clock {
public:
    [[nodiscard]] Time now() const override;
    [[nodiscard]] SteadyTime steady() const override;
    void advance(std::chrono::microseconds by);

private:
    mutable std::mutex mutex_;
    Time now_{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};
    SteadyTime steady_{};
};

// RFC 3339 in UTC with up to six fraction digits, trailing zeros trimmed: 2025-01-02T03:04:05.123456Z.
std::string to_rfc3339(Time);
// Any offset is accepted; nullopt when the text is no RFC 3339 date-time.
std::optional<Time> from_rfc3339(std::string_view);

}  // namespace corral
