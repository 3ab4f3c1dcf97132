// One lock a machine, made when first wanted; and a gate that lets a few starts through at once, in order of arrival.
// Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <utility>

#include "base/error.hpp"

namespace corral::machines {

class Locks {
public:
    class Held {
    public:
        explicit Held(std::shared_ptr<std::mutex> mutex) : mutex_(std::move(mutex)), lock_(*mutex_) {}

    private:
        std::shared_ptr<std::mutex> mutex_;  // outlives lock_
        std::unique_lock<std::mutex> lock_;
    };
    [[nodiscard]] Held hold(const std::string& id) {
        std::shared_ptr<std::mutex> mine;
        {
            std::lock_guard guard(mutex_);
            if (locks_.size() > 4096)
                std::erase_if(locks_, [](const auto& item) { return item.second.use_count() == 1; });
            auto& slot = locks_[id];
            if (!slot) slot = std::make_shared<std::mutex>();
            mine = slot;
        }
        return Held(std::move(mine));
    }

private:
    std::mutex mutex_;  // guards locks_
    std::map<std::string, std::shared_ptr<std::mutex>> locks_;
};

class StartGate {
public:
    explicit StartGate(int places) : places_(places < 1 ? 1 : places) {}

    class Pass {
    public:
        explicit Pass(StartGate& gate) : gate_(&gate) {}
        Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
        Pass& operator=(Pass&&) = delete;
        ~Pass() {
            if (gate_ != nullptr) gate_->leave();
        }

    private:
        StartGate* gate_;
    };
    // Waits for a place. Errc::timeout when cancelled meanwhile.
    Result<Pass> enter(const std::stop_token& cancel) {
        std::unique_lock lock(mutex_);
        const std::uint64_t ticket = next_++;
        waiting_.insert(ticket);
        const bool mine = changed_.wait(lock, cancel, [&] { return places_ > 0 && *waiting_.begin() == ticket; });
        waiting_.erase(ticket);
        if (mine) --places_;
        changed_.notify_all();  // the next in line may go too
        if (!mine) return Error{Errc::timeout, "Cancelled while waiting for other machines to start"};
        return Pass(*this);
    }
    [[nodiscard]] std::size_t waiting() {
        std::lock_guard lock(mutex_);
        return waiting_.size();
    }

private:
    void leave() {
        {
            std::lock_guard lock(mutex_);
            ++places_;
        }
        changed_.notify_all();
    }
    std::mutex mutex_;  // guards what follows
    std::condition_variable_any changed_;
    int places_;
    std::uint64_t next_ = 0;
    std::set<std::uint64_t> waiting_;
};

}  // namespace corral::machines
