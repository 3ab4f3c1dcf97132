#include "platform/process/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <thread>

#include "base/temp_folder.hpp"
#include "support/results.hpp"

namespace corral::process {
namespace {

using namespace std::chrono_literals;
using testing_support::eventually;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

Outcome shell(const std::string& script) { return value_of(run({.argv = {"sh", "-c", script}})); }

// Ended, or only waiting for its parent to notice.
bool ended(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(file, line)) return true;
    const auto name_end = line.rfind(')');
    return name_end + 2 < line.size() && line[name_end + 2] == 'Z';
}

TEST(Run, hands_arguments_over_as_they_are_without_a_shell) {
    const TempFolder folder;
    const std::string touched = folder / "touched";
    const auto outcome = run({.argv = {"printf", "[%s]", "$(touch " + touched + ")", "; touch " + touched, "a  b", "*",
                                       "", "\n", "`id`", "ü"}});
    EXPECT_EQ(value_of(outcome).out, "[$(touch " + touched + ")][; touch " + touched + "][a  b][*][][\n][`id`][ü]");
    EXPECT_NE(::access(touched.c_str(), F_OK), 0);
}

TEST(Run, keeps_output_and_errors_apart) {
    const auto outcome = shell("echo out; echo err >&2");
    EXPECT_EQ(outcome.out, "out\n");
    EXPECT_EQ(outcome.err, "err\n");
    EXPECT_EQ(outcome.exit_code, 0);
}

TEST(Run, tells_exit_codes_and_signals) {
    EXPECT_EQ(shell("exit 3").exit_code, 3);
    EXPECT_EQ(shell("exit 255").exit_code, 255);
    EXPECT_EQ(shell("kill -KILL $$").exit_code, 128 + SIGKILL);
    EXPECT_EQ(shell("kill -SEGV $$").exit_code, 128 + SIGSEGV);
}

TEST(Run, tells_a_missing_program_from_one_that_fails) {
    EXPECT_TRUE(fails_with(Errc::not_found, run({.argv = {"no-such-program-anywhere"}})));
    EXPECT_TRUE(fails_with(Errc::not_found, run({.argv = {"/no/such/program"}})));
    EXPECT_TRUE(fails_with(Errc::not_found, run({.argv = {"/tmp"}}))) << "a folder is no program";
    EXPECT_TRUE(fails_with(Errc::not_found, run({.argv = {""}})));
    EXPECT_TRUE(fails_with(Errc::internal, run({.argv = {}})));
}

TEST(Run, finds_programs_on_the_path_only) {
    EXPECT_TRUE(find_program("sh"));
    EXPECT_EQ(find_program("/bin/sh"), "/bin/sh");
    EXPECT_EQ(find_program("no-such-program-anywhere"), std::nullopt);
    const TempFolder folder;
    std::ofstream(folder / "script") << "#!/bin/sh\n";
    EXPECT_EQ(find_program(folder / "script"), std::nullopt) << "it may not be executed";
}

TEST(Run, adds_to_the_environment_and_replaces_in_it) {
    ASSERT_EQ(::setenv("CORRAL_TEST_KEPT", "kept", 1), 0);
    ASSERT_EQ(::setenv("CORRAL_TEST_REPLACED", "old", 1), 0);
    const auto outcome = run({.argv = {"sh", "-c", "env | grep CORRAL_TEST_ | sort"},
                              .env = {{"CORRAL_TEST_REPLACED", "new"}, {"CORRAL_TEST_ADDED", "a=b c"}}});
    EXPECT_EQ(value_of(outcome).out, "CORRAL_TEST_ADDED=a=b c\nCORRAL_TEST_KEPT=kept\nCORRAL_TEST_REPLACED=new\n");
}

TEST(Run, works_in_the_folder_that_is_named) {
    const TempFolder folder;
    EXPECT_EQ(value_of(run({.argv = {"pwd", "-P"}, .working_folder = folder.path()})).out, folder.path() + "\n");
    EXPECT_NE(value_of(run({.argv = {"pwd"}, .working_folder = folder / "absent"})).exit_code, 0);
}

TEST(Run, gives_all_of_the_input_and_then_its_end) {
    const std::string input(3 << 20, 'x');  // more than pipes hold, in both directions at once
    EXPECT_EQ(value_of(run({.argv = {"cat"}, .input = input})).out, input);
    EXPECT_EQ(value_of(run({.argv = {"cat"}})).out, "") << "without input it is at its end at once";
}

TEST(Run, survives_a_program_that_does_not_read_its_input) {
    const std::string input(1 << 20, 'x');
    EXPECT_EQ(value_of(run({.argv = {"true"}, .input = input})).exit_code, 0);
    EXPECT_EQ(value_of(run({.argv = {"sh", "-c", "exec <&-; echo closed"}, .input = input})).out, "closed\n");
}

TEST(Run, tells_each_line_as_it_comes_and_the_last_without_its_end_too) {
    std::vector<std::string> lines;
    const auto outcome = run({.argv = {"printf", "one\n\ntwo\nthree"},
                              .on_output_line = [&](std::string_view line) { lines.emplace_back(line); }});
    EXPECT_TRUE(ok(outcome));
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "", "two", "three"}));
}

TEST(Run, takes_output_up_to_the_limit_and_kills_what_prints_more) {
    EXPECT_EQ(value_of(run({.argv = {"head", "-c", "1000", "/dev/zero"}, .output_limit = 1000})).out.size(), 1000U);
    EXPECT_TRUE(fails_with(Errc::too_large, run({.argv = {"head", "-c", "1001", "/dev/zero"}, .output_limit = 1000})));
    EXPECT_TRUE(fails_with(Errc::too_large, run({.argv = {"cat", "/dev/zero"}, .output_limit = 1 << 20})));
    EXPECT_TRUE(
        fails_with(Errc::too_large, run({.argv = {"sh", "-c", "exec cat /dev/zero >&2"}, .output_limit = 1 << 20})));
}

TEST(Run, kills_the_whole_group_at_the_time_limit) {
    pid_t grandchild = 0;
    const auto before = std::chrono::steady_clock::now();
    const auto outcome =
        run({.argv = {"sh", "-c", "sleep 1000 & echo $!; wait"},
             .time_limit = 1s,
             .on_output_line = [&](std::string_view line) { grandchild = std::stoi(std::string(line)); }});
    EXPECT_TRUE(fails_with(Errc::timeout, outcome));
    EXPECT_GE(std::chrono::steady_clock::now() - before, 1s);
    ASSERT_GT(grandchild, 0);
    EXPECT_TRUE(eventually([&] { return ended(grandchild); }));
}

TEST(Run, kills_the_whole_group_when_cancelled_and_leaves_no_zombie) {
    std::stop_source stop;
    pid_t grandchild = 0;
    const auto outcome = run({.argv = {"sh", "-c", "trap '' TERM INT; sleep 1000 & echo $!; wait"},
                              .cancel = stop.get_token(),
                              .on_output_line = [&](std::string_view line) {
                                  grandchild = std::stoi(std::string(line));
                                  stop.request_stop();
                              }});
    EXPECT_TRUE(fails_with(Errc::timeout, outcome));
    EXPECT_TRUE(eventually([&] { return ended(grandchild); }));
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD) << "every child of ours has been waited for";
}

TEST(Run, does_not_start_waiting_when_it_was_cancelled_before) {
    std::stop_source stop;
    stop.request_stop();
    EXPECT_TRUE(fails_with(Errc::timeout, run({.argv = {"sleep", "1000"}, .cancel = stop.get_token()})));
}

TEST(Run, does_not_wait_for_a_background_process_that_keeps_the_pipes) {
    const auto outcome = shell("sleep 1000 & echo $!");
    EXPECT_EQ(outcome.exit_code, 0);
    const pid_t background = std::stoi(outcome.out);
    EXPECT_FALSE(ended(background)) << "it was meant to go on";
    ::kill(background, SIGKILL);
}

TEST(Run, says_in_the_detail_what_failed_and_nothing_of_it_to_callers) {
    const auto outcome =
        run({.argv = {"sh", "-c", "echo disk /srv/x is bad >&2; exec cat /dev/zero"}, .output_limit = 1000});
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().message.find("/srv/x"), std::string::npos);
    EXPECT_EQ(outcome.error().detail, "sh: disk /srv/x is bad\n");
}

TEST(Run, gives_the_child_none_of_our_files) {
    // As a library leaves it: without close-on-exec.
    constexpr int number = 100;
    ASSERT_EQ(::dup2(STDERR_FILENO, number), number);
    EXPECT_NE(shell("test -e /proc/self/fd/100").exit_code, 0);
    ::close(number);
}

TEST(Run, gives_the_child_the_usual_signals_whatever_we_block_or_ignore) {
    sigset_t blocked;
    sigset_t before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    const auto old = std::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(shell("kill -TERM $$; echo survived").exit_code, 128 + SIGTERM);
    EXPECT_EQ(shell("kill -PIPE $$; echo survived").exit_code, 128 + SIGPIPE);
    std::signal(SIGPIPE, old);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(Run, serves_many_threads_at_once_without_mixing_their_pipes) {
    std::vector<std::jthread> threads;
    threads.reserve(8);
    for (int t = 0; t < 8; ++t)
        threads.emplace_back([t] {
            for (int i = 0; i < 10; ++i) {
                // `cat` ends only when every copy of the pipe's writing end is closed.
                const std::string input = std::to_string(t) + "-" + std::to_string(i);
                EXPECT_EQ(value_of(run({.argv = {"cat"}, .input = input})).out, input);
            }
        });
}

}  // namespace
}  // namespace corral::process
