#include "jobs/tracker.hpp"

#include <gtest/gtest.h>

namespace corral::jobs {
namespace {

using namespace std::chrono_literals;

class TrackerTest : public testing::Test {
protected:
    void SetUp() override {
        for (const auto& [name, weight, parallel] :
             {std::tuple{"validate", 5.0, false}, std::tuple{"download", 45.0, true}, std::tuple{"unpack", 30.0, true},
              std::tuple{"register", 20.0, false}})
            job_.steps.push_back({.name = name, .weight = weight, .parallel = parallel});
    }
    const Step& step(const char* name) {
        return *std::ranges::find(job_.steps, std::string_view(name),
                                  [](const Step& s) -> std::string_view { return s.name; });
    }
    Job job_;
    Tracker tracker_{job_};
    SteadyTime now_{1h};
};

TEST_F(TrackerTest, progress_is_the_whole_part_of_the_weighted_sum) {
    tracker_.finish("validate");
    EXPECT_EQ(job_.progress, 5);
    tracker_.advance("download", 1, 3, "", now_);
    EXPECT_EQ(job_.progress, 20) << "5 + 45 / 3";
    tracker_.advance("download", 333, 1000, "", now_);
    EXPECT_EQ(job_.progress, 19) << "5 + 14.985, not rounded up";
}

TEST_F(TrackerTest, all_steps_of_the_push_plan_done_are_exactly_100_percent) {
    Job job;
    for (const double weight : {5.0, 35.0, 5.0, 45.0, 5.0, 3.0, 2.0})
        job.steps.push_back({.name = std::to_string(job.steps.size()), .weight = weight});
    Tracker tracker(job);
    for (std::size_t i = 0; i < job.steps.size(); ++i) tracker.finish(std::to_string(i));
    EXPECT_EQ(job.progress, 100);
    job.steps.push_back({.name = "too much", .weight = 50});
    tracker.finish("too much");
    EXPECT_EQ(job.progress, 100) << "never above";
}

TEST_F(TrackerTest, a_later_step_skips_earlier_ones_that_nobody_finished_but_not_parallel_ones) {
    tracker_.start("register", now_);
    EXPECT_EQ(step("validate").state, "skipped");
    EXPECT_EQ(step("validate").current_percentage, 100);
    EXPECT_FALSE(step("validate").message.empty());
    EXPECT_EQ(step("download").state, "pending");
    EXPECT_EQ(step("register").state, "running");
    EXPECT_EQ(job_.progress, 5);
}

TEST_F(TrackerTest, a_parallel_step_skips_nothing) {
    tracker_.advance("download", 1, 2, "", now_);
    EXPECT_EQ(step("validate").state, "pending");
    EXPECT_EQ(step("download").state, "running");
}

TEST_F(TrackerTest, a_finished_step_stays_finished_when_a_later_one_starts_or_a_late_report_comes) {
    tracker_.advance("validate", 5, 10, "a.pack", now_);
    tracker_.finish("validate");
    tracker_.start("register", now_);
    tracker_.advance("validate", 1, 10, "late", now_);
    EXPECT_EQ(step("validate").state, "completed");
    EXPECT_EQ(step("validate").value, 10) << "at 100 % the value is the total";
    EXPECT_EQ(step("validate").filename, "a.pack");
    EXPECT_EQ(step("validate").current_percentage, 100);
}

TEST_F(TrackerTest, a_transfer_shows_bytes_name_and_the_time_left_at_the_average_rate) {
    tracker_.start("download", now_);
    tracker_.advance("download", 10, 1000, "x.pdpack", now_ + 499ms);
    EXPECT_EQ(step("download").eta, "calculating...") << "too early to say";
    tracker_.advance("download", 250, 1000, "x.pdpack", now_ + 60s);
    EXPECT_EQ(step("download").eta, "3m 0s");
    EXPECT_EQ(step("download").unit, "bytes");
    EXPECT_EQ(step("download").value, 250);
    EXPECT_EQ(step("download").total, 1000);
    EXPECT_EQ(step("download").filename, "x.pdpack");
    EXPECT_DOUBLE_EQ(step("download").current_percentage, 25);
    tracker_.advance("download", 0, 1000, "", now_ + 61s);
    EXPECT_EQ(step("download").eta, "calculating...") << "nothing came yet";
    tracker_.finish("download");
    EXPECT_EQ(step("download").eta, "");
}

TEST_F(TrackerTest, reports_that_make_no_sense_change_nothing) {
    tracker_.advance("download", 5, 0, "", now_);
    tracker_.advance("download", 5, -1, "", now_);
    EXPECT_EQ(step("download").state, "pending");
    tracker_.start("no such step", now_);
    tracker_.advance("no such step", 1, 2, "", now_);
    tracker_.finish("no such step");
    tracker_.skip("no such step");
    EXPECT_EQ(job_.progress, 0);
    tracker_.advance("download", 2000, 1000, "", now_);
    EXPECT_EQ(step("download").value, 1000) << "more than all is all";
    EXPECT_EQ(job_.progress, 45);
}

TEST_F(TrackerTest, completing_skips_what_was_not_needed) {
    tracker_.finish("validate");
    tracker_.complete();
    EXPECT_EQ(job_.state, "completed");
    EXPECT_EQ(job_.progress, 100);
    EXPECT_EQ(step("validate").state, "completed");
    for (const char* name : {"download", "unpack", "register"}) EXPECT_EQ(step(name).state, "skipped") << name;
    EXPECT_TRUE(job_.finished());
}

TEST_F(TrackerTest, failing_fails_every_open_step_and_leaves_the_others) {
    tracker_.finish("validate");
    tracker_.skip("download");
    tracker_.advance("unpack", 1, 2, "", now_);
    tracker_.fail("the disk is full");
    EXPECT_EQ(job_.state, "failed");
    EXPECT_EQ(job_.error, "the disk is full");
    EXPECT_EQ(job_.progress, 100);
    EXPECT_EQ(step("validate").state, "completed");
    EXPECT_EQ(step("download").state, "skipped");
    for (const char* name : {"unpack", "register"}) {
        EXPECT_EQ(step(name).state, "failed") << name;
        EXPECT_EQ(step(name).error, "the disk is full") << name;
        EXPECT_EQ(step(name).current_percentage, 100) << name;
        EXPECT_EQ(step(name).eta, "") << name;
    }
    EXPECT_TRUE(job_.finished());
}

TEST(EtaText, has_the_three_forms_of_the_contract) {
    EXPECT_EQ(eta_text(0ms), "0s");
    EXPECT_EQ(eta_text(59'999ms), "59s");
    EXPECT_EQ(eta_text(60s), "1m 0s");
    EXPECT_EQ(eta_text(3599s), "59m 59s");
    EXPECT_EQ(eta_text(3600s), "1h 0m");
    EXPECT_EQ(eta_text(27h + 5min), "27h 5m");
}

}  // namespace
}  // namespace corral::jobs
