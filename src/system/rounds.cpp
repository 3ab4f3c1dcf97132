#include "system/rounds.hpp"

namespace corral::system {

namespace {
constexpr unsigned figures_every = 5;  // seconds, by the contract; jobs are looked at as often
}

Rounds::Rounds(const Clock& clock, events::Service& events, events::Hub& hub, jobs::JobService& jobs,
               const Service& system)
    : events_(events), hub_(hub), jobs_(jobs), system_(system), meter_(clock) {
    disk_space_ = std::make_shared<tasks::Periodic>("disk space", std::chrono::minutes{10},
                                                    [this](const std::stop_token&) { tell_disk_space(); });
    events_.listen([told = disk_space_](const events::Event& event) {
        if (event.message == "VM_ADDED" || event.message == "VM_REMOVED" || event.message == "CACHE_ITEM_ADDED")
            told->wake();
    });
    seconds_ = std::make_unique<tasks::Periodic>("rounds", std::chrono::seconds{1}, [this](const std::stop_token&) {
        hub_.sweep();
        if (second_++ % figures_every != 0) return;
        jobs_.fail_silent();
        events_.publish(events::Type::stats, "System Stats", json::to_text(meter_.sample()));
    });
}

void Rounds::tell_disk_space() const {
    if (const auto space = system_.disk_space({}))
        events_.publish(events::Type::stats, "DISK_SPACE_CHANGED", json::to_text(*space));
}

void Rounds::stop() {
    if (seconds_) seconds_->stop();
    if (disk_space_) disk_space_->stop();
}

}  // namespace corral::system
