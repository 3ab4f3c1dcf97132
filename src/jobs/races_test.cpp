// Jobs that end, are cancelled, removed and cleaned up by several at the same time.
#include <map>
#include <thread>

#include "audit/migrations.hpp"
#include "base/temp_folder.hpp"
#include "events/event_log.hpp"
#include "events/migrations.hpp"
#include "jobs/job_service.hpp"
#include "jobs/migrations.hpp"
#include "support/testing.hpp"

namespace corral::jobs {
namespace {

using testing_support::caller;
using testing_support::ok;
using testing_support::value_of;

TEST(JobRaces, every_job_ends_or_goes_once_whoever_is_first) {
    const TempFolder folder;
    const FakeClock clock;
    const auto database =
        testing_support::open_database(folder.path(), {audit::migrations(), events::migrations(), migrations()});
    events::EventLog log(*database, clock);
    JobService service(*database, log, clock, [](const UserId& id) { return caller(id.text).principal; },
                       {.threads = 4});
    service.add_kind("k", {.steps = {{"s", "", 100, false, false}},
                           .resumes = false,
                           .run = [](const Job&, const Caller&, Progress& progress) -> Result<Finished> {
                               progress.start_step("s");
                               progress.finish_step("s");
                               if (progress.cancel().stop_requested()) return Error{Errc::conflict, "Cancelled"};
                               return Finished{"Done", {}};
                           }});
    const Caller ann = caller("ann");
    std::vector<std::string> ids;
    for (int i = 0; i < 60; ++i)
        ids.push_back(value_of(service.submit(ann, {.kind = "k", .type = "t", .operation = "o", .input = "{}"})).id);
    std::atomic<int> removed{0};
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 2; ++t) {
            threads.emplace_back([&] {
                for (const auto& id : ids) (void)service.cancel(ann, Ref<JobTag>(id));
            });
            threads.emplace_back([&] {
                for (std::size_t i = 0; i < ids.size(); i += 2)
                    if (service.remove(ann, Ref<JobTag>(ids[i]))) ++removed;
            });
            threads.emplace_back([&] {
                for (const auto& id : ids) (void)service.wait(JobId(id));
            });
        }
    }
    for (const auto& id : ids) (void)service.wait(JobId(id));
    EXPECT_EQ(removed, 30) << "two who remove the same job are not both told that they did";
    const auto left = value_of(service.list(ann));
    EXPECT_EQ(left.size(), 30U);
    for (const Job& job : left) EXPECT_TRUE(job.finished()) << job.state;
    std::map<std::string, std::vector<std::string>> told;
    for (const auto& event : value_of(log.since(0, 10'000)))
        for (const auto& id : ids)
            if (event.body.find(id) != std::string::npos) told[id].push_back(event.message);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto& events = told[ids[i]];
        ASSERT_FALSE(events.empty());
        EXPECT_EQ(events.front(), "JOB_CREATED");
        EXPECT_EQ(std::ranges::count(events, "JOB_DELETED"), i % 2 == 0 ? 1 : 0);
        if (i % 2 == 0) EXPECT_EQ(events.back(), "JOB_DELETED") << "something was told of a job that is gone";
    }
    ASSERT_TRUE(ok(service.clean_up(ann)));
    EXPECT_TRUE(value_of(service.list(ann)).empty());
}

}  // namespace
}  // namespace corral::jobs
