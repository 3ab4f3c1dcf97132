// Two controllers on one PostgreSQL database: what each tells its listeners.
#include <atomic>
#include <thread>

#include "events/event_log.hpp"
#include "events/migrations.hpp"
#include "events/store.hpp"
#include "support/testing.hpp"

namespace corral::events {
namespace {

using testing_support::eventually;
using testing_support::ok;
using testing_support::PostgresServer;
using testing_support::value_of;

class PostgresEventsTest : public testing::Test {
protected:
    struct Controller {
        Controller(const std::string& url, const char* name)
            : database(value_of(db::open_postgres(Secret(url), name))) {
            EXPECT_TRUE(ok(database->migrate(migrations())));
            log = std::make_unique<EventLog>(*database, clock);
            log->listen([this](const Event& event) {
                const std::lock_guard lock(mutex);
                heard.push_back(event);
            });
        }
        Result<void> append(const std::string& message) const {
            return database->write([&](db::Tx& tx) { log->append(tx, Type::pdfm, message, "{}", "ann"); });
        }
        std::vector<std::int64_t> numbers() {
            const std::lock_guard lock(mutex);
            std::vector<std::int64_t> out;
            for (const Event& event : heard) out.push_back(event.sequence);
            return out;
        }
        FakeClock clock;
        std::unique_ptr<db::Database> database;
        std::unique_ptr<EventLog> log;
        std::mutex mutex;
        std::vector<Event> heard;
    };
    static std::vector<std::int64_t> up_to(std::int64_t last) {
        std::vector<std::int64_t> out;
        for (std::int64_t i = 1; i <= last; ++i) out.push_back(i);
        return out;
    }
    const std::string url_ =
        PostgresServer::shared().url(testing::UnitTest::GetInstance()->current_test_info()->name());
    Controller one_{url_, "a1"}, two_{url_, "a2"};
};

TEST_F(PostgresEventsTest, an_event_of_one_is_told_by_the_other_as_it_was) {
    ASSERT_TRUE(ok(one_.append("VM_ADDED")));
    ASSERT_TRUE(eventually([&] { return two_.numbers().size() == 1; }));
    EXPECT_EQ(two_.heard.front().message, "VM_ADDED");
    EXPECT_EQ(two_.heard.front().owner, "ann");
    EXPECT_EQ(two_.heard.front().id, one_.heard.front().id);
    ASSERT_TRUE(ok(two_.append("VM_REMOVED")));
    ASSERT_TRUE(eventually([&] { return one_.numbers().size() == 2; }));
    EXPECT_EQ(one_.numbers(), up_to(2));
    EXPECT_EQ(two_.numbers(), up_to(2));
}

TEST_F(PostgresEventsTest, both_tell_every_event_once_and_in_order_whoever_appends) {
    constexpr int threads = 3;
    constexpr int each = 40;
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < 2 * threads; ++t)
            all.emplace_back([&, t] {
                for (int i = 0; i < each; ++i) {
                    Controller& who = t % 2 == 0 ? one_ : two_;
                    EXPECT_TRUE(ok(who.append("E")));
                    (void)who.database->write([&](db::Tx& tx) -> Result<void> {
                        who.log->append(tx, Type::pdfm, "never", "{}", "");
                        return Error{Errc::conflict, "no"};
                    });
                }
            });
    }
    const auto expected = up_to(2L * threads * each);
    EXPECT_TRUE(eventually(
        [&] { return one_.numbers().size() >= expected.size() && two_.numbers().size() >= expected.size(); }));
    EXPECT_EQ(one_.numbers(), expected);
    EXPECT_EQ(two_.numbers(), expected);
}

TEST_F(PostgresEventsTest, what_happened_while_the_connection_was_lost_is_told_afterwards) {
    ASSERT_TRUE(ok(one_.append("before")));
    for (int i = 0; i < 5; ++i) {
        PostgresServer::shared().cut_sessions();
        ASSERT_TRUE(ok(one_.append("during")));
    }
    EXPECT_TRUE(eventually([&] { return two_.numbers().size() >= 6; }));
    EXPECT_EQ(two_.numbers(), up_to(6));
    EXPECT_EQ(one_.numbers(), up_to(6));
}

TEST_F(PostgresEventsTest, a_controller_that_starts_later_tells_only_what_comes_then) {
    ASSERT_TRUE(ok(one_.append("before")));
    Controller late(url_, "a3");
    ASSERT_TRUE(ok(one_.append("after")));
    ASSERT_TRUE(eventually([&] { return !late.numbers().empty(); }));
    EXPECT_EQ(late.numbers(), std::vector<std::int64_t>{2});
}

}  // namespace
}  // namespace corral::events
