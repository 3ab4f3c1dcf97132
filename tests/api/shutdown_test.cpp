// What a stop does to those who are connected: running requests are answered, idle connections and sockets are closed,
// nobody new is let in, and nothing is waited for for ever.
#include <gtest/gtest.h>

#include <future>
#include <system_error>

#include "door.hpp"
#include "images.hpp"
#include "raw.hpp"
#include "subscriber.hpp"

namespace corral::tests {
namespace {

using namespace std::chrono_literals;

TEST(Shutdown, a_request_that_runs_is_answered_while_the_server_stops) {
    Door door;
    Server server({.hypervisor = door.hypervisor()});
    push_image(server, "image");
    make_machine(server, "web");
    door.shut();
    Raw running(server.port());
    running.send(
        "PUT /api/v1/machines/web/start HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\nAuthorization: Bearer " +
        server.token("root") + "\r\n\r\n");
    ASSERT_TRUE(door.somebody_waits());
    Raw idle(server.port());
    idle.send("GET /api/health/probe HTTP/1.1\r\nHost: test\r\n\r\n");
    EXPECT_EQ(idle.answer().status, 200);

    auto stopped = std::async(std::launch::async, [&] { server.stop(); });
    EXPECT_TRUE(idle.closed());
    EXPECT_EQ(stopped.wait_for(0s), std::future_status::timeout) << "the stop did not wait for the request";
    // Not by server.get(): its connections are kept, and one of them may still be let go.
    EXPECT_THROW(Raw{server.port()}, std::system_error) << "a new connection was accepted";
    door.open();
    const auto answer = running.answer();
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.headers.get("Connection"), "close");
    EXPECT_TRUE(running.closed());
    stopped.get();
    server.restart();
    EXPECT_EQ(server.get("/v1/machines/web/status").at("/status"), "running");
}

TEST(Shutdown, a_request_whose_body_is_on_its_way_is_answered) {
    Server server;
    Raw slow(server.port());
    slow.send("POST /api/v1/auth/token HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n{");
    Raw idle(server.port());
    idle.send("GET /api/health/probe HTTP/1.1\r\nHost: test\r\n\r\n");
    EXPECT_EQ(idle.answer().status, 200);
    auto stopped = std::async(std::launch::async, [&] { server.stop(); });
    EXPECT_TRUE(idle.closed());
    slow.send("}");
    EXPECT_EQ(slow.answer().status, 400);
    EXPECT_TRUE(slow.closed());
    stopped.get();
}

TEST(Shutdown, sockets_are_told_that_the_service_goes_away) {
    Server server;
    Subscriber polite(server, "/v1/ws/subscribe");
    EXPECT_EQ(polite.event().at("/event_type"), "global");
    auto stopped = std::async(std::launch::async, [&] { server.stop(); });
    EXPECT_EQ(polite.frame().close_code(), 1001);
    polite.send(std::string("\x03\xe9", 2), 8);
    EXPECT_TRUE(polite.closed());
    polite.hang_up();
    EXPECT_EQ(stopped.wait_for(10s), std::future_status::ready);
}

// A job that waits for the hypervisor, and a caller who waits for the job: both are let go in the drain's time.
TEST(Shutdown, work_that_does_not_end_does_not_hold_the_stop_up) {
    Door door;
    Server server({.hypervisor = door.hypervisor()});
    push_image(server, "image");
    door.shut();
    Raw waiting(server.port());
    const std::string body = create_body("web");
    waiting.send("POST /api/v1/machines HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) +
                 "\r\nAuthorization: Bearer " + server.token("root") + "\r\n\r\n" + body);
    ASSERT_TRUE(door.somebody_waits());
    Subscriber rude(server, "/v1/ws/subscribe?since=0");  // never answers the farewell
    auto stopped = std::async(std::launch::async, [&] { server.stop(); });
    ASSERT_EQ(stopped.wait_for(60s), std::future_status::ready) << "the stop waits for work that does not end";
    door.open();
    server.restart();
    EXPECT_TRUE(eventually([&] { return server.get("/v1/machines/web").status == 200; }))
        << "the machine that was promised is not made after the restart";
}

TEST(Shutdown, a_stopped_server_can_be_stopped_again) {
    Server server;
    server.stop();
    server.stop();
    server.restart();
    EXPECT_EQ(server.get("/health/probe").status, 200);
}

}  // namespace
}  // namespace corral::tests
