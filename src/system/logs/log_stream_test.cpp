#include "system/logs/log_stream.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "platform/json/json.hpp"
#include "support/results.hpp"

namespace corral::system {
namespace {

using testing_support::eventually;

class Events final : public events::Service {
public:
    void append(db::Tx&, events::Type, std::string, std::string, std::string) override {}
    void publish(events::Type type, std::string message, std::string body, std::string) override {
        std::lock_guard lock(mutex_);
        seen_.push_back(std::string(to_text(type)) + " " + message + " " + body);
        log::info("from the delivery itself");
    }
    void listen(std::function<void(const events::Event&)>) override {}
    Result<std::vector<events::Event>> since(std::int64_t, std::size_t) override {
        return std::vector<events::Event>{};
    }
    Result<events::Stored> stored() override { return events::Stored{}; }
    std::vector<std::string> seen() {
        std::lock_guard lock(mutex_);
        return seen_;
    }

private:
    std::mutex mutex_;  // guards seen_
    std::vector<std::string> seen_;
};

class Listener final : public http::Socket {
public:
    void send(std::shared_ptr<const std::string> message, bool) override {
        std::lock_guard lock(mutex_);
        lines_.push_back(*message);
    }
    void close(int, std::string) override {}
    std::size_t queued() const override { return 0; }
    std::vector<std::string> lines() {
        std::lock_guard lock(mutex_);
        return lines_;
    }

private:
    std::mutex mutex_;  // guards lines_
    std::vector<std::string> lines_;
};

using Lines = std::vector<std::string>;

class LogStreamTest : public testing::Test {
protected:
    Events events_;
    std::atomic<bool> wanted_ = false;
    LogStream stream_{events_, [this] { return wanted_.load(); }};
    std::function<void(log::Level, std::string_view)> tap_ = stream_.tap();
};

TEST_F(LogStreamTest, Q22_every_client_gets_every_line_and_one_that_leaves_takes_nobody_along) {
    const auto a = std::make_shared<Listener>();
    const auto b = std::make_shared<Listener>();
    auto first = stream_.open();
    auto second = stream_.open();
    first.opened(a);
    second.opened(b);
    tap_(log::Level::info, "one");
    ASSERT_TRUE(eventually([&] { return a->lines() == Lines{"one"} && b->lines() == Lines{"one"}; }));
    first.received("whatever", false);
    first.closed();
    tap_(log::Level::info, "two");
    ASSERT_TRUE(eventually([&] { return b->lines() == (Lines{"one", "two"}); }));
    EXPECT_EQ(a->lines(), Lines{"one"});
    second.closed();
}

TEST_F(LogStreamTest, lines_are_events_while_somebody_wants_them_and_delivering_them_makes_no_new_ones) {
    log::configure({.level = log::Level::info, .file = "", .to_stderr = false});
    log::set_tap(tap_);
    tap_(log::Level::info, "before");
    const auto witness = std::make_shared<Listener>();
    auto handler = stream_.open();
    handler.opened(witness);
    ASSERT_TRUE(eventually([&] {
        tap_(log::Level::info, "probe");
        return !witness->lines().empty();
    }));
    EXPECT_TRUE(events_.seen().empty());
    wanted_ = true;
    tap_(log::Level::warn, "seen");
    ASSERT_TRUE(eventually([&] {
        const auto seen = events_.seen();
        return !seen.empty() && seen.back().find("\"message\":\"seen\"") != std::string::npos;
    }));
    EXPECT_TRUE(
        events_.seen().back().starts_with(R"(system_logs System Log {"level":"warn","message":"seen","time":")"))
        << events_.seen().back();
    tap_(log::Level::error, "last");
    ASSERT_TRUE(eventually([&] { return events_.seen().back().find("last") != std::string::npos; }));
    for (const auto& line : witness->lines()) EXPECT_EQ(line.find("from the delivery"), std::string::npos);
    log::set_tap({});
    handler.closed();
}

TEST(LogStream, its_tap_may_outlive_it) {
    Events events;
    std::function<void(log::Level, std::string_view)> tap;
    {
        LogStream stream(events, [] { return true; });
        tap = stream.tap();
    }
    tap(log::Level::info, "nobody is here");
    EXPECT_TRUE(events.seen().empty());
}

}  // namespace
}  // namespace corral::system
