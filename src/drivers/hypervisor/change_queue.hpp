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

    // When it returns no earlier listener is at work any more, so that what that one used may go. What was put in for
    // it is dropped with it.
    void listen(machines::ChangeListener listener) {
        std::unique_lock lock(mutex_);
        listener_ = std::move(listener);
        waiting_.clear();
        if (!thread_.joinable())
            thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
        else if (std::this_thread::get_id() != thread_.get_id())
            idle_.wait(lock, [&] { return !telling_; });
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
            telling_ = true;
            lock.unlock();
            listener(id, change);
            lock.lock();
            telling_ = false;
            idle_.notify_all();
            if (stop.stop_requested()) return;
        }
    }

    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::condition_variable idle_;
    bool telling_ = false;
    std::deque<std::pair<std::string, machines::Change>> waiting_;
    machines::ChangeListener listener_;
    std::jthread thread_;  // last: ends before the rest goes
};

}  // namespace corral::drivers
