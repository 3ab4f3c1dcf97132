// Two controllers on one PostgreSQL database: whose jobs are whose, and what becomes of those whose controller is gone.
#include <latch>

#include "audit/migrations.hpp"
#include "events/event_log.hpp"
#include "events/migrations.hpp"
#include "jobs/job_service.hpp"
#include "jobs/migrations.hpp"
#include "jobs/store.hpp"
#include "support/testing.hpp"

namespace corral::jobs {
namespace {

using namespace std::chrono_literals;
using testing_support::caller;
using testing_support::eventually;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::PostgresServer;
using testing_support::value_of;

class PostgresJobsTest : public testing::Test {
protected:
    struct Controller {
        Controller(const std::string& url, const std::string& id, bool alive = true)
            : database(value_of(db::open_postgres(Secret(url), id))) {
            auto all = events::migrations();
            for (const auto& list : {audit::migrations(), migrations()})
                all.insert(all.end(), list.begin(), list.end());
            EXPECT_TRUE(ok(database->migrate(all)));
            if (alive) EXPECT_TRUE(eventually([&] { return value_of(database->claim(db::life_of(id))); }));
            log = std::make_unique<events::EventLog>(*database, clock);
            jobs = std::make_unique<JobService>(
                *database, *log, clock, [](const UserId& user) { return caller(user.text).principal; },
                JobService::Options{.threads = 2});
            jobs->add_kind("resumes", kind(id, true));
            jobs->add_kind("ends", kind(id, false));
        }
        // Runs until it is asked to stop or, on a later try, to its end at once.
        Kind kind(const std::string& id, bool resumes) {
            return {.steps = {{"only", "", 100, false, false}},
                    .resumes = resumes,
                    .run = [this, id](const Job&, const Caller&, Progress& progress) -> Result<Finished> {
                        if (progress.checkpoint() == "again") return Finished{"Done by " + id, {}};
                        if (auto saved = progress.save_checkpoint("again"); !saved) return std::move(saved).error();
                        ++running;
                        std::latch stopped{1};
                        const std::stop_callback told(progress.cancel(), [&] { stopped.count_down(); });
                        stopped.wait();
                        ++stopped_runs;
                        return Error{Errc::timeout, "It was stopped"};
                    }};
        }
        std::string submit(const std::string& kind) {
            const int before = running;
            const auto job = value_of(jobs->submit(caller("ann"), {.kind = kind}));
            EXPECT_TRUE(eventually([&] { return running > before; }));
            return job.id;
        }
        Job stored(const std::string& id) {
            return value_of(database->read([&](db::Tx& tx) { return store::find(tx, id); })).value();
        }
        FakeClock clock;
        std::atomic<int> running{0}, stopped_runs{0};
        std::unique_ptr<db::Database> database;
        std::unique_ptr<events::EventLog> log;
        std::unique_ptr<JobService> jobs;
    };
    // As often, and for as long, as it takes to give a controller up.
    static void adopt(Controller& who) {
        EXPECT_TRUE(ok(who.jobs->adopt()));
        who.clock.advance(16s);
        EXPECT_TRUE(ok(who.jobs->adopt()));
    }
    [[nodiscard]] std::string schema() const { return url_.substr(url_.rfind("%3D") + 3); }
    const std::string url_ =
        PostgresServer::shared().url(testing::UnitTest::GetInstance()->current_test_info()->name());
    std::unique_ptr<Controller> one_ = std::make_unique<Controller>(url_, "a1");
    std::unique_ptr<Controller> two_ = std::make_unique<Controller>(url_, "a2");
    const Caller ann_ = caller("ann");
};

TEST_F(PostgresJobsTest, the_jobs_of_a_live_controller_are_left_alone_by_one_that_starts) {
    const auto id = one_->submit("resumes");
    const auto other = one_->submit("ends");
    two_->jobs->resume_after_restart();
    adopt(*two_);
    adopt(*two_);
    EXPECT_EQ(two_->stored(id).state, "running");
    EXPECT_EQ(two_->stored(other).state, "running");
    EXPECT_EQ(two_->running, 0);
    EXPECT_EQ(one_->stopped_runs, 0);
    EXPECT_EQ(value_of(two_->jobs->list(ann_)).size(), 2U) << "but it shows them";
}

TEST_F(PostgresJobsTest, when_a_controller_is_gone_another_goes_on_with_its_jobs_or_fails_them) {
    const auto id = one_->submit("resumes");
    const auto other = one_->submit("ends");
    one_->database
        ->write([&](db::Tx& tx) {  // of a kind that the second does not know
            Job job{.id = "foreign", .owner = "ann", .state = "running"};
            job.kind = "unknown";
            store::insert(tx, job);
            store::assign(tx, job.id, "a1");
        })
        .value();
    // Its end must not be written: that is what a kill leaves.
    PostgresServer::shared().sql("ALTER SCHEMA " + schema() + " RENAME TO away");
    one_.reset();
    PostgresServer::shared().sql("ALTER SCHEMA away RENAME TO " + schema());
    ASSERT_TRUE(eventually([&] { return !value_of(two_->database->claimed(db::life_of("a1"))); }));
    EXPECT_TRUE(ok(two_->jobs->adopt()));
    EXPECT_EQ(two_->stored(id).state, "running") << "it may be back in a moment";
    adopt(*two_);
    EXPECT_TRUE(ok(two_->jobs->wait(JobId(id))));
    EXPECT_EQ(two_->stored(id).result, "Done by a2");
    EXPECT_EQ(two_->stored(other).state, "failed");
    EXPECT_EQ(two_->stored(other).error, "The controller that ran the job is gone");
    EXPECT_EQ(two_->stored("foreign").state, "running") << "that waits for who knows its kind";
}

TEST_F(PostgresJobsTest, a_controller_that_comes_back_goes_on_with_its_own) {
    const auto id = one_->submit("resumes");
    one_.reset();
    EXPECT_TRUE(ok(two_->jobs->adopt()));
    one_ = std::make_unique<Controller>(url_, "a1");
    one_->jobs->resume_after_restart();
    adopt(*two_);
    EXPECT_TRUE(ok(one_->jobs->wait(JobId(id))));
    EXPECT_EQ(one_->stored(id).result, "Done by a1");
}

TEST_F(PostgresJobsTest, a_job_is_cancelled_and_removed_through_any_controller) {
    const auto first = one_->submit("resumes");
    const auto second = one_->submit("ends");
    EXPECT_TRUE(ok(two_->jobs->cancel(ann_, Ref<JobTag>(first))));
    EXPECT_TRUE(eventually([&] { return two_->stored(first).state == "failed"; }));
    EXPECT_TRUE(fails_with(Errc::conflict, two_->jobs->cancel(ann_, Ref<JobTag>(first)))) << "it has ended";
    EXPECT_TRUE(ok(two_->jobs->remove(ann_, Ref<JobTag>(second))));
    EXPECT_TRUE(eventually([&] { return one_->stopped_runs == 2; }));
    EXPECT_TRUE(fails_with(Errc::not_found, one_->jobs->get(ann_, Ref<JobTag>(second))));
}

TEST_F(PostgresJobsTest, a_controller_that_only_seemed_gone_stops_and_writes_nothing_more) {
    Controller silent(url_, "a3", false);
    const auto id = silent.submit("resumes");
    adopt(*two_);
    EXPECT_TRUE(ok(two_->jobs->wait(JobId(id))));
    EXPECT_TRUE(eventually([&] { return silent.stopped_runs == 1; }));
    silent.jobs->stop();
    EXPECT_EQ(two_->stored(id).state, "completed");
    EXPECT_EQ(two_->stored(id).result, "Done by a2");
}

}  // namespace
}  // namespace corral::jobs
