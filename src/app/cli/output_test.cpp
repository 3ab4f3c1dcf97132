#include "app/cli/output.hpp"

#include <gtest/gtest.h>

namespace corral::cli {
namespace {

// What `work` writes to standard error.
template <class F>
std::string errors_of(F work) {
    testing::internal::CaptureStderr();
    work();
    return testing::internal::GetCapturedStderr();
}

TEST(Table, columns_are_as_wide_as_their_widest_cell_and_the_last_has_no_padding) {
    EXPECT_EQ(table({"ID", "NAME", "STATE"}, {{"1", "a-long-name", "running"}, {"22", "b", "off"}}),
              "ID  NAME         STATE\n"
              "1   a-long-name  running\n"
              "22  b            off\n");
}

TEST(Table, without_rows_there_is_only_the_heading) { EXPECT_EQ(table({"ID", "NAME"}, {}), "ID  NAME\n"); }

TEST(Report, tells_the_message_and_every_bad_field_but_no_detail) {
    const Error error{
        Errc::invalid, "The request is wrong", "internal detail", {{"/name", "is required"}, {"/cpu", "is 0"}}};
    int code = 0;
    EXPECT_EQ(errors_of([&] { code = report(error); }),
              "corral: The request is wrong\n  /name: is required\n  /cpu: is 0\n");
    EXPECT_EQ(code, usage);
}

TEST(Report, exit_codes_are_the_ones_that_help_promises) {
    for (const auto& [error, code] :
         {std::pair{Errc::invalid, 2}, std::pair{Errc::unauthenticated, 3}, std::pair{Errc::not_found, 4},
          std::pair{Errc::forbidden, 5}, std::pair{Errc::conflict, 1}, std::pair{Errc::timeout, 1},
          std::pair{Errc::unavailable, 1}, std::pair{Errc::internal, 1}}) {
        int got = -1;
        (void)errors_of([&] { got = report(Error{error, "x"}); });
        EXPECT_EQ(got, code);
    }
}

TEST(HumanBytes, counts_in_powers_of_a_thousand) {
    for (const auto& [bytes, text] : {std::pair<std::uint64_t, const char*>{0, "0 B"},
                                      {999, "999 B"},
                                      {1000, "1.0 kB"},
                                      {1'500'000, "1.5 MB"},
                                      {2'000'000'000, "2.0 GB"},
                                      {3'000'000'000'000, "3.0 TB"},
                                      {5'000'000'000'000'000, "5000.0 TB"}})
        EXPECT_EQ(human_bytes(bytes), text);
}

TEST(ProgressBar, into_a_file_it_is_one_line_a_tenth) {
    EXPECT_EQ(errors_of([] {
                  ProgressBar bar("push");
                  for (int percent = -5; percent <= 105; ++percent) bar.show(percent, "");
                  bar.finish("done");
              }),
              "push:   0%\npush:  10%\npush:  20%\npush:  30%\npush:  40%\npush:  50%\npush:  60%\npush:  70%\n"
              "push:  80%\npush:  90%\npush: 100%\npush: done\n");
}

TEST(ProgressBar, a_new_note_is_told_at_once) {
    EXPECT_EQ(errors_of([] {
                  ProgressBar bar("pull");
                  bar.show(1, "fetching");
                  bar.show(2, "fetching");
                  bar.show(3, "making the disk");
              }),
              "pull:   1% fetching\npull:   3% making the disk\n");
}

}  // namespace
}  // namespace corral::cli
