#include "identity/login/throttle.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace corral::identity {

namespace {

// Whoever has one address of IPv6 has at least 2^64 of them.
std::string network_of(const std::string& address) {
    std::array<unsigned char, 16> bytes{};
    if (inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) return address;
    constexpr std::array<unsigned char, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    if (std::equal(mapped.begin(), mapped.end(), bytes.begin()))
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size() / 2};
}

}  // namespace

void AddressThrottle::forget_old() {
    const SteadyTime now = clock_.steady();
    while (!oldest_.empty() && (now - oldest_.front().since > window || oldest_.size() > most_addresses)) {
        by_network_.erase(oldest_.front().network);
        oldest_.pop_front();
    }
}

std::chrono::seconds AddressThrottle::wait_for(const std::string& address) {
    if (limit_ <= 0) return {};
    std::lock_guard lock(mutex_);
    forget_old();
    const auto it = by_network_.find(network_of(address));
    if (it == by_network_.end() || it->second->count < limit_) return {};
    return std::chrono::ceil<std::chrono::seconds>(it->second->since + window - clock_.steady()) +
           std::chrono::seconds{1};
}

void AddressThrottle::note_failure(const std::string& address) {
    if (limit_ <= 0) return;
    std::lock_guard lock(mutex_);
    forget_old();
    const std::string network = network_of(address);
    auto it = by_network_.find(network);
    if (it == by_network_.end()) {
        oldest_.push_back({network, clock_.steady()});
        it = by_network_.emplace(network, std::prev(oldest_.end())).first;
        forget_old();
    }
    ++it->second->count;
}

}  // namespace corral::identity
