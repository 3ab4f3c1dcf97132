// A job as stored and as answered (models-a 8.1, 8.2).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "platform/json/json.hpp"

namespace corral::jobs {

struct Step {
    std::string name, display_name;
    double weight = 0;
    bool parallel = false, has_percentage = false;
    std::string state = "pending";  // pending, running, completed, failed, skipped
    double current_percentage = 0;
    std::int64_t value = 0, total = 0;
    std::string eta, message, error, filename, unit;
};
constexpr auto json_object(const Step*) {
    using json::field, json::omit;
    return json::object("JobStepResponse", field("name", &Step::name), omit("display_name", &Step::display_name),
                        field("weight", &Step::weight), field("parallel", &Step::parallel),
                        field("has_percentage", &Step::has_percentage), field("state", &Step::state),
                        field("current_percentage", &Step::current_percentage), field("value", &Step::value),
                        field("total", &Step::total), field("eta", &Step::eta), field("message", &Step::message),
                        field("error", &Step::error), field("filename", &Step::filename), field("unit", &Step::unit));
}

struct Job {
    std::string id, owner, owner_name, owner_email;
    std::string state = "pending";  // init, pending, running, completed, failed
    std::string message;
    int progress = 0;
    std::string job_type, job_operation;
    bool is_orchestrator_job = false;
    std::vector<Step> steps;
    std::string result, result_record_id, result_record_name, result_record_type, result_record_link_id, error;
    Time created_at{}, updated_at{};

    // Not on the wire.
    std::string kind, input, checkpoint;
    [[nodiscard]] bool finished() const { return state == "completed" || state == "failed"; }
};
constexpr auto json_object(const Job*) {
    using json::field, json::omit;
    return json::object(
        "JobResponse", field("id", &Job::id), field("owner", &Job::owner), omit("owner_name", &Job::owner_name),
        omit("owner_email", &Job::owner_email), field("state", &Job::state), omit("message", &Job::message),
        field("progress", &Job::progress), field("job_type", &Job::job_type),
        field("job_operation", &Job::job_operation), omit("is_orchestrator_job", &Job::is_orchestrator_job),
        omit("steps", &Job::steps), omit("result", &Job::result), omit("result_record_id", &Job::result_record_id),
        omit("result_record_name", &Job::result_record_name), omit("result_record_type", &Job::result_record_type),
        omit("result_record_link_id", &Job::result_record_link_id), omit("error", &Job::error),
        field("created_at", &Job::created_at), field("updated_at", &Job::updated_at));
}

}  // namespace corral::jobs
