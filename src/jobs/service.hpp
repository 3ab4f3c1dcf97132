// Long work: a row with steps, progress, result and cancel. Thread-safe.
// A kind of job registers a runner once (wiring); jobs that were unfinished at a crash are run again from their row
// when their kind says it resumes, and failed cleanly otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/id.hpp"
#include "jobs/model.hpp"
#include "platform/http/caller.hpp"

namespace corral::jobs {

struct StepPlan {
    std::string name;  // contract's step name: "pull_validate_stage"
    std::string display_name;
    double weight = 0;  // percentage points; a plan sums to 100
    bool has_percentage = false;
    bool parallel = false;
};

struct ResultRecord {
    std::string id, name, type, link_id;  // type: virtual_machine, catalog_manifest, …
};

struct NewJob {
    std::string kind;       // registered runner: "catalog.push"
    std::string type;       // on the wire: "catalog", "machines"
    std::string operation;  // "push", "pull", "create"
    std::string input;      // JSON the runner resumes from; never holds a secret
    std::string id;         // empty: a new 64-digit id
    bool orchestrator = false;
};

// What a runner reports through; calls are cheap, progress is written at most a few times a second, a step's end at
// once.
class Progress {
public:
    virtual ~Progress() = default;
    virtual void start_step(const std::string& name) = 0;
    virtual void advance(const std::string& name, std::int64_t value, std::int64_t total,
                         const std::string& filename = {}) = 0;
    virtual void finish_step(const std::string& name) = 0;
    virtual void skip_step(const std::string& name) = 0;
    virtual void message(const std::string& text) = 0;
    // Of the whole job, for kinds without steps.
    virtual void percent(int done) = 0;
    // A note that survives a crash (checkpoint JSON), read back by `checkpoint()` when the job resumes.
    virtual Result<void> save_checkpoint(const std::string& json) = 0;
    [[nodiscard]] virtual std::string checkpoint() const = 0;  // "" the first time
    [[nodiscard]] virtual std::stop_token cancel() const = 0;
};

struct Finished {
    std::string text;  // the job's `result`
    ResultRecord record;
};

struct Kind {
    std::vector<StepPlan> steps;
    bool resumes = false;  // run again after a crash; otherwise failed
    // Blocks on a job thread. `caller` is rebuilt from the owner after a crash.
    std::function<Result<Finished>(const Job&, const Caller&, Progress&)> run;
};

class Service {
public:
    virtual ~Service() = default;
    virtual void add_kind(const std::string& kind, Kind) = 0;
    // Stores the job and queues it; the answer is on disk.
    virtual Result<Job> submit(const Caller&, NewJob) = 0;
    // Waits for its end: the finished job, or the error its runner returned (same code and message).
    virtual Result<Job> wait(const JobId&) = 0;
    virtual Result<std::vector<Job>> list(const Caller&) = 0;
    virtual Result<Job> get(const Caller&, const Ref<JobTag>&) = 0;
    virtual Result<void> cancel(const Caller&, const Ref<JobTag>&) = 0;
    virtual Result<void> remove(const Caller&, const Ref<JobTag>&) = 0;  // cancels a running one first
    virtual Result<void> clean_up(const Caller&) = 0;  // completed and failed ones: all with JOB_MANAGER_LIST, else own
    // It is there and has not reached an end: it runs, or will when jobs are resumed.
    virtual Result<bool> unfinished(const JobId&) = 0;
    virtual void resume_after_restart() = 0;  // once, when all kinds are registered
    virtual void stop() = 0;                  // asks runners to stop and waits; unfinished jobs stay resumable
};

}  // namespace corral::jobs
