#include "base/log.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "base/temp_folder.hpp"

namespace corral::log {
namespace {

class LogTest : public testing::Test {
protected:
    void SetUp() override { start(Level::debug); }
    void TearDown() override {
        set_tap({});
        configure({.level = Level::off, .file = "", .to_stderr = false});
    }
    void start(Level level) { configure({.level = level, .file = folder_ / "log", .to_stderr = false}); }
    // The lines without their time.
    std::vector<std::string> lines() {
        std::ifstream file(folder_ / "log");
        std::vector<std::string> out;
        for (std::string line; std::getline(file, line);)
            out.push_back(line.substr(std::min(line.find(' '), line.size())));
        return out;
    }
    TempFolder folder_;
};

TEST_F(LogTest, a_line_holds_level_message_and_fields_of_every_type) {
    info("machine started", {{"machine", MachineId("m1")},
                             {"ok", true},
                             {"count", 3},
                             {"size", 5000000000UL},
                             {"delta", -2L},
                             {"name", std::string("vm")}});
    EXPECT_EQ(lines(), std::vector<std::string>{
                           " info machine started machine=m1 ok=true count=3 size=5000000000 delta=-2 name=vm"});
}

TEST_F(LogTest, a_secret_prints_as_stars) {
    const Secret password(std::string("hunter2"));
    warn("login", {{"password", password}, {"user", "root"}});
    EXPECT_EQ(lines(), std::vector<std::string>{" warning login password=*** user=root"});
}

TEST_F(LogTest, nothing_from_outside_can_forge_a_line_or_a_field) {
    info("got\nerror forged\r\x7F", {{"name", "a\n2026-01-01T00:00:00Z error forged"}, {"tail", "x\x1B[2J\x7F"}});
    info("quotes", {{"name", R"(vm" admin="true)"}, {"empty", ""}, {"tab", "a\tb"}});
    const RequestScope scope("id\nerror forged");
    info("request");
    EXPECT_EQ(lines(), (std::vector<std::string>{
                           R"( info got error forged   name="a 2026-01-01T00:00:00Z error forged" tail=x [2J )",
                           R"( info quotes name="vm' admin='true" empty="" tab="a b")",
                           R"( info request request="id error forged")"}));
}

TEST_F(LogTest, only_lines_of_the_level_and_above_are_written) {
    start(Level::warn);
    debug("no");
    info("no");
    warn("yes");
    error("yes too");
    EXPECT_FALSE(enabled(Level::info));
    EXPECT_TRUE(enabled(Level::error));
    EXPECT_FALSE(enabled(Level::off));
    EXPECT_EQ(lines(), (std::vector<std::string>{" warning yes", " error yes too"}));
}

TEST_F(LogTest, levels_are_read_without_case_and_nothing_else_is_one) {
    EXPECT_EQ(level_from_text("DEBUG"), Level::debug);
    EXPECT_EQ(level_from_text("Warning"), Level::warn);
    EXPECT_EQ(level_from_text("error"), Level::error);
    EXPECT_EQ(level_from_text("INFO"), Level::info);
    for (const char* text : {"loud", "", "off", "info "}) EXPECT_EQ(level_from_text(text), std::nullopt) << text;
}

TEST_F(LogTest, a_request_marks_the_lines_of_its_thread_and_no_others) {
    {
        const RequestScope outer("r1");
        info("one");
        {
            const RequestScope inner("r2");
            info("two");
        }
        info("three");
        std::thread([] { info("other thread"); }).join();
    }
    info("four");
    EXPECT_EQ(lines(), (std::vector<std::string>{" info one request=r1", " info two request=r2",
                                                 " info three request=r1", " info other thread", " info four"}));
}

TEST_F(LogTest, the_tap_sees_what_the_file_sees_and_may_log_itself) {
    std::vector<std::string> seen;
    set_tap([&](Level level, std::string_view line) {
        seen.emplace_back(line);
        if (level == Level::error) info("from the tap");  // no lock is held
    });
    debug("small", {{"password", Secret(std::string("hunter2"))}});
    error("large");
    EXPECT_EQ(seen, (std::vector<std::string>{"small password=***", "large", "from the tap"}));
}

TEST_F(LogTest, lines_of_many_threads_stay_whole) {
    constexpr int threads = 8;
    constexpr int each = 100;
    {
        std::vector<std::jthread> all;
        all.reserve(threads);
        for (int t = 0; t < threads; ++t)
            all.emplace_back([] {
                for (int i = 0; i < each; ++i) info("whole", {{"text", std::string(200, 'x')}});
            });
    }
    const auto all = lines();
    EXPECT_EQ(all.size(), std::size_t{threads} * each);
    for (const auto& line : all) EXPECT_EQ(line, " info whole text=" + std::string(200, 'x'));
}

}  // namespace
}  // namespace corral::log
