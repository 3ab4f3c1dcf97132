// Commands and files in guests. The guest of the fake hypervisor is a folder of the machine's home.
#include <fstream>

#include "support/machines_test.hpp"

namespace corral::machines {
namespace {

namespace fs = std::filesystem;
using testing_support::caller;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::refuses_field;
using testing_support::value_of;

class Guest : public MachinesTest {
protected:
    void SetUp() override {
        MachinesTest::SetUp();
        id_ = add("vm");
        power(id_, PowerAction::start);
    }
    ExecuteResponse run(const std::string& command, bool keep_stderr = false) {
        return value_of(service_->execute(MachineRef("vm"), {.command = command}, keep_stderr));
    }
    std::string in_guest(const std::string& path) { return settings_.folder + "/vm.qemu/guest/" + path; }
    std::string id_;
};

TEST_F(Guest, a_command_is_the_guest_shell_s_and_one_newline_at_the_end_goes) {
    EXPECT_EQ(run("echo hi").out, "hi");
    EXPECT_EQ(run("printf 'a\\nb\\n\\n'").out, "a\nb\n");
    EXPECT_EQ(run("printf 'x\\r\\n'").out, "x");
    EXPECT_EQ(run("printf x").out, "x");
    EXPECT_EQ(run("echo \"$((2+3))\" | tr 5 6").out, "6");
    EXPECT_EQ(run("true").out, "");
}

TEST_F(Guest, a_failed_command_is_an_answer_with_its_code_and_words) {
    const auto failed = run("echo out; echo err >&2; exit 3");
    EXPECT_EQ(failed.exit_code, 3);
    EXPECT_EQ(failed.out, "out");
    EXPECT_EQ(failed.err, "err");
    EXPECT_EQ(failed.error, "err, exit status 3");
    EXPECT_EQ(run("exit 7").error, "exit status 7");
    EXPECT_EQ(run("no-such-command-at-all").exit_code, 127);
}

TEST_F(Guest, clients_14_error_output_of_a_success_is_kept_only_on_request) {
    EXPECT_EQ(run("echo warning >&2").err, "");
    EXPECT_EQ(run("echo warning >&2", true).err, "warning");
    EXPECT_EQ(run("echo warning >&2", true).error, "");
    const std::string json = json::to_text(run("true"));
    EXPECT_EQ(json, R"({"stdout":"","exit_code":0})") << "stdout is there even when it is empty";
}

TEST_F(Guest, m16_variables_are_values_and_never_code) {
    const auto with = [&](const std::map<std::string, std::string>& env, const std::string& command) {
        return service_->execute(MachineRef(id_), {.command = command, .environment_variables = env}, false);
    };
    const std::string nasty = "'; touch pwned; echo \"$(touch pwned)`touch pwned`";
    EXPECT_EQ(value_of(with({{"A", "one"}, {"B", nasty}}, "printf '%s|%s' \"$A\" \"$B\"")).out, "one|" + nasty);
    EXPECT_FALSE(fs::exists(in_guest("pwned")));
    for (const char* name : {"", "1A", "A-B", "A B", "A;x", "A$(x)", "A="})
        EXPECT_TRUE(fails_with(Errc::invalid, with({{name, "x"}}, "true"))) << name;
}

TEST_F(Guest, m15_what_cannot_be_done_is_refused_by_name) {
    const auto ask = [&](const std::function<void(ExecuteRequest&)>& change) {
        ExecuteRequest wanted{.command = "true"};
        change(wanted);
        return service_->execute(MachineRef(id_), wanted, false);
    };
    EXPECT_TRUE(refuses_field("/command", ask([](auto& r) { r.command = ""; })));
    EXPECT_TRUE(refuses_field("/user", ask([](auto& r) { r.user = "ann"; })));
    EXPECT_TRUE(fails_with(Errc::unsupported, ask([](auto& r) { r.use_ssh = true; })));
    EXPECT_TRUE(fails_with(Errc::unsupported, ask([](auto& r) { r.script.text = R"({"a":1})"; })));
    EXPECT_TRUE(ok(ask([](auto& r) { r.user = "root"; })));
    EXPECT_TRUE(ok(ask([](auto& r) { r.use_sudo = true; })));
}

TEST_F(Guest, wants_a_machine_that_is_there_and_runs) {
    EXPECT_TRUE(fails_with(Errc::not_found, service_->execute(MachineRef("nobody"), {.command = "true"}, false)));
    for (const State state : {State::stopped, State::paused, State::suspended}) {
        ASSERT_NO_FATAL_FAILURE(bring_to(id_, state));
        EXPECT_TRUE(fails_with(Errc::invalid, service_->execute(MachineRef(id_), {.command = "true"}, false)));
        EXPECT_TRUE(fails_with(Errc::invalid, service_->upload(root_, MachineRef(id_), {base(), "/x"})));
    }
}

TEST_F(Guest, a_command_has_a_time_limit) {
    settings_.execute_limit = std::chrono::milliseconds{50};
    restart();
    EXPECT_TRUE(fails_with(Errc::timeout, service_->execute(MachineRef(id_), {.command = "sleep 60"}, false)));
}

TEST_F(Guest, a_hypervisor_without_guests_says_so) {
    stop();
    driver_ = std::make_unique<testing_support::WatchedDriver>(drivers::FakeOptions{.folder = folder_ / "hypervisor"});
    restart();
    EXPECT_TRUE(fails_with(Errc::unsupported, service_->execute(MachineRef(id_), {.command = "true"}, false)));
    EXPECT_TRUE(fails_with(Errc::unsupported, service_->upload(root_, MachineRef(id_), {base(), "/x"})));
}

// ---- upload

TEST_F(Guest, m18_an_upload_answers_with_the_file_s_place_in_the_guest) {
    std::ofstream(folder_ / "usual/file.txt") << "content";
    const auto up = [&](const std::string& target) {
        return value_of(service_->upload(root_, MachineRef("vm"), {folder_ / "usual/file.txt", target})).path;
    };
    EXPECT_EQ(up("plain.txt"), "plain.txt");
    EXPECT_EQ(value_of(files::read_file(in_guest("plain.txt"))), "content");
    run("mkdir folder");
    EXPECT_EQ(up("folder"), "folder/file.txt") << "as cp(1) does";
    EXPECT_EQ(value_of(files::read_file(in_guest("folder/file.txt"))), "content");
    EXPECT_EQ(up("folder/"), "folder/file.txt");
}

TEST_F(Guest, m17_only_allowed_files_of_the_host_are_read) {
    const auto up = [&](const Caller& who, const std::string& path) {
        return service_->upload(who, MachineRef(id_), {path, "target"});
    };
    std::ofstream(folder_ / "data/master.key") << "secret";
    std::ofstream(folder_ / "other.txt") << "x";
    std::ofstream(folder_ / "usual/fine.txt") << "x";
    fs::create_symlink(folder_ / "data/master.key", folder_ / "usual/link");
    for (const std::string& path :
         {std::string("/etc/passwd"), std::string("/proc/1/environ"), folder_ / "data/master.key",
          folder_ / "usual/../data/master.key", folder_ / "usual/link"})
        EXPECT_TRUE(fails_with(Errc::forbidden, up(root_, path))) << path;
    EXPECT_TRUE(fails_with(Errc::forbidden, up(caller("ann"), folder_ / "other.txt")));
    EXPECT_TRUE(fails_with(Errc::invalid, up(root_, "relative")));
    EXPECT_TRUE(refuses_field("/path", up(root_, folder_ / "usual/none")));
    EXPECT_FALSE(fs::exists(in_guest("target")));
    EXPECT_TRUE(ok(up(caller("ann"), folder_ / "usual/fine.txt")));
    EXPECT_TRUE(ok(up(root_, folder_ / "other.txt")));
    EXPECT_TRUE(fails_with(Errc::not_found, service_->upload(root_, MachineRef("nobody"), {base(), "x"})));
}

}  // namespace
}  // namespace corral::machines
