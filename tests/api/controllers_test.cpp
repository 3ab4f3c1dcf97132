// Several controllers on one PostgreSQL database, and a database that goes away under a server that runs.
#include <gtest/gtest.h>

#include "images.hpp"
#include "server.hpp"
#include "subscriber.hpp"
#include "support/database.hpp"

namespace corral::tests {
namespace {

using testing_support::database_url;
using testing_support::PostgresServer;

class PostgresControllers : public testing::Test {
protected:
    static Answer health(Server& server) { return server.get("/v1/health/system", {.as = ""}); }
};

TEST_F(PostgresControllers, a_restart_of_the_database_is_503_for_what_needs_it_and_over_by_itself) {
    Server server;
    const auto works = [&] { return health(server).at("/healthy") == "true" && server.get("/v1/jobs").status == 200; };
    ASSERT_TRUE(works()) << health(server).body;
    PostgresServer::shared().stop();
    EXPECT_EQ(server.get("/v1/jobs").status, 503);
    EXPECT_EQ(health(server).at("/healthy"), "false");
    EXPECT_NE(health(server).body.find("Database"), std::string::npos) << health(server).body;
    EXPECT_EQ(server.get("/v1/machines").status, 200) << "from memory, with a token checked from memory";
    EXPECT_EQ(server.get("/v1/machines", {.as = ""}).status, 401);
    PostgresServer::shared().start();
    EXPECT_TRUE(works()) << health(server).body;
    PostgresServer::shared().stop(SIGQUIT);
    PostgresServer::shared().start();
    EXPECT_TRUE(works()) << "nor does a crash in between matter";
}

TEST_F(PostgresControllers, images_and_machines_belong_to_one_and_the_other_says_so) {
    Server one;
    EXPECT_EQ(one.get("/v1/machines").status, 200);
    Server two({.flags = {"--ENABLED_MODULES=api,host,catalog"}, .beside = &one});
    EXPECT_EQ(two.get("/v1/machines").status, 404);
    EXPECT_EQ(two.get("/v1/catalog").status, 404);
    EXPECT_EQ(two.get("/v1/jobs").status, 200);
    EXPECT_NE(health(two).body.find("Another controller"), std::string::npos) << health(two).body;
    Server quiet({.beside = &one});
    EXPECT_EQ(quiet.get("/v1/machines").status, 404);
    EXPECT_EQ(health(quiet).at("/healthy"), "true") << "nobody asked for them here: " << health(quiet).body;
}

TEST_F(PostgresControllers, a_job_of_one_is_seen_and_removed_at_the_other_and_heard_of_by_its_subscribers) {
    Server one;
    Server two({.beside = &one});
    push_image(one, "image");
    Subscriber subscriber(two, "/v1/ws/subscribe?event_types=job_manager");
    subscriber.event();
    const auto made = one.post("/v1/machines/async", create_body("web"));
    ASSERT_EQ(made.status, 202) << made.body;
    const auto id = made.at("/id");
    EXPECT_EQ(subscriber.event_with("/message", "JOB_CREATED").at("/body/id"), id);
    EXPECT_EQ(subscriber.event_with("/message", "JOB_COMPLETED").at("/body/id"), id);
    EXPECT_EQ(two.get("/v1/jobs/" + id).at("/state"), "completed");
    EXPECT_EQ(two.del("/v1/jobs/" + id).status, 204);
    EXPECT_EQ(one.get("/v1/jobs/" + id).status, 404);
}

TEST_F(PostgresControllers, a_controller_with_another_secret_key_does_not_start) {
    Server one;
    const TempFolder other;
    const auto refused = app::App::open(must(
        app::Config::load({"--API_PORT=0", "--API_ADDRESS=127.0.0.1", "--HYPERVISOR=fake",
                           "--DATABASE_FOLDER=" + other.path(), "--DATABASE_URL=" + database_url(one / "corral.db")})));
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("secret.key"), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace corral::tests
