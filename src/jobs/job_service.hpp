// jobs::Service over the database and a pool of its own. Thread-safe; its dependencies outlive it. A job belongs to the
// controller that took it: only that one runs it and writes its progress. Of several controllers on one database
// another takes it over when its own is gone.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "events/service.hpp"
#include "jobs/service.hpp"
#include "platform/db/db.hpp"
#include "platform/tasks/tasks.hpp"

namespace corral::jobs {

class JobService final : public Service {
public:
    using Resolve = std::function<std::shared_ptr<const Principal>(const UserId&)>;  // null: no such account
    struct Options {
        std::size_t threads = 8;
        std::size_t open = 9'000;  // running and waiting at most, below what a pool queues; more are refused
        std::chrono::milliseconds kept_for = std::chrono::hours{24 * 30};
        std::int64_t kept = 10'000;
        // A controller counts as gone when it was not seen for so long: its connection may be lost for a moment.
        std::chrono::seconds given_up_after{15};
        std::chrono::milliseconds silence{0};  // a running job that reports nothing for so long is failed; 0: never
    };
    JobService(db::Database& database, events::Service& events, const Clock& clock, Resolve resolve, Options options);
    ~JobService() override;

    void add_kind(const std::string& kind, Kind) override;
    Result<Job> submit(const Caller&, NewJob) override;
    Result<Job> wait(const JobId&) override;
    Result<std::vector<Job>> list(const Caller&) override;
    Result<Job> get(const Caller&, const Ref<JobTag>&) override;
    Result<void> cancel(const Caller&, const Ref<JobTag>&) override;
    Result<void> remove(const Caller&, const Ref<JobTag>&) override;
    Result<void> clean_up(const Caller&) override;
    Result<bool> unfinished(const JobId&) override;
    void resume_after_restart() override;
    void stop() override;
    Result<void> trim();
    Result<std::map<std::string, std::int64_t>> counts();  // of what is kept, by state
    // Takes over the jobs of controllers that are gone for long enough, of the kinds known here. Called now and then.
    Result<void> adopt();
    void fail_silent();  // for a timer

private:
    class Run;
    void launch(Job job, Caller caller);
    void run(const std::shared_ptr<Run>& run);
    void end(const std::shared_ptr<Run>& run, const Result<Finished>& result);
    Result<void> save(Job& job, std::initializer_list<std::string_view> events);
    void resume(std::vector<Job> jobs, const std::string& why_not);
    void heed_others();  // other controllers changed something about jobs
    void append_event(db::Tx& tx, std::string_view message, const Job& job);
    Result<Job> find(const std::string& id);
    void with_owner(Job& job) const;
    std::shared_ptr<Run> running(const std::string& id);

    db::Database& database_;
    events::Service& events_;
    const Clock& clock_;
    Resolve resolve_;
    Options options_;
    std::mutex mutex_;  // guards kinds_, runs_, stopping_
    std::condition_variable ended_;
    std::unordered_map<std::string, Kind> kinds_;
    std::unordered_map<std::string, std::shared_ptr<Run>> runs_;
    std::unordered_map<std::string, Error> errors_;  // of the latest failed jobs, for wait()
    bool stopping_ = false;
    std::mutex adopting_;                                  // one adopt() at a time; guards missing_
    std::unordered_map<std::string, SteadyTime> missing_;  // controllers that are not seen, since when
    std::unique_ptr<tasks::Pool> pool_;
    std::unique_ptr<db::Listening> others_;
};

}  // namespace corral::jobs
