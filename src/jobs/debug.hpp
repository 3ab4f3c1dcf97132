// Jobs that move nothing: they go through the steps of a pull at the pace of a real one, so that who writes a client
// can watch progress, cancel and events without an image. POST /v1/jobs/debug.
#pragma once

#include <chrono>
#include <string>

#include "jobs/service.hpp"

namespace corral::jobs {

struct DebugRequest {
    std::string action, job_type, job_operation, profile;
};
constexpr auto json_object(const DebugRequest*) {
    using json::field;
    return json::object(
        "JobCreateRequest", field("action", &DebugRequest::action, "Taken for the sake of old clients, without effect"),
        field("job_type", &DebugRequest::job_type, "Shown as the job's type"),
        field("job_operation", &DebugRequest::job_operation, "Shown as the job's operation"),
        field("profile", &DebugRequest::profile, "simple (default), pull_remote, pull_cache or skipped_steps"));
}

// Registers the kinds; once, when the service is made. A tick takes `tick`, which tests shorten.
void add_debug_kinds(Service& service, std::chrono::milliseconds tick = std::chrono::seconds{1});
Result<Job> submit_debug(Service& service, const Caller& who, const DebugRequest& request);

}  // namespace corral::jobs
