#include "system/logs/log_reader.hpp"

#include <gtest/gtest.h>

#include "base/temp_folder.hpp"
#include "platform/files/files.hpp"
#include "support/results.hpp"

namespace corral::system {
namespace {

using namespace std::chrono_literals;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::refuses_field;
using testing_support::value_of;

const Time now = *from_rfc3339("2026-01-02T12:00:00Z");

Result<LogQuery> ask(std::vector<std::pair<std::string, std::string>> query) {
    http::Request request;
    request.query = std::move(query);
    return log_query(request, now);
}

class LogReaderTest : public testing::Test {
protected:
    void write(const std::string& name, const std::string& text) {
        ASSERT_TRUE(ok(files::replace_file(folder_ / name, text)));
    }
    std::string read(std::vector<std::pair<std::string, std::string>> query) {
        return value_of(read_log(folder_ / "corral.log", value_of(ask(std::move(query)))));
    }
    TempFolder folder_;
};

const std::string one = "2026-01-02T11:00:00.000Z info one a=1\n";
const std::string two = "2026-01-02T11:30:00.000Z warning two a=2\n";
const std::string three = "2026-01-02T11:59:30.000Z error three a=1\n";

TEST_F(LogReaderTest, Q63_the_tail_can_be_asked_for_by_lines_age_level_and_text) {
    write("corral.log", one + two + three);
    EXPECT_EQ(read({}), one + two + three);
    EXPECT_EQ(read({{"lines", "2"}}), two + three);
    EXPECT_EQ(read({{"since", "45m"}}), two + three);
    EXPECT_EQ(read({{"since", "2026-01-02T12:59:00+01:00"}}), three);
    EXPECT_EQ(read({{"level", "warn"}}), two + three);
    EXPECT_EQ(read({{"contains", "a=1"}}), one + three);
    EXPECT_EQ(read({{"contains", "a=1"}, {"lines", "1"}}), three);
    EXPECT_EQ(read({{"since", "1s"}}), "");
    EXPECT_EQ(read({{"lines", "100"}}), one + two + three);
}

TEST_F(LogReaderTest, rotated_files_are_read_on_when_the_current_one_is_not_enough) {
    write("corral.2.log", one);
    write("corral.1.log", two);
    write("corral.log", three);
    EXPECT_EQ(read({{"lines", "2"}}), two + three);
    EXPECT_EQ(read({{"lines", "5"}}), one + two + three);
    EXPECT_EQ(read({{"since", "40m"}}), two + three);
}

TEST_F(LogReaderTest, lines_are_put_together_across_the_blocks_they_are_read_in) {
    std::string text;
    for (int i = 0; i < 3000; ++i)
        text += "2026-01-02T11:00:00.000Z info line number=" + std::to_string(i) + " " + std::string(300, 'x') + "\n";
    write("corral.log", text);
    EXPECT_EQ(read({{"level", "info"}}), text);
    EXPECT_EQ(read({{"contains", "number=17 "}}).find("2026-01-02T11:00:00.000Z info line number=17 x"), 0U);
}

TEST_F(LogReaderTest, an_answer_has_an_upper_bound_and_the_newest_lines_are_kept) {
    const std::string line = "2026-01-02T11:00:00.000Z info " + std::string(1'000'000, 'x');
    std::string text;
    for (int i = 0; i < 20; ++i) text += line + std::to_string(i % 10) + "\n";
    write("corral.log", text + three);
    const std::string answer = read({{"level", "debug"}});
    EXPECT_LE(answer.size(), 16U << 20U);
    EXPECT_GT(answer.size(), 15'000'000U);
    EXPECT_TRUE(answer.ends_with(three));
}

TEST_F(LogReaderTest, a_line_of_another_form_is_shown_whatever_level_is_asked_for) {
    write("corral.log", "no time here\n" + one + "\n\n" + three + "cut off");
    EXPECT_EQ(read({{"level", "error"}}), "no time here\n" + three + "cut off\n");
}

TEST(LogQuery, what_cannot_be_meant_is_refused_by_name) {
    for (const char* lines : {"0", "-1", "many", "1.5", "", "1000001"})
        EXPECT_TRUE(refuses_field("lines", ask({{"lines", lines}}))) << lines;
    for (const char* since : {"yesterday", "", "-5m", "5 m", "5w", "99999999999999999999s", "9999999999d"})
        EXPECT_TRUE(refuses_field("since", ask({{"since", since}}))) << since;
    EXPECT_TRUE(refuses_field("level", ask({{"level", "loud"}})));
    EXPECT_TRUE(value_of(ask({})).everything());
    EXPECT_EQ(value_of(ask({{"since", "2d"}})).since, now - 48h);
    EXPECT_EQ(value_of(ask({{"since", "90"}})).since, now - 90s);
}

}  // namespace
}  // namespace corral::system
