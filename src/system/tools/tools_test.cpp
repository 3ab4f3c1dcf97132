#include "system/tools/tools.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "base/temp_folder.hpp"
#include "platform/files/files.hpp"
#include "support/results.hpp"

namespace corral::system {
namespace {

using testing_support::eventually;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::refuses_field;
using testing_support::value_of;

// A program in the place of apt-get that keeps what it was called with.
class ToolsTest : public testing::Test {
protected:
    void SetUp() override { apt("exit 0"); }
    void apt(const std::string& then) {
        ASSERT_TRUE(
            ok(files::replace_file(folder_ / "apt-get",
                                   "#!/bin/sh\nprintf '%s|' \"$DEBIAN_FRONTEND\" \"$@\" >> " + (folder_ / "calls") +
                                       "\necho >> " + (folder_ / "calls") + "\n" + then + "\n",
                                   0700)));
    }
    std::string calls() {
        return files::exists(folder_ / "calls") ? value_of(files::read_file(folder_ / "calls")) : "";
    }
    static InstallToolsRequest install(std::map<std::string, ToolRequest> tools) {
        return {.run_as = "", .tools = std::move(tools)};
    }
    TempFolder folder_;
    Tools tools_{{.apt_get = folder_ / "apt-get", .as_root = false}};
};

const std::string begin = "noninteractive|-y|-q|-o|DPkg::Lock::Timeout=60|";

TEST_F(ToolsTest, a_tool_is_a_package_and_every_word_a_word_of_its_own) {
    const auto done = value_of(tools_.install(install({{"git", {}}, {"vagrant", {.version = "2.3.4+dfsg-1"}}})));
    EXPECT_TRUE(done.success);
    EXPECT_TRUE(done.installed_tools.at("git").success);
    EXPECT_EQ(done.installed_tools.at("git").version, "");
    EXPECT_EQ(done.installed_tools.at("vagrant").version, "2.3.4+dfsg-1");
    EXPECT_EQ(calls(), begin + "install|--no-install-recommends|--|git|\n" + begin +
                           "install|--no-install-recommends|--|vagrant=2.3.4+dfsg-1|\n");
}

TEST_F(ToolsTest, what_is_no_tool_or_no_version_is_refused_for_itself_and_runs_nothing) {
    const auto done = value_of(tools_.install(install({{"brew", {}},
                                                       {"parallels-desktop", {}},
                                                       {"no-such-tool", {}},
                                                       {"git", {.version = "1; rm -rf /"}},
                                                       {"packer", {.version = "--force-yes"}}})));
    ASSERT_EQ(done.installed_tools.size(), 5U);
    for (const auto& [name, outcome] : done.installed_tools) {
        EXPECT_FALSE(outcome.success) << name;
        EXPECT_FALSE(outcome.message.empty()) << name;
    }
    EXPECT_EQ(calls(), "");
}

TEST_F(ToolsTest, Q64_all_reports_each_tool_in_a_fixed_order) {
    const auto done = value_of(tools_.install({.all = true, .run_as = "", .tools = std::nullopt}));
    EXPECT_EQ(done.installed_tools.size(), 3U);
    EXPECT_EQ(calls(), begin + "install|--no-install-recommends|--|git|\n" + begin +
                           "install|--no-install-recommends|--|packer|\n" + begin +
                           "install|--no-install-recommends|--|vagrant|\n");
}

TEST_F(ToolsTest, Q64_a_failure_is_told_with_the_last_word_of_the_program) {
    apt("echo first >&2; echo 'E: Unable to locate package git' >&2; exit 100");
    const auto done = value_of(tools_.install(install({{"git", {.version = "latest"}}})));
    EXPECT_FALSE(done.installed_tools.at("git").success);
    EXPECT_EQ(done.installed_tools.at("git").message, "apt-get ended with 100: E: Unable to locate package git");
}

TEST_F(ToolsTest, tools_are_removed_and_git_only_by_name) {
    value_of(tools_.uninstall({.all = true, .uninstall_dependencies = true, .run_as = "", .tools = std::nullopt}));
    EXPECT_EQ(calls(), begin + "remove|--auto-remove|--|packer|\n" + begin + "remove|--auto-remove|--|vagrant|\n");
    const auto done = value_of(tools_.uninstall({.run_as = "", .tools = {{{"git", {}}}}}));
    EXPECT_TRUE(done.uninstalled_tools.at("git").success);
    EXPECT_TRUE(calls().ends_with(begin + "remove|--|git|\n"));
}

TEST_F(ToolsTest, a_request_says_what_it_means_or_is_refused) {
    EXPECT_TRUE(refuses_field("/tools", tools_.install({})));
    EXPECT_TRUE(refuses_field("/tools", tools_.uninstall({})));
    EXPECT_TRUE(ok(tools_.install(install({}))));
}

TEST_F(ToolsTest, packages_are_changed_by_one_request_at_a_time) {
    apt("while [ ! -e " + (folder_ / "go-on") + " ]; do sleep 0.01; done");
    std::jthread first([&] { EXPECT_TRUE(ok(tools_.install(install({{"git", {}}})))); });
    ASSERT_TRUE(eventually([&] { return !calls().empty(); }));
    EXPECT_TRUE(fails_with(Errc::conflict, tools_.install(install({{"git", {}}}))));
    ASSERT_TRUE(ok(files::replace_file(folder_ / "go-on", "")));
}

TEST_F(ToolsTest, a_host_without_the_program_says_so) {
    Tools none({.apt_get = folder_ / "none", .as_root = false});
    EXPECT_EQ(value_of(none.install(install({{"git", {}}}))).installed_tools.at("git").message,
              "This host has no apt-get; install it by hand");
}

}  // namespace
}  // namespace corral::system
