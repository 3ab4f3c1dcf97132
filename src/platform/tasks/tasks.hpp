// Worker threads and timers for blocking domain code. Thread-safe. Destruction stops accepting, asks running work to
// stop and waits for it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

namespace corral::tasks {

class Pool {
public:
    Pool(std::string name, std::size_t threads);
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;
    // Queues work; false when the pool is stopping or `max_queue` (10,000) is reached.
    bool post(std::function<void()> work);
    void stop();  // finish what is queued, then end the threads
    [[nodiscard]] std::size_t queued() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

// Lowers the priority of this thread for good: for work that takes much processor time and can wait for the rest.
void yield_to_others();

// One thread that runs `work` every `period` and at once after wake(); work takes no input (a lost wake-up costs delay,
// never correctness) and gets a stop token.
class Periodic {
public:
    Periodic(std::string name, std::chrono::milliseconds period, std::function<void(std::stop_token)> work);
    ~Periodic();
    Periodic(const Periodic&) = delete;
    Periodic& operator=(const Periodic&) = delete;
    void wake();
    void stop();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace corral::tasks
