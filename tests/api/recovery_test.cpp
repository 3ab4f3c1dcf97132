// The server is stopped and started on the same data: what was acknowledged is there, what ran goes on and ends once,
// what was half done is finished or gone. (Hard kills between any two steps are the crash suite's.)
#include <gtest/gtest.h>

#include <filesystem>

#include "catalog/identifiers.hpp"
#include "door.hpp"
#include "images.hpp"
#include "machines/store.hpp"
#include "subscriber.hpp"
#include "support/database.hpp"

namespace corral::tests {
namespace {

class Recovery : public testing::Test {
protected:
    Recovery() { push_image(server, "image"); }
    Door door;
    Server server{{.hypervisor = door.hypervisor()}};
};

TEST_F(Recovery, everything_that_was_acknowledged_is_there_after_a_restart) {
    const std::string id = make_machine(server, "web");
    ASSERT_EQ(server.put("/v1/machines/web/start", "").status, 200);
    make_machine(server, "off");
    const std::string catalog = server.get("/v1/catalog").body;
    const std::string machines = server.get("/v1/machines/off").body;
    const std::string jobs = server.get("/v1/jobs").body;
    server.restart();
    EXPECT_EQ(server.get("/v1/catalog").body, catalog);
    EXPECT_EQ(server.get("/v1/machines/off").body, machines);
    EXPECT_EQ(server.get("/v1/jobs").body, jobs);
    EXPECT_EQ(server.get("/v1/machines/" + id).at("/State"), "running") << "machines outlive the service";
    EXPECT_EQ(server.put("/v1/machines/web/stop", "").status, 200);
}

TEST_F(Recovery, a_job_that_ran_goes_on_after_the_restart_and_ends_once) {
    door.shut();
    const std::string id =
        server.post("/v1/machines/async", create_body("web", "image", R"(,"start_on_create":true)")).at("/id");
    ASSERT_TRUE(door.somebody_waits());
    server.stop();
    door.open();
    server.restart();
    const auto done = finished_job(server, id);
    EXPECT_EQ(done.at("/state"), "completed") << done.body;
    EXPECT_EQ(done.at("/progress"), "100");
    const auto machines = server.get("/v1/machines");
    ASSERT_EQ(machines.size(), 1) << machines.body;
    EXPECT_EQ(machines.at("/0/ID"), done.at("/result_record_id"));
    EXPECT_EQ(machines.at("/0/State"), "running");
    EXPECT_EQ(server.get("/v1/jobs").size(), 1);
    // One folder, whatever the interrupted try had made.
    std::size_t folders = 0;
    for ([[maybe_unused]] const auto& item : std::filesystem::directory_iterator(server / "machines")) ++folders;
    EXPECT_EQ(folders, 1U);
}

TEST_F(Recovery, jobs_that_had_not_begun_are_done_after_the_restart) {
    door.shut();
    std::vector<std::string> ids;  // more than there are threads for jobs
    for (int i = 0; i < 12; ++i)
        ids.push_back(server.post("/v1/machines/async", create_body("web" + std::to_string(i))).at("/id"));
    ASSERT_TRUE(door.somebody_waits());
    server.stop();
    door.open();
    server.restart();
    for (const std::string& id : ids) EXPECT_EQ(finished_job(server, id).at("/state"), "completed");
    EXPECT_EQ(server.get("/v1/machines").size(), 12);
}

TEST_F(Recovery, the_job_of_an_owner_who_is_gone_ends_with_a_reason) {
    door.shut();
    const std::string id = server.post("/v1/machines/async", create_body("web")).at("/id");
    ASSERT_TRUE(door.somebody_waits());
    server.stop();
    server.change([&](db::Tx& tx) { tx.exec("UPDATE jobs SET owner = 'nobody' WHERE id = :1", id); });
    door.open();
    server.restart();
    const auto failed = finished_job(server, id);
    EXPECT_EQ(failed.at("/state"), "failed");
    EXPECT_EQ(failed.at("/error"), "The owner of the job is gone");
    EXPECT_EQ(server.get("/v1/machines").body, "[]\n");
}

TEST_F(Recovery, a_machine_that_was_half_made_is_gone_and_a_removal_that_began_is_finished) {
    const std::string doomed = make_machine(server, "doomed");
    make_machine(server, "kept");
    server.stop();
    server.change([&](db::Tx& tx) {
        machines::store::set_phase(tx, doomed, "deleting");
        machines::store::insert(tx, {.id = "00000000-0000-4000-8000-000000000000",
                                     .name = "half",
                                     .owner = "",
                                     .home = server / "machines/half.qemu/",
                                     .digest = "",
                                     .phase = "creating"});
    });
    std::filesystem::create_directory(server / "machines/half.qemu");
    server.restart();
    EXPECT_EQ(server.get("/v1/machines").size(), 1);
    EXPECT_EQ(server.get("/v1/machines/doomed").status, 404);
    EXPECT_FALSE(std::filesystem::exists(server / "machines/half.qemu"));
    EXPECT_FALSE(std::filesystem::exists(server / "machines/doomed.qemu"));
    make_machine(server, "half");
}

TEST_F(Recovery, event_numbers_go_on_and_old_events_can_still_be_had) {
    make_machine(server, "web");
    Subscriber before(server, "/v1/ws/subscribe?since=0&event_types=pdfm");
    const auto added = before.event_with("/message", "VM_ADDED");
    before.close();
    server.restart();
    ASSERT_EQ(server.put("/v1/machines/web/start", "").status, 200);
    Subscriber after(server, "/v1/ws/subscribe?since=0&event_types=pdfm");
    const auto again = after.event_with("/message", "VM_ADDED");
    EXPECT_EQ(again.body, added.body);
    const auto next = after.event_with("/message", "VM_STATE_CHANGED");
    EXPECT_GT(std::stoll(next.at("/sequence")), std::stoll(again.at("/sequence")));
}

TEST_F(Recovery, the_secrets_of_the_service_stay_the_same_and_readable_to_nobody_else) {
    const auto permissions = [&](const char* file) { return std::filesystem::status(server / file).permissions(); };
    constexpr auto owner_only = std::filesystem::perms::owner_read | std::filesystem::perms::owner_write;
    EXPECT_EQ(permissions("secret.key"), owner_only);
    EXPECT_EQ(permissions(testing_support::on_postgresql() ? "controller.id" : "corral.db"), owner_only);
    const std::string login = R"({"email":"root","password":")" + std::string(root_password) + "\"}";
    const std::string token = server.post("/v1/auth/token", login, {.as = ""}).at("/token");
    server.restart();
    EXPECT_EQ(server.post("/v1/auth/token/validate", R"({"token":")" + token + "\"}", {.as = ""}).status, 200);
}

}  // namespace
}  // namespace corral::tests
