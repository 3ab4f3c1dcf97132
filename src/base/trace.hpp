// Which trace the current thread works for, as a W3C traceparent (https://www.w3.org/TR/trace-context/): outgoing calls
// carry it on. Empty when nothing is traced. Restored when the scope ends.
#pragma once

#include <string>
#include <utility>

namespace corral::trace {

namespace detail {
inline thread_local std::string current;  // NOLINT: per-thread context, restored by Scope
}

inline const std::string& current() { return detail::current; }

class Scope {
public:
    explicit Scope(std::string parent) : previous_(std::exchange(detail::current, std::move(parent))) {}
    ~Scope() { detail::current = std::move(previous_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

private:
    std::string previous_;
};

}  // namespace corral::trace
