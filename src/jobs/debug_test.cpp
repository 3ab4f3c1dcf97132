#include "jobs/debug.hpp"

#include "audit/migrations.hpp"
#include "base/temp_folder.hpp"
#include "events/event_log.hpp"
#include "events/migrations.hpp"
#include "jobs/job_service.hpp"
#include "jobs/migrations.hpp"
#include "support/testing.hpp"

namespace corral::jobs {
namespace {

using namespace std::chrono_literals;
using testing_support::caller;
using testing_support::eventually;
using testing_support::ok;
using testing_support::refuses_field;
using testing_support::value_of;

class DebugJobs : public testing::Test {
protected:
    void start(std::chrono::milliseconds tick) {
        service_ = std::make_unique<JobService>(
            *database_, log_, clock_, [](const UserId& id) { return caller(id.text).principal; },
            JobService::Options{.threads = 2});
        add_debug_kinds(*service_, tick);
    }
    Job ended(const std::string& profile) {
        const Job job = value_of(submit_debug(*service_, ann_, {.job_type = "demo", .profile = profile}));
        return value_of(service_->wait(JobId(job.id)));
    }

    TempFolder folder_;
    FakeClock clock_;
    std::unique_ptr<db::Database> database_ =
        testing_support::open_database(folder_.path(), {audit::migrations(), events::migrations(), migrations()});
    events::EventLog log_{*database_, clock_};
    std::unique_ptr<JobService> service_;
    const Caller ann_ = caller("ann");
};

TEST_F(DebugJobs, each_profile_goes_through_the_steps_of_the_contract_to_100_percent) {
    start(0ms);
    struct Case {
        const char* profile;
        std::size_t steps;
        const char* record;
        const char* name;
    };
    for (const Case& c :
         {Case{"pull_remote", 11, "rec_remote_", "debug-vm"}, Case{" Pull_Cache ", 10, "rec_cache_", "debug-vm"},
          Case{"skipped_steps", 12, "rec_fast_", "debug-vm"}, Case{"simple", 0, "rec_", "test"},
          Case{"nonsense", 0, "rec_", "test"}, Case{"", 0, "rec_", "test"}}) {
        SCOPED_TRACE(c.profile);
        const Job job = ended(c.profile);
        EXPECT_EQ(job.state, "completed");
        EXPECT_EQ(job.progress, 100);
        EXPECT_EQ(job.job_type, "demo");
        EXPECT_EQ(job.steps.size(), c.steps);
        double weights = 0;
        for (const Step& step : job.steps) {
            weights += step.weight;
            EXPECT_TRUE(step.state == "completed" || (step.state == "skipped" && step.weight == 0)) << step.name;
            EXPECT_EQ(step.current_percentage, 100) << step.name;
            EXPECT_EQ(step.unit, step.has_percentage && step.state == "completed" ? "bytes" : "") << step.name;
        }
        EXPECT_EQ(weights, c.steps == 0 ? 0 : 100);
        EXPECT_TRUE(job.result_record_id.starts_with(c.record)) << job.result_record_id;
        EXPECT_EQ(job.result_record_name, c.name);
        EXPECT_FALSE(job.result.empty());
    }
}

TEST_F(DebugJobs, can_be_cancelled_in_the_middle_of_a_tick) {
    start(std::chrono::hours{1});
    const Job job = value_of(submit_debug(*service_, ann_, {.profile = "pull_remote"}));
    ASSERT_TRUE(eventually([&] {
        return value_of(service_->get(ann_, Ref<JobTag>(job.id))).message == "Validating request";
    })) << "a message says what goes on";
    ASSERT_TRUE(ok(service_->cancel(ann_, Ref<JobTag>(job.id))));
    EXPECT_FALSE(service_->wait(JobId(job.id)));
    const Job cancelled = value_of(service_->get(ann_, Ref<JobTag>(job.id)));
    EXPECT_EQ(cancelled.state, "failed");
    EXPECT_EQ(cancelled.error, "The job was cancelled");
    EXPECT_EQ(cancelled.steps.front().state, "failed");
}

TEST_F(DebugJobs, words_that_are_too_long_are_refused_by_name) {
    start(0ms);
    EXPECT_TRUE(refuses_field("/job_type", submit_debug(*service_, ann_, {.job_type = std::string(201, 'x')})));
    EXPECT_TRUE(
        refuses_field("/job_operation", submit_debug(*service_, ann_, {.job_operation = std::string(201, 'x')})));
    EXPECT_TRUE(value_of(service_->list(ann_)).empty());
}

}  // namespace
}  // namespace corral::jobs
