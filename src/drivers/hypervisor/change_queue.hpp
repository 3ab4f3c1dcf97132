// Hands changes to the listener on a thread of its own, in the order they were put in, so that a slow listener holds up
// no driver. Thread-safe. Destruction drops what is left.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "machines/driver.hpp"

namespace corral::drivers {

class ChangeQueue {
public:
    ChangeQueue() = default;
    ~ChangeQueue() {
        thread_.request_stop();
        changed_.notify_all();
    }
    ChangeQueue(const ChangeQueue&) = delete;
    ChangeQueue& operator=(const ChangeQueue&) = delete;

    void listen(machines::ChangeListener listener) {
        const std::lock_guard lock(mutex_);
        listener_ = std::move(listener);
        if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    }
    void put(const std::string& id, machines::Change change) {
        {
            const std::lock_guard lock(mutex_);
            if (!listener_) return;
            waiting_.emplace_back(id, change);
        }
        changed_.notify_one();
    }

private:
    void run(const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        while (changed_.wait(lock, stop, [&] { return !waiting_.empty(); })) {
            const auto [id, change] = std::move(waiting_.front());
            waiting_.pop_front();
            const machines::ChangeListener listener = listener_;
            lock.unlock();
            listener(id, change);
            lock.lock();
            if (stop.stop_requested()) return;
        }
    }

    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<std::pair<std::string, machines::Change>> waiting_;
    machines::ChangeListener listener_;
    std::jthread thread_;  // last: ends before the rest goes
};

}  // namespace corral::drivers
