#include "jobs/job_service.hpp"

#include <latch>

#include "audit/audit.hpp"
#include "audit/migrations.hpp"
#include "base/temp_folder.hpp"
#include "events/event_log.hpp"
#include "events/migrations.hpp"
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
using testing_support::super_user;
using testing_support::value_of;

using Runner = std::function<Result<Finished>(const Job&, const Caller&, Progress&)>;
using JobRef = Ref<JobTag>;
using Texts = std::vector<std::string>;

// Waits until the job is asked to stop.
void until_cancelled(Progress& progress) {
    std::latch cancelled{1};
    const std::stop_callback told(progress.cancel(), [&] { cancelled.count_down(); });
    cancelled.wait();
}

class Jobs : public testing::Test {
protected:
    void SetUp() override { start(); }
    void start(JobService::Options options = {.threads = 4}) {
        service_.reset();
        service_ = std::make_unique<JobService>(
            *database_, log_, clock_,
            [](const UserId& id) { return id.text == "gone" ? nullptr : caller(id.text).principal; }, options);
    }
    void kind(const std::string& name, Runner run, bool resumes = false) {
        service_->add_kind(name, {.steps = {{"first", "The first", 40, false, false}, {"second", "", 60, true, false}},
                                  .resumes = resumes,
                                  .run = std::move(run)});
    }
    // A kind whose jobs say that they run and then wait for open() or their end.
    void waiting_kind(const std::string& name, bool resumes = false) {
        kind(
            name,
            [this](const Job&, const Caller&, Progress& progress) -> Result<Finished> {
                ++running_;
                until_cancelled(progress);
                return Error{Errc::timeout, "It was stopped"};
            },
            resumes);
    }
    Job submit(const Caller& who, const std::string& kind, const std::string& input = "{}") {
        return value_of(service_->submit(who, {.kind = kind, .type = "catalog", .operation = "push", .input = input}));
    }
    void until_running(int count) {
        ASSERT_TRUE(eventually([&] { return running_ == count; }));
    }
    Job stored(const std::string& id) {
        return value_of(database_->read([&](db::Tx& tx) { return store::find(tx, id); })).value();
    }
    bool is_stored(const std::string& id) {
        return value_of(database_->read([&](db::Tx& tx) { return store::find(tx, id); })).has_value();
    }
    // A job as a process that was killed leaves it.
    void leave_behind(const std::string& id, const std::string& kind, const std::string& state,
                      const std::string& owner = "ann") {
        Job job{.id = id, .owner = owner, .state = state};
        job.steps = {{.name = "first", .state = "completed", .current_percentage = 100}, {.name = "second"}};
        job.kind = kind;
        job.input = R"({"n":7})";
        job.checkpoint = R"({"at":3})";
        job.created_at = job.updated_at = clock_.now();
        ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) { store::insert(tx, job); })));
    }
    Texts events_of(const std::string& id) {
        Texts out;
        for (const auto& event : value_of(log_.since(0, 10'000)))
            if (event.body.find(id) != std::string::npos) out.push_back(event.message);
        return out;
    }
    static Result<Finished> done(const Job&, const Caller&, Progress&) { return Finished{"Done", {}}; }

    TempFolder folder_;
    FakeClock clock_;
    std::unique_ptr<db::Database> database_ =
        testing_support::open_database(folder_.path(), {audit::migrations(), events::migrations(), migrations()});
    events::EventLog log_{*database_, clock_};
    std::atomic<int> running_{0};
    std::unique_ptr<JobService> service_;
    const Caller ann_ = caller("ann");
};

TEST_F(Jobs, submitting_answers_with_the_pending_job_which_is_on_disk_by_then) {
    waiting_kind("catalog.push");
    const Job job = submit(ann_, "catalog.push");
    EXPECT_EQ(job.id.size(), 64U);
    EXPECT_EQ(job.state, "pending");
    EXPECT_EQ(job.progress, 0);
    EXPECT_TRUE(job.steps.empty());
    EXPECT_EQ(job.owner, "ann");
    EXPECT_EQ(job.owner_name, "Name of ann");
    EXPECT_EQ(job.owner_email, "ann@example.org");
    EXPECT_EQ(job.job_type, "catalog");
    EXPECT_EQ(job.job_operation, "push");
    EXPECT_TRUE(is_stored(job.id));
    EXPECT_EQ(events_of(job.id).front(), "JOB_CREATED");
}

TEST_F(Jobs, a_job_takes_the_id_it_is_given_once) {
    kind("k", done);
    const NewJob wanted{.kind = "k", .id = std::string(64, 'a'), .orchestrator = true};
    EXPECT_EQ(value_of(service_->submit(ann_, wanted)).id, wanted.id);
    EXPECT_TRUE(fails_with(Errc::conflict, service_->submit(ann_, wanted)));
    EXPECT_TRUE(stored(wanted.id).is_orchestrator_job);
}

TEST_F(Jobs, an_unknown_kind_is_refused_and_leaves_no_row) {
    EXPECT_FALSE(service_->submit(ann_, {.kind = "nonsense"}));
    EXPECT_TRUE(value_of(service_->list(super_user())).empty());
}

TEST_F(Jobs, more_than_can_wait_are_refused_and_none_that_was_accepted_is_lost) {
    start({.threads = 1, .open = 3});
    waiting_kind("catalog.push");
    std::vector<std::string> accepted;
    for (int i = 0; i < 3; ++i) accepted.push_back(submit(ann_, "catalog.push").id);
    EXPECT_TRUE(fails_with(Errc::unavailable, service_->submit(ann_, {.kind = "catalog.push"})));
    EXPECT_EQ(value_of(service_->list(ann_)).size(), 3U);
    for (const auto& id : accepted) {
        EXPECT_TRUE(ok(service_->cancel(ann_, JobRef(id))));
        EXPECT_FALSE(service_->wait(JobId(id)));
    }
    EXPECT_EQ(submit(ann_, "catalog.push").state, "pending") << "there is room again";
}

TEST_F(Jobs, waiting_gives_the_finished_job_with_its_result) {
    kind("k", [](const Job& job, const Caller& who, Progress& progress) -> Result<Finished> {
        EXPECT_EQ(job.input, R"({"n":1})");
        EXPECT_EQ(who.user_id().text, "ann");
        EXPECT_EQ(progress.checkpoint(), "");
        progress.start_step("first");
        progress.message("half way");
        progress.finish_step("first");
        return Finished{"Catalog Manifest Pushed", {"m-1", "noble", "catalog_manifest", "link"}};
    });
    const Job job = submit(ann_, "k", R"({"n":1})");
    const Job end = value_of(service_->wait(JobId(job.id)));
    EXPECT_EQ(end.state, "completed");
    EXPECT_EQ(end.progress, 100);
    EXPECT_EQ(end.result, "Catalog Manifest Pushed");
    EXPECT_EQ(end.message, end.result);
    EXPECT_EQ(end.result_record_id, "m-1");
    EXPECT_EQ(end.result_record_name, "noble");
    EXPECT_EQ(end.result_record_type, "catalog_manifest");
    EXPECT_EQ(end.result_record_link_id, "link");
    ASSERT_EQ(end.steps.size(), 2U);
    EXPECT_EQ(end.steps[0].state, "completed");
    EXPECT_EQ(end.steps[0].display_name, "The first");
    EXPECT_EQ(end.steps[1].state, "skipped");
    EXPECT_EQ(end.steps[1].display_name, "second") << "falls back to the name";
    EXPECT_EQ(json::to_text(value_of(service_->get(ann_, JobRef(job.id)))), json::to_text(end)) << "it is stored so";
}

TEST_F(Jobs, q61_the_end_of_a_job_is_told_twice_and_every_change_once) {
    kind("k", [](const Job&, const Caller&, Progress& progress) -> Result<Finished> {
        progress.start_step("first");
        progress.finish_step("first");
        return Finished{"Done", {}};
    });
    const Job job = submit(ann_, "k");
    ASSERT_TRUE(ok(service_->wait(JobId(job.id))));
    EXPECT_EQ(events_of(job.id),
              (Texts{"JOB_CREATED", "JOB_UPDATED", "JOB_UPDATED", "JOB_UPDATED", "JOB_UPDATED", "JOB_COMPLETED"}))
        << "created, running, step started, step finished, completed twice";
    for (const auto& event : value_of(log_.since(0, 100))) EXPECT_EQ(event.owner, "ann");
}

TEST_F(Jobs, a_failure_is_the_job_s_and_the_waiter_s_with_the_runner_s_code_and_words) {
    kind("k", [](const Job&, const Caller&, Progress& progress) -> Result<Finished> {
        progress.finish_step("first");
        return Error{Errc::not_found, "The image is not there", "a detail for the log"};
    });
    const Job job = submit(ann_, "k");
    const auto end = service_->wait(JobId(job.id));
    ASSERT_TRUE(fails_with(Errc::not_found, end));
    EXPECT_EQ(end.error().message, "The image is not there");
    const Job shown = value_of(service_->get(ann_, JobRef(job.id)));
    EXPECT_EQ(shown.state, "failed");
    EXPECT_EQ(shown.error, "The image is not there");
    EXPECT_EQ(shown.steps[0].state, "completed");
    EXPECT_EQ(shown.steps[1].state, "failed");
    EXPECT_EQ(json::to_text(shown).find("a detail"), std::string::npos);
    const Texts told = events_of(job.id);
    EXPECT_EQ(told.back(), "JOB_UPDATED");
    EXPECT_EQ(std::ranges::count(told, "JOB_COMPLETED"), 0);
}

TEST_F(Jobs, an_exception_fails_that_job_only) {
    kind("bad", [](const Job&, const Caller&, Progress&) -> Result<Finished> { throw std::runtime_error("a bug"); });
    kind("good", done);
    const Job bad = submit(ann_, "bad");
    const auto end = service_->wait(JobId(bad.id));
    ASSERT_TRUE(fails_with(Errc::internal, end));
    EXPECT_EQ(end.error().message.find("a bug"), std::string::npos);
    EXPECT_TRUE(ok(service_->wait(JobId(submit(ann_, "good").id))));
}

TEST_F(Jobs, q16_a_message_is_stored) {
    kind("k", [](const Job&, const Caller&, Progress& progress) -> Result<Finished> {
        progress.message("Copying");
        until_cancelled(progress);
        return Error{Errc::timeout, "stopped"};
    });
    const Job job = submit(ann_, "k");
    EXPECT_TRUE(eventually([&] { return value_of(service_->get(ann_, JobRef(job.id))).message == "Copying"; }));
}

TEST_F(Jobs, progress_is_written_at_most_twice_a_second_and_a_step_s_end_at_once) {
    kind("k", [this](const Job& job, const Caller&, Progress& progress) -> Result<Finished> {
        progress.start_step("first");
        const std::size_t before = events_of(job.id).size();
        for (int i = 1; i <= 100; ++i) progress.advance("first", i, 1000);
        EXPECT_EQ(events_of(job.id).size(), before) << "no time has passed";
        clock_.advance(500ms);
        for (int i = 101; i <= 200; ++i) progress.advance("first", i, 1000);
        EXPECT_EQ(events_of(job.id).size(), before + 1);
        EXPECT_EQ(stored(job.id).steps[0].value, 101);
        progress.finish_step("first");
        EXPECT_EQ(events_of(job.id).size(), before + 2);
        EXPECT_EQ(stored(job.id).steps[0].state, "completed");
        EXPECT_EQ(stored(job.id).progress, 40);
        return Finished{"Done", {}};
    });
    EXPECT_TRUE(ok(service_->wait(JobId(submit(ann_, "k").id))));
}

TEST_F(Jobs, cancelling_stops_the_runner_and_its_error_is_the_job_s) {
    waiting_kind("k");
    const Job job = submit(ann_, "k");
    until_running(1);
    EXPECT_TRUE(ok(service_->cancel(ann_, JobRef(job.id))));
    EXPECT_TRUE(fails_with(Errc::timeout, service_->wait(JobId(job.id))));
    EXPECT_EQ(stored(job.id).state, "failed");
    EXPECT_TRUE(fails_with(Errc::conflict, service_->cancel(ann_, JobRef(job.id)))) << "it has ended";
}

TEST_F(Jobs, a_job_that_is_cancelled_while_it_waits_for_its_turn_never_runs) {
    start({.threads = 1});
    waiting_kind("k");
    const Job first = submit(ann_, "k");
    until_running(1);
    const Job second = submit(ann_, "k");
    ASSERT_TRUE(ok(service_->cancel(ann_, JobRef(second.id))));
    ASSERT_TRUE(ok(service_->cancel(ann_, JobRef(first.id))));
    EXPECT_TRUE(fails_with(Errc::conflict, service_->wait(JobId(second.id))));
    EXPECT_EQ(running_, 1);
    EXPECT_EQ(stored(second.id).state, "failed");
}

TEST_F(Jobs, only_the_owner_or_who_may_delete_jobs_can_cancel_or_remove_one) {
    waiting_kind("k");
    const Job job = submit(ann_, "k");
    for (const Caller& other : {caller("bob"), caller("bob", {"JOB_MANAGER_LIST"})}) {
        EXPECT_TRUE(fails_with(Errc::forbidden, service_->cancel(other, JobRef(job.id))));
        EXPECT_TRUE(fails_with(Errc::forbidden, service_->remove(other, JobRef(job.id))));
    }
    EXPECT_TRUE(ok(service_->cancel(caller("bob", {"JOB_MANAGER_DELETE"}), JobRef(job.id))));
    EXPECT_FALSE(service_->wait(JobId(job.id)));
    EXPECT_TRUE(fails_with(Errc::not_found, service_->cancel(super_user(), JobRef("nonsense"))));
    EXPECT_TRUE(fails_with(Errc::not_found, service_->remove(super_user(), JobRef("nonsense"))));
}

TEST_F(Jobs, q60_removing_a_running_job_stops_its_work_and_it_does_not_come_back) {
    waiting_kind("k");
    const Job job = submit(ann_, "k");
    until_running(1);
    std::string shouted = job.id;
    std::ranges::transform(shouted, shouted.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    EXPECT_TRUE(ok(service_->remove(ann_, JobRef(shouted)))) << "ids are compared without case";
    EXPECT_FALSE(service_->wait(JobId(job.id)));
    EXPECT_FALSE(is_stored(job.id));
    EXPECT_EQ(events_of(job.id).back(), "JOB_DELETED");
}

TEST_F(Jobs, q15_lists_show_one_s_own_and_all_to_who_holds_the_claim_in_effect) {
    kind("k", done);
    const Job first = submit(ann_, "k");
    clock_.advance(1s);
    const Job second = submit(caller("bob"), "k");
    clock_.advance(1s);
    const Job third = submit(ann_, "k");
    const auto ids = [&](const Caller& who) {
        Texts out;
        for (const Job& job : value_of(service_->list(who))) out.push_back(job.id);
        return out;
    };
    EXPECT_EQ(ids(ann_), (Texts{first.id, third.id}));
    EXPECT_EQ(ids(caller("bob")), Texts{second.id});
    EXPECT_EQ(ids(caller("eve")), Texts{});
    EXPECT_EQ(ids(caller("eve", {"JOB_MANAGER_LIST"})), (Texts{first.id, second.id, third.id}));
    EXPECT_EQ(ids(super_user()), (Texts{first.id, second.id, third.id}));
}

TEST_F(Jobs, one_job_is_shown_to_its_owner_and_with_the_claim_and_403_to_others) {
    kind("k", done);
    const Job job = submit(ann_, "k");
    EXPECT_TRUE(ok(service_->get(ann_, JobRef(job.id))));
    EXPECT_TRUE(ok(service_->get(caller("bob", {"JOB_MANAGER_LIST"}), JobRef(job.id))));
    EXPECT_TRUE(fails_with(Errc::forbidden, service_->get(caller("bob"), JobRef(job.id))));
    EXPECT_TRUE(fails_with(Errc::not_found, service_->get(ann_, JobRef("nonsense"))));
}

TEST_F(Jobs, cleaning_up_removes_ended_jobs_one_s_own_or_all_and_tells_of_each) {
    kind("k", done);
    kind("bad", [](const Job&, const Caller&, Progress&) -> Result<Finished> { return Error{Errc::invalid, "no"}; });
    waiting_kind("wait");
    const Job mine = submit(ann_, "k");
    const Job failed = submit(ann_, "bad");
    const Job others = submit(caller("bob"), "k");
    const Job running = submit(ann_, "wait");
    until_running(1);
    for (const Job& job : {mine, failed, others}) (void)service_->wait(JobId(job.id));
    ASSERT_TRUE(ok(service_->clean_up(ann_)));
    EXPECT_FALSE(is_stored(mine.id));
    EXPECT_FALSE(is_stored(failed.id));
    EXPECT_TRUE(is_stored(others.id));
    EXPECT_TRUE(is_stored(running.id));
    EXPECT_EQ(events_of(mine.id).back(), "JOB_DELETED");
    ASSERT_TRUE(ok(service_->clean_up(super_user())));
    EXPECT_FALSE(is_stored(others.id));
    EXPECT_TRUE(is_stored(running.id));
}

TEST_F(Jobs, after_a_restart_a_resumable_job_goes_on_from_its_checkpoint) {
    leave_behind("j-1", "k", "running");
    leave_behind("j-2", "k", "pending");
    kind(
        "k",
        [](const Job& job, const Caller& who, Progress& progress) -> Result<Finished> {
            EXPECT_EQ(job.input, R"({"n":7})");
            EXPECT_EQ(who.user_id().text, "ann");
            EXPECT_EQ(progress.checkpoint(), R"({"at":3})");
            return Finished{"Done", {}};
        },
        true);
    service_->resume_after_restart();
    for (const char* id : {"j-1", "j-2"}) {
        const Job end = value_of(service_->wait(JobId(id)));
        EXPECT_EQ(end.state, "completed");
        EXPECT_EQ(end.steps.size(), 2U);
        EXPECT_EQ(end.steps[0].weight, 40) << "steps are those of this version's plan";
    }
}

TEST_F(Jobs, after_a_restart_what_cannot_go_on_is_failed_cleanly_and_told) {
    leave_behind("not-resumable", "k", "running");
    leave_behind("unknown-kind", "from an older version", "pending");
    leave_behind("ownerless", "resumes", "init", "gone");
    leave_behind("ended", "k", "completed");
    kind("k", done);
    kind("resumes", done, true);
    service_->resume_after_restart();
    for (const char* id : {"not-resumable", "unknown-kind", "ownerless"}) {
        const Job job = stored(id);
        EXPECT_EQ(job.state, "failed") << id;
        EXPECT_FALSE(job.error.empty()) << id;
        EXPECT_EQ(job.progress, 100) << id;
        EXPECT_EQ(job.steps[0].state, "completed") << id;
        EXPECT_EQ(job.steps[1].state, "failed") << id;
        EXPECT_EQ(events_of(id), Texts{"JOB_UPDATED"}) << id;
        EXPECT_TRUE(fails_with(Errc::internal, service_->wait(JobId(id)))) << "nobody waits for ever";
    }
    EXPECT_EQ(stored("ended").state, "completed");
}

TEST_F(Jobs, a_stop_leaves_resumable_jobs_to_the_next_start_and_fails_the_others) {
    waiting_kind("resumes", true);
    waiting_kind("does not");
    kind(
        "saves",
        [this](const Job&, const Caller&, Progress& progress) -> Result<Finished> {
            EXPECT_TRUE(ok(progress.save_checkpoint(R"({"at":1})")));
            EXPECT_EQ(progress.checkpoint(), R"({"at":1})");
            ++running_;
            until_cancelled(progress);
            return Error{Errc::timeout, "It was stopped"};
        },
        true);
    const Job kept = submit(ann_, "resumes");
    const Job failed = submit(ann_, "does not");
    const Job saved = submit(ann_, "saves");
    until_running(3);
    Result<Job> waited = Error{};
    std::jthread waiter([&] { waited = service_->wait(JobId(kept.id)); });
    service_->stop();
    waiter.join();
    EXPECT_FALSE(waited);
    EXPECT_EQ(stored(kept.id).state, "running");
    EXPECT_EQ(stored(failed.id).state, "failed");
    EXPECT_EQ(stored(saved.id).checkpoint, R"({"at":1})");
    EXPECT_TRUE(fails_with(Errc::unavailable, service_->submit(ann_, {.kind = "resumes"})));
    start();
    kind("resumes", done, true);
    kind(
        "saves",
        [](const Job&, const Caller&, Progress& progress) -> Result<Finished> {
            EXPECT_EQ(progress.checkpoint(), R"({"at":1})");
            return Finished{"Done", {}};
        },
        true);
    service_->resume_after_restart();
    EXPECT_TRUE(ok(service_->wait(JobId(kept.id))));
    EXPECT_TRUE(ok(service_->wait(JobId(saved.id))));
}

TEST_F(Jobs, a_job_that_waits_for_its_turn_at_a_stop_is_not_lost) {
    start({.threads = 1});
    waiting_kind("k", true);
    submit(ann_, "k");
    until_running(1);
    const Job queued = submit(ann_, "k");
    service_->stop();
    EXPECT_EQ(stored(queued.id).state, "pending");
    start();
    kind("k", done, true);
    service_->resume_after_restart();
    EXPECT_TRUE(ok(service_->wait(JobId(queued.id))));
}

TEST_F(Jobs, many_at_once_all_end_and_are_told_once_each) {
    std::atomic<int> ran{0};
    kind("k", [&](const Job&, const Caller&, Progress& progress) -> Result<Finished> {
        progress.start_step("first");
        ++ran;
        return Finished{"Done", {}};
    });
    constexpr int threads = 6;
    constexpr int each = 8;
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < threads; ++t)
            all.emplace_back([&, t] {
                const Caller who = caller("user-" + std::to_string(t));
                for (int i = 0; i < each; ++i) {
                    const Job job = submit(who, "k");
                    const auto end = service_->wait(JobId(job.id));
                    ASSERT_TRUE(ok(end));
                    EXPECT_EQ(end->state, "completed");
                    EXPECT_EQ(end->owner, who.user_id().text);
                }
            });
    }
    EXPECT_EQ(ran, threads * each);
    int completed = 0;
    for (const auto& event : value_of(log_.since(0, 100'000))) completed += event.message == "JOB_COMPLETED" ? 1 : 0;
    EXPECT_EQ(completed, threads * each);
}

TEST_F(Jobs, q60_a_running_job_that_reports_nothing_for_too_long_is_failed_and_told_and_its_late_result_ignored) {
    start({.threads = 4, .silence = std::chrono::minutes{5}});
    std::latch go_on{1};
    kind("k", [&](const Job&, const Caller&, Progress& progress) -> Result<Finished> {
        progress.start_step("first");
        ++running_;
        go_on.wait();  // deaf to its cancel
        return Finished{"Late", {}};
    });
    const Job job = submit(ann_, "k");
    until_running(1);
    clock_.advance(std::chrono::minutes{5});
    service_->fail_silent();
    EXPECT_EQ(stored(job.id).state, "running") << "not yet";
    clock_.advance(std::chrono::seconds{1});
    service_->fail_silent();
    EXPECT_TRUE(fails_with(Errc::timeout, service_->wait(JobId(job.id)))) << "who waits is not kept";
    EXPECT_EQ(stored(job.id).state, "failed");
    EXPECT_EQ(events_of(job.id).back(), "JOB_UPDATED");
    const auto told = events_of(job.id).size();
    go_on.count_down();
    service_->stop();
    EXPECT_EQ(stored(job.id).state, "failed");
    EXPECT_EQ(events_of(job.id).size(), told);
}

TEST_F(Jobs, q60_a_job_that_resumes_is_not_silent_because_it_waits_for_its_turn) {
    start({.threads = 1, .silence = std::chrono::minutes{5}});
    clock_.advance(std::chrono::hours{1});  // the host has been up for longer than a job may be silent
    leave_behind("j-1", "k", "running");
    leave_behind("j-2", "k", "running");
    std::latch go_on{1};
    kind(
        "k",
        [&](const Job&, const Caller&, Progress&) -> Result<Finished> {
            ++running_;
            go_on.wait();
            return Finished{"Done", {}};
        },
        true);
    service_->resume_after_restart();
    until_running(1);
    service_->fail_silent();
    go_on.count_down();
    for (const char* id : {"j-1", "j-2"}) EXPECT_EQ(value_of(service_->wait(JobId(id))).state, "completed");
}

TEST_F(Jobs, who_makes_stops_and_removes_jobs_is_in_the_audit_trail) {
    waiting_kind("waits");
    kind("k", done);
    const Job job = submit(ann_, "waits", R"({"secret":"hunter2"})");
    until_running(1);
    ASSERT_TRUE(ok(service_->cancel(ann_, JobRef(job.id))));
    EXPECT_FALSE(service_->wait(JobId(job.id)));
    ASSERT_TRUE(ok(service_->remove(super_user(), JobRef(job.id))));
    const Job other = submit(ann_, "k");
    ASSERT_TRUE(ok(service_->wait(JobId(other.id))));
    ASSERT_TRUE(ok(service_->clean_up(ann_)));
    EXPECT_TRUE(fails_with(Errc::not_found, service_->remove(ann_, JobRef("none"))));
    const audit::Trail trail(*database_, clock_, {});
    Texts seen;
    for (const auto& r : value_of(trail.list({})).entries) {
        seen.push_back(r.actor_id + " " + r.action + " " + (r.object_id == job.id ? "first" : "second"));
        EXPECT_EQ(r.detail.text.find("hunter2"), std::string::npos);
    }
    EXPECT_EQ(seen, (Texts{"ann job.delete second", "ann job.create second", "root job.delete first",
                           "ann job.cancel first", "ann job.create first"}));
}

TEST_F(Jobs, a_kind_without_steps_tells_its_percentage_which_never_falls) {
    std::latch seen{1};
    service_->add_kind(
        "plain",
        {.steps = {}, .resumes = false, .run = [&](const Job&, const Caller&, Progress& p) -> Result<Finished> {
             p.percent(30);
             p.percent(20);
             p.percent(130);
             p.message("all");
             seen.wait();
             return Finished{"Done", {}};
         }});
    const Job job = submit(ann_, "plain");
    EXPECT_TRUE(eventually([&] { return stored(job.id).message == "all"; }));
    EXPECT_EQ(stored(job.id).progress, 100);
    seen.count_down();
    EXPECT_TRUE(ok(service_->wait(JobId(job.id))));
}

TEST_F(Jobs, trimming_removes_ended_jobs_by_age_and_by_number_and_never_open_ones) {
    start({.threads = 1, .kept_for = 24h, .kept = 2});
    leave_behind("old-open", "k", "running");
    leave_behind("old-ended", "k", "failed");
    clock_.advance(24h + 1s);
    for (const char* id : {"a", "b", "c"}) {
        leave_behind(id, "k", "completed");
        clock_.advance(1s);
    }
    ASSERT_TRUE(ok(service_->trim()));
    EXPECT_TRUE(is_stored("old-open"));
    EXPECT_FALSE(is_stored("old-ended"));
    EXPECT_FALSE(is_stored("a")) << "beyond the newest two";
    EXPECT_TRUE(is_stored("b"));
    EXPECT_TRUE(is_stored("c"));
}

TEST(JobOnTheWire, has_the_contract_s_members_and_keeps_the_internal_ones) {
    Job job{
        .id = "j", .owner = "ann", .state = "running", .progress = 12, .job_type = "catalog", .job_operation = "push"};
    job.kind = "catalog.push";
    job.input = "the input";
    job.checkpoint = "the checkpoint";
    job.created_at = job.updated_at = FakeClock{}.now();
    EXPECT_EQ(json::to_text(job),
              R"({"id":"j","owner":"ann","state":"running","progress":12,"job_type":"catalog","job_operation":"push",)"
              R"("created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"})");
    EXPECT_EQ(
        json::to_text(Step{.name = "s", .weight = 5}),
        R"({"name":"s","weight":5,"parallel":false,"has_percentage":false,"state":"pending",)"
        R"("current_percentage":0,"value":0,"total":0,"eta":"","message":"","error":"","filename":"","unit":""})");
}

}  // namespace
}  // namespace corral::jobs
