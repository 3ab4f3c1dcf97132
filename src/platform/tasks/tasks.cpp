#include "platform/tasks/tasks.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/log.hpp"

namespace corral::tasks {

namespace {

constexpr std::size_t max_queue = 10'000;

// Work must handle its own failures; one that gets here is a bug, told and survived.
void run_logged(const std::string& name, const std::function<void()>& work) {
    try {
        work();
    } catch (const std::exception& e) {
        log::error("A task ended with an exception", {{"pool", name}, {"what", e.what()}});
    }
}

}  // namespace

void yield_to_others() {
    constexpr int nice = 5;  // a third of an ordinary thread's share, once both want to run
    static thread_local const bool lowered = setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), nice) == 0;
    (void)lowered;
}

struct Pool::State {
    std::string name;
    mutable std::mutex mutex;
    std::condition_variable wake;
    std::deque<std::function<void()>> queue;
    bool stopping = false;
    std::vector<std::jthread> threads;

    void work() {
        for (;;) {
            std::function<void()> next;
            {
                std::unique_lock lock(mutex);
                wake.wait(lock, [&] { return stopping || !queue.empty(); });
                if (queue.empty()) return;
                next = std::move(queue.front());
                queue.pop_front();
            }
            run_logged(name, next);
        }
    }
};

Pool::Pool(std::string name, std::size_t threads) : state_(std::make_unique<State>()) {
    state_->name = std::move(name);
    for (std::size_t i = 0; i < threads; ++i) state_->threads.emplace_back([s = state_.get()] { s->work(); });
}

Pool::~Pool() { stop(); }

bool Pool::post(std::function<void()> work) {
    {
        std::lock_guard lock(state_->mutex);
        if (state_->stopping || state_->queue.size() >= max_queue) return false;
        state_->queue.push_back(std::move(work));
    }
    state_->wake.notify_one();
    return true;
}

void Pool::stop() {
    {
        std::lock_guard lock(state_->mutex);
        state_->stopping = true;
    }
    state_->wake.notify_all();
    state_->threads.clear();  // joins
}

std::size_t Pool::queued() const {
    std::lock_guard lock(state_->mutex);
    return state_->queue.size();
}

struct Periodic::State {
    std::mutex mutex;
    std::condition_variable_any changed;
    bool woken = false;
    std::jthread thread;
};

Periodic::Periodic(std::string name, std::chrono::milliseconds period, std::function<void(std::stop_token)> work)
    : state_(std::make_unique<State>()) {
    State* s = state_.get();
    s->thread = std::jthread([s, name = std::move(name), period, work = std::move(work)](std::stop_token stop) {
        while (!stop.stop_requested()) {
            run_logged(name, [&] { work(stop); });
            std::unique_lock lock(s->mutex);
            s->changed.wait_for(lock, stop, period, [&] { return s->woken; });
            s->woken = false;
        }
    });
}

Periodic::~Periodic() { stop(); }

void Periodic::wake() {
    {
        std::lock_guard lock(state_->mutex);
        state_->woken = true;
    }
    state_->changed.notify_all();
}

void Periodic::stop() {
    if (!state_->thread.joinable()) return;
    state_->thread.request_stop();
    state_->thread.join();
}

}  // namespace corral::tasks
