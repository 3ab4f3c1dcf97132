// Long work as rows: what a job shows while it runs and when it has ended, who sees it, and how it is stopped.
#include <gtest/gtest.h>

#include <filesystem>

#include "door.hpp"
#include "images.hpp"
#include "subscriber.hpp"

namespace corral::tests {
namespace {

class Jobs : public testing::Test {
protected:
    Jobs() { push_image(server, "image"); }
    // A job that has come as far as the hypervisor and waits there.
    std::string held_job(const std::string& name, const std::string& as = "root") {
        door.shut();
        const auto job = server.post("/v1/machines/async", create_body(name), {.as = as});
        EXPECT_EQ(job.status, 202) << job.body;
        EXPECT_TRUE(door.somebody_waits());
        return job.at("/id");
    }
    int status(const std::string& method, const std::string& path, const std::string& as) {
        return server.call(method, path, "", {.as = as}).status;
    }

    Door door;
    Server server{{.accounts = {{.name = "ann", .claims = {"CREATE_VM", "JOB_MANAGER_LIST_OWN"}, .roles = {}},
                                {.name = "bob", .claims = {"CREATE_VM", "JOB_MANAGER_LIST_OWN"}, .roles = {}},
                                {.name = "watcher", .claims = {"JOB_MANAGER_LIST"}, .roles = {}},
                                {.name = "remover", .claims = {"JOB_MANAGER_DELETE"}, .roles = {}},
                                {.name = "user", .claims = {"CREATE_VM"}, .roles = {"USER"}}},
                   .hypervisor = door.hypervisor()}};
};

TEST_F(Jobs, a_running_job_shows_its_steps_and_how_far_it_is) {
    const std::string id = held_job("web", "ann");
    const auto running = server.get("/v1/jobs/" + id);
    EXPECT_EQ(running.at("/state"), "running");
    EXPECT_EQ(running.at("/owner"), server.user_id("ann"));
    EXPECT_EQ(running.at("/owner_name"), "ann");
    EXPECT_EQ(running.size("/steps"), 9);
    EXPECT_EQ(running.at("/steps/0/name"), "pull_validate_stage");
    EXPECT_EQ(running.at("/steps/0/state"), "completed");
    EXPECT_EQ(running.at("/steps/5/name"), "pull_register_stage");
    EXPECT_EQ(running.at("/steps/5/state"), "running");
    EXPECT_EQ(running.at("/steps/8/state"), "pending");
    EXPECT_EQ(running.at("/progress"), "70");
    door.open();
    const auto done = finished_job(server, id);
    EXPECT_EQ(done.at("/state"), "completed") << done.body;
    EXPECT_EQ(done.at("/progress"), "100");
    for (int i = 0; i < 9; ++i) {
        const std::string state = done.at("/steps/" + std::to_string(i) + "/state");
        EXPECT_TRUE(state == "completed" || state == "skipped") << state;
    }
    EXPECT_EQ(done.at("/error"), "(absent)");
}

TEST_F(Jobs, a_failed_job_says_why_in_every_step_that_was_open) {
    door.behind().fail_next(Error{Errc::upstream, "The hypervisor is out of order", "for the log only"});
    const auto job = server.post("/v1/machines/async", create_body("web"));
    const auto failed = finished_job(server, job.at("/id"));
    EXPECT_EQ(failed.at("/state"), "failed");
    EXPECT_EQ(failed.at("/error"), "The hypervisor is out of order");
    EXPECT_EQ(failed.at("/steps/5/state"), "failed");
    EXPECT_EQ(failed.at("/steps/5/error"), "The hypervisor is out of order");
    EXPECT_EQ(failed.at("/steps/0/state"), "completed");
    EXPECT_EQ(failed.body.find("for the log only"), std::string::npos);
}

TEST_F(Jobs, Q62_what_a_key_began_belongs_to_its_owner) {
    const auto key = server.post("/v1/auth/api_keys",
                                 R"({"name":"ci","key":"ci","secret":"s","user_id":")" + server.user_id("ann") + "\"}");
    ASSERT_EQ(key.status, 201) << key.body;
    const auto job = server.post("/v1/machines/async", create_body("web"),
                                 {.as = "", .headers = {{"X-Api-Key", key.at("/encoded")}}});
    ASSERT_EQ(job.status, 202) << job.body;
    EXPECT_EQ(finished_job(server, job.at("/id")).at("/owner"), server.user_id("ann"));
    EXPECT_EQ(status("GET", "/v1/jobs/" + job.at("/id"), "ann"), 200);
    EXPECT_EQ(status("GET", "/v1/jobs/" + job.at("/id"), "bob"), 403);
}

TEST_F(Jobs, everybody_sees_their_own_and_holders_of_the_claim_see_all) {
    const auto ended = [&](const std::string& as, const std::string& name) {
        const std::string id = server.post("/v1/machines/async", create_body(name), {.as = as}).at("/id");
        finished_job(server, id);
        return id;
    };
    const std::string anns = ended("ann", "a");
    const std::string bobs = ended("bob", "b");
    EXPECT_EQ(server.get("/v1/jobs", {.as = "ann"}).size(), 1);
    EXPECT_EQ(server.get("/v1/jobs", {.as = "ann"}).at("/0/id"), anns);
    EXPECT_EQ(server.get("/v1/jobs", {.as = "watcher"}).size(), 2);
    EXPECT_EQ(server.get("/v1/jobs").size(), 2);
    EXPECT_EQ(status("GET", "/v1/jobs/" + bobs, "bob"), 200);
    EXPECT_EQ(status("GET", "/v1/jobs/" + bobs, "watcher"), 200);
    EXPECT_EQ(status("GET", "/v1/jobs/" + bobs, "ann"), 403) << "the contract's code for a job of somebody else";
    EXPECT_EQ(status("GET", "/v1/jobs/none", "ann"), 404);
    const auto filtered = server.get("/v1/jobs", {.headers = {{"X-Filter", "owner_name=^ann$"}}});
    EXPECT_EQ(filtered.size(), 1);
}

TEST_F(Jobs, who_may_not_remove_a_job_may_not_stop_it_either) {
    const std::string id = held_job("web", "ann");
    for (const char* as : {"bob"}) {
        EXPECT_EQ(status("DELETE", "/v1/jobs/" + id, as), 403);
        EXPECT_EQ(status("POST", "/v1/jobs/" + id + "/cancel", as), 403);
    }
    EXPECT_EQ(status("DELETE", "/v1/jobs/" + id, "watcher"), 401) << "seeing is not removing";
    EXPECT_EQ(status("POST", "/v1/jobs/" + id + "/cancel", "watcher"), 401);
    EXPECT_EQ(server.get("/v1/jobs/" + id).at("/state"), "running");
    door.open();
    EXPECT_EQ(finished_job(server, id).at("/state"), "completed");
}

TEST_F(Jobs, a_cancelled_job_stops_its_work_and_leaves_nothing_half_made) {
    const std::string id = held_job("web", "ann");
    EXPECT_EQ(status("POST", "/v1/jobs/" + id + "/cancel", "ann"), 202);
    const auto cancelled = finished_job(server, id);
    EXPECT_EQ(cancelled.at("/state"), "failed");
    EXPECT_EQ(cancelled.at("/error"), "The operation was cancelled");
    EXPECT_EQ(server.get("/v1/machines").body, "[]\n");
    EXPECT_TRUE(std::filesystem::is_empty(server / "machines"));
    EXPECT_EQ(status("POST", "/v1/jobs/" + id + "/cancel", "ann"), 409) << "it has ended already";
    door.open();
    make_machine(server, "web");
}

TEST_F(Jobs, removing_a_running_job_stops_its_work) {
    const std::string id = held_job("web", "ann");
    Subscriber subscriber(server, "/v1/ws/subscribe?event_types=job_manager");
    subscriber.event();
    EXPECT_EQ(status("DELETE", "/v1/jobs/" + id, "remover"), 204);
    EXPECT_EQ(server.get("/v1/jobs/" + id).status, 404);
    EXPECT_EQ(subscriber.event_with("/message", "JOB_DELETED").at("/body/id"), id);
    door.open();
    EXPECT_TRUE(eventually([&] { return server.post("/v1/machines", create_body("web")).status == 200; }))
        << "the name is not free again";
    EXPECT_EQ(server.get("/v1/jobs/" + id).status, 404) << "late progress brought the job back";
}

TEST_F(Jobs, an_ended_job_can_be_removed_once) {
    const std::string id = server.post("/v1/machines/async", create_body("web"), {.as = "ann"}).at("/id");
    finished_job(server, id);
    EXPECT_EQ(status("DELETE", "/v1/jobs/" + id, "ann"), 204);
    EXPECT_EQ(status("DELETE", "/v1/jobs/" + id, "ann"), 404);
    EXPECT_EQ(server.get("/v1/machines/web").status, 200) << "the machine is not the job";
}

TEST_F(Jobs, a_clean_up_takes_what_has_ended_and_only_what_the_caller_sees) {
    const auto ended = [&](const std::string& as, const std::string& name) {
        finished_job(server, server.post("/v1/machines/async", create_body(name), {.as = as}).at("/id"));
    };
    ended("ann", "a");
    ended("bob", "b");
    const std::string running = held_job("c", "ann");
    EXPECT_EQ(status("DELETE", "/v1/jobs/cleanup", "ann"), 200);
    EXPECT_EQ(server.get("/v1/jobs").size(), 2) << "bob's, and the one that runs";
    EXPECT_EQ(server.get("/v1/jobs/" + running).at("/state"), "running");
    door.open();
    finished_job(server, running);
    EXPECT_EQ(status("DELETE", "/v1/jobs/cleanup", "watcher"), 200);
    EXPECT_EQ(server.get("/v1/jobs").body, "[]\n");
}

TEST_F(Jobs, the_life_of_a_job_is_told_in_order) {
    Subscriber subscriber(server, "/v1/ws/subscribe?event_types=job_manager", "ann");
    subscriber.event();
    const std::string id = server.post("/v1/machines/async", create_body("web"), {.as = "ann"}).at("/id");
    const auto created = subscriber.event();
    EXPECT_EQ(created.at("/message"), "JOB_CREATED");
    EXPECT_EQ(created.at("/body/id"), id);
    int progress = 0;
    for (;;) {
        const auto event = subscriber.event();
        ASSERT_EQ(event.at("/body/id"), id);
        EXPECT_GE(std::stoi(event.at("/body/progress")), progress) << "progress went back";
        progress = std::stoi(event.at("/body/progress"));
        if (event.at("/message") == "JOB_COMPLETED") {
            EXPECT_EQ(event.at("/body/state"), "completed");
            break;
        }
        EXPECT_EQ(event.at("/message"), "JOB_UPDATED");
    }
    EXPECT_EQ(progress, 100);
}

}  // namespace
}  // namespace corral::tests
