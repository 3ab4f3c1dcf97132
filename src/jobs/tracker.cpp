#include "jobs/tracker.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace corral::jobs {

std::string eta_text(std::chrono::milliseconds left) {
    const auto s = std::chrono::duration_cast<std::chrono::seconds>(left).count();
    if (s >= 3600) return fmt::format("{}h {}m", s / 3600, s / 60 % 60);
    if (s >= 60) return fmt::format("{}m {}s", s / 60, s % 60);
    return fmt::format("{}s", s);
}

Step* Tracker::find(const std::string& name) {
    const auto it = std::ranges::find(job_.steps, name, &Step::name);
    return it == job_.steps.end() ? nullptr : &*it;
}

// A later step has begun: earlier ones that nobody finished were not needed.
void Tracker::skip_before(const Step& step) {
    for (Step& earlier : job_.steps) {
        if (&earlier == &step) return;
        if (!earlier.parallel && earlier.state != "completed" && earlier.state != "skipped") {
            earlier.state = "skipped";
            earlier.current_percentage = 100;
            earlier.message = "Not needed";
        }
    }
}

void Tracker::total() {
    double sum = 0;
    for (const Step& step : job_.steps) sum += step.weight * step.current_percentage / 100;
    job_.progress = static_cast<int>(std::min(sum + 1e-6, 100.0));
}

void Tracker::start(const std::string& name, SteadyTime now) {
    Step* step = find(name);
    if (step == nullptr) return;
    if (!step->parallel) skip_before(*step);
    step->state = "running";
    started_[name] = now;
    total();
}

void Tracker::advance(const std::string& name, std::int64_t value, std::int64_t all, const std::string& filename,
                      SteadyTime now) {
    Step* step = find(name);
    if (step == nullptr || all <= 0 || step->state == "completed" || step->state == "skipped") return;
    if (step->state == "pending") start(name, now);
    step->value = std::min(value, all);
    step->total = all;
    step->unit = "bytes";
    step->filename = filename;
    step->current_percentage = 100.0 * static_cast<double>(step->value) / static_cast<double>(all);
    const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(now - started_[name]);
    step->eta = step->value <= 0 || spent.count() < 500
                    ? "calculating..."
                    : eta_text(std::chrono::milliseconds{static_cast<std::int64_t>(
                          static_cast<double>(spent.count()) * static_cast<double>(all - step->value) /
                          static_cast<double>(step->value))});
    total();
}

void Tracker::finish(const std::string& name) {
    Step* step = find(name);
    if (step == nullptr) return;
    step->state = "completed";
    step->current_percentage = 100;
    step->value = step->total;
    step->eta.clear();
    total();
}

void Tracker::skip(const std::string& name) {
    Step* step = find(name);
    if (step == nullptr) return;
    step->state = "skipped";
    step->current_percentage = 100;
    step->eta.clear();
    total();
}

void Tracker::complete() {
    for (Step& step : job_.steps)
        if (step.state != "completed" && step.state != "skipped") skip(step.name);
    job_.progress = 100;
    job_.state = "completed";
}

void Tracker::fail(const std::string& why) {
    for (Step& step : job_.steps)
        if (step.state != "completed" && step.state != "skipped") {
            step.state = "failed";
            step.current_percentage = 100;
            step.error = why;
            step.eta.clear();
        }
    job_.progress = 100;
    job_.state = "failed";
    job_.error = why;
}

}  // namespace corral::jobs
