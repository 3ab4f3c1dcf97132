// What a driver that reaches into guests has to do there.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <thread>

#include "driver_suite.hpp"

namespace corral::contract {

using machines::Change;
using machines::GuestCommand;
using machines::GuestOutcome;
using machines::Observed;
using machines::Op;
using machines::PowerAction;
using machines::State;
using std::chrono::milliseconds;
using std::chrono::seconds;

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RealGuestSuite);

std::unique_ptr<GuestSuite::Shared> GuestSuite::shared_;

void GuestSuite::SetUp() {
    if (!shared_) {
        auto fresh = std::make_unique<Shared>();
        fresh->heard = std::make_shared<Heard>();
        fresh->subject =
            GetParam().make([heard = fresh->heard](const std::string& id, Change change) { heard->add(id, change); });
        ASSERT_NE(fresh->subject, nullptr);
        ASSERT_NE(fresh->subject->driver().guest(), nullptr);
        const machines::Spec spec = fresh->subject->with_guest("guest");
        const auto made = fresh->subject->driver().create(spec, {});
        ASSERT_TRUE(made) << made.error().message << ": " << made.error().detail;
        fresh->id = spec.id;
        shared_ = std::move(fresh);
    }
    const auto started = driver().power(id(), PowerAction::start, {});
    ASSERT_TRUE(started) << started.error().message << ": " << started.error().detail;
}

void GuestSuite::TearDownTestSuite() {
    if (!shared_) return;
    shared_->clones.push_back(shared_->id);
    for (const std::string& id : shared_->clones) {
        EXPECT_TRUE(shared_->subject->driver().destroy(id, {}));
        EXPECT_EQ(shared_->subject->leftovers(id), std::vector<std::string>{});
    }
    shared_.reset();
}

GuestOutcome GuestSuite::run(const GuestCommand& command) {
    auto done = guest().execute(id(), command, {});
    EXPECT_TRUE(done) << done.error().message << ": " << done.error().detail;
    return done ? *done : GuestOutcome{.exit_code = -1};
}

GuestOutcome GuestSuite::shell(const std::string& line) { return run({.shell_line = line}); }

TEST_P(GuestSuite, output_errors_and_exit_code_come_apart) {
    const GuestOutcome done = shell("echo out; echo err >&2; exit 3");
    EXPECT_EQ(done.out, "out\n");
    EXPECT_EQ(done.err, "err\n");
    EXPECT_EQ(done.exit_code, 3);
    EXPECT_EQ(shell("true").exit_code, 0);
    EXPECT_EQ(shell("kill -9 $$").exit_code, 137);
}

TEST_P(GuestSuite, a_command_without_a_shell_gets_its_arguments_as_they_are) {
    const GuestOutcome done = run({.argv = {"printf", "%s|", "a b", "$(id)", "'", "", "*"}, .use_shell = false});
    EXPECT_EQ(done.out, "a b|$(id)|'||*|");
    EXPECT_EQ(done.exit_code, 0);
    EXPECT_EQ(run({.argv = {"no-such-program"}, .use_shell = false}).exit_code, 127);
}

TEST_P(GuestSuite, M16_variables_are_data_and_their_names_are_checked) {
    const std::string value = "it's \"$(reboot)\" `reboot`; \\ \n end=1";
    const GuestOutcome done = run({.shell_line = "printf %s \"$GREETING\"", .env = {{"GREETING", value}, {"_b2", ""}}});
    EXPECT_EQ(done.out, value);
    for (const std::string name : {"", "1A", "A B", "A=B", "A;reboot", "Ä"}) {
        const auto refused = guest().execute(id(), {.shell_line = "true", .env = {{name, "x"}}}, {});
        ASSERT_FALSE(refused) << name;
        EXPECT_EQ(refused.error().code, Errc::invalid) << name;
    }
}

TEST_P(GuestSuite, input_and_output_are_bytes) {
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    EXPECT_EQ(run({.shell_line = "cat", .input = bytes}).out, bytes);
    std::string much;
    while (much.size() < 300000) much += bytes;
    const GuestOutcome done = run({.shell_line = "tee /proc/self/fd/2", .input = much});
    EXPECT_EQ(done.out, much);
    EXPECT_EQ(done.err, much);
}

TEST_P(GuestSuite, output_of_any_size_arrives) {
    const GuestOutcome done = shell("head -c 12000000 /dev/zero");
    EXPECT_EQ(done.out.size(), 12000000U);
    EXPECT_EQ(done.exit_code, 0);
    EXPECT_EQ(shell("echo still here").out, "still here\n");
}

TEST_P(GuestSuite, a_command_that_runs_on_in_the_background_holds_nothing_up) {
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(shell("sleep 1234 & echo started").out, "started\n");
    EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds{10});
    shell("pkill -f '[s]leep 1234'; true");  // and nobody else's: the fake's guest is this host
}

TEST_P(GuestSuite, a_command_out_of_time_is_killed_with_what_it_started) {
    const auto late = guest().execute(id(), {.shell_line = "sleep 4321 & sleep 4321"}, within(milliseconds{700}));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, Errc::timeout);
    std::stop_source source;
    std::jthread canceller([&] { source.request_stop(); });
    const auto cancelled = guest().execute(id(), {.shell_line = "sleep 4321"}, {.cancel = source.get_token()});
    ASSERT_FALSE(cancelled);
    EXPECT_EQ(cancelled.error().code, Errc::timeout);
    EXPECT_TRUE(eventually([&] { return shell("pgrep -f '[s]leep 4321'").exit_code != 0; }));
    if (!shared_->subject->is_real()) return;  // a fake guest's /tmp is the host's
    EXPECT_EQ(shell("ls -A /tmp | grep -c corral").out, "2\n") << "only the two that this very command writes to";
}

TEST_P(GuestSuite, commands_run_side_by_side) {
    std::vector<std::jthread> threads;
    std::array<std::string, 4> out;
    for (std::size_t i = 0; i < out.size(); ++i)
        threads.emplace_back([&, i] { out[i] = shell("echo " + std::to_string(i)).out; });
    threads.clear();
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], std::to_string(i) + "\n");
}

TEST_P(GuestSuite, files_go_in_and_come_back_whole) {
    const std::string folder = driver().observe(id())->home;
    std::string bytes;
    for (unsigned i = 0; i < 700001; ++i) bytes += static_cast<char>((i * 2654435761U) >> 13U);
    std::ofstream(folder + "in", std::ios::binary) << bytes;
    auto done = guest().write_file(id(), folder + "in", "/root/some file", {});
    ASSERT_TRUE(done) << done.error().message << ": " << done.error().detail;
    done = guest().read_file(id(), "/root/some file", folder + "out", {});
    ASSERT_TRUE(done) << done.error().message << ": " << done.error().detail;
    std::ifstream back(folder + "out", std::ios::binary);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(back), {}), bytes);
    std::ofstream(folder + "empty", std::ios::binary);
    EXPECT_TRUE(guest().write_file(id(), folder + "empty", "/root/some file", {}));  // in place of the other
    EXPECT_TRUE(guest().read_file(id(), "/root/some file", folder + "out", {}));
    EXPECT_EQ(std::ifstream(folder + "out", std::ios::binary | std::ios::ate).tellg(), 0);
    EXPECT_FALSE(guest().write_file(id(), folder + "missing", "/root/x", {}));
    EXPECT_FALSE(guest().read_file(id(), "/root/missing", folder + "never", {}));
    EXPECT_FALSE(std::ifstream(folder + "never"));
}

TEST_P(RealGuestSuite, the_guest_is_shown_with_its_address_and_time) {
    ASSERT_TRUE(eventually([&] { return !driver().observe(id())->addresses.empty(); }));
    const auto seen = driver().observe(id());
    EXPECT_EQ(seen->addresses.front().type, "ipv4");
    EXPECT_TRUE(seen->agent_connected);
    EXPECT_FALSE(seen->agent_version.empty());
    EXPECT_GT(seen->uptime.count(), 0);
    EXPECT_LT(seen->uptime.count(), 600);
}

TEST_P(GuestSuite, a_paused_or_suspended_guest_takes_no_commands_and_goes_on_afterwards) {
    shell("echo kept >/run/kept");
    for (const PowerAction action : {PowerAction::pause, PowerAction::suspend}) {
        ASSERT_TRUE(driver().power(id(), action, {}));
        EXPECT_EQ(guest().execute(id(), {.shell_line = "true"}, within(seconds{5})).error().code, Errc::conflict);
        const auto resumed = driver().power(id(), PowerAction::resume, {});
        ASSERT_TRUE(resumed) << resumed.error().detail;
        EXPECT_EQ(shell("cat /run/kept").out, "kept\n");
    }
}

TEST_P(GuestSuite, a_guest_outlives_the_driver_and_answers_the_next_one) {
    const auto before = driver().observe(id());
    shared_->subject->reopen(
        [heard = shared_->heard](const std::string& one, Change change) { heard->add(one, change); });
    EXPECT_EQ(shell("echo again").out, "again\n");
    EXPECT_GE(driver().observe(id())->uptime, before->uptime);
}

TEST_P(GuestSuite, a_clone_of_the_running_guest_has_what_was_written) {
    shell("echo from the source >/root/mark; sync");
    const auto base = driver().freeze_disk_for_clone(id(), {});
    ASSERT_TRUE(base) << base.error().message << ": " << base.error().detail;
    shell("echo later >/root/mark; sync");
    const machines::Spec spec = shared_->subject->clone("clone of the guest", *base);
    ASSERT_TRUE(driver().create(spec, {}));
    shared_->clones.push_back(spec.id);
    ASSERT_TRUE(driver().power(spec.id, PowerAction::start, {}));
    const auto mark = guest().execute(spec.id, {.shell_line = "cat /root/mark"}, {});
    ASSERT_TRUE(mark) << mark.error().message << ": " << mark.error().detail;
    if (shared_->subject->is_real()) {
        EXPECT_EQ(mark->out, "from the source\n");
    }
    EXPECT_EQ(shell("cat /root/mark").out, "later\n");
    EXPECT_TRUE(driver().power(spec.id, PowerAction::kill, {}));
}

TEST_P(RealGuestSuite, a_snapshot_brings_memory_and_disk_back) {
    machines::Snapshots* snapshots = driver().snapshots();
    ASSERT_NE(snapshots, nullptr);
    shell("echo one >/root/state; echo one >/run/state; sync");
    const auto taken = snapshots->take(id(), "one", "", {});
    ASSERT_TRUE(taken) << taken.error().message << ": " << taken.error().detail;
    shell("echo two >/root/state; echo two >/run/state; sync");
    const auto reverted = snapshots->revert(id(), taken->id, false, {});
    ASSERT_TRUE(reverted) << reverted.error().message << ": " << reverted.error().detail;
    EXPECT_EQ(shell("cat /root/state /run/state").out, "one\none\n");
    EXPECT_EQ(driver().freeze_disk_for_clone(id(), {}).error().code, Errc::conflict);
    EXPECT_TRUE(snapshots->remove(id(), taken->id, false, {}));
}

TEST_P(GuestSuite, restart_boots_the_guest_anew) {
    shell("echo gone >/run/gone");
    const auto restarted = driver().power(id(), PowerAction::restart, {});
    ASSERT_TRUE(restarted) << restarted.error().message << ": " << restarted.error().detail;
    EXPECT_EQ(driver().observe(id())->state, State::running);
    if (shared_->subject->is_real()) {
        EXPECT_NE(shell("cat /run/gone").exit_code, 0);
    }
}

TEST_P(GuestSuite, stop_shuts_the_guest_down) {
    shell("echo written >/root/written");
    const auto stopped = driver().power(id(), PowerAction::stop, {});
    ASSERT_TRUE(stopped) << stopped.error().message << ": " << stopped.error().detail;
    EXPECT_EQ(driver().observe(id())->state, State::stopped);
    EXPECT_TRUE(driver().power(id(), PowerAction::stop, {}));
    EXPECT_TRUE(shared_->heard->wait_for(id(), Change::state));
}

}  // namespace corral::contract
