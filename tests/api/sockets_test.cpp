// Event sockets outlive the request that opened them, but not their credential; and what they miss across a restart of
// the server they get afterwards.
#include <gtest/gtest.h>

#include "images.hpp"
#include "subscriber.hpp"

namespace corral::tests {
namespace {

std::string bearer(const std::string& token) { return "Authorization: Bearer " + token + "\r\n"; }

// Reads on until the server hangs up; the code it gives.
int closed_with(Subscriber& subscriber) {
    for (;;)
        if (const auto frame = subscriber.frame(); frame.opcode == 8) return frame.close_code();
}

class Sockets : public testing::Test {
protected:
    Server server{
        {.accounts = {{.name = "ann", .claims = {"LIST_VM", "CREATE_OWN_API_KEY", "DELETE_OWN_API_KEY"}, .roles = {}},
                      {.name = "bob", .claims = {}, .roles = {}}}}};
};

TEST_F(Sockets, q19_a_logout_closes_the_sockets_of_that_token_and_no_other) {
    const std::string token = server.token("ann");
    Subscriber ends(server.port(), "/api/v1/ws/subscribe", bearer(token));
    ends.event();
    Subscriber stays(server, "/v1/ws/subscribe", "ann");
    stays.event();
    ASSERT_EQ(server.post("/v1/auth/logout", "", {.as = "", .headers = {{"Authorization", "Bearer " + token}}}).status,
              204);
    EXPECT_EQ(closed_with(ends), 1008);
    stays.send(R"({"event_type":"health","message":"ping"})");
    EXPECT_EQ(stays.event_with("/message", "pong").at("/event_type"), "health");
}

TEST_F(Sockets, q19_revoking_an_api_key_closes_its_sockets) {
    const auto key =
        server.post("/v1/auth/api_keys", R"({"name":"k","key":"k1","secret":"Secret-Of-The-Key-1"})", {.as = "ann"});
    ASSERT_EQ(key.status, 201) << key.body;
    Subscriber subscriber(server.port(), "/api/v1/ws/subscribe", "X-Api-Key: " + key.at("/encoded") + "\r\n");
    subscriber.event();
    ASSERT_EQ(server.put("/v1/auth/api_keys/" + key.at("/id") + "/revoke", "", {.as = "ann"}).status, 202);
    EXPECT_EQ(closed_with(subscriber), 1008);
}

TEST_F(Sockets, q19_blocking_or_removing_an_account_closes_its_sockets) {
    Subscriber blocked(server, "/v1/ws/subscribe", "ann");
    blocked.event();
    Subscriber removed(server, "/v1/ws/subscribe", "bob");
    removed.event();
    ASSERT_EQ(server.put("/v1/auth/users/" + server.user_id("ann") + "/block", "").status, 202);
    EXPECT_EQ(closed_with(blocked), 1008);
    ASSERT_EQ(server.del("/v1/auth/users/" + server.user_id("bob")).status, 202);
    EXPECT_EQ(closed_with(removed), 1008);
    EXPECT_THROW(Subscriber(server, "/v1/ws/subscribe", "bob"), std::runtime_error);
}

TEST_F(Sockets, q19_rights_that_are_given_and_taken_count_for_open_sockets) {
    push_image(server, "image");
    make_machine(server, "web");
    const std::string claims = "/v1/auth/users/" + server.user_id("bob") + "/claims";
    const auto power = [&](const char* verb) {
        ASSERT_EQ(server.put(std::string("/v1/machines/web/") + verb, "").status, 200);
    };
    Subscriber bob(server, "/v1/ws/subscribe?event_types=pdfm", "bob");
    bob.event();
    power("start");
    ASSERT_EQ(server.post(claims, R"({"name":"LIST_VM"})").status, 201);
    power("pause");
    EXPECT_EQ(bob.event_with("/message", "VM_STATE_CHANGED").at("/body/current_state"), "paused");
    ASSERT_EQ(server.del(claims + "/LIST_VM").status, 202);
    power("resume");
    ASSERT_EQ(server.post(claims, R"({"name":"LIST_VM"})").status, 201);
    power("suspend");
    EXPECT_EQ(bob.event_with("/message", "VM_STATE_CHANGED").at("/body/current_state"), "suspended");
}

TEST_F(Sockets, q19_a_token_that_expires_takes_its_sockets_along) {
    Server brief({.flags = {"--JWT_DURATION=1s"}});
    const auto login = brief.post("/v1/auth/token",
                                  R"({"email":"root","password":")" + std::string(root_password) + R"("})", {.as = ""});
    ASSERT_EQ(login.status, 200) << login.body;
    Subscriber subscriber(brief.port(), "/api/v1/ws/subscribe", bearer(login.at("/token")));
    EXPECT_EQ(closed_with(subscriber), 1008);
}

TEST_F(Sockets, q69_a_server_that_stops_says_so) {
    Subscriber subscriber(server, "/v1/ws/subscribe");
    subscriber.event();
    server.stop();
    EXPECT_EQ(closed_with(subscriber), 1001);
}

TEST_F(Sockets, resuming_across_restarts_shows_every_event_once_and_in_order) {
    push_image(server, "image");
    make_machine(server, "web");
    std::int64_t last = 0;
    std::vector<std::string> states;
    const auto follow = [&](std::size_t count) {
        Subscriber subscriber(server, "/v1/ws/subscribe?event_types=pdfm,job_manager&since=" + std::to_string(last));
        subscriber.event();
        while (states.size() < count) {
            const auto event = subscriber.event();
            const auto sequence = std::stoll(event.at("/sequence"));
            EXPECT_GT(sequence, last);
            last = sequence;
            if (event.at("/message") == "VM_STATE_CHANGED") states.push_back(event.at("/body/current_state"));
        }
    };
    const auto power = [&](const char* verb) {
        EXPECT_EQ(server.put(std::string("/v1/machines/web/") + verb, "").status, 200);
    };
    power("start");
    follow(1);
    power("pause");
    server.restart();
    power("resume");
    server.restart();
    follow(3);
    power("pause");
    follow(4);
    EXPECT_EQ(states, (std::vector<std::string>{"running", "paused", "running", "paused"}));
}

TEST_F(Sockets, figures_of_the_process_come_by_themselves) {
    Subscriber subscriber(server, "/v1/ws/subscribe?event_types=stats");
    const auto stats = subscriber.event_with("/message", "System Stats");
    EXPECT_GT(std::stoll(stats.at("/body/memory_bytes")), 0);
    EXPECT_EQ(stats.at("/sequence"), "(absent)");
}

TEST_F(Sockets, long_work_can_be_watched_and_stopped_without_an_image) {
    Subscriber subscriber(server, "/v1/ws/subscribe?event_types=job_manager");
    subscriber.event();
    const auto job = server.post("/v1/jobs/debug", R"({"job_type":"demo","profile":"pull_remote"})");
    ASSERT_EQ(job.status, 202) << job.body;
    EXPECT_EQ(job.at("/state"), "pending");
    const std::string id = job.at("/id");
    EXPECT_EQ(subscriber.event_with("/message", "JOB_CREATED").at("/body/id"), id);
    const auto running = subscriber.event_with("/body/state", "running");
    EXPECT_EQ(running.size("/body/steps"), 11);
    ASSERT_EQ(server.post("/v1/jobs/" + id + "/cancel", "").status, 202);
    EXPECT_EQ(subscriber.event_with("/body/state", "failed").at("/body/error"), "The job was cancelled");
    EXPECT_EQ(server.post("/v1/jobs/debug", "{}", {.as = "ann"}).status, 401) << "needs JOB_MANAGER_DEBUG (quirk Q12)";
    const auto trail = server.get("/v1/audit?object=" + id);
    EXPECT_EQ(trail.size("/entries"), 2) << "made and cancelled: " << trail.body;
}

TEST_F(Sockets, what_is_done_to_images_and_machines_is_in_the_audit_trail) {
    push_image(server, "image");
    make_machine(server, "web");
    EXPECT_EQ(server.put("/v1/machines/web/start", "").status, 200);
    EXPECT_EQ(server.put("/v1/machines/web/rename", R"({"new_name":"x"})").status, 400) << "it runs";
    EXPECT_EQ(server.del("/v1/machines/web?force=true").status, 202);
    EXPECT_EQ(server.put("/v1/machines/web/start", "").status, 404);
    const auto trail = server.get("/v1/audit?actor=root");
    std::vector<std::string> seen;
    for (int i = 0; i < trail.size("/entries"); ++i) {
        const std::string at = "/entries/" + std::to_string(i);
        seen.push_back(trail.at(at + "/action") + " " + trail.at(at + "/result"));
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"machine.delete done", "machine.start done", "machine.create done",
                                              "job.create done", "image.push done"}));
}

}  // namespace
}  // namespace corral::tests
