// What the conformance suite (tests/contract) does not ask of the fake hypervisor: its files, its delays and its
// failures.
#include "drivers/hypervisor/fake/fake_driver.hpp"

#include <filesystem>
#include <fstream>
#include <latch>

#include "base/temp_folder.hpp"
#include "drivers/hypervisor/change_queue.hpp"
#include "drivers/hypervisor/guest_command.hpp"
#include "drivers/hypervisor/host_facts.hpp"
#include "drivers/hypervisor/power_table.hpp"
#include "support/testing.hpp"

namespace corral::drivers {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using machines::PowerAction;
using machines::Spec;
using machines::State;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

class Fake : public testing::Test {
protected:
    void SetUp() override { open({.folder = folder_ / "state"}); }
    void open(FakeOptions options) {
        driver_.reset();
        driver_ = std::make_unique<FakeDriver>(std::move(options));
    }
    Spec spec(const std::string& name) {
        Spec out{.id = "id-of-" + name, .name = name, .home = folder_ / name, .disk = folder_ / (name + "/disk.qcow2")};
        fs::create_directories(out.home);
        std::ofstream(out.disk) << "content";
        return out;
    }
    std::string add(const std::string& name) { return value_of(driver_->create(spec(name), {})).id; }
    State state(const std::string& id) { return value_of(driver_->observe(id)).state; }

    TempFolder folder_;
    std::unique_ptr<FakeDriver> driver_;
};

TEST_F(Fake, machines_and_snapshots_outlive_the_process_with_all_that_was_known) {
    Spec wanted = spec("vm");
    wanted.description = "two\nlines \"quoted\"";
    wanted.architecture = "arm64";
    wanted.cpus = 3;
    wanted.memory_mib = 777;
    const auto before = value_of(driver_->create(wanted, {}));
    ASSERT_TRUE(ok(driver_->power(before.id, PowerAction::start, {})));
    const auto running = value_of(driver_->observe(before.id));
    const auto snapshot = value_of(driver_->snapshots()->take(before.id, "point", "text", {}));
    open({.folder = folder_ / "state"});
    const auto after = value_of(driver_->observe(before.id));
    EXPECT_EQ(after.name, before.name);
    EXPECT_EQ(after.description, wanted.description);
    EXPECT_EQ(after.state, State::running);
    EXPECT_EQ(after.architecture, "arm64");
    EXPECT_EQ(after.cpus, 3);
    EXPECT_EQ(after.memory_mib, 777);
    EXPECT_EQ(after.mac, before.mac);
    EXPECT_EQ(after.disk, before.disk);
    EXPECT_EQ(after.disk_bytes, 7U);
    EXPECT_EQ(after.addresses.front().ip, running.addresses.front().ip);
    const auto snapshots = value_of(driver_->snapshots()->list(before.id));
    ASSERT_EQ(snapshots.size(), 1U);
    EXPECT_EQ(snapshots[0].id, snapshot.id);
    EXPECT_EQ(snapshots[0].state, State::running);
    EXPECT_TRUE(snapshots[0].current);
    EXPECT_TRUE(fails_with(Errc::conflict, driver_->create(spec("vm"), {}))) << "names are known again too";
}

TEST_F(Fake, without_a_folder_nothing_outlives_the_process_and_nothing_is_written) {
    open({});
    const std::string id = add("vm");
    EXPECT_FALSE(fs::exists(folder_ / "state/id-of-vm.json"));
    open({});
    EXPECT_TRUE(fails_with(Errc::not_found, driver_->observe(id)));
}

TEST_F(Fake, a_frozen_disk_is_never_the_machine_s_own_and_serves_every_clone) {
    const std::string id = add("vm");
    const std::string disk = value_of(driver_->observe(id)).disk;
    const std::string base = value_of(driver_->freeze_disk_for_clone(id, {}));
    EXPECT_EQ(base, disk);
    const std::string layer = value_of(driver_->observe(id)).disk;
    EXPECT_EQ(layer, folder_ / "vm/disk-1.qcow2");
    EXPECT_TRUE(fs::equivalent(base, layer)) << "one file under two names";
    open({.folder = folder_ / "state"});
    EXPECT_EQ(value_of(driver_->freeze_disk_for_clone(id, {})), base) << "also after a restart";
    EXPECT_EQ(value_of(driver_->observe(id)).disk, layer);
    fs::remove(layer);
    EXPECT_TRUE(fs::exists(base)) << "the base does not go with the machine's layer";
}

TEST_F(Fake, freezing_a_disk_that_is_gone_is_an_error_and_changes_nothing) {
    const std::string id = add("vm");
    const auto before = value_of(driver_->observe(id)).disk;
    fs::remove(before);
    EXPECT_TRUE(fails_with(Errc::upstream, driver_->freeze_disk_for_clone(id, {})));
    EXPECT_EQ(value_of(driver_->observe(id)).disk, before);
}

TEST_F(Fake, an_ordered_failure_hits_the_next_changing_call_once_and_changes_nothing) {
    const std::string id = add("vm");
    driver_->fail_next({Errc::upstream, "ordered"});
    EXPECT_TRUE(ok(driver_->observe(id))) << "reading is no change";
    EXPECT_TRUE(fails_with(Errc::upstream, driver_->power(id, PowerAction::start, {})));
    EXPECT_EQ(state(id), State::stopped);
    EXPECT_TRUE(ok(driver_->power(id, PowerAction::start, {})));
    driver_->fail_next({Errc::upstream, "ordered"});
    EXPECT_TRUE(fails_with(Errc::upstream, driver_->change(id, {.name = "other"}, {})));
    EXPECT_EQ(value_of(driver_->observe(id)).name, "vm");
    driver_->fail_next({Errc::upstream, "ordered"});
    EXPECT_TRUE(fails_with(Errc::upstream, driver_->destroy(id, {})));
    EXPECT_TRUE(ok(driver_->destroy(id, {})));
}

TEST_F(Fake, a_verb_takes_its_time_and_ends_early_when_it_is_not_wanted_any_more) {
    const std::string id = add("vm");
    open({.folder = folder_ / "state", .verb_time = 10min});
    EXPECT_TRUE(fails_with(
        Errc::timeout, driver_->power(id, PowerAction::start, {.deadline = std::chrono::steady_clock::now() + 20ms})));
    std::stop_source stop;
    Result<void> done;
    std::jthread verb([&] { done = driver_->power(id, PowerAction::start, {.cancel = stop.get_token()}); });
    stop.request_stop();
    verb.join();
    EXPECT_TRUE(fails_with(Errc::timeout, done));
    EXPECT_EQ(state(id), State::stopped);
}

TEST_F(Fake, runs_nothing_on_the_host_unless_it_was_allowed) {
    EXPECT_EQ(driver_->guest(), nullptr);
    open({.folder = folder_ / "state", .allow_host_execution = true});
    EXPECT_NE(driver_->guest(), nullptr);
}

TEST_F(Fake, what_cannot_be_a_machine_is_refused) {
    const auto refused = [&](const std::function<void(Spec&)>& change) {
        Spec one = spec("vm");
        change(one);
        return fails_with(Errc::invalid, driver_->create(one, {}));
    };
    EXPECT_TRUE(refused([](Spec& s) { s.id = "../escape"; }));
    EXPECT_TRUE(refused([](Spec& s) { s.id = ""; }));
    EXPECT_TRUE(refused([](Spec& s) { s.home += "/none"; }));
    EXPECT_TRUE(refused([](Spec& s) { s.memory_mib = 0; }));
    EXPECT_TRUE(value_of(driver_->list()).empty());
}

// ---- what drivers share

TEST(Changes, are_told_in_order_and_none_after_their_listener_was_taken_away) {
    ChangeQueue queue;
    std::latch first_is_told{1};
    std::latch may_go_on{1};
    std::vector<std::string> heard;  // not guarded: listen() ends what the listener does
    queue.listen([&](const std::string& id, machines::Change) {
        heard.push_back(id);
        if (heard.size() > 1) return;
        first_is_told.count_down();
        may_go_on.wait();
    });
    for (const char* id : {"1", "2", "3"}) queue.put(id, machines::Change::state);
    first_is_told.wait();
    std::jthread releaser([&] { may_go_on.count_down(); });
    queue.listen({});
    EXPECT_GE(heard.size(), 1U);
    EXPECT_TRUE(std::ranges::is_sorted(heard));
    const std::size_t so_far = heard.size();
    queue.put("4", machines::Change::state);
    std::latch told_again{1};
    queue.listen([&](const std::string& id, machines::Change) {
        EXPECT_EQ(id, "5") << "what nobody listened to is gone";
        told_again.count_down();
    });
    queue.put("5", machines::Change::state);
    told_again.wait();
    EXPECT_EQ(heard.size(), so_far);
}

TEST(Changes, a_listener_may_replace_itself) {
    ChangeQueue queue;
    std::latch done{1};
    queue.listen([&](const std::string&, machines::Change) {
        queue.listen([&](const std::string&, machines::Change) { done.count_down(); });
        queue.put("next", machines::Change::state);
    });
    queue.put("first", machines::Change::state);
    done.wait();
}

TEST(PowerTable, is_the_one_of_the_contract) {
    using enum PowerAction;
    using enum Verdict;
    struct Row {
        PowerAction action;
        std::array<Verdict, 4> from;  // stopped, running, paused, suspended
    };
    constexpr std::array states{State::stopped, State::running, State::paused, State::suspended};
    for (const Row& row :
         {Row{start, {act, already_there, refuse, act}}, Row{stop, {already_there, act, refuse, refuse}},
          Row{kill, {already_there, act, act, act}}, Row{restart, {already_there, act, refuse, refuse}},
          Row{reset, {already_there, act, act, act}}, Row{pause, {refuse, act, already_there, refuse}},
          Row{resume, {refuse, already_there, act, act}}, Row{suspend, {refuse, act, refuse, already_there}}}) {
        for (std::size_t i = 0; i < states.size(); ++i)
            EXPECT_EQ(judge(states[i], row.action), row.from[i])
                << static_cast<int>(row.action) << " from " << machines::to_text(states[i]);
        EXPECT_EQ(judge(State::invalid, row.action), row.from[0]) << "a broken machine is one that is off";
    }
}

TEST(GuestCommandLine, is_an_argument_vector_in_which_nothing_means_anything_else) {
    machines::GuestCommand command{.shell_line = "echo \"$A\"", .env = {{"A", "x'; rm -rf /"}, {"_b2", ""}}};
    EXPECT_EQ(value_of(guest_argv(command)),
              (std::vector<std::string>{"env", "A=x'; rm -rf /", "_b2=", "/bin/sh", "-c", "echo \"$A\""}));
    command = {.argv = {"test", "-d", "/a b"}, .use_shell = false};
    EXPECT_EQ(value_of(guest_argv(command)), command.argv);
    command.env = {{"A", "1"}};
    command.argv = {"A=2", "x"};
    EXPECT_TRUE(fails_with(Errc::invalid, guest_argv(command))) << "env(1) would take it for a variable";
}

TEST(GuestCommandLine, that_cannot_be_is_refused) {
    EXPECT_TRUE(fails_with(Errc::invalid, guest_argv({.shell_line = ""})));
    EXPECT_TRUE(fails_with(Errc::invalid, guest_argv({.argv = {}, .use_shell = false})));
    EXPECT_TRUE(fails_with(Errc::invalid, guest_argv({.argv = {""}, .use_shell = false})));
    EXPECT_TRUE(fails_with(Errc::invalid, guest_argv({.shell_line = std::string("a\0b", 3)})));
    EXPECT_TRUE(fails_with(Errc::too_large, guest_argv({.shell_line = std::string(200'000, 'x')})));
    for (const char* name : {"", "1a", "a-b", "a b", "a=b", "a;b", "\xc3\xbc"})
        EXPECT_TRUE(fails_with(Errc::invalid, guest_argv({.shell_line = "true", .env = {{name, "x"}}}))) << name;
}

TEST(HostFacts, an_address_is_made_of_the_id_alone_and_belongs_to_qemu) {
    const std::string mac = mac_from_id("8f2c");
    EXPECT_EQ(mac_from_id("8f2c"), mac);
    EXPECT_NE(mac_from_id("8f2d"), mac);
    EXPECT_TRUE(mac.starts_with("52:54:00:"));
    EXPECT_EQ(mac.size(), 17U);
}

TEST(HostFacts, the_virtual_size_of_a_qcow2_is_in_its_head) {
    TempFolder folder;
    const auto with = [&](const std::string& bytes) {
        std::ofstream(folder / "x", std::ios::binary) << bytes;
        return virtual_size(folder / "x");
    };
    std::string head("QFI\xfb", 4);
    head.resize(24, '\0');
    head += std::string("\0\0\0\x01\0\0\0\x05", 8);
    EXPECT_EQ(with(head), (1ULL << 32U) + 5);
    EXPECT_EQ(with("raw bytes"), 9U);
    EXPECT_EQ(with("QFI\xfb too short"), 14U) << "no header: a raw file";
    EXPECT_EQ(virtual_size(folder / "none"), 0U);
    EXPECT_EQ(with_slash("/a"), "/a/");
    EXPECT_EQ(with_slash("/a/"), "/a/");
    EXPECT_EQ(with_slash(""), "");
}

}  // namespace
}  // namespace corral::drivers
