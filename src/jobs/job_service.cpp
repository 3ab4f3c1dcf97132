#include "jobs/job_service.hpp"

#include <algorithm>
#include <atomic>
#include <set>

#include "audit/audit.hpp"
#include "base/log.hpp"
#include "jobs/store.hpp"
#include "jobs/tracker.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::jobs {

namespace {
constexpr auto progress_interval = std::chrono::milliseconds{500};
constexpr std::size_t errors_kept = 1000;
constexpr const char* topic = "jobs";

bool sees_all(const Caller& who) { return who.has_claim("JOB_MANAGER_LIST"); }
}  // namespace

// One job at work: its row, its progress and its stop switch.
class JobService::Run final : public Progress {
public:
    Run(JobService& service, Job job, Caller caller)
        : service_(service),
          job_(std::move(job)),
          caller_(std::move(caller)),
          tracker_(job_),
          heard_(service.clock_.steady()) {}

    void start_step(const std::string& name) override {
        change([&] { tracker_.start(name, service_.clock_.steady()); }, true);
    }
    void advance(const std::string& name, std::int64_t value, std::int64_t total,
                 const std::string& filename) override {
        change([&] { tracker_.advance(name, value, total, filename, service_.clock_.steady()); }, false);
    }
    void finish_step(const std::string& name) override {
        change([&] { tracker_.finish(name); }, true);
    }
    void skip_step(const std::string& name) override {
        change([&] { tracker_.skip(name); }, true);
    }
    void message(const std::string& text) override {
        change([&] { job_.message = text; }, true);
    }
    void percent(int done) override {
        change([&] { job_.progress = std::clamp(done, job_.progress, 100); }, false);
    }
    Result<void> save_checkpoint(const std::string& json) override {
        std::lock_guard lock(mutex_);
        job_.checkpoint = json;
        return service_.save(job_, {});
    }
    [[nodiscard]] std::string checkpoint() const override {
        std::lock_guard lock(mutex_);
        return job_.checkpoint;
    }
    [[nodiscard]] std::stop_token cancel() const override { return stop_.get_token(); }

    void begin() {
        change([&] { job_.state = "running"; }, true);
    }
    void request_stop() { stop_.request_stop(); }
    [[nodiscard]] const Caller& caller() const { return caller_; }
    [[nodiscard]] Job copy() const {
        std::lock_guard lock(mutex_);
        return job_;
    }
    // The last word on the job; later progress is ignored (quirk Q60).
    template <class F>
    Result<void> conclude(F&& f, std::initializer_list<std::string_view> events) {
        std::lock_guard lock(mutex_);
        if (concluded_) return {};
        f(job_, tracker_);
        concluded_ = true;
        return service_.save(job_, events);
    }
    [[nodiscard]] bool silent_for(std::chrono::milliseconds time) const {
        std::lock_guard lock(mutex_);
        return !concluded_ && job_.state == "running" && service_.clock_.steady() - heard_ > time;
    }
    std::atomic<bool> removed{false};

private:
    template <class F>
    void change(F&& f, bool at_once) {
        std::lock_guard lock(mutex_);
        if (concluded_) return;
        f();
        const auto now = service_.clock_.steady();
        heard_ = now;
        if (!at_once && now - written_ < progress_interval) return;
        written_ = now;
        if (auto saved = service_.save(job_, {"JOB_UPDATED"}); !saved)
            log::warn("The progress of a job could not be written", {{"job", job_.id}, {"why", saved.error().detail}});
    }

    JobService& service_;
    mutable std::mutex mutex_;  // guards what follows
    Job job_;
    Caller caller_;
    Tracker tracker_;
    std::stop_source stop_;
    SteadyTime written_{};
    SteadyTime heard_;  // from the beginning: a job that resumes waits for a thread with the state it had, "running"
    bool concluded_ = false;
};

JobService::JobService(db::Database& database, events::Service& events, const Clock& clock, Resolve resolve,
                       Options options)
    : database_(database),
      events_(events),
      clock_(clock),
      resolve_(std::move(resolve)),
      options_(options),
      pool_(std::make_unique<tasks::Pool>("jobs", options.threads)),
      others_(database.listen(topic, [this] { heed_others(); })) {}

JobService::~JobService() { stop(); }

void JobService::add_kind(const std::string& kind, Kind what) {
    std::lock_guard lock(mutex_);
    kinds_[kind] = std::move(what);
}

void JobService::append_event(db::Tx& tx, std::string_view message, const Job& job) {
    Job shown = job;
    with_owner(shown);
    events_.append(tx, events::Type::job_manager, std::string(message), json::to_text(shown), job.owner);
}

Result<void> JobService::save(Job& job, std::initializer_list<std::string_view> messages) {
    job.updated_at = clock_.now();
    return database_.write([&](db::Tx& tx) {
        // Removed meanwhile, or another controller has it now: nothing to tell.
        if (!store::assigned(tx, job.id, database_.controller()) || !store::update(tx, job)) return;
        if (job.finished()) store::release(tx, job.id);
        for (const auto message : messages) append_event(tx, message, job);
    });
}

void JobService::with_owner(Job& job) const {
    if (const auto owner = resolve_(UserId(job.owner))) {
        job.owner_name = owner->name;
        job.owner_email = owner->email;
    }
}

Result<Job> JobService::submit(const Caller& who, NewJob wanted) {
    std::vector<StepPlan> plan;
    {
        std::lock_guard lock(mutex_);
        const auto it = kinds_.find(wanted.kind);
        if (it == kinds_.end()) return Error{Errc::internal, "This kind of job is not known here", wanted.kind};
        if (stopping_) return Error{Errc::unavailable, "The service is stopping"};
        // Accepted and never begun would be worse.
        if (runs_.size() >= options_.open)
            return Error{Errc::unavailable, "Too many jobs are waiting; try again in a while"};
        plan = it->second.steps;
    }
    Job job;
    job.id = wanted.id.empty() ? crypto::random_id() : wanted.id;
    job.owner = who.user_id().text;
    job.job_type = wanted.type;
    job.job_operation = wanted.operation;
    job.is_orchestrator_job = wanted.orchestrator;
    job.kind = wanted.kind;
    job.input = wanted.input;
    job.created_at = job.updated_at = clock_.now();
    TRY(database_.write([&](db::Tx& tx) {
        store::insert(tx, job);
        store::assign(tx, job.id, database_.controller());
        append_event(tx, "JOB_CREATED", job);
        audit::append(tx, job.created_at, who,
                      {.action = "job.create",
                       .object_type = "job",
                       .object_id = job.id,
                       .detail = {{"kind", job.kind}, {"type", job.job_type}, {"operation", job.job_operation}}});
    }));
    with_owner(job);
    Job answer = job;  // as created: pending, steps are published when it runs
    for (const StepPlan& step : plan) {
        job.steps.push_back({.name = step.name,
                             .display_name = step.display_name.empty() ? step.name : step.display_name,
                             .weight = step.weight,
                             .parallel = step.parallel,
                             .has_percentage = step.has_percentage});
    }
    launch(std::move(job), who);
    return answer;
}

void JobService::launch(Job job, Caller caller) {
    const std::string id = job.id;
    auto run = std::make_shared<Run>(*this, std::move(job), std::move(caller));
    {
        std::lock_guard lock(mutex_);
        runs_[id] = run;
    }
    if (!pool_->post([this, run] { this->run(run); })) {
        std::lock_guard lock(mutex_);
        runs_.erase(id);  // stopping: the row stays and is resumed or failed at the next start
        ended_.notify_all();
    }
}

void JobService::run(const std::shared_ptr<Run>& run) {
    Kind kind;
    {
        std::lock_guard lock(mutex_);
        if (stopping_) {
            runs_.erase(run->copy().id);
            ended_.notify_all();
            return;
        }
        kind = kinds_.at(run->copy().kind);
    }
    if (run->cancel().stop_requested()) return end(run, Error{Errc::conflict, "The job was cancelled"});
    run->begin();
    Result<Finished> result = Error{Errc::internal, "The job ended with an exception"};
    try {
        result = kind.run(run->copy(), run->caller(), *run);
    } catch (const std::exception& e) {
        log::error("A job ended with an exception", {{"job", run->copy().id}, {"what", e.what()}});
    }
    end(run, result);
}

void JobService::end(const std::shared_ptr<Run>& run, const Result<Finished>& result) {
    const std::string id = run->copy().id;
    bool keep_for_later = false;
    {
        std::lock_guard lock(mutex_);
        // A resumable job that was interrupted by our own stop goes on after the restart.
        keep_for_later = stopping_ && !result && kinds_.at(run->copy().kind).resumes;
    }
    if (!keep_for_later && !run->removed) {
        Result<void> saved;
        if (result) {
            saved = run->conclude(
                [&](Job& job, Tracker& tracker) {
                    tracker.complete();
                    job.result = result->text;
                    job.message = result->text;
                    job.result_record_id = result->record.id;
                    job.result_record_name = result->record.name;
                    job.result_record_type = result->record.type;
                    job.result_record_link_id = result->record.link_id;
                },
                {"JOB_UPDATED", "JOB_COMPLETED"});
        } else {
            log::warn("A job failed",
                      {{"job", id}, {"why", result.error().message}, {"detail", result.error().detail}});
            saved =
                run->conclude([&](Job&, Tracker& tracker) { tracker.fail(result.error().message); }, {"JOB_UPDATED"});
        }
        if (!saved) log::error("The end of a job could not be written", {{"job", id}, {"why", saved.error().detail}});
    }
    std::lock_guard lock(mutex_);
    if (const auto it = runs_.find(id); it == runs_.end() || it->second != run) return;  // given up by fail_silent()
    if (!result) {
        if (errors_.size() > errors_kept) errors_.clear();
        errors_.insert_or_assign(id, result.error());
    }
    runs_.erase(id);
    ended_.notify_all();
}

Result<Job> JobService::wait(const JobId& id) {
    {
        std::unique_lock lock(mutex_);
        ended_.wait(lock, [&] { return !runs_.contains(id.text); });
        if (auto it = errors_.find(id.text); it != errors_.end()) {
            Error error = it->second;
            errors_.erase(it);
            return error;
        }
    }
    Job job = TRY(find(id.text));
    if (job.state == "failed") return Error{Errc::internal, job.error};
    if (!job.finished()) return Error{Errc::unavailable, "The service is stopping; the job goes on after its restart"};
    return job;
}

Result<Job> JobService::find(const std::string& id) {
    auto job = TRY(database_.read([&](db::Tx& tx) { return store::find(tx, id); }));
    if (!job) return Error{Errc::not_found, "There is no such job"};
    with_owner(*job);
    return std::move(*job);
}

Result<std::vector<Job>> JobService::list(const Caller& who) {
    auto jobs = TRY(database_.read(
        [&](db::Tx& tx) { return store::list(tx, sees_all(who) ? std::string{} : who.user_id().text); }));
    for (Job& job : jobs) with_owner(job);
    return jobs;
}

Result<Job> JobService::get(const Caller& who, const Ref<JobTag>& id) {
    Job job = TRY(find(id.text));
    if (!sees_all(who) && job.owner != who.user_id().text)
        return Error{Errc::forbidden, "This job belongs to somebody else"};
    return job;
}

std::shared_ptr<JobService::Run> JobService::running(const std::string& id) {
    std::lock_guard lock(mutex_);
    const auto it = runs_.find(id);
    return it == runs_.end() ? nullptr : it->second;
}

Result<void> JobService::cancel(const Caller& who, const Ref<JobTag>& id) {
    const Job job = TRY(find(id.text));
    if (job.owner != who.user_id().text && !who.has_claim("JOB_MANAGER_DELETE"))
        return Error{Errc::forbidden, "This job belongs to somebody else"};
    const Error ended{Errc::conflict, "The job has ended already"};
    const auto note = [&](db::Tx& tx) {
        audit::append(tx, clock_.now(), who, {.action = "job.cancel", .object_type = "job", .object_id = job.id});
    };
    if (const auto run = running(job.id)) {
        TRY(database_.write(note));
        run->request_stop();
        return {};
    }
    if (job.finished()) return ended;
    return database_.write([&](db::Tx& tx) -> Result<void> {
        if (!store::ask_to_stop(tx, job.id)) return ended;
        note(tx);
        tx.announce(topic);
        return {};
    });
}

void JobService::heed_others() {
    const auto mine = database_.read([&](db::Tx& tx) { return store::assigned_to(tx, database_.controller()); });
    if (!mine) return log::warn("What others ask of jobs cannot be read", {{"why", mine.error().detail}});
    std::vector<std::shared_ptr<Run>> to_stop;
    {
        std::lock_guard lock(mutex_);
        for (const auto& [id, run] : runs_) {
            const auto it = mine->find(id);
            if (it == mine->end()) run->removed = true;  // or taken over
            if (it == mine->end() || it->second) to_stop.push_back(run);
        }
    }
    for (const auto& run : to_stop) run->request_stop();
}

Result<void> JobService::remove(const Caller& who, const Ref<JobTag>& id) {
    const Job job = TRY(find(id.text));
    const bool own = job.owner == who.user_id().text;
    if (!own && !who.has_claim("JOB_MANAGER_DELETE"))
        return Error{Errc::forbidden, "This job belongs to somebody else"};
    if (const auto run = running(job.id)) {
        run->removed = true;
        run->request_stop();
    }
    return database_.write([&](db::Tx& tx) -> Result<void> {
        // Two may ask at once: one has removed it.
        if (!store::remove(tx, job.id)) return Error{Errc::not_found, "There is no such job"};
        append_event(tx, "JOB_DELETED", job);
        tx.announce(topic);
        audit::append(
            tx, clock_.now(), who,
            {.action = "job.delete", .object_type = "job", .object_id = job.id, .detail = {{"state", job.state}}});
        return {};
    });
}

Result<void> JobService::clean_up(const Caller& who) {
    const std::string owner = sees_all(who) ? std::string{} : who.user_id().text;
    return database_.write([&](db::Tx& tx) {
        for (const auto& id : store::finished_ids(tx, owner)) {
            const auto job = store::find(tx, id);
            store::remove(tx, id);
            if (!job) continue;
            append_event(tx, "JOB_DELETED", *job);
            audit::append(tx, clock_.now(), who,
                          {.action = "job.delete",
                           .object_type = "job",
                           .object_id = id,
                           .detail = {{"state", job->state}, {"by", "clean-up"}}});
        }
    });
}

Result<bool> JobService::unfinished(const JobId& id) {
    const auto job = TRY(database_.read([&](db::Tx& tx) { return store::find(tx, id.text); }));
    return job && !job->finished();
}

void JobService::resume_after_restart() {
    auto jobs = database_.write([&](db::Tx& tx) {
        auto out = store::to_resume(tx, database_.controller());
        for (const Job& job : out) store::assign(tx, job.id, database_.controller());
        return out;
    });
    if (!jobs) return log::error("Unfinished jobs could not be read", {{"why", jobs.error().detail}});
    resume(std::move(*jobs), "The service was restarted while the job ran");
    heed_others();  // a cancel that came meanwhile
}

Result<void> JobService::adopt() {
    std::lock_guard adopting(adopting_);
    for (const std::string& other : TRY(database_.read([](db::Tx& tx) { return store::controllers(tx); }))) {
        if (other == database_.controller()) continue;
        if (TRY(database_.claimed(db::life_of(other)))) {
            missing_.erase(other);
            continue;
        }
        const SteadyTime since = missing_.try_emplace(other, clock_.steady()).first->second;
        if (clock_.steady() - since < options_.given_up_after) continue;
        std::set<std::string> kinds;
        {
            std::lock_guard lock(mutex_);
            for (const auto& [name, kind] : kinds_) kinds.insert(name);
        }
        auto jobs = TRY(database_.write([&](db::Tx& tx) {
            auto out = store::to_resume(tx, other);
            std::erase_if(
                out, [&](const Job& job) { return !kinds.contains(job.kind) || !store::assigned(tx, job.id, other); });
            for (const Job& job : out) store::assign(tx, job.id, database_.controller());
            if (!out.empty()) tx.announce(topic);  // should it live after all, it stops them
            return out;
        }));
        if (!jobs.empty()) log::warn("Taking over jobs of a controller that is gone", {{"controller", other}});
        resume(std::move(jobs), "The controller that ran the job is gone");
        heed_others();
    }
    return {};
}

void JobService::resume(std::vector<Job> jobs, const std::string& why_not) {
    for (Job& job : jobs) {
        bool resumes = false;
        std::vector<StepPlan> plan;
        {
            std::lock_guard lock(mutex_);
            if (const auto it = kinds_.find(job.kind); it != kinds_.end()) {
                resumes = it->second.resumes;
                plan = it->second.steps;
            }
        }
        const auto owner = resolve_(UserId(job.owner));
        if (resumes && owner) {
            log::info("An interrupted job goes on", {{"job", job.id}, {"kind", job.kind}});
            job.steps.clear();
            for (const StepPlan& step : plan)
                job.steps.push_back({.name = step.name,
                                     .display_name = step.display_name.empty() ? step.name : step.display_name,
                                     .weight = step.weight,
                                     .parallel = step.parallel,
                                     .has_percentage = step.has_percentage});
            Caller caller;
            caller.principal = owner;
            launch(std::move(job), std::move(caller));
            continue;
        }
        Tracker(job).fail(owner ? why_not : "The owner of the job is gone");
        if (auto saved = save(job, {"JOB_UPDATED"}); !saved)
            log::error("An interrupted job could not be failed", {{"job", job.id}, {"why", saved.error().detail}});
    }
}

void JobService::stop() {
    {
        std::lock_guard lock(mutex_);
        if (stopping_) return;
        stopping_ = true;
        for (const auto& [id, run] : runs_) run->request_stop();
    }
    others_.reset();
    pool_->stop();
    std::lock_guard lock(mutex_);
    runs_.clear();
    ended_.notify_all();
}

void JobService::fail_silent() {
    if (options_.silence.count() <= 0) return;
    std::vector<std::shared_ptr<Run>> silent;
    {
        std::lock_guard lock(mutex_);
        if (stopping_) return;
        for (const auto& [id, run] : runs_)
            if (run->silent_for(options_.silence)) silent.push_back(run);
    }
    for (const auto& run : silent) {
        const Error why{Errc::timeout, "The job was cancelled because it reported nothing for too long"};
        run->request_stop();
        end(run, why);
    }
}

Result<void> JobService::trim() {
    return database_.write([&](db::Tx& tx) { store::trim(tx, clock_.now() - options_.kept_for, options_.kept); });
}

Result<std::map<std::string, std::int64_t>> JobService::counts() {
    return database_.read([](db::Tx& tx) { return store::counts(tx); });
}

}  // namespace corral::jobs
