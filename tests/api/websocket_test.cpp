// The event stream: who may open it, what comes in which order, what is replayed, and what becomes of clients that
// misbehave.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "door.hpp"
#include "images.hpp"
#include "listener.hpp"
#include "subscriber.hpp"

namespace corral::tests {
namespace {

// Every change of a job or a machine is an event.
class Events : public testing::Test {
protected:
    Events() {
        push_image(server, "image");
        machine = make_machine(server, "web");
    }
    void power(const std::string& verb) { EXPECT_EQ(server.put("/v1/machines/web/" + verb, "").status, 200); }
    // The number of the latest stored event.
    std::int64_t latest() {
        power("start");
        power("stop");
        Subscriber all(server, "/v1/ws/subscribe?since=0&event_types=pdfm");
        all.event_with("/body/current_state", "running");
        return std::stoll(all.event_with("/body/current_state", "stopped").at("/sequence"));
    }

    Server server{{.accounts = {{.name = "ann", .claims = {"LIST_VM"}, .roles = {}},
                                {.name = "bob", .claims = {"JOB_MANAGER_LIST_OWN"}, .roles = {}}}}};
    std::string machine;
};

TEST_F(Events, a_client_is_greeted_with_its_id_and_its_subscriptions) {
    Subscriber subscriber(server, "/v1/ws/subscribe?event_types=PDFM,%20health,nonsense");
    const auto greeting = subscriber.event();
    EXPECT_EQ(greeting.at("/event_type"), "global");
    EXPECT_EQ(greeting.at("/body/subscriptions"), R"(["pdfm","health","global"])");
    const std::string id = greeting.at("/body/client_id");
    const auto clients = server.get("/v1/ws/clients");
    EXPECT_EQ(clients.size(), 1);
    EXPECT_EQ(clients.at("/0/id"), id);
    EXPECT_EQ(clients.at("/0/username"), "root");
    subscriber.close();
    EXPECT_TRUE(eventually([&] { return server.get("/v1/ws/clients").body == "[]\n"; }));
}

TEST_F(Events, changes_arrive_in_order_with_rising_numbers) {
    Subscriber subscriber(server, "/v1/ws/subscribe?since=0&event_types=pdfm");
    subscriber.event();
    power("start");
    power("pause");
    power("resume");
    ASSERT_EQ(server.del("/v1/machines/web?force=true").status, 202);
    std::int64_t last = 0;
    for (const auto& [before, now] : {std::pair{"stopped", "running"}, {"running", "paused"}, {"paused", "running"}}) {
        const auto event = subscriber.event_with("/message", "VM_STATE_CHANGED");
        EXPECT_EQ(event.at("/event_type"), "pdfm");
        EXPECT_EQ(event.at("/body/vm_id"), machine);
        EXPECT_EQ(event.at("/body/previous_state"), before);
        EXPECT_EQ(event.at("/body/current_state"), now);
        EXPECT_GT(std::stoll(event.at("/sequence")), last);
        last = std::stoll(event.at("/sequence"));
    }
    EXPECT_EQ(subscriber.event_with("/message", "VM_REMOVED").at("/body/vm_id"), machine);
}

TEST_F(Events, what_was_missed_is_replayed_and_nothing_comes_twice) {
    const std::int64_t since = latest();
    power("start");
    power("pause");
    Subscriber late(server, "/v1/ws/subscribe?event_types=pdfm&since=" + std::to_string(since));
    power("resume");
    EXPECT_EQ(late.event().at("/event_type"), "global");
    std::vector<std::string> states;
    std::int64_t last = since;
    while (states.size() < 3) {
        const auto event = late.event();
        const auto sequence = std::stoll(event.at("/sequence"));
        EXPECT_GT(sequence, last);
        last = sequence;
        if (event.at("/message") == "VM_STATE_CHANGED") states.push_back(event.at("/body/current_state"));
    }
    EXPECT_EQ(states, (std::vector<std::string>{"running", "paused", "running"}));
}

TEST_F(Events, a_number_that_is_none_is_refused) {
    for (const char* since : {"-1", "x", "1x", "99999999999999999999"}) {
        Raw raw(server.port());
        raw.send(Subscriber::handshake(std::string("/api/v1/ws/subscribe?since=") + since,
                                       "Authorization: Bearer " + server.token("root") + "\r\n"));
        EXPECT_EQ(raw.answer().status, 400) << since;
    }
}

TEST_F(Events, credentials_may_come_in_a_header_or_in_the_query) {
    const std::string token = server.token("ann");
    for (const std::string& query :
         {"access_token=" + token, "authorization=" + token, "authorization=Bearer%20" + token}) {
        Subscriber subscriber(server.port(), "/api/v1/ws/subscribe?" + query, "");
        EXPECT_EQ(subscriber.event().at("/event_type"), "global");
    }
    for (const std::string& bad : {std::string(), std::string("access_token="), "access_token=" + token + "x"}) {
        Raw raw(server.port());
        raw.send(Subscriber::handshake("/api/v1/ws/subscribe?" + bad, ""));
        EXPECT_EQ(raw.answer().status, 401);
    }
}

TEST_F(Events, everybody_sees_only_what_is_theirs_to_see) {
    Subscriber ann(server, "/v1/ws/subscribe?event_types=pdfm,job_manager,system_logs,auth", "ann");
    Subscriber bob(server, "/v1/ws/subscribe?event_types=pdfm,job_manager", "bob");
    Subscriber root(server, "/v1/ws/subscribe?event_types=pdfm,job_manager");
    for (Subscriber* one : {&ann, &bob, &root}) one->event();
    make_machine(server, "other");
    EXPECT_EQ(root.event_with("/message", "JOB_COMPLETED").at("/body/state"), "completed");
    power("start");
    // Ann may see machines, not root's jobs: of all that happened she is told these two.
    EXPECT_EQ(ann.event().at("/message"), "VM_ADDED");
    EXPECT_EQ(ann.event().at("/message"), "VM_STATE_CHANGED");
    // Bob may see neither: the next that he hears is the answer to his own question.
    bob.send(R"({"id":"q","event_type":"health","message":"ping"})");
    EXPECT_EQ(bob.event().at("/ref_id"), "q");
}

TEST_F(Events, clients_can_ask_for_a_sign_of_life_and_for_their_id) {
    Subscriber subscriber(server, "/v1/ws/subscribe");
    const std::string id = subscriber.event().at("/body/client_id");
    subscriber.send(R"({"id":"1","event_type":"health","message":"ping"})");
    const auto pong = subscriber.event();
    EXPECT_EQ(pong.at("/message"), "pong");
    EXPECT_EQ(pong.at("/ref_id"), "1");
    subscriber.send(R"({"id":"2","event_type":"system","message":"client-id"})");
    EXPECT_EQ(subscriber.event().at("/body/client-id"), id);
    // What looks like an event of the hypervisor is not believed (Q19).
    subscriber.send(R"({"id":"3","event_type":"pdfm","message":"VM_REMOVED"})");
    EXPECT_EQ(subscriber.event().at("/message"), "error");
    subscriber.send("no JSON");
    EXPECT_EQ(subscriber.event().at("/message"), "error");
    subscriber.send("beat", 9);
    EXPECT_EQ(subscriber.frame().payload, "beat");
}

TEST_F(Events, a_subscription_ends_when_its_owner_says_so) {
    Subscriber subscriber(server, "/v1/ws/subscribe?event_types=pdfm,health", "ann");
    const std::string id = subscriber.event().at("/body/client_id");
    const auto ask = [&](const std::string& types, const std::string& as) {
        return server.post("/v1/ws/unsubscribe", R"({"client_id":")" + id + R"(","event_types":)" + types + "}",
                           {.as = as});
    };
    EXPECT_EQ(ask(R"(["pdfm"])", "bob").status, 400) << "somebody else's client";
    EXPECT_EQ(ask(R"(["nonsense"])", "ann").status, 400);
    EXPECT_EQ(ask(R"(["pdfm"])", "ann").status, 200);
    power("start");
    subscriber.send(R"({"id":"q","event_type":"health","message":"ping"})");
    EXPECT_EQ(subscriber.event().at("/message"), "pong") << "an event came after the end of the subscription";
    EXPECT_EQ(server.get("/v1/ws/clients", {.as = "bob"}).body, "[]\n");
    EXPECT_EQ(server.get("/v1/ws/clients", {.as = "ann"}).size(), 1);
}

TEST_F(Events, Q70_frames_that_are_too_large_end_the_connection) {
    Subscriber subscriber(server, "/v1/ws/subscribe");
    subscriber.event();
    subscriber.send(std::string(65U << 10, 'a'));
    EXPECT_EQ(subscriber.frame().close_code(), 1009);
}

TEST_F(Events, a_handshake_that_fails_leaves_nothing_behind) {
    Raw raw(server.port());
    raw.send(
        "GET /api/v1/ws/subscribe?since=0 HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nAuthorization: Bearer " +
        server.token("root") + "\r\n\r\n");  // no key
    EXPECT_EQ(raw.answer().status, 400);
    EXPECT_TRUE(eventually([&] { return server.get("/v1/ws/clients").body == "[]\n"; }))
        << server.get("/v1/ws/clients").body;
}

TEST_F(Events, a_client_that_says_goodbye_and_does_not_hang_up_is_cut_off) {
    Listener quick(server, {.close_time = std::chrono::milliseconds{100}});
    Subscriber lingering(quick.port(), "/api/v1/ws/subscribe?access_token=" + server.token("root"), "");
    lingering.event();
    EXPECT_EQ(server.get("/v1/ws/clients").size(), 1);
    lingering.send(std::string("\x03\xe8", 2), 8);
    EXPECT_EQ(lingering.frame().close_code(), 1000);
    EXPECT_TRUE(eventually([&] { return server.get("/v1/ws/clients").body == "[]\n"; }));
}

TEST_F(Events, a_client_that_answers_no_ping_is_let_go) {
    Listener quick(server, {.ping_interval = std::chrono::milliseconds{50},
                            .pong_timeout = std::chrono::milliseconds{200},
                            .close_time = std::chrono::milliseconds{50}});
    Subscriber silent(quick.port(), "/api/v1/ws/subscribe?access_token=" + server.token("root"), "");
    auto next = silent.frame();
    while (next.opcode != 8) next = silent.frame();
    EXPECT_EQ(next.close_code(), 1011);
    EXPECT_TRUE(silent.closed());
}

TEST_F(Events, a_plain_request_is_told_to_upgrade) {
    const auto answer = server.get("/v1/ws/subscribe");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.headers.get("Content-Type"), "application/json");
}

TEST_F(Events, pages_of_origins_that_are_not_allowed_open_no_socket) {
    Server strict({.flags = {"--CORS_ALLOWED_ORIGINS=https://a.example"}});
    const auto open = [&](const std::string& origin) {
        Raw raw(strict.port());
        raw.send(Subscriber::handshake("/api/v1/ws/subscribe", "Origin: " + origin + "\r\nAuthorization: Bearer " +
                                                                   strict.token("root") + "\r\n"));
        return raw.answer().status;
    };
    EXPECT_EQ(open("https://a.example"), 101);
    EXPECT_EQ(open("https://b.example"), 403);
}

TEST_F(Events, Q70_a_client_that_does_not_read_is_dropped_and_delays_nobody) {
    Listener small(server, {.close_time = std::chrono::milliseconds{200}, .socket_queue_messages = 8});
    Subscriber deaf(small.port(), "/api/v1/ws/subscribe?event_types=pdfm&access_token=" + server.token("root"), "",
                    4096);
    // The greeting is what says that the hub has the client; the 101 is written before.
    deaf.event();
    Subscriber awake(server, "/v1/ws/subscribe?event_types=pdfm", "ann");
    awake.event();
    ASSERT_EQ(server.get("/v1/ws/clients").size(), 2);
    const auto dropped = [&] { return server.get("/v1/ws/clients").size() < 2; };
    // Each change tells the whole machine again, which is large here; sooner or later nothing fits on the line.
    const std::string description(200U << 10, 'x');
    for (int i = 0; i < 200 && !dropped(); ++i) {
        const std::string name = "web" + std::to_string(i);
        const auto renamed = server.put(fmt::format("/v1/machines/{}/rename", machine),
                                        fmt::format(R"({{"new_name":"{}","description":"{}"}})", name, description));
        ASSERT_EQ(renamed.status, 200) << renamed.body;
        EXPECT_EQ(awake.event().at("/body/new_vm/Name"), name);
    }
    EXPECT_TRUE(dropped()) << "the queue of a client that does not read grows without bound";
    // Whoever drops a client does not end with it.
    EXPECT_EQ(server.get("/health/probe").status, 200);
}

}  // namespace
}  // namespace corral::tests
