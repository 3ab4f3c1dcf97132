// What is done every few seconds: open event sockets are judged again, jobs that fell silent are failed, figures of the
// process and of the disks are told. Two threads of its own, from the first moment to stop(). What it is given outlives
// it.
#pragma once

#include <memory>

#include "events/hub.hpp"
#include "events/process_stats.hpp"
#include "jobs/job_service.hpp"
#include "platform/tasks/tasks.hpp"
#include "system/service.hpp"

namespace corral::system {

class Rounds {
public:
    Rounds(const Clock& clock, events::Service& events, events::Hub& hub, jobs::JobService& jobs,
           const Service& system);
    ~Rounds() { stop(); }
    Rounds(const Rounds&) = delete;
    Rounds& operator=(const Rounds&) = delete;
    void stop();

private:
    void tell_disk_space() const;

    events::Service& events_;
    events::Hub& hub_;
    jobs::JobService& jobs_;
    const Service& system_;
    events::ProcessMeter meter_;
    unsigned second_ = 0;
    std::shared_ptr<tasks::Periodic> disk_space_;  // shared with the listener for changes, which cannot be taken back
    std::unique_ptr<tasks::Periodic> seconds_;     // last: its work uses all of the above
};

}  // namespace corral::system
