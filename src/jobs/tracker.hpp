// The progress arithmetic of one running job: pure, no clock, no database. One thread at a time.
#pragma once

#include <chrono>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "jobs/model.hpp"

namespace corral::jobs {

class Tracker {
public:
    explicit Tracker(Job& job) : job_(job) {}
    void start(const std::string& step, SteadyTime now);
    void advance(const std::string& step, std::int64_t value, std::int64_t total, const std::string& filename,
                 SteadyTime now);
    void finish(const std::string& step);
    void skip(const std::string& step);
    void complete();                    // what is not done yet was not needed: skipped, progress 100
    void fail(const std::string& why);  // open steps failed, progress 100

private:
    Step* find(const std::string& name);
    void skip_before(const Step& step);
    void total();
    Job& job_;
    std::unordered_map<std::string, SteadyTime> started_;
};

// "calculating...", "12s", "3m 4s", "2h 5m" (models of the contract).
std::string eta_text(std::chrono::milliseconds left);

}  // namespace corral::jobs
