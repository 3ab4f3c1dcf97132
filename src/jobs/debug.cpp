#include "jobs/debug.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>

#include "platform/crypto/crypto.hpp"

namespace corral::jobs {

namespace {

constexpr std::int64_t pretended_bytes = std::int64_t{1} << 30U;
constexpr std::size_t longest_word = 200;

// What a step does: `ticks` beats; with bytes when it has a percentage; none at all: it is passed over.
struct Course {
    StepPlan plan;
    int ticks;
};

struct Profile {
    std::string name, record;  // record: what the id of its result begins with
    std::vector<Course> steps;
};

Course step(const char* name, double weight, int ticks, bool bytes = false, bool parallel = false) {
    return {{name, name, weight, bytes, parallel}, ticks};
}

// Names, weights and durations of the contract (behaviour-a 3.7).
const std::vector<Profile>& profiles() {
    static const std::vector<Profile> all{
        {"simple", "rec_", {}},
        {"pull_remote",
         "rec_remote_",
         {step("Validating request", 2, 1), step("Checking local catalog", 3, 1),
          step("Checking Remote Providers", 5, 2), step("Downloading manifest", 5, 2),
          step("Creating destination folder", 1, 1), step("Downloading pack file", 45, 26, true, true),
          step("Decompressing pack file", 30, 26, true, true), step("Cleaning and flattening pulled structure", 2, 2),
          step("Registering machine", 4, 2), step("Renaming machine", 2, 1), step("Starting machine", 1, 2)}},
        {"pull_cache",
         "rec_cache_",
         {step("Validating request", 3, 1), step("Checking local catalog", 3, 1), step("Downloading manifest", 4, 2),
          step("Creating destination folder", 2, 1), step("Caching pack file", 3, 2),
          step("Copying from cache", 60, 10, true), step("Cleaning and flattening pulled structure", 5, 1),
          step("Registering machine", 10, 2), step("Renaming machine", 5, 1), step("Starting machine", 5, 1)}},
        {"skipped_steps",
         "rec_fast_",
         {step("Validating request", 2, 1), step("Checking local catalog", 3, 1),
          step("Checking Remote Providers", 5, 1), step("Downloading manifest", 5, 1),
          step("Creating destination folder", 1, 1), step("Downloading pack file", 0, 0, true, true),
          step("Decompressing pack file", 0, 0, true, true), step("Copying from cache", 70, 7, true),
          step("Cleaning and flattening pulled structure", 3, 1), step("Registering machine", 5, 1),
          step("Renaming machine", 3, 1), step("Starting machine", 3, 1)}},
    };
    return all;
}

// Waits, or says that the job is to stop.
Result<void> rest(const std::stop_token& stop, std::chrono::milliseconds time) {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    changed.wait_for(lock, stop, time, [] { return false; });
    if (stop.stop_requested()) return Error{Errc::conflict, "The job was cancelled"};
    return {};
}

// Neighbours that are parallel go together; others alone.
Result<void> run_steps(const Profile& profile, Progress& progress, std::chrono::milliseconds tick) {
    const auto& steps = profile.steps;
    for (std::size_t from = 0, to = 0; from < steps.size(); from = to) {
        to = from + 1;
        while (steps[from].plan.parallel && to < steps.size() && steps[to].plan.parallel) ++to;
        const std::span<const Course> together(&steps[from], to - from);
        const int ticks = std::ranges::max(together, {}, &Course::ticks).ticks;
        for (const Course& one : together) {
            if (one.ticks == 0) {
                progress.skip_step(one.plan.name);
            } else {
                progress.start_step(one.plan.name);
                progress.message(one.plan.name);
            }
        }
        for (int done = 1; done <= ticks; ++done) {
            TRY(rest(progress.cancel(), tick));
            for (const Course& one : together)
                if (one.plan.has_percentage && one.ticks > 0)
                    progress.advance(one.plan.name, pretended_bytes * done / ticks, pretended_bytes, "debug-vm.pdpack");
        }
        for (const Course& one : together)
            if (one.ticks > 0) progress.finish_step(one.plan.name);
    }
    return {};
}

Result<void> run_simple(Progress& progress, std::chrono::milliseconds tick) {
    for (const char* text : {"Starting the debug job", "Working"}) {
        progress.message(text);
        TRY(rest(progress.cancel(), tick));
    }
    for (int percent = 10; percent <= 100; percent += 10) {
        TRY(rest(progress.cancel(), 2 * tick));
        progress.percent(percent);
    }
    return {};
}

Result<Finished> run(const Profile& profile, Progress& progress, std::chrono::milliseconds tick) {
    const std::string id = profile.record + crypto::random_id().substr(0, 8);
    if (profile.steps.empty()) {
        TRY(run_simple(progress, tick));
        return Finished{"The debug job has ended", {id, "test", "debug_simple_report", "debug_simple_link_id"}};
    }
    TRY(run_steps(profile, progress, tick));
    return Finished{"The debug machine is deployed", {id, "debug-vm", "vm_deployment_record", "debug-vm-link-id"}};
}

}  // namespace

void add_debug_kinds(Service& service, std::chrono::milliseconds tick) {
    for (const Profile& profile : profiles()) {
        Kind kind;
        for (const Course& course : profile.steps) kind.steps.push_back(course.plan);
        kind.run = [&profile, tick](const Job&, const Caller&, Progress& progress) {
            return run(profile, progress, tick);
        };
        service.add_kind("debug." + profile.name, std::move(kind));
    }
}

Result<Job> submit_debug(Service& service, const Caller& who, const DebugRequest& request) {
    if (request.job_type.size() > longest_word) return invalid_field("/job_type", "may have at most 200 bytes");
    if (request.job_operation.size() > longest_word)
        return invalid_field("/job_operation", "may have at most 200 bytes");
    std::string wanted;
    for (const char c : request.profile)
        if (c != ' ' && c != '\t') wanted += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const auto known = std::ranges::find(profiles(), wanted, &Profile::name);
    const std::string& name = known == profiles().end() ? profiles().front().name : known->name;
    return service.submit(who, {.kind = "debug." + name,
                                .type = request.job_type,
                                .operation = request.job_operation,
                                .input = "{}",
                                .id = {}});
}

}  // namespace corral::jobs
